"""Nobody acts with more than they were given: not by what an owner has, a key that ends, or a ticket for one session."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from websockets.exceptions import ConnectionClosed

from tests.api.conftest import until
from tests.attack.access_world import World, mail, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOOLS = {"desk": {"url": "https://tools.example", "headers": {"Authorization": {"$secret": "desk"}}}}
ADDRESS = "https://models.example/v1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everybody(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """One server with sign-in and a tool server that uses a secret of whoever owns the session."""
    async with world(tmp_path_factory.mktemp("borrowed"), mcp_servers=TOOLS) as made:
        yield made


async def shared(everybody: World, **config: Any) -> str:
    """Make a session of the owner's that the editor may work in."""
    body = {"mode": "one-shot", "config": config}
    session_id = (await everybody.made("owner", "POST", "/api/sessions", body))["id"]
    share = {"email": mail("editor"), "role": "edit"}
    await everybody.made("owner", "POST", f"/api/sessions/{session_id}/shares", share)
    return f"/api/sessions/{session_id}"


@pytest.mark.parametrize("person", ["editor", "admin"])
async def test_only_the_owner_lends_their_secrets_to_a_tool_server(everybody: World, person: str) -> None:
    base = await shared(everybody)
    wish = {"config": {"mcp_servers": ["desk"]}}
    for method, path, body in (
        ("PATCH", base, wish),
        ("PUT", base, wish),
        ("POST", f"{base}/messages", {"content": "Use it", **wish}),
        ("POST", f"{base}/queue", {"content": "Use it", **wish}),
        (
            "POST",
            "/api/tasks/submit",
            {"task": "Use it", "config": {**wish["config"], "session_id": base[14:]}},
        ),
    ):
        answer = await everybody.ask(person, method, path, body)
        assert (answer.status_code, answer.json().get("keys")) == (403, ["mcp_servers"]), (
            method,
            path,
            answer.text,
        )
    await everybody.made("owner", "PATCH", base, wish)
    await everybody.made(person, "PATCH", base, {"config": {"instructions": "Be brief"}})
    less = await everybody.made(person, "PATCH", base, {"config": {"mcp_servers": []}})
    assert less["config"]["mcp_servers"] == []


async def test_a_fork_of_somebody_elses_session_does_not_call_their_address(everybody: World) -> None:
    base = await shared(everybody, model="openai-chat:m", base_url=ADDRESS, mcp_servers=["desk"])
    fork = await everybody.made(
        "editor", "POST", f"{base}/fork", {"config": {"api_key": "the-editors-own-key"}}
    )
    config = (await everybody.made("editor", "GET", f"/api/sessions/{fork['session_id']}"))["config"]
    assert ADDRESS not in json.dumps(config)
    assert not config.get("mcp_servers")
    own = await everybody.made("owner", "POST", f"{base}/fork", {})
    kept = (await everybody.made("owner", "GET", f"/api/sessions/{own['session_id']}"))["config"]
    assert (kept["base_url"], kept["mcp_servers"]) == (ADDRESS, ["desk"])


async def test_a_key_that_ends_makes_none_that_goes_on(everybody: World) -> None:
    soon = everybody.running.perdure.store.now() + timedelta(hours=1)
    body = {"name": "ends", "scopes": ["manage"], "expires_at": soon.isoformat()}
    everybody.tokens["ending"] = (await everybody.made("owner", "POST", "/api/auth/keys", body))["key"]
    wish = {"name": "x", "scopes": ["read"]}
    longer = await everybody.ask("ending", "POST", "/api/auth/keys", {**wish, "expires_in_days": 1})
    assert longer.status_code == 403, longer.text
    made = await everybody.made("ending", "POST", "/api/auth/keys", wish)
    assert datetime.fromisoformat(made["expires_at"]) == soon
    free = await everybody.made("key:manage", "POST", "/api/auth/keys", {"name": "x", "scopes": ["read"]})
    assert free["expires_at"] is None


