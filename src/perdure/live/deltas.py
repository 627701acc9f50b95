"""Deltas: the text of messages that are still being written. Nothing here is stored or numbered.

The finished message is an event of the log; until then a reader gets the text so far and then what is
added to it. Offsets count Unicode code points.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpenMessage:
    """A message in progress with its text so far."""

    message_id: str
    run_id: str | None
    agent: str | None
    text: str
    generation: int = 0
    """Grows when the same message is begun anew, after which its text starts from nothing."""
    ended: bool = False


class _Draft:
    __slots__ = ("agent", "ended", "generation", "parts", "run_id")

    def __init__(self, run_id: str | None, agent: str | None, generation: int) -> None:
        self.run_id = run_id
        self.agent = agent
        self.generation = generation
        self.parts: list[str] = []
        self.ended = False

    def text(self) -> str:
        if len(self.parts) > 1:
            self.parts = ["".join(self.parts)]
        return self.parts[0] if self.parts else ""


class Deltas:
    """The open messages of all sessions of this server. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[str, dict[str, _Draft]] = {}
        self._generations = itertools.count(1)
        self._on_change: Callable[[str], None] = lambda _session_id: None

    def on_change(self, call: Callable[[str], None]) -> None:
        """Have `call(session_id)` told of every change, in the thread that makes it."""
        self._on_change = call

    def begin(self, session_id: str, message_id: str, *, run_id: str | None, agent: str | None) -> None:
        """Open a message; a second call for the same message throws its text away and starts anew."""
        with self._lock:
            drafts = self._sessions.setdefault(session_id, {})
            drafts[message_id] = _Draft(run_id, agent, next(self._generations))
        self._on_change(session_id)

    def append(self, session_id: str, message_id: str, text: str) -> None:
        """Add text; for a message that is not open it does nothing."""
        with self._lock:
            draft = self._sessions.get(session_id, {}).get(message_id)
            if draft is None or draft.ended or not text:
                return
            draft.parts.append(text)
        self._on_change(session_id)

    def end(self, session_id: str, message_id: str) -> None:
        """Close a message: readers get what is left of its text once, then it is gone."""
        with self._lock:
            draft = self._sessions.get(session_id, {}).get(message_id)
            if draft is None:
                return
            draft.ended = True
        self._on_change(session_id)

    def open_messages(self, session_id: str) -> list[OpenMessage]:
        """List the messages in progress, oldest first."""
        with self._lock:
            drafts = self._sessions.get(session_id, {})
            return [_shown(mid, draft) for mid, draft in drafts.items() if not draft.ended]

    def collect(self, session_id: str) -> list[OpenMessage]:
        """List like `open_messages`, with those that ended since the last call, and forget the latter."""
        with self._lock:
            drafts = self._sessions.get(session_id)
            if drafts is None:
                return []
            shown = [_shown(mid, draft) for mid, draft in drafts.items()]
            for message in shown:
                if message.ended:
                    del drafts[message.message_id]
            if not drafts:
                del self._sessions[session_id]
            return shown


def _shown(message_id: str, draft: _Draft) -> OpenMessage:
    return OpenMessage(message_id, draft.run_id, draft.agent, draft.text(), draft.generation, draft.ended)
