"""Following a session's log: what to make of each frame, and of each way a connection can end.

Nothing here does input or output, so that the synchronous and the asynchronous client share every rule:
the last applied sequence number is the only cursor, duplicates are dropped, a gap means "reconnect from the
last one", and deltas are text that a stored message will repeat.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from perdure.client.models import Event, SessionDetail
from perdure.client.problems import LogReset, ServerUnreachable, Superseded, error_from
from perdure.core.runs import LIVE_RUN_STATUSES
from perdure.errors import Forbidden, InvalidInput, NotFound, PerdureError, TooMany, Unauthenticated

_FIRST_SPAN_S = 0.25
_MAX_SPAN_S = 5.0
_MAX_SPAN_NEAR_S = 2.0
"""For a server on this machine: it is back within seconds, and few clients ask it."""
_MAX_SPAN_CROWDED_S = 30.0
_MAX_FRUITLESS_GAPS = 8

_FINAL_CLOSES: dict[int, tuple[type[PerdureError], str]] = {
    4400: (InvalidInput, "The server could not read what this client sent."),
    4401: (
        Unauthenticated,
        "The server asks for a sign-in: `perdure login`, `client.login(…)`, or a key in PERDURE_API_KEY.",
    ),
    4403: (Forbidden, "The server does not accept connections from here."),
    4404: (NotFound, "There is no such session."),
    4409: (Superseded, "A newer connection took this one's place."),
    4410: (
        LogReset,
        "The session's log was restored or compacted; read the session again and start from there.",
    ),
}
"""Close codes after which coming back is no use; it is after 4408 (slow), 4429 (too many), 1012 (restart)."""

_FINAL_HANDSHAKES: dict[int, tuple[type[PerdureError], str]] = {
    401: _FINAL_CLOSES[4401],
    403: _FINAL_CLOSES[4403],
    404: _FINAL_CLOSES[4404],
    422: _FINAL_CLOSES[4400],
}

_TURNING_POINTS = frozenset(
    {"workflow_complete", "workflow_failed", "workflow_cancelled", "workflow_paused", "session_update"}
)


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a message as it is being written; the `agent_message` event repeats the whole text."""

    message_id: str
    offset: int
    text: str
    run_id: str | None = None
    agent: str | None = None
    type: Literal["message_delta"] = "message_delta"


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """What a stream tells its caller before it tries again."""

    after: int
    attempt: int
    pause_s: float
    reason: str


class Gap(Exception):
    """An event is missing in what arrived; the connection must start again from the last one."""


