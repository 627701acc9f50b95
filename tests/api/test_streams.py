"""Server-sent events: nothing of the list is missed, and whoever leaves is counted out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.services.sessions import SessionService
from tests.api.conftest import Running


@pytest.mark.parametrize("path", ["/api/sessions/stream", "/api/sessions/{id}/stream"])
async def test_a_reader_who_leaves_before_the_first_word_is_counted_out(app: Running, path: str) -> None:
    session = await app.create()
    sent: list[Any] = []

    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        await asyncio.sleep(0)  # a full buffer: the reader has left while the first word waits
        sent.append(message)

    address = path.format(id=session["session_id"])
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": address,
        "raw_path": address.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", f"127.0.0.1:{app.port}".encode())],
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", app.port),
        "state": {},
    }
    async with asyncio.timeout(10):
        await app.app(scope, gone, send)

    assert not sent or sent[0]["status"] == 200
    assert app.open_readers == 0


async def test_a_change_between_the_list_and_the_stream_is_told(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = SessionService.list

    async def list_then_create(self: SessionService, *given: Any) -> Any:
        page = await listed(self, *given)
        await app.perdure.sessions.create(LOCAL_ACTOR, mode="one-shot")
        return page

    monkeypatch.setattr(SessionService, "list", list_then_create)
    async with asyncio.timeout(10), app.http.stream("GET", "/api/sessions/stream") as answer:
        async for line in answer.aiter_lines():
            if "session:created" in line:
                return
