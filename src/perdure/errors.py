"""The error tree: every failure has a stable `code`, a `kind`, and a sentence that says what to do next.

Layers below the edge raise these; only the API, the socket and the CLI translate them (HTTP status,
error frame, exit code). Nothing here knows about any of those.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar


class Kind(StrEnum):
    """What sort of failure an error is; each edge has one total mapping from kind."""

    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    LIMITED = "limited"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class PerdureError(Exception):
    """Base of every error Perdure raises on purpose.

    `fields` are JSON values that help a program react (the current version, the nearest valid key).
    """

    code: ClassVar[str] = "internal-error"
    kind: ClassVar[Kind] = Kind.INTERNAL

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields

    def to_dict(self) -> dict[str, Any]:
        """JSON form, the same on the socket, in problem documents and in stored failures."""
        return {"code": self.code, "kind": self.kind.value, "message": self.message, **self.fields}


class NotFound(PerdureError):
    """The thing does not exist, or the caller may not know that it does."""

    code = "not-found"
    kind = Kind.NOT_FOUND


class InvalidInput(PerdureError):
    """The request cannot be understood or accepted as it is."""

    code = "invalid-input"
    kind = Kind.INVALID


class UnknownMode(InvalidInput):
    """No mode of that id is installed."""

    code = "unknown-mode"


class UnknownConfigKey(InvalidInput):
    """A config key that the mode does not have."""

    code = "unknown-config-key"


class Forbidden(PerdureError):
    """The caller is known but may not do this."""

    code = "forbidden"
    kind = Kind.FORBIDDEN


class Unauthenticated(PerdureError):
    """No valid credentials came with the request."""

    code = "sign-in-needed"
    kind = Kind.UNAUTHENTICATED


class SignInExpired(Unauthenticated):
    """The credential was good once: refresh it, or sign in again."""

    code = "sign-in-expired"


class WrongCredentials(Unauthenticated):
    """E-mail and password do not belong together; which of them is wrong is not said."""

    code = "wrong-credentials"


class CrossSiteRequest(Forbidden):
    """A cookie came with a request that a page of somebody else could have made."""

    code = "cross-site-request"


class RegistrationClosed(Forbidden):
    """People cannot make accounts themselves here; an administrator does."""

    code = "registration-closed"


class TooMany(PerdureError):
    """A limit on rate or number is reached; try again later."""

    code = "too-many-requests"
    kind = Kind.LIMITED


class Conflict(PerdureError):
    """The request does not fit the current status of the thing."""

    code = "conflict"
    kind = Kind.CONFLICT


class StaleVersion(Conflict):
    """The caller's version is not the current one; read again and decide what to keep."""

    code = "stale-version"


class NotAllowedNow(Conflict):
    """The lifecycle does not allow this command in the current status."""

    code = "not-allowed-now"


class AlreadyAnswered(Conflict):
    """The approval has its one answer already; `fields` carry it."""

    code = "already-answered"


class RunInProgress(Conflict):
    """The session has a live run and its `on_busy` is `reject`."""

    code = "run-in-progress"


class StaleWriter(Conflict):
    """A worker that lost its run tried to write; its write was refused."""

    code = "stale-writer"


class EmailTaken(Conflict):
    """Somebody has this e-mail address already."""

    code = "email-taken"


class LastAdmin(Conflict):
    """Nobody could administer the server any more."""

    code = "last-admin"


class SignInOff(Conflict):
    """This server has one local user and no sign-in."""

    code = "sign-in-off"


class Unavailable(PerdureError):
    """Storage, engine or model cannot be used now; nothing was written."""

    code = "unavailable"
    kind = Kind.UNAVAILABLE


class StorageUnavailable(Unavailable):
    """The database cannot be read or written (down, full, read-only); nothing was half written."""

    code = "storage-unavailable"


class StartupError(PerdureError):
    """The server cannot start as configured; the message names the setting to change."""

    code = "startup-error"
    kind = Kind.INVALID
