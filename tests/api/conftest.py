"""A running server on a free port, inside the test's own event loop, without an engine: runs stay put."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect

from perdure.api.app import create_app
from perdure.api.server import Server, listen, make_server
from perdure.bootstrap import Perdure, build
from perdure.config import Settings
from perdure.core.access import SYSTEM_ACTOR
from perdure.core.events import Console, EventData, NewEvent
from perdure.core.people import UserRole
from tests.provision.databases import new_database


class Running:
    """A server with everything that tests ask of it."""

    def __init__(
        self, perdure: Perdure, app: FastAPI, server: Server, port: int, http: httpx.AsyncClient
    ) -> None:
        self.perdure = perdure
        self.app = app
        self.server = server
        self.port = port
        self.http = http

    @property
    def open_readers(self) -> int:
        """How many sockets and streams the server counts."""
        return self.app.state.connections.count

    def socket(self, path: str, **options: Any) -> connect:
        """Return a connection to a socket address; use with `async with`."""
        options = {"proxy": None, "compression": None, "ping_interval": None, **options}
        return connect(f"ws://127.0.0.1:{self.port}{path}", **options)

    async def create(self, **body: Any) -> dict[str, Any]:
        """Create a session over REST."""
        answer = await self.http.post("/api/sessions", json={"mode": "one-shot", **body})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def log(self, session_id: str, *events: EventData) -> None:
        """Append events to a session's log."""
        await self.perdure.store.append(session_id, [NewEvent.of(event) for event in events])

    async def lines(self, session_id: str, first: int, last: int) -> None:
        """Append console events numbered by their one line."""
        for number in range(first, last + 1):
            await self.log(session_id, Console(lines=[str(number)]))


async def frame(socket: ClientConnection, within_s: float = 5.0) -> dict[str, Any]:
    """Return the next frame."""
    async with asyncio.timeout(within_s):
        return json.loads(await socket.recv())


async def to_the_end(socket: ClientConnection, seen: list[dict[str, Any]]) -> None:
    """Put all frames into `seen` until the connection ends, which raises."""
    while True:
        seen.append(await frame(socket))


async def eventually(true: Callable[[], object], within_s: float = 10.0) -> None:
    """Wait until something has become true."""
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 - what is waited for offers no event
            await asyncio.sleep(0.02)


async def until(socket: ClientConnection, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Return all frames up to the first that is wanted."""
    seen: list[dict[str, Any]] = []
    while True:
        seen.append(await frame(socket))
        if wanted(seen[-1]):
            return seen


def events_of(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the events in frames, batches opened."""
    found: list[dict[str, Any]] = []
    for one in frames:
        found += one["events"] if one["type"] == "events" else [one] if "seq" in one and "data" in one else []
    return found


@asynccontextmanager
async def running(folder: Path, **settings: Any) -> AsyncGenerator[Running]:
    """Serve on a free port."""
    if not settings.keys() & {"database_url", "ephemeral"}:
        new_database(folder / "perdure.db")
    perdure = build(Settings(data_dir=folder, durability="normal", **settings), engine=False)
    perdure.hub.poll_s = 1.0
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    app = create_app(perdure)
    server = make_server(app, perdure.settings)
    task = asyncio.create_task(server._serve(sockets=[listening]))
    while not server.started:
        assert not task.done(), task.result()
        await asyncio.sleep(0.005)
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60
        ) as http:
            yield Running(perdure, app, server, port, http)
    finally:
        server.should_exit = True
        await task
        listening.close()


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Running]:
    """A server with the default settings."""
    async with running(tmp_path) as served:
        yield served


PEOPLE = ("admin", "owner", "ann", "ben", "stranger")


@dataclass
class Shared:
    """A server with sign-in and a bearer token for everybody."""

    running: Running
    ids: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    async def ask(self, who: str, method: str, path: str, body: Any = None) -> httpx.Response:
        return await self.running.http.request(method, path, json=body, headers=self.headers(who))

    async def done(self, who: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Send a request that has to succeed."""
        answer = await self.ask(who, method, path, body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def session(self, **body: Any) -> str:
        """Make a session of the owner."""
        return (await self.done("owner", "POST", "/api/sessions", {"mode": "one-shot", **body}))["session_id"]

    async def share(self, session: str, who: str, role: str = "view", **body: Any) -> str:
        """Share it and return the share's id."""
        given = {"email": f"{who}@example.org", "role": role, **body}
        return (await self.done("owner", "POST", f"/api/sessions/{session}/shares", given))["share_id"]

    def headers(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[who]}"}

    def socket(self, who: str, path: str) -> connect:
        return self.running.socket(path, additional_headers=self.headers(who))


@pytest.fixture
async def shared(tmp_path: Path) -> AsyncIterator[Shared]:
    async with running(tmp_path, auth="password", rate_limits="off") as served:
        made = Shared(served)
        for who in PEOPLE:
            role = UserRole.ADMIN if who == "admin" else UserRole.MEMBER
            email = f"{who}@example.org"
            user = await served.perdure.users.create(SYSTEM_ACTOR, email=email, name=who, role=role)
            opened = await served.perdure.sign_in.open_for(user.id, "password")
            made.ids[who], made.tokens[who] = user.id, opened.access_token
        yield made
