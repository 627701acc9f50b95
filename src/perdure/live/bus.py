"""The bus: hints that a log has grown or that somebody's list has changed.

A hint may be lost, doubled or late; readers also look by themselves every few seconds, so that costs
time and never data.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, Protocol

ListHint = dict[str, Any]
OnSession = Callable[[str], None]
OnList = Callable[[str, ListHint, bool], None]
"""Owner, hint, and whether it is for this one person only."""
_Told = tuple[str, ListHint, bool]
StopListening = Callable[[], None]


class Bus(Protocol):
    """Carries hints from whoever commits to whoever reads, inside one server or between several."""

    def publish(self, session_id: str) -> None:
        """Say that the log of `session_id` has grown; from any thread, after the commit."""
        ...

    def publish_list(self, owner_id: str, hint: ListHint, *, personal: bool = False) -> None:
        """Say that a session of `owner_id` has changed in the lists that show it; from any thread, after the commit.

        With `personal`, only the list of this one person has.
        """
        ...

    def listen(self, on_session: OnSession, on_list: OnList) -> StopListening:
        """Call back in the running event loop; returns the function that stops it."""
        ...


class _Listener:
    """One event loop's side of the bus: hints that pile up before the loop runs wake it once."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_session: OnSession, on_list: OnList) -> None:
        self._loop = loop
        self._on_session = on_session
        self._on_list = on_list
        self._lock = threading.Lock()
        self._sessions: dict[str, None] = {}
        self._hints: list[_Told] = []
        self._woken = False

    def add(self, session_id: str | None, hint: _Told | None) -> None:
        with self._lock:
            if session_id is not None:
                self._sessions[session_id] = None
            if hint is not None:
                self._hints.append(hint)
            if self._woken:
                return
            self._woken = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        with self._lock:
            sessions, self._sessions = self._sessions, {}
            hints, self._hints = self._hints, []
            self._woken = False
        for session_id in sessions:
            self._on_session(session_id)
        for told in hints:
            self._on_list(*told)


class MemoryBus:
    """The bus of a single server process."""

    def __init__(self) -> None:
        self._listeners: tuple[_Listener, ...] = ()

    def publish(self, session_id: str) -> None:
        """Say that the log of `session_id` has grown; from any thread, after the commit."""
        for listener in self._listeners:
            listener.add(session_id, None)

    def publish_list(self, owner_id: str, hint: ListHint, *, personal: bool = False) -> None:
        """Say that a session of `owner_id` has changed in the lists that show it; from any thread, after the commit.

        With `personal`, only the list of this one person has.
        """
        for listener in self._listeners:
            listener.add(None, (owner_id, hint, personal))

    def listen(self, on_session: OnSession, on_list: OnList) -> StopListening:
        """Call back in the running event loop; returns the function that stops it."""
        listener = _Listener(asyncio.get_running_loop(), on_session, on_list)
        self._listeners = (*self._listeners, listener)

        def stop() -> None:
            self._listeners = tuple(known for known in self._listeners if known is not listener)

        return stop
