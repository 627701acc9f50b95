"""What travels on a socket besides events, and the close codes. One place for Python and TypeScript."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Any, Literal

import orjson
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from perdure.api.strict_json import read_json
from perdure.api.wire.events import AnyEvent
from perdure.api.wire.sessions import SessionSummary
from perdure.api.wire.shares import ViewerOut
from perdure.errors import InvalidInput, Kind, PerdureError

PROTOCOL = 1
PING_EVERY_S = 20.0
FIRST_FRAME_WITHIN_S = 10.0


class Close(IntEnum):
    """Why the server closes a socket. After the ones marked "resume", come back with the last seq."""

    GOING_AWAY = 1012
    """The server restarts: resume."""
    TRY_LATER = 1013
    """Storage is away: resume after a while."""
    BAD_FRAME = 4400
    SIGN_IN = 4401
    ORIGIN = 4403
    NOT_FOUND = 4404
    TOO_SLOW = 4408
    """No progress for ten seconds: resume."""
    SUPERSEDED = 4409
    LOG_RESET = 4410
    """The log was restored or compacted: start from a snapshot."""
    TOO_MANY = 4429


_CLOSE_OF_KIND = {
    Kind.NOT_FOUND: Close.NOT_FOUND,
    Kind.CONFLICT: Close.BAD_FRAME,
    Kind.INVALID: Close.BAD_FRAME,
    Kind.UNAUTHENTICATED: Close.SIGN_IN,
    Kind.FORBIDDEN: Close.ORIGIN,
    Kind.LIMITED: Close.TOO_MANY,
    Kind.UNAVAILABLE: Close.TRY_LATER,
    Kind.INTERNAL: Close.TRY_LATER,
}


def close_code(error: PerdureError) -> Close:
    """Return the close code of an error that ends the connection."""
    return _CLOSE_OF_KIND[error.kind]


class BadFrame(InvalidInput):
    """The client's frame cannot be understood."""

    code = "bad-frame"


class _Server(BaseModel):
    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class StatusFrame(_Server):
    """The first frame of every socket."""

    type: Literal["status"] = "status"
    status: Literal["connected"] = "connected"
    protocol: int = PROTOCOL
    session_id: str | None = None
    sessionId: str | None = None  # noqa: N815 - a name of the first interface
    task_id: str | None = None
    taskId: str | None = None  # noqa: N815
    run_id: str | None = None
    seq: int | None = None
    """The log's last sequence number when the socket opened."""


class SyncFrame(_Server):
    """The log follows from `from_seq`, up to `through_seq` history. Open texts come from their start."""

    type: Literal["sync"] = "sync"
    session_id: str
    epoch: int
    from_seq: int
    through_seq: int


class ResetFrame(_Server):
    """The log is not the one the reader's cursor belongs to; start from a snapshot."""

    type: Literal["reset"] = "reset"
    session_id: str
    epoch: int
    floor: int
    reason: str


class EventsFrame(_Server):
    """Several events that were due together, in order; only with `batch`."""

    type: Literal["events"] = "events"
    events: list[AnyEvent]  # pyright: ignore[reportInvalidTypeForm]  # made from the table of types


class MessageDeltaFrame(_Server):
    """More text of a message in progress; `offset` counts Unicode code points. `agent_message` repeats it."""

    type: Literal["message_delta"] = "message_delta"
    session_id: str
    run_id: str | None
    message_id: str
    agent: str | None
    offset: int
    text: str


class SessionsFrame(_Server):
    """The caller's list when `/ws/sessions` opens; after it come hints."""

    type: Literal["sessions"] = "sessions"
    sessions: list[SessionSummary]
    total: int
    counts: dict[str, int]
    current_session_id: str | None


class ListHintFrame(_Server):
    """Something in the caller's list has changed; look again. Hints are not replayed."""

    model_config = ConfigDict(extra="allow")

    type: Literal[
        "session:created", "session:loaded", "session:updated", "session:deleted", "message:received"
    ]
    session_id: str


class AckFrame(_Server):
    """A client frame was carried out."""

    model_config = ConfigDict(extra="allow")

    type: Literal["ack"] = "ack"
    ref: str | int | None = None
    client_id: str | None = None
    session_id: str | None = None


class ErrorFrame(_Server):
    """A client frame was not carried out, or the connection cannot go on."""

    model_config = ConfigDict(extra="allow")

    type: Literal["error"] = "error"
    ref: str | int | None = None
    code: str
    message: str
    session_id: str | None = None


class PingFrame(_Server):
    """A sign of life every 20 seconds; no answer is needed."""

    type: Literal["ping"] = "ping"


class PongFrame(_Server):
    """The answer to a client's `ping`."""

    type: Literal["pong"] = "pong"
    ref: str | int | None = None


class ReauthFrame(_Server):
    """The credential behind the socket has ended, and the socket closes with 4401: sign in, or get another ticket."""

    type: Literal["reauth"] = "reauth"
    code: str
    message: str


class PresenceFrame(_Server):
    """Who watches a session now, longest first; sent when somebody else comes or goes, and not stored."""

    type: Literal["presence"] = "presence"
    session_id: str
    viewers: list[ViewerOut]
    """At most a hundred."""
    total: int


class LagFrame(_Server):
    """The reader is too slow; the socket closes with 4408, and the reader resumes from its last seq."""

    type: Literal["lag"] = "lag"
    message: str


ControlFrame = Annotated[
    StatusFrame
    | SyncFrame
    | ResetFrame
    | EventsFrame
    | MessageDeltaFrame
    | SessionsFrame
    | ListHintFrame
    | AckFrame
    | ErrorFrame
    | PingFrame
    | PongFrame
    | ReauthFrame
    | LagFrame
    | PresenceFrame,
    Field(discriminator="type"),
]
ServerFrame = AnyEvent | ControlFrame
"""Everything a server sends. An event has `seq` and `data`; event and control frame `error` share a type."""