@dataclass(slots=True)
class Cursor:
    """Where a reader is in the log of one session."""

    session_id: str
    seq: int
    """The last event handed out."""
    epoch: int | None = None
    through_seq: int | None = None
    """How far the server's replay goes; None before it said so."""
    may_be_idle: bool = False
    """Something was read after which the session may have nothing left to do."""
    progress: bool = False
    """Whether the present connection brought anything new."""
    refusal: PerdureError | None = None
    """The last error frame: the reason for a close that may follow."""
    _texts: dict[str, int] = field(default_factory=dict[str, int])
    _gaps: int = 0

    def connected(self) -> None:
        """Begin a new connection."""
        self.progress = False
        self.refusal = None
        self.through_seq = None

    def take(self, raw: str | bytes) -> list[Event | Delta]:
        """Return what is new in a frame, in order.

        Raises:
            Gap: an event is missing.
            LogReset: the log this cursor points into exists no more.
        """
        frame: Any = json.loads(raw)
        if not isinstance(frame, dict):
            return []
        items: list[Event | Delta] = []
        self._read(frame, items)  # pyright: ignore[reportUnknownArgumentType]
        return items

    def _read(self, frame: dict[str, Any], items: list[Event | Delta]) -> None:
        kind = frame.get("type")
        if "data" in frame and "id" in frame and isinstance(frame.get("seq"), int):
            self._event(frame, items)
        elif kind == "events":
            for inner in frame.get("events", []):
                self._event(inner, items)
        elif kind == "message_delta":
            self._delta(frame, items)
        elif kind == "sync":
            self._sync(frame)
        elif kind == "reset":
            raise self._reset(str(frame.get("reason") or "reset"), frame)
        elif kind == "error":
            self.refusal = error_from(frame)

    def _event(self, frame: dict[str, Any], items: list[Event | Delta]) -> None:
        seq = frame["seq"]
        if seq <= self.seq:
            return
        if seq != self.seq + 1:
            self._gaps += 1
            if self._gaps > _MAX_FRUITLESS_GAPS:
                raise self._reset("gap", {"floor": seq})
            raise Gap(f"event {self.seq + 1} is missing")
        try:
            event = Event.model_validate(frame)
        except ValidationError as error:
            raise InvalidInput(f"Event {seq} of the session cannot be read: {error}") from error
        self.seq = seq
        self.progress = True
        self._gaps = 0
        if event.type == "agent_message":
            self._texts.pop(str(event.data.get("message_id")), None)
        if event.type in _TURNING_POINTS or seq == self.through_seq:
            self.may_be_idle = True
        items.append(event)

    def _delta(self, frame: dict[str, Any], items: list[Event | Delta]) -> None:
        message_id, text, offset = (
            str(frame.get("message_id")),
            str(frame.get("text", "")),
            int(frame.get("offset", 0)),
        )
        known = self._texts.get(message_id, 0)
        fresh = text[max(0, known - offset) :]
        if not fresh:
            return
        offset += len(text) - len(fresh)
        self._texts[message_id] = offset + len(fresh)
        items.append(Delta(message_id, offset, fresh, frame.get("run_id"), frame.get("agent")))

    def _sync(self, frame: dict[str, Any]) -> None:
        epoch: Any = frame.get("epoch")
        if self.epoch is not None and epoch is not None and epoch != self.epoch:
            raise self._reset("epoch", frame)
        self.epoch = epoch
        self.through_seq = frame.get("through_seq")
        if self.through_seq is not None and self.seq >= self.through_seq:
            self.may_be_idle = True

    def _reset(self, reason: str, frame: dict[str, Any]) -> LogReset:
        return LogReset(
            _FINAL_CLOSES[4410][1],
            session_id=self.session_id,
            reason=reason,
            epoch=frame.get("epoch"),
            floor=frame.get("floor"),
            after=self.seq,
        )

    def idle(self, detail: SessionDetail) -> bool:
        """Whether everything is read and no run is under way (a paused one waits for a command)."""
        self.may_be_idle = False
        run = detail.current_run
        busy = (run is not None and run.status in set(LIVE_RUN_STATUSES)) or detail.queue_length > 0
        return not busy and detail.head <= self.seq

    def final_close(self, code: int | None, reason: str) -> PerdureError | None:
        """Return the error a close code stands for, or None when the reader should come back."""
        if code not in _FINAL_CLOSES:
            return None
        error, sentence = _FINAL_CLOSES[code]
        if self.refusal is not None and isinstance(self.refusal, error):
            return self.refusal
        return error(reason or sentence, session_id=self.session_id, close_code=code)


def final_handshake(status: int, session_id: str) -> PerdureError | None:
    """Return the error for a refused handshake, or None when the reader should come back."""
    if status not in _FINAL_HANDSHAKES:
        return None
    error, sentence = _FINAL_HANDSHAKES[status]
    return error(sentence, session_id=session_id)


class Backoff:
    """How long to wait before each new connection: not at all once, then a random part of a growing span."""

    def __init__(self, give_up_after: int | None = None, *, is_near: bool = False) -> None:
        self._give_up_after = give_up_after
        self._max_span_s = _MAX_SPAN_NEAR_S if is_near else _MAX_SPAN_S
        self.attempt = 0

    def reset(self) -> None:
        """Begin anew after a connection that brought something."""
        self.attempt = 0

    def next_pause_s(self, reason: str, *, crowded: bool = False) -> float:
        """Return the next pause, of at least half the span; a crowded server is never asked again at once.

        Raises:
            PerdureError: when all attempts that the caller allows are used up.
        """
        if self._give_up_after is not None and self.attempt >= self._give_up_after:
            if crowded:
                raise TooMany("The server has too many connections; try again later.")
            raise ServerUnreachable(f"The connection to the server did not come back ({reason}).")
        longest_s = _MAX_SPAN_CROWDED_S if crowded else self._max_span_s
        span_s = min(longest_s, _FIRST_SPAN_S * 2 ** min(self.attempt, 10))
        pause_s = 0.0 if self.attempt == 0 and not crowded else random.uniform(span_s / 2, span_s)
        self.attempt += 1
        return pause_s
