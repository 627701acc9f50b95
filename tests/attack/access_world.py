"""A server with sign-in, people of every kind, and a session with everything in it that a route can name."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from perdure.core.access import SYSTEM_ACTOR, Scope
from perdure.core.people import UserRole
from perdure.ids import new_id
from perdure.services.tokens import AccessTokens, ServerKeys
from perdure.store import approvals
from tests.api.conftest import Running, running
from tests.attack.access_cases import Case
from tests.factories import approval

SHARED_AS = {"viewer": "view", "editor": "edit", "share-admin": "admin"}
NOT_SIGNED_IN = ("signed-out", "expired", "disabled")
PEOPLE = ("admin", "owner", *SHARED_AS, "revoked", "stranger", "friend", "another", *NOT_SIGNED_IN)
_PLACE = re.compile(r"\{(\w+)\}")


@dataclass
class World:
    """The server with a bearer token for everybody."""

    running: Running
    tokens: dict[str, str] = field(default_factory=dict)
    user_ids: dict[str, str] = field(default_factory=dict)

    async def ask(
        self,
        person: str | None,
        method: str,
        path: str,
        body: Any = None,
        content: bytes | None = None,
        more_headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request as somebody; of a stream only the head is awaited."""
        headers = {} if person is None else {"Authorization": f"Bearer {self.tokens[person]}"}
        headers |= more_headers or {}
        if content is not None:
            headers["Content-Type"] = "application/octet-stream"
        request = self.running.http.build_request(method, path, json=body, content=content, headers=headers)
        response = await self.running.http.send(request, stream=True)
        if "text/event-stream" not in response.headers.get("content-type", ""):
            await response.aread()
        await response.aclose()
        return response

    async def made(self, person: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Send a request that has to succeed."""
        answer = await self.ask(person, method, path, body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def sign_in(self, person: str) -> str:
        """Sign somebody in once more and return the access token."""
        opened = await self.running.perdure.sign_in.open_for(self.user_ids[person], "password")
        return opened.access_token

    def sign_in_of(self, token: str) -> str:
        """Return the id of the sign-in that a token belongs to."""
        store = self.running.perdure.store
        return AccessTokens(ServerKeys(store)).read(token, store.now()).sign_in_id

    def outdated(self, person: str) -> str:
        """Return a token of the server's own making that was good an hour ago, for a sign-in that still is."""
        store = self.running.perdure.store
        tokens = AccessTokens(ServerKeys(store))
        sign_in_id = self.sign_in_of(self.tokens[person])
        return tokens.issue(self.user_ids[person], sign_in_id, store.now() - timedelta(hours=1))

    async def things(
        self, case: Case | None = None, shared_with: Iterable[str] = SHARED_AS
    ) -> dict[str, str]:
        """Make a session of the owner's with what a case names, or one of everything; return all ids.

        It is shared with people as their names say.
        """
        session = (await self.made("owner", "POST", "/api/sessions", {"mode": "one-shot", "name": "Secret"}))[
            "id"
        ]
        base = f"/api/sessions/{session}"
        found = {
            "session_id": session,
            "unique": new_id(),
            "command": "start",
            "category": "code",
            "provider": "nobody",
        }
        found["user_id"] = self.user_ids["friend"]
        for person in shared_with:
            if person in SHARED_AS:
                body = {"email": mail(person), "role": SHARED_AS[person]}
                found["share_id"] = (await self.made("owner", "POST", f"{base}/shares", body))["id"]
        text = "all" if case is None else case.text
        for names, make in _MAKERS.items():
            if case is None or any("{" + name + "}" in text for name in names.split()):
                found |= await make(self, base, found)
        return found

    async def send(
        self,
        person: str | None,
        case: Case,
        things: dict[str, str],
        more_headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a case's request about some things."""
        path = filled(case.path, things) + (f"?{filled(case.query, things)}" if case.query else "")
        body = None if case.body is None else json.loads(filled(json.dumps(case.body), things))
        return await self.ask(person, case.method, path, body, case.content, more_headers)


async def _run(made: World, base: str, _found: dict[str, str]) -> dict[str, str]:
    run_id = (await made.made("owner", "POST", f"{base}/messages", {"content": "Say hello"}))["run_id"]
    task_id = (await made.made("owner", "GET", f"/api/runs/{run_id}"))["task_id"] or run_id
    question = approval(base.rsplit("/", 1)[1], run_id, id=new_id())
    await made.running.perdure.store.write(lambda tx: approvals.insert_approval(tx, question))
    return {"run_id": run_id, "other_id": run_id, "task_id": task_id, "approval_id": question.id}


async def _item(made: World, base: str, found: dict[str, str]) -> dict[str, str]:
    if "run_id" not in found:
        await _run(made, base, found)
    return {"item_id": (await made.made("owner", "POST", f"{base}/queue", {"content": "Say goodbye"}))["id"]}


async def _mission(made: World, base: str, _found: dict[str, str]) -> dict[str, str]:
    hops = [{"name": "Read", "goal": "Find the facts", "outputs": ["facts"]}]
    body = {"goal": "Know more", "session_id": base.rsplit("/", 1)[1], "hops": hops}
    mission_id = (await made.made("owner", "POST", "/api/missions", body))["id"]
    whole = await made.made("owner", "GET", f"/api/missions/{mission_id}")
    assets = await made.made("owner", "GET", f"/api/assets?mission_id={mission_id}")
    return {
        "mission_id": mission_id,
        "hop_id": whole["hops"][0]["id"],
        "asset_id": assets["assets"][0]["id"],
    }


async def _file(made: World, base: str, _found: dict[str, str]) -> dict[str, str]:
    answer = await made.ask("owner", "PUT", f"{base}/files/notes.txt", content=b"what nobody else may know")
    assert answer.status_code == 201, answer.text
    return {"path": "notes.txt"}


async def _share(made: World, base: str, _found: dict[str, str]) -> dict[str, str]:
    body = {"email": mail("another"), "role": "view"}
    return {"share_id": (await made.made("owner", "POST", f"{base}/shares", body))["id"]}


async def _link(made: World, base: str, _found: dict[str, str]) -> dict[str, str]:
    link = await made.made("owner", "POST", f"{base}/share-links", {"role": "view"})
    return {"share_link_id": link["id"], "link_token": link["token"]}


async def _own(made: World, _base: str, _found: dict[str, str]) -> dict[str, str]:
    key = await made.made("owner", "POST", "/api/auth/keys", {"name": "One more", "scopes": ["read"]})
    name = f"secret-{new_id()}"
    await made.made("owner", "PUT", f"/api/secrets/{name}", {"value": "known to nobody else"})
    return {"name": name, "key_id": key["key_id"], "sign_in_id": made.sign_in_of(await made.sign_in("owner"))}


_MAKERS: dict[str, Callable[[World, str, dict[str, str]], Awaitable[dict[str, str]]]] = {
    "run_id other_id task_id approval_id": _run,
    "item_id": _item,
    "mission_id hop_id asset_id": _mission,
    "path": _file,
    "share_id": _share,
    "share_link_id link_token": _link,
    "key_id sign_in_id name": _own,
}
"""What makes the things that paths name, by the names it makes."""


def mail(person: str) -> str:
    """Return a person's address."""
    return f"{person}@example.org"


def filled(text: str, things: dict[str, str]) -> str:
    """Put ids where a text names them; other braces stay."""
    return _PLACE.sub(lambda match: things.get(match[1], match[0]), text)


@asynccontextmanager
async def world(folder: Path, **settings: Any) -> AsyncGenerator[World]:
    """Serve with sign-in, and sign everybody in."""
    async with running(folder, auth="password", rate_limits="off", **settings) as served:
        made = World(served)
        perdure = served.perdure
        for person in PEOPLE:
            role = UserRole.ADMIN if person == "admin" else UserRole.MEMBER
            user = await perdure.users.create(SYSTEM_ACTOR, email=mail(person), name=person, role=role)
            made.user_ids[person] = user.id
            made.tokens[person] = await made.sign_in(person)
        for scope in Scope:
            body = {"name": str(scope), "scopes": [scope]}
            owner_key = await made.made(
                "admin" if scope is Scope.ADMIN else "owner", "POST", "/api/auth/keys", body
            )
            made.tokens[f"key:{scope}"] = owner_key["key"]
        for person in PEOPLE:
            await made.made(person, "POST", "/api/sessions", {"mode": "one-shot"})
        await made.made("signed-out", "POST", "/api/auth/logout")
        body = {"disabled": True}
        await made.made("admin", "PATCH", f"/api/users/{made.user_ids['disabled']}", body)
        made.tokens["expired"] = made.outdated("expired")
        yield made