class _Client(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    ref: str | int | None = None
    session_id: str | None = Field(
        None, validation_alias=AliasChoices("session_id", "sessionId", "copilotSessionId")
    )
    """Which session is meant; needed only on `/ws/sessions`."""


class MessageCommand(_Client):
    """Send an input; the same `client_id` is carried out once."""

    type: Literal["message"]
    content: str = Field(validation_alias=AliasChoices("content", "message", "text"))
    client_id: str | None = Field(
        None, max_length=200, validation_alias=AliasChoices("client_id", "clientId")
    )
    on_busy: str | None = None
    config: dict[str, Any] = Field(default_factory=dict)


class ApprovalResponseCommand(_Client):
    """Answer a question."""

    type: Literal["approval_response"]
    approval_id: str = Field(validation_alias=AliasChoices("approval_id", "approvalId"))
    resolution: str | None = None
    approved: bool | None = Field(None, validation_alias=AliasChoices("approved", "approve"))
    feedback: str | None = None
    modifications: Any = None
    answer: Any = None


class PauseCommand(_Client):
    """Suspend the session; its run stops at the next step boundary."""

    type: Literal["pause"]
    when: Literal["boundary", "now"] = "boundary"


class ResumeCommand(_Client):
    """Let a suspended session go on."""

    type: Literal["resume"]
    additional_context: str | None = None
    from_step: str | None = None


class CancelCommand(_Client):
    """Cancel the live run."""

    type: Literal["cancel"]


class SteerCommand(_Client):
    """Hand a word to the live run, delivered at its next step boundary."""

    type: Literal["steer"]
    content: str


class RequestStateCommand(_Client):
    """Ask for the session's state; with `since` its events after that come again."""

    type: Literal["request_state"]
    since: int | None = Field(None, ge=0, validation_alias=AliasChoices("since", "last_event_id", "after"))


class WatchCommand(_Client):
    """Follow a session's log on `/ws/sessions`."""

    type: Literal["watch"]
    after: int = Field(0, ge=0)
    epoch: int | None = None
    batch: bool | None = None


class UnwatchCommand(_Client):
    """Stop following it."""

    type: Literal["unwatch"]


class AuthCommand(_Client):
    """Say who one is: the first frame of a browser's socket, and later, to go on with another ticket."""

    type: Literal["auth"]
    ticket: str | None = Field(None, max_length=4096, repr=False)
    token: str | None = Field(None, max_length=4096, repr=False)
    """An access token or API key, for programs that cannot send a header."""


class PingCommand(_Client):
    """Ask for a `pong`."""

    type: Literal["ping"]


class PongCommand(_Client):
    """The answer to the server's ping; not answered."""

    type: Literal["pong"]


ClientFrame = Annotated[
    MessageCommand
    | ApprovalResponseCommand
    | PauseCommand
    | ResumeCommand
    | CancelCommand
    | SteerCommand
    | RequestStateCommand
    | WatchCommand
    | UnwatchCommand
    | AuthCommand
    | PingCommand
    | PongCommand,
    Field(discriminator="type"),
]


class FirstFrame(BaseModel):
    """The first frame on `/ws/{task_id}`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    task: str = ""
    config: dict[str, Any] = Field(default_factory=dict)
    last_event_id: int | str | None = Field(
        None, validation_alias=AliasChoices("last_event_id", "lastEventId", "after")
    )
    epoch: int | None = None
    batch: bool = False


_client_frames: TypeAdapter[Any] = TypeAdapter(ClientFrame)
_first_frames = TypeAdapter(FirstFrame)


def read_client_frame(value: Any) -> Any:
    """Return the client frame that a JSON value is.

    Raises:
        BadFrame: naming what is wrong with it.
    """
    return _validated(_client_frames, value)


def read_first_frame(text: str | bytes) -> FirstFrame:
    """Return the first frame.

    Raises:
        BadFrame: naming what is wrong with it.
    """
    return _validated(_first_frames, read_object(text))


def read_object(text: str | bytes) -> dict[str, Any]:
    """Return the JSON object of a frame's text.

    Raises:
        BadFrame, BadJson: when it is not one.
    """
    value = read_json(text)
    if not isinstance(value, dict):
        raise BadFrame("A frame is a JSON object.")
    return value  # pyright: ignore[reportUnknownVariableType]


def encode(frame: BaseModel) -> str:
    """Return the text of a control frame."""
    return frame.model_dump_json()


def encode_error(error: PerdureError, ref: str | int | None = None, session_id: str | None = None) -> str:
    """Return the error frame of one of our errors."""
    fields = {
        "type": "error",
        "ref": ref,
        "session_id": session_id,
        "code": error.code,
        "message": error.message,
    }
    return orjson.dumps({**error.fields, **fields}, default=str).decode()


def seq_of(cursor: int | str | None) -> int:
    """Return the sequence number of a cursor: `17`, `"17"` or `"<session_id>:17"`; none is 0.

    Raises:
        BadFrame: when it is something else.
    """
    if cursor is None or cursor == "":
        return 0
    text = str(cursor).rsplit(":", 1)[-1]
    if not text.isdigit() or len(text) > 15:
        raise BadFrame(f"{cursor!r} is not a sequence number.", field="last_event_id")
    return int(text)


def _validated(adapter: TypeAdapter[Any], value: Any) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        found = [
            f"{'.'.join(str(p) for p in e['loc'])[:100] or 'frame'}: {e['msg'][:200]}"
            for e in error.errors()[:5]
        ]
        raise BadFrame("This frame cannot be accepted: " + "; ".join(found) + ".") from None
