"""A server as a process, with people of every kind and credential, and things that paths can name."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from perdure.ids import new_id
from perdure.services.tokens import AccessTokens, ServerKeys
from perdure.store import approvals
from perdure.store.store import Store
from tests.attack.access_cases import Case, Right
from tests.factories import approval
from tests.fakes.perdure_server import PerdureServer
from tests.provision import forked

RIGHT_OF = {
    "anonymous": Right.PUBLIC,
    "expired": Right.PUBLIC,
    "stranger": Right.SIGNED_IN,
    "revoked": Right.SIGNED_IN,
    "viewer": Right.VIEW,
    "editor": Right.EDIT,
    "share-admin": Right.SHARE,
    "owner": Right.OWN,
    "admin": Right.SERVER,
}
"""Everybody who asks; `revoked` lost their share, and no credential of `expired` counts any more."""
PEOPLE = [person for person, right in RIGHT_OF.items() if right > Right.PUBLIC]
HELPERS = ("friend", "another", "expired")
SHARED_AS = {"viewer": "view", "editor": "edit", "share-admin": "admin"}
PASSWORD = "a password of some length"
SIGNED_IN_FOR_S = 300.0
"""Access tokens last ten minutes; they are new well before."""
_KEPT = 3
"""As many things of a kind are remembered: the older ones have been changed, deleted and ended by then."""
_ROOM = 20

Headers = dict[str, str]
Things = dict[str, str]


@dataclass
class Described:
    """The server, who asks it with what, and ids that mean something."""

    server: PerdureServer
    http: httpx.Client
    store: Store
    """The server's own, for what no request makes: an open question, a token of yesterday."""
    ids: dict[str, str] = field(default_factory=dict)
    ways: dict[str, dict[str, Headers]] = field(default_factory=dict)
    """Of each person, by what they sign in with: the headers that do it."""
    known: dict[str, list[str]] = field(default_factory=dict)
    signed_in_at: float = 0.0

    def ask(self, person: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Send a request that has to succeed."""
        answer = self.http.request(method, path, json=body, headers=self.ways[person]["key"])
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def sign_in_again(self) -> None:
        """Renew everybody's token and cookie, where they are about to run out."""
        if time.monotonic() - self.signed_in_at > SIGNED_IN_FOR_S:
            self.signed_in_at = time.monotonic()
            for person in PEOPLE:
                self.sign_in(person)

    def sign_in(self, person: str) -> None:
        """Give somebody a new token and a new cookie; what they had before may have ended."""
        self.ways.setdefault(person, {})["token"] = bearer(self._log_in(person)["access_token"])
        self.ways[person]["cookie"] = self._cookie(person)

    def add_things(self, case: Case | None = None, *paths: str) -> Things:
        """Make a session that is shared, with what a case and paths name or one of everything, and return the ids."""
        session = self.ask("owner", "POST", "/api/sessions", {"mode": "one-shot"})["id"]
        base = f"/api/sessions/{session}"
        for person, role in SHARED_AS.items():
            self.ask("owner", "POST", f"{base}/shares", {"email": mail(person), "role": role})
        lost = self.ask("owner", "POST", f"{base}/shares", {"email": mail("revoked"), "role": "edit"})
        self.ask("owner", "DELETE", f"{base}/shares/{lost['id']}")
        found = {"session_id": session, "unique": new_id(), "command": "start", "category": "code"}
        found |= {"provider": "nobody", "user_id": self.ids["friend"]}
        for names, make in _MAKERS.items():
            if case is None or any("{" + name + "}" in f"{case.text} {paths}" for name in names.split()):
                found |= make(self, base)
        for name, value in found.items():
            self.known[name] = [*self.known.get(name, []), value][-_KEPT:]
        return found

    def _log_in(self, person: str, **body: Any) -> dict[str, Any]:
        given = {"email": mail(person), "password": PASSWORD, **body}
        answer = self.http.post("/api/auth/login", json=given)
        assert answer.is_success, answer.text
        return answer.json()

    def _cookie(self, person: str) -> Headers:
        self._log_in(person, cookies=True)
        value = self.http.cookies["perdure_access"]
        self.http.cookies.clear()
        headers = {"Cookie": f"perdure_access={value}", "Origin": self.server.url}
        return {**headers, "X-Perdure-Request": "console"}

    def make_key(self, person: str, headers: Headers, **body: Any) -> dict[str, Any]:
        """Make an API key with the rights that the person has."""
        wish = {"name": "fuzz", "scopes": ["admin" if person == "admin" else "manage"], **body}
        answer = self.http.post("/api/auth/keys", json=wish, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    def add_people(self) -> None:
        """Make everybody and sign them in, and let everything end that `expired` has."""
        self.ids["admin"] = self._log_in("admin")["user"]["user_id"]
        token = bearer(self._log_in("admin")["access_token"])
        for person in [*PEOPLE, *HELPERS]:
            if person != "admin":
                body = {"email": mail(person), "name": person, "role": "member", "password": PASSWORD}
                self.ids[person] = self.http.post("/api/users", json=body, headers=token).json()["user_id"]
        for person in PEOPLE:
            self.ways[person] = {}
            self.sign_in(person)
            key = self.make_key(person, self.ways[person]["token"])
            self.ways[person]["key"] = bearer(key["key"])
            self.ids[f"{person}'s key"] = key["key_id"]
        self.signed_in_at = time.monotonic()
        self.ways["anonymous"] = {"nothing": {}}
        self.ways["expired"] = self._ended()

    def _ended(self) -> dict[str, Headers]:
        """Return one credential of every kind that was good."""
        self.sign_in("expired")
        token, cookie = (self.ways["expired"][way] for way in ("token", "cookie"))
        tokens = AccessTokens(ServerKeys(self.store))
        now = self.store.now()
        sign_in_id = tokens.read(token["Authorization"].removeprefix("Bearer "), now).sign_in_id
        outdated = tokens.issue(self.ids["expired"], sign_in_id, now - timedelta(hours=1))
        soon = (now + timedelta(seconds=2)).isoformat()
        short = bearer(self.make_key("expired", token, expires_at=soon)["key"])
        revoked = self.make_key("expired", token)
        self.http.delete(f"/api/auth/keys/{revoked['key_id']}", headers=token).raise_for_status()
        self.http.post("/api/auth/logout", headers=cookie).raise_for_status()
        ways = {
            "outdated token": bearer(outdated),
            "outdated key": short,
            "revoked key": bearer(revoked["key"]),
            "cookie": cookie,
        }
        for way, headers in ways.items():
            self._until_refused(way, headers)
        return ways

    def _until_refused(self, way: str, headers: Headers) -> None:
        ends_at = time.monotonic() + 30
        while self.http.get("/api/auth/me", headers=headers).status_code != 401:
            assert time.monotonic() < ends_at, f"{way} still counts"
            time.sleep(0.1)


def _run(world: Described, base: str) -> Things:
    run_id = world.ask("owner", "POST", f"{base}/messages", {"content": "Say hello"})["run_id"]
    task_id = world.ask("owner", "GET", f"/api/runs/{run_id}")["task_id"] or run_id
    question = approval(base.rsplit("/", 1)[1], run_id, id=new_id())
    asyncio.run(_written(world.store, lambda tx: approvals.insert_approval(tx, question)))
    return {"run_id": run_id, "other_id": run_id, "task_id": task_id, "approval_id": question.id}


async def _written(store: Store, body: Callable[[Any], Any]) -> None:
    await store.write(body)


def _item(world: Described, base: str) -> Things:
    return {"item_id": world.ask("owner", "POST", f"{base}/queue", {"content": "Say goodbye"})["id"]}


def _mission(world: Described, base: str) -> Things:
    hops = [{"name": "Read", "goal": "Find the facts", "outputs": ["facts"]}]
    body = {"goal": "Know more", "session_id": base.rsplit("/", 1)[1], "hops": hops}
    mission_id = world.ask("owner", "POST", "/api/missions", body)["id"]
    hop_id = world.ask("owner", "GET", f"/api/missions/{mission_id}")["hops"][0]["id"]
    asset_id = world.ask("owner", "GET", f"/api/assets?mission_id={mission_id}")["assets"][0]["id"]
    return {"mission_id": mission_id, "hop_id": hop_id, "asset_id": asset_id}


def _file(world: Described, base: str) -> Things:
    headers = {**world.ways["owner"]["key"], "Content-Type": "application/octet-stream"}
    answer = world.http.put(f"{base}/files/notes.txt", content=b"what nobody else may know", headers=headers)
    assert answer.is_success, answer.text
    return {"path": "notes.txt"}


def _share(world: Described, base: str) -> Things:
    body = {"email": mail("another"), "role": "view"}
    return {"share_id": world.ask("owner", "POST", f"{base}/shares", body)["id"]}


def _link(world: Described, _base: str) -> Things:
    """Make one to another session: whoever takes it up keeps the right they have in the one that is asked for."""
    other = world.ask("owner", "POST", "/api/sessions", {"mode": "one-shot"})["id"]
    link = world.ask("owner", "POST", f"/api/sessions/{other}/share-links", {"role": "view"})
    return {"link_token": link["token"]}


def _own_link(world: Described, base: str) -> Things:
    return {"share_link_id": world.ask("owner", "POST", f"{base}/share-links", {"role": "view"})["id"]}


def _own(world: Described, _base: str) -> Things:
    _make_room(world)
    key = world.make_key("owner", world.ways["owner"]["token"], scopes=["read"], name="one more")
    name = f"secret-{new_id()}"
    world.ask("owner", "PUT", f"/api/secrets/{name}", {"value": "known to nobody else"})
    token = world._log_in("owner")["access_token"]  # pyright: ignore[reportPrivateUsage]
    sign_in_id = AccessTokens(ServerKeys(world.store)).read(token, world.store.now()).sign_in_id
    return {"name": name, "key_id": key["key_id"], "sign_in_id": sign_in_id}


def _make_room(world: Described) -> None:
    """Take away what was made before; a person has so many keys and secrets and no more."""
    for what, place, name in (("keys", "/api/auth/keys", "key_id"), ("secrets", "/api/secrets", "name")):
        found = [one[name] for one in world.ask("owner", "GET", f"{place}?limit=200")[what]]
        for one in found if len(found) > _ROOM else []:
            if one != world.ids["owner's key"]:
                world.ask("owner", "DELETE", f"{place}/{one}")


_MAKERS: dict[str, Callable[[Described, str], Things]] = {
    "run_id other_id task_id approval_id item_id": _run,
    "item_id": _item,
    "mission_id hop_id asset_id": _mission,
    "path": _file,
    "share_id": _share,
    "share_link_id": _own_link,
    "link_token": _link,
    "key_id sign_in_id name": _own,
}
"""What makes the things that paths name, by the names it makes."""


def mail(person: str) -> str:
    """Return a person's address."""
    return f"{person}@example.org"


def bearer(token: str) -> Headers:
    """Return the header that a program signs in with."""
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def described_world(folder: Path) -> Iterator[Described]:
    """Serve with sign-in, and make everybody."""
    environment = {
        "PERDURE_AUTH": "password",
        "PERDURE_DATA_DIR": str(folder),
        "PERDURE_RATE_LIMITS": "off",
        "PERDURE_MODEL": "openai-chat:test",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",  # nobody answers: runs fail, requests must not
        "OPENAI_API_KEY": "none",
    }
    command = ["users", "create", mail("admin"), "--password-stdin", "--admin"]
    made = forked.run(command, {**os.environ, **environment}, folder, stdin=PASSWORD)
    assert made.returncode == 0, made.stderr
    with PerdureServer(folder, environment) as server:
        store = Store(f"sqlite:///{folder / 'perdure.db'}", key_file=folder / "secret.key")
        store.open(beside_servers=True)
        try:
            with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as http:
                world = Described(server, http, store)
                world.add_people()
                yield world
        finally:
            store.close()