async def test_a_key_that_is_revoked_takes_along_what_it_made(everybody: World) -> None:
    async def key(maker: str, name: str, scope: str) -> str:
        made = await everybody.made(maker, "POST", "/api/auth/keys", {"name": name, "scopes": [scope]})
        everybody.tokens[name] = made["key"]
        return made["key_id"]

    stolen, other = await key("owner", "stolen", "manage"), await key("owner", "other", "read")
    child = await key("stolen", "child", "manage")
    await key("child", "grandchild", "read")
    listed = {
        k["name"]: k["made_by"] for k in (await everybody.made("owner", "GET", "/api/auth/keys"))["keys"]
    }
    assert (listed["stolen"], listed["child"], listed["grandchild"]) == (None, stolen, child)
    headers = {"Authorization": f"Bearer {everybody.tokens['grandchild']}"}
    async with everybody.running.socket("/ws/sessions", additional_headers=headers) as socket:
        await until(socket, lambda frame: frame["type"] == "sessions")
        await everybody.made("owner", "DELETE", f"/api/auth/keys/{stolen}")
        with pytest.raises(ConnectionClosed) as closed:
            await until(socket, lambda _frame: False)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
    for name in ("stolen", "child", "grandchild"):
        assert (await everybody.ask(name, "GET", "/api/auth/me")).status_code == 401, name
    assert (await everybody.ask("other", "GET", "/api/auth/me")).status_code == 200
    left = {k["key_id"] for k in (await everybody.made("owner", "GET", "/api/auth/keys"))["keys"]}
    assert other in left
    assert not left & {stolen, child}


async def test_a_ticket_for_one_session_answers_no_question_of_another(everybody: World) -> None:
    here, there = await everybody.things(), await everybody.things()
    body = {"session_id": here["session_id"]}
    ticket = (await everybody.made("owner", "POST", "/api/auth/tickets", body))["ticket"]
    async with everybody.running.socket(f"/ws/sessions/{here['session_id']}") as socket:
        await socket.send(json.dumps({"type": "auth", "ticket": ticket}))
        answers = []
        for ref, things in ((1, there), (2, here)):
            frame = {
                "type": "approval_response",
                "approval_id": things["approval_id"],
                "resolution": "approve",
            }
            await socket.send(json.dumps({**frame, "ref": ref}))
            answers.append((await until(socket, lambda found, ref=ref: found.get("ref") == ref))[-1])
    assert (answers[0]["type"], answers[0]["code"]) == ("error", "not-found"), answers
    assert answers[1]["type"] == "ack", answers
    asked = await everybody.made("owner", "GET", f"/api/approvals/{there['approval_id']}")
    assert asked["status"] == "pending"


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/shadow", "/nowhere/at.all", "~/.ssh/id_rsa"])
async def test_no_member_asks_by_a_models_name_which_files_the_server_has(
    everybody: World, path: str
) -> None:
    body = {"mode": "one-shot", "config": {"model": f"local:{path}"}}
    answer = await everybody.ask("stranger", "POST", "/api/sessions", body)
    assert answer.status_code == 422
    other = await everybody.ask(
        "stranger", "POST", "/api/sessions", {**body, "config": {"model": "local:/proc/self/environ"}}
    )
    assert answer.json()["detail"].replace(path, "X") == other.json()["detail"].replace(
        "/proc/self/environ", "X"
    )


@pytest.mark.parametrize("text", ["\\ud800@example.org", "a\\u0000@example.org", "\\ud800"])
async def test_text_that_cannot_be_encoded_is_refused_at_the_door(everybody: World, text: str) -> None:
    http = everybody.running.http
    for path, body in (
        ("/api/auth/login", f'{{"email": "{text}", "password": "{text}"}}'),
        ("/api/auth/login", f'{{"email": "owner@example.org", "password": "{text}"}}'),
        ("/api/auth/refresh", f'{{"refresh_token": "pdr_{text}"}}'),
    ):
        answer = await http.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (401, 422), (path, answer.text)


async def test_whoever_has_no_sign_in_to_end_makes_the_server_check_nobody_anew(everybody: World) -> None:
    running, told = everybody.running, []
    deaf = running.perdure.rights.listen(lambda: told.append("changed"))
    own = {"Origin": f"http://127.0.0.1:{running.port}", "X-Perdure-Request": "console"}
    opened = await running.perdure.sign_in.open_for(everybody.user_ids["friend"], "password")
    for token, before in (("pdr_made-up", 0), (opened.refresh_token, 1), (opened.refresh_token, 1)):
        headers = {**own, "Cookie": f"perdure_refresh={token}"}
        assert (await running.http.post("/api/auth/logout", headers=headers)).status_code == 200
        assert len(told) == before
    deaf()


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
async def test_a_key_of_no_possible_time_is_refused(everybody: World, moment: str) -> None:
    body = {"name": "x", "scopes": ["read"], "expires_at": moment}
    assert (await everybody.ask("owner", "POST", "/api/auth/keys", body)).status_code == 422
