"""A server that plays a script: what each new socket is sent and how it ends, and plain answers to GET.

    server = ScriptedServer([[event(1), DROP], [event(2), close(4404)]])

Connections beyond the script stay open and silent.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

SESSION = "01900000-0000-7000-8000-00000000abcd"
DROP = "drop"
"""Cut the connection without a word."""
SILENCE = "silence"
"""Wait until the client goes."""


def event(seq: int, type: str = "console", **data: Any) -> dict[str, Any]:
    """Return an event frame."""
    return {
        "seq": seq,
        "id": f"{SESSION}:{seq}",
        "type": type,
        "session_id": SESSION,
        "run_id": None,
        "step": None,
        "timestamp": "2026-01-01T00:00:00.000000Z",
        "data": data,
    }


def close(code: int, reason: str = "") -> tuple[int, str]:
    """Return the action that closes with `code`."""
    return code, reason


class ScriptedServer:
    """The server, in a thread with its own event loop, between `__enter__` and `__exit__`."""

    def __init__(self, script: Sequence[Sequence[Any]], detail: dict[str, Any] | None = None) -> None:
        self._script = list(script)
        self.detail = detail or {"current_run": None, "as_of_seq": 0}
        self.asked: list[int] = []
        """The `after` of each connection, in order."""
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(
            target=lambda: self._loop.run_until_complete(self._run()), daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    @property
    def url(self) -> str:
        """Base address for a client."""
        return f"http://127.0.0.1:{self.port}"

    async def _run(self) -> None:
        async with serve(self._play, "127.0.0.1", 0, process_request=self._answer) as server:
            self.port = _port(server)
            self._ready.set()
            await self._stop.wait()

    def _answer(self, _connection: ServerConnection, request: Request) -> Response | None:
        if request.path.startswith("/ws/"):
            return None
        body = json.dumps({"session_id": SESSION, "status": "active", **self.detail}).encode()
        headers = Headers(
            {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
        )
        return Response(200, "OK", headers, body)

    async def _play(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.asked.append(int(parse_qs(urlsplit(socket.request.path).query)["after"][0]))
        for action in self._script.pop(0) if self._script else [SILENCE]:
            if action == DROP:
                socket.transport.abort()
                return
            if action == SILENCE:
                await socket.wait_closed()
            elif isinstance(action, tuple):
                await socket.close(*action)  # pyright: ignore[reportUnknownArgumentType]
            else:
                await socket.send(json.dumps(action))


def _port(server: Server) -> int:
    return next(iter(server.sockets)).getsockname()[1]
