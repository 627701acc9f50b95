"""What a change of a session has to pass: its version, how it takes inputs while busy, and how objects merge."""

from __future__ import annotations

from typing import Any

from perdure.core.sessions import OnBusy, Session
from perdure.errors import InvalidInput, StaleVersion


def check_version(session: Session, expected: int | None) -> None:
    """Let the change pass or raise.

    Raises:
        StaleVersion: when the caller's version is not the current one.
    """
    if expected is not None and expected != session.version:
        raise StaleVersion(
            f"The session was changed in another place (it is at version {session.version}, you have {expected}). "
            "Read it again and decide what to keep.",
            current_version=session.version,
        )


def on_busy_of(session: Session, named: str | None) -> OnBusy:
    """Return what to do with an input while a run is live: what the request says, else the session.

    Raises:
        InvalidInput: on an unknown value.
    """
    value = named or str(session.config.get("on_busy") or OnBusy.REJECT)
    try:
        return OnBusy(value)
    except ValueError:
        raise InvalidInput(
            f"{value!r} is not a way to handle a busy session; use {', '.join(OnBusy)}.", field="on_busy"
        ) from None


def changed_value(session: Session, name: str, value: Any, *, replace: bool) -> Any:
    """Return the new value of a session's field: None empties it, objects merge unless they `replace`.

    Raises:
        InvalidInput: when the name is to be taken away.
    """
    if value is None:
        if name == "name":
            raise InvalidInput("A session keeps a name; send another one.", field="name")
        return [] if name == "tags" else {}
    return value if replace else _merged(getattr(session, name), value)


def _merged(current: Any, patch: Any) -> Any:
    """Return `current` with an object's keys changed: None removes one; anything else takes its place."""
    if not isinstance(current, dict) or not isinstance(patch, dict):
        return patch
    result: dict[str, Any] = dict(current)  # pyright: ignore[reportUnknownArgumentType]
    for key, value in patch.items():  # pyright: ignore[reportUnknownVariableType]
        if value is None:
            result.pop(str(key), None)  # pyright: ignore[reportUnknownArgumentType]
        else:
            result[str(key)] = value  # pyright: ignore[reportUnknownArgumentType]
    return result
