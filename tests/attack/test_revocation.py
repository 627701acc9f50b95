"""Whoever loses a right loses what it had opened within five seconds: every kind of loss, socket and stream.

All of them happen side by side on one server; each test looks at what became of one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from perdure.core.access import SYSTEM_ACTOR
from perdure.core.people import UserRole
from tests.api.conftest import eventually, until
from tests.attack.access_world import World, mail, world

WITHIN_S = 5.0
"""What is promised, from the answer to whoever takes the right away; no measure of speed."""
_PATIENCE_S = 30.0
_LEAVE_S = 1800
"""For this long something is given, whose end then comes without anybody's doing."""
PASSWORD, ANOTHER = "correct horse battery", "another good password"
SIGN_IN, NOT_FOUND = 4401, 4404
READERS = ("list socket", "session socket", "task socket", "session stream", "list stream")
OF_ONE_SESSION = ("list socket", "session socket", "task socket", "session stream")


@dataclass
class Ending:
    """How a reader ended: the word it was told last, and the socket's close code."""

    at: float
    word: str
    code: int | None = None


@dataclass
class Loss:
    """Somebody who has everything open, and what became of it."""

    kind: str
    user_id: str
    session_id: str
    headers: dict[str, str]
    share_id: str = ""
    key_id: str = ""
    endings: dict[str, Ending] = field(default_factory=dict)
    answered_at: float = 0.0
    sockets: dict[str, ClientConnection] = field(default_factory=dict)
    after: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What the sockets that stay open answer to a frame, once the right is gone."""

    @property
    def is_over(self) -> bool:
        """Whether everything has come that has to."""
        if self.kind in LOWERED:
            return len(self.after) == len(self.sockets)
        if self.kind in SHARES:
            return self.endings.keys() >= set(OF_ONE_SESSION) and "list socket" in self.after
        return self.endings.keys() >= set(READERS)


Act = Callable[[World, Loss], Awaitable[Any]]


def by_request(method: str, path: str, body: Any = None, by: str = "") -> Act:
    """Return the act of a request, by the person themselves or by somebody else."""

    async def act(everybody: World, loss: Loss) -> None:
        named = {"user": loss.user_id, "session": loss.session_id, "share": loss.share_id, "key": loss.key_id}
        await everybody.made(by or loss.kind, method, path.format(**named), body)

    return act


def outlived(table: str, what: str) -> Act:
    """Return the act of time: something ends of itself, and no request says so."""

    async def act(everybody: World, loss: Loss) -> None:
        late, name = (_LEAVE_S + 1) * 1_000_000, getattr(loss, what)
        query = f"UPDATE {table} SET expires_at = expires_at - {late} WHERE id = ?"
        await everybody.running.perdure.store.write(lambda tx: tx.cursor.execute(query, (name,)))

    return act


_SHARE = "/api/sessions/{session}/shares/{share}"
SHARES: dict[str, Act] = {
    "share revoked": by_request("DELETE", _SHARE, by="owner"),
    "share left": by_request("DELETE", _SHARE),
    "share expired": outlived("pd_shares", "share_id"),
    "link-made share revoked": by_request("DELETE", _SHARE, by="owner"),
    "link-made share expired": outlived("pd_shares", "share_id"),
    "administrator demoted": by_request("PATCH", "/api/users/{user}", {"role": "member"}, by="admin"),
    "session purged": by_request("DELETE", "/api/sessions/{session}?purge=true", by="owner"),
}
"""What ends the watching of one session."""
CREDENTIALS: dict[str, Act] = {
    "key revoked": by_request("DELETE", "/api/auth/keys/{key}"),
    "key expired": outlived("pd_api_keys", "key_id"),
    "signed out": by_request("POST", "/api/auth/logout"),
    "signed out everywhere": by_request("POST", "/api/auth/logout-everywhere"),
    "signed out by an administrator": by_request("POST", "/api/users/{user}/sign-out", by="admin"),
    "password changed": by_request(
        "PATCH", "/api/auth/me", {"current_password": PASSWORD, "new_password": ANOTHER}
    ),
    "password set": by_request("PATCH", "/api/users/{user}", {"password": ANOTHER}, by="admin"),
    "user disabled": by_request("PATCH", "/api/users/{user}", {"disabled": True}, by="admin"),
    "key of a disabled user": by_request("PATCH", "/api/users/{user}", {"disabled": True}, by="admin"),
}
"""What ends everything that a credential opened."""
LOWERED = {"share lowered": by_request("PATCH", _SHARE, {"role": "view"}, by="owner")}
KINDS = {**SHARES, **CREDENTIALS, **LOWERED}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def losses(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Loss]]:
    """Everything opened by everybody, everything taken away, and what became of it."""
    async with world(tmp_path_factory.mktemp("revocation")) as everybody, AsyncExitStack() as stack:
        found = {kind: await somebody(everybody, kind) for kind in KINDS}
        readers: dict[str, list[asyncio.Task[None]]] = {reader: [] for reader in READERS}
        for loss in found.values():
            for reader, work in (await everything_opened(everybody, loss, stack)).items():
                readers[reader].append(asyncio.create_task(work))
        await asyncio.gather(*(taken_away(everybody, loss) for loss in found.values()))
        with suppress(TimeoutError):  # the tests say what is missing
            await eventually(lambda: all(loss.is_over for loss in found.values()), _PATIENCE_S)
        tasks = [task for tasks in readers.values() for task in tasks]
        for task in tasks:
            task.cancel()
        failed = await asyncio.gather(*tasks, return_exceptions=True)
        assert [error for error in failed if isinstance(error, Exception)] == []
        yield found


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_everything_a_credential_opened_ends_with_it(losses: dict[str, Loss], kind: str) -> None:
    loss = losses[kind]
    assert set(loss.endings) == set(READERS)
    for reader, ending in loss.endings.items():
        assert ending.at - loss.answered_at <= WITHIN_S, reader
        assert ending.word == "sign-in-expired", reader
        assert ending.code == (SIGN_IN if "socket" in reader else None), reader


@pytest.mark.parametrize("kind", SHARES)
def test_a_session_is_watched_no_longer_by_whoever_may_not_see_it(losses: dict[str, Loss], kind: str) -> None:
    loss = losses[kind]
    assert set(loss.endings) == set(OF_ONE_SESSION)
    for reader, ending in loss.endings.items():
        assert ending.at - loss.answered_at <= WITHIN_S, reader
        assert ending.word == "not-found", reader
        assert ending.code == (NOT_FOUND if reader in {"session socket", "task socket"} else None), reader
    assert loss.after["list socket"]["code"] == "not-found"


def test_whoever_may_only_watch_from_now_on_watches_on_and_changes_nothing(losses: dict[str, Loss]) -> None:
    loss = losses["share lowered"]
    assert loss.endings == {}
    assert {reader: answer["code"] for reader, answer in loss.after.items()} == {
        reader: "forbidden" for reader in READERS if "socket" in reader
    }


async def somebody(everybody: World, kind: str) -> Loss:
    """Make a person who has a credential, and a session that they may see."""
    perdure = everybody.running.perdure
    role = UserRole.ADMIN if kind == "administrator demoted" else UserRole.MEMBER
    password = PASSWORD if kind == "password changed" else None
    user = await perdure.users.create(
        SYSTEM_ACTOR, email=mail(f"has-{kind.replace(' ', '-')}"), name=kind, role=role, password=password
    )
    everybody.user_ids[kind] = user.id
    everybody.tokens[kind] = await everybody.sign_in(kind)
    maker = kind if kind in CREDENTIALS else "owner"
    made = await everybody.made(maker, "POST", "/api/sessions", {"mode": "one-shot"})
    loss = Loss(kind, user.id, made["session_id"], {})
    soon = (perdure.store.now() + timedelta(seconds=_LEAVE_S)).isoformat()
    base = f"/api/sessions/{loss.session_id}"
    until_soon = {"expires_at": soon} if "expired" in kind else {}
    if "link" in kind:
        link = await everybody.made("owner", "POST", f"{base}/share-links", {"role": "view", **until_soon})
        await everybody.made(kind, "POST", "/api/share-links/accept", {"token": link["token"]})
        (share,) = (await everybody.made("owner", "GET", f"{base}/shares"))["shares"]
        loss.share_id = share["share_id"]
    elif maker == "owner" and kind != "administrator demoted":
        body = {"email": user.email, "role": "edit", **until_soon}
        loss.share_id = (await everybody.made("owner", "POST", f"{base}/shares", body))["share_id"]
    token = await everybody.sign_in(kind) if "password" in kind else everybody.tokens[kind]
    if "key" in kind:
        body = {"name": "a program", "scopes": ["manage"], **until_soon}
        key = await everybody.made(kind, "POST", "/api/auth/keys", body)
        token, loss.key_id = key["key"], key["key_id"]
    loss.headers = {"Authorization": f"Bearer {token}"}
    return loss


async def everything_opened(
    everybody: World, loss: Loss, stack: AsyncExitStack
) -> Mapping[str, Coroutine[Any, Any, None]]:
    """Open all kinds of sockets and streams, each at the point where events would come; return their readers."""
    session, running = loss.session_id, everybody.running
    for reader, path in zip(
        READERS, ("/ws/sessions", f"/ws/sessions/{session}", "/ws/what-was-there"), strict=False
    ):
        socket = await stack.enter_async_context(running.socket(path, additional_headers=loss.headers))
        loss.sockets[reader] = socket
        if reader == "list socket":
            await until(socket, lambda frame: frame["type"] == "sessions")
            await socket.send(json.dumps({"type": "watch", "session_id": session, "after": 0}))
        elif reader == "task socket":
            await socket.send(json.dumps({"task": "", "config": {"session_id": session}}))
        await until(socket, lambda frame: frame["type"] == "sync")
    works = {reader: read_socket(loss, reader) for reader in loss.sockets}
    for reader, path in (
        ("session stream", f"/api/sessions/{session}/stream"),
        ("list stream", "/api/sessions/stream"),
    ):
        stream = running.http.stream("GET", path, headers=loss.headers, timeout=None)
        answer = await stack.enter_async_context(stream)
        assert answer.status_code == 200, path
        works[reader] = read_stream(loss, reader, answer)
    return works


async def taken_away(everybody: World, loss: Loss) -> None:
    """Let the right be lost, and from then on count the time."""
    await KINDS[loss.kind](everybody, loss)
    loss.answered_at = asyncio.get_running_loop().time()
    if loss.kind in LOWERED:
        for socket in loss.sockets.values():
            await socket.send(said_after(loss))


def said_after(loss: Loss) -> str:
    """Return a frame that only those may send who may change the session."""
    return json.dumps({"type": "steer", "content": "Shorter", "session_id": loss.session_id, "ref": "after"})


async def read_socket(loss: Loss, reader: str) -> None:
    """Follow one socket to its end, or to what it answers when it stays open."""
    word, socket = "", loss.sockets[reader]
    try:
        while True:
            frame = json.loads(await socket.recv())
            if frame.get("ref") == "after":
                loss.after[reader] = frame
            elif frame["type"] in {"error", "reauth"}:
                word = frame["code"]
                if reader == "list socket" and frame["type"] == "error":
                    assert frame["session_id"] == loss.session_id
                    loss.endings[reader] = Ending(asyncio.get_running_loop().time(), word)
                    await socket.send(said_after(loss))
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd is not None else None
        loss.endings[reader] = Ending(asyncio.get_running_loop().time(), word, code)


async def read_stream(loss: Loss, reader: str, answer: httpx.Response) -> None:
    """Follow one stream to its end."""
    word = ""
    async for line in answer.aiter_lines():
        frame = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
        word = frame["code"] if frame.get("type") in {"error", "reauth"} else word
    loss.endings[reader] = Ending(asyncio.get_running_loop().time(), word)
