"""Bare applications: sockets that coalesce, and sessions that are stored by one group-committing thread."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import orjson
import uuid_utils
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from benchmarks.bare import BareGroupWriter, BareSqlite, entries_of, session_of

_PAGE = 50


class _Log:
    """One log in memory; a viewer is a cursor, and gets everything new in one frame."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.grown = asyncio.Event()
        self._encoded: dict[tuple[int, int], str] = {}

    def append(self, frame: bytes) -> None:
        self.frames.append(frame)
        self._encoded.clear()
        grown, self.grown = self.grown, asyncio.Event()
        grown.set()

    def since(self, after: int) -> str:
        key = (after, len(self.frames))
        text = self._encoded.get(key)
        if text is None:
            joined = b",".join(self.frames[after:]).decode()
            text = self._encoded[key] = '{"type":"events","events":[' + joined + "]}"
        return text


_log = _Log()


async def _watch(socket: WebSocket) -> None:
    await socket.accept()
    after = 0
    try:
        while True:
            grown = _log.grown
            if after < len(_log.frames):
                text, after = _log.since(after), len(_log.frames)
                await socket.send_text(text)
            else:
                await grown.wait()
    except (WebSocketDisconnect, RuntimeError, OSError):
        return


async def _append(request: Request) -> Response:
    body = await request.body()
    if body == b'{"clear":true}':
        _log.frames.clear()
    else:
        _log.append(body)
    return Response(status_code=204)


fanout = Starlette(routes=[WebSocketRoute("/watch", _watch), Route("/append", _append, methods=["POST"])])


class _Sessions:
    """Opened with the first request, in the server's event loop."""

    def __init__(self) -> None:
        self.bare = BareSqlite(Path(os.environ["BENCH_FOLDER"]), "rest.db")
        self.reader = self.bare.connect()
        self.writer = BareGroupWriter(self.bare, daemon=True)

    def session(self, session_id: str) -> dict[str, Any]:
        """Return a session."""
        row = self.reader.execute("SELECT * FROM sessions WHERE id = ?", (session_id,)).fetchone()
        return session_of(row)


_sessions: list[_Sessions] = []


def _open() -> _Sessions:
    if not _sessions:
        _sessions.append(_Sessions())
    return _sessions[0]


async def _create(request: Request) -> Response:
    orjson.loads(await request.body())
    session_id = str(uuid_utils.uuid7())
    held = _open()
    await held.writer.create(session_id)
    return Response(orjson.dumps(held.session(session_id)), 201, media_type="application/json")


async def _get(request: Request) -> Response:
    held, session_id = _open(), request.path_params["session_id"]
    found = {**held.session(session_id), "messages": entries_of(held.reader, session_id, _PAGE)}
    return Response(orjson.dumps(found), media_type="application/json")


rest = Starlette(
    routes=[
        Route("/api/sessions", _create, methods=["POST"]),
        Route("/api/sessions/{session_id}", _get, methods=["GET"]),
    ]
)
