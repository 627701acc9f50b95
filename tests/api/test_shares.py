"""Sharing over REST and sockets: roles, links, the one 404, presence and hints."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from websockets.asyncio.client import ClientConnection

from perdure.core.access import LOCAL_USER_ID
from perdure.ids import new_id
from perdure.store import operations
from perdure.store.tables import shares
from tests.api.conftest import Shared, frame, until
from tests.factories import STRANGER


async def test_a_session_is_shared_changed_and_taken_back(shared: Shared) -> None:
    session = await shared.session(name="Ours")
    base = f"/api/sessions/{session}/shares"
    made = await shared.done("owner", "POST", base, {"email": "Ann@Example.org", "role": "view"})
    assert made["share_id"] == made["id"]
    assert {
        k: made[k] for k in ("session_id", "user_id", "name", "email", "role", "expires_at", "created_by")
    } == {
        "session_id": session,
        "user_id": shared.ids["ann"],
        "name": "ann",
        "email": "ann@example.org",
        "role": "view",
        "expires_at": None,
        "created_by": shared.ids["owner"],
    }
    (row,) = (await shared.done("ann", "GET", "/api/sessions"))["sessions"]
    assert (row["role"], row["owner_name"], row["shared"], row["user_id"]) == (
        "view",
        "owner",
        True,
        shared.ids["owner"],
    )
    assert (await shared.done("ann", "GET", "/api/sessions?shared=false"))["total"] == 0
    assert (await shared.done("ann", "GET", "/api/sessions?shared=true"))["total"] == 1
    assert (await shared.ask("ann", "PATCH", f"/api/sessions/{session}", {"name": "Mine"})).status_code == 403
    changed = await shared.done("owner", "PATCH", f"{base}/{made['id']}", {"role": "edit"})
    assert (changed["role"], changed["expires_at"]) == ("edit", None)
    await shared.done("ann", "PATCH", f"/api/sessions/{session}", {"name": "Together"})
    listed = await shared.done("owner", "GET", base)
    assert (listed["total"], listed["shares"][0]["role"]) == (1, "edit")
    assert (await shared.ask("ann", "GET", base)).status_code == 403
    assert await shared.done("ann", "DELETE", f"{base}/{shared.ids['ann']}") == {"success": True}
    assert (await shared.ask("ann", "GET", f"/api/sessions/{session}")).status_code == 404
    actions = [
        e["action"] for e in (await shared.done("owner", "GET", f"/api/sessions/{session}/audit"))["entries"]
    ]
    assert [a for a in actions if a.startswith("share")] == ["share.delete", "share.update", "share.create"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"role": "view"},
        {"email": "ann@example.org"},
        {"email": "ann@example.org", "role": "owner"},
        {"email": "ann@example.org", "role": "view", "user_id": STRANGER.user_id},
        {"email": "ann@example.org", "role": "view", "expires_at": "2001-01-01T00:00:00Z"},
        {"email": "ann@example.org", "role": "view", "expires_at": "2099-01-01T00:00:00"},
        {"email": "ann@example.org", "role": "view", "expires_at": "9999-12-31T23:59:59-12:00"},
        {"email": "ann@example.org", "role": "view", "expires": "2099-01-01T00:00:00Z"},
        {"email": "nobody@example.org", "role": "view"},
        {"email": "", "role": "view"},
        {"user_id": "x", "role": "view"},
    ],
    ids=str,
)
async def test_a_share_that_cannot_be_is_refused(shared: Shared, body: dict[str, Any]) -> None:
    session = await shared.session()
    answer = await shared.ask("owner", "POST", f"/api/sessions/{session}/shares", body)
    assert answer.status_code == 422, answer.text
    assert (await shared.done("owner", "GET", f"/api/sessions/{session}/shares"))["total"] == 0


async def test_a_link_is_shown_once_and_accepted(shared: Shared) -> None:
    session = await shared.session()
    base = f"/api/sessions/{session}/share-links"
    made = await shared.done("owner", "POST", base, {"role": "edit", "expires_in_hours": 2})
    assert made["path"] == f"/join#{made['token']}"
    listed = await shared.done("owner", "GET", base)
    assert [link["share_link_id"] for link in listed["share_links"]] == [made["share_link_id"]]
    assert made["token"] not in str(listed)
    assert not {"token", "path", "token_hash"} & set(listed["share_links"][0])
    token = {"token": made["token"]}
    accepted = await shared.done("ann", "POST", "/api/share-links/accept", token)
    assert accepted == {
        "success": True,
        "session_id": session,
        "role": "edit",
        "expires_at": made["expires_at"],
        "replaced": None,
    }
    assert (await shared.done("ann", "GET", f"/api/sessions/{session}"))["role"] == "edit"
    assert await shared.done("owner", "DELETE", f"{base}/{made['id']}") == {"success": True}
    unknown = await shared.ask("ben", "POST", "/api/share-links/accept", {"token": "pds_" + "x" * 43})
    revoked = await shared.ask("ben", "POST", "/api/share-links/accept", token)
    assert revoked.status_code == 404
    assert revoked.json() == unknown.json()
    assert (await shared.ask("ann", "GET", f"/api/sessions/{session}")).status_code == 200
    for body in ({"role": "view", "expires_in_hours": 0}, {"role": "view", "expires_in_hours": 9999}, {}):
        assert (await shared.ask("owner", "POST", base, body)).status_code == 422


async def test_a_link_says_what_it_took_the_place_of(shared: Shared) -> None:
    """A view for ever becomes an edit for two hours, and that is told once: nothing comes back after it."""
    session = await shared.session()
    await shared.share(session, "ann", "view")
    wish = {"role": "edit", "expires_in_hours": 2}
    made = await shared.done("owner", "POST", f"/api/sessions/{session}/share-links", wish)
    token = {"token": made["token"]}
    first = await shared.done("ann", "POST", "/api/share-links/accept", token)
    assert first["replaced"] == {"role": "view", "expires_at": None}
    assert (first["role"], first["expires_at"]) == ("edit", made["expires_at"])
    again = await shared.done("ann", "POST", "/api/share-links/accept", token)
    assert again == {**first, "replaced": None}
    (share,) = (await shared.done("owner", "GET", f"/api/sessions/{session}/shares"))["shares"]
    assert (share["role"], share["expires_at"]) == ("edit", made["expires_at"])


async def test_a_repeated_request_never_keeps_a_links_token(shared: Shared) -> None:
    session = await shared.session()
    key = {**shared.headers("owner"), "Idempotency-Key": "one"}
    answers = [
        await shared.running.http.post(
            f"/api/sessions/{session}/share-links", json={"role": "view"}, headers=key
        )
        for _ in range(2)
    ]
    tokens = {answer.json()["token"] for answer in answers}
    assert len(tokens) == 2
    kept = await shared.running.perdure.store.read(
        lambda tx: operations.find_idempotency_key(tx, shared.ids["owner"], "one")
    )
    assert kept is None


async def test_strangers_get_the_answer_of_an_id_that_does_not_exist(shared: Shared) -> None:
    session, unknown, thing = await shared.session(), new_id(), new_id()
    requests: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("PATCH", "", {"name": "x"}),
        ("DELETE", "", None),
        ("DELETE", "?purge=true", None),
        ("POST", "/fork", {}),
        ("POST", "/load", None),
        ("GET", "/costs", None),
        ("GET", "/history", None),
        ("GET", "/files", None),
        ("GET", "/audit", None),
        ("GET", "/viewers", None),
        ("GET", "/shares", None),
        ("POST", "/shares", {"email": "ann@example.org", "role": "view"}),
        ("PATCH", f"/shares/{thing}", {"role": "view"}),
        ("DELETE", f"/shares/{thing}", None),
        ("GET", "/share-links", None),
        ("POST", "/share-links", {"role": "view"}),
        ("DELETE", f"/share-links/{thing}", None),
        ("GET", "/stream", None),
    ]
    for method, rest, body in requests:
        theirs = await shared.ask("stranger", method, f"/api/sessions/{session}{rest}", body)
        nobodys = await shared.ask("stranger", method, f"/api/sessions/{unknown}{rest}", body)
        assert theirs.status_code == nobodys.status_code == 404, (method, rest, theirs.text)
        assert theirs.text.replace(session, "?") == nobodys.text.replace(unknown, "?")
        drop = {"date", "x-request-id"}
        assert {k: v for k, v in theirs.headers.items() if k not in drop} == {
            k: v for k, v in nobodys.headers.items() if k not in drop
        }
    assert (await shared.done("owner", "GET", f"/api/sessions/{session}"))["status"] == "active"


async def test_viewers_see_less_and_a_fork_of_theirs_holds_no_more(shared: Shared) -> None:
    session = await shared.session(metadata={"customer": "ACME"}, name="Ours")
    await shared.share(session, "ann", "view")
    await shared.share(session, "ben", "edit")
    seen = await shared.done("ann", "GET", f"/api/sessions/{session}")
    assert (seen["metadata"], seen["role"]) == ({}, "view")
    assert (await shared.done("ben", "GET", f"/api/sessions/{session}"))["metadata"] == {"customer": "ACME"}
    loaded = await shared.done("ann", "POST", f"/api/sessions/{session}/load")
    assert loaded["metadata"] == {}
    fork = await shared.done("ann", "POST", f"/api/sessions/{session}/fork", {})
    assert (fork["metadata"], fork["user_id"]) == ({}, shared.ids["ann"])
    assert (await shared.done("ann", "GET", f"/api/sessions/{fork['id']}"))["role"] == "owner"
    for who in ("owner", "ben"):
        answer = await shared.ask(who, "GET", f"/api/sessions/{fork['id']}")
        assert answer.status_code == 404, "a fork is the forker's own"
    assert (await shared.done("ben", "POST", f"/api/sessions/{session}/fork", {}))["metadata"] == {
        "customer": "ACME"
    }


async def test_administrators_of_the_server_act_on_all_and_list_their_own(shared: Shared) -> None:
    session = await shared.session()
    assert (await shared.done("admin", "GET", "/api/sessions"))["total"] == 0
    (row,) = (await shared.done("admin", "GET", "/api/sessions?user_id=all"))["sessions"]
    assert (row["role"], row["owner_name"], row["shared"]) == ("server-admin", "owner", False)
    owner = shared.ids["owner"]
    assert (await shared.done("admin", "GET", f"/api/sessions?user_id={owner}"))["total"] == 1
    for path in ("/api/sessions", "/api/approvals", "/api/missions"):
        await shared.done("admin", "GET", f"{path}?user_id=all")
        await shared.done("owner", "GET", f"{path}?user_id={owner}")
        assert (await shared.ask("owner", "GET", f"{path}?user_id=all")).status_code == 403
        assert (await shared.ask("ann", "GET", f"{path}?user_id={owner}")).status_code == 403
    given = {"email": "ann@example.org", "role": "admin"}
    await shared.done("admin", "POST", f"/api/sessions/{session}/shares", given)
    await shared.done("ann", "POST", f"/api/sessions/{session}/suspend", {})


async def test_a_link_of_somebody_who_is_disabled_is_not_accepted(shared: Shared) -> None:
    session = await shared.session()
    await shared.share(session, "ann", "admin")
    made = await shared.done("ann", "POST", f"/api/sessions/{session}/share-links", {"role": "view"})
    await shared.done("admin", "PATCH", f"/api/users/{shared.ids['ann']}", {"disabled": True})
    answer = await shared.ask("ben", "POST", "/api/share-links/accept", {"token": made["token"]})
    assert answer.status_code == 404


async def test_a_purge_that_is_refused_deletes_nothing(shared: Shared) -> None:
    session = await shared.session()
    await shared.share(session, "ann", "admin")
    path = f"/api/sessions/{session}"
    assert (await shared.ask("ann", "DELETE", f"{path}?purge=true")).status_code == 403
    assert (await shared.done("owner", "GET", path))["status"] == "active"
    assert (await shared.done("owner", "DELETE", f"{path}?purge=true"))["status"] == "deleted"
    assert (await shared.ask("owner", "POST", f"{path}/restore")).status_code == 404


async def present(socket: ClientConnection) -> dict[str, int]:
    """Return who is in the next presence frame, with their connections."""
    seen = (await until(socket, lambda f: f["type"] == "presence"))[-1]
    assert seen["total"] == len(seen["viewers"])
    return {viewer["name"]: viewer["connections"] for viewer in seen["viewers"]}


async def test_those_who_watch_see_each_other_come_and_go(shared: Shared) -> None:
    session = await shared.session()
    await shared.share(session, "ann")
    async with shared.socket("owner", f"/ws/sessions/{session}") as owner:
        await until(owner, lambda f: f["type"] == "sync")
        async with shared.socket("ann", "/ws/sessions") as ann:
            await ann.send(f'{{"type": "watch", "session_id": "{session}"}}')
            assert await present(ann) == {"owner": 1, "ann": 1}
            assert await present(owner) == {"owner": 1, "ann": 1}
            found = await shared.done("owner", "GET", f"/api/sessions/{session}/viewers")
            assert [(v["name"], v["connections"]) for v in found["viewers"]] == [("owner", 1), ("ann", 1)]
            assert found["total"] == 2
            assert (await shared.done("admin", "GET", "/api/stats"))["connections"] == 2
            await ann.send(f'{{"type": "unwatch", "session_id": "{session}"}}')
            assert await present(owner) == {"owner": 1}
            await ann.send(f'{{"type": "watch", "session_id": "{session}"}}')
            assert await present(owner) == {"owner": 1, "ann": 1}
        assert await present(owner) == {"owner": 1}
    assert (await shared.ask("stranger", "GET", f"/api/sessions/{session}/viewers")).status_code == 404


async def test_who_is_alone_is_told_nothing_and_neither_of_their_own_second_tab(shared: Shared) -> None:
    session = await shared.session()
    await shared.share(session, "ann")
    path = f"/ws/sessions/{session}"
    async with shared.socket("owner", path) as one, shared.socket("owner", path) as two:
        await until(two, lambda f: f["type"] == "sync")
        async with shared.socket("ann", path):
            seen = await until(one, lambda f: f["type"] == "presence")
            assert [f["type"] for f in seen] == ["status", "sync", "session_update", "presence"]
            assert {v["name"]: v["connections"] for v in seen[-1]["viewers"]} == {"owner": 2, "ann": 1}


async def test_streams_are_told_of_presence_and_count_as_it(shared: Shared) -> None:
    session = await shared.session()
    await shared.share(session, "ann")
    stream = f"/api/sessions/{session}/stream"
    async with (
        shared.running.http.stream("GET", stream, headers=shared.headers("ann")) as answer,
        shared.socket("owner", f"/ws/sessions/{session}") as owner,
    ):
        assert await present(owner) == {"owner": 1, "ann": 1}
        async with asyncio.timeout(10):
            async for line in answer.aiter_lines():
                if '"type":"presence"' in line:
                    told = json.loads(line.removeprefix("data: "))
                    assert {viewer["name"] for viewer in told["viewers"]} == {"owner", "ann"}
                    return
        pytest.fail("the stream ended without a word of who watches")
    async with shared.socket("owner", f"/ws/sessions/{session}") as owner:
        await until(owner, lambda f: f["type"] == "sync")
        async with asyncio.timeout(10):
            while (await shared.done("owner", "GET", f"/api/sessions/{session}/viewers"))["total"] != 1:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_presence_of_somebody_whose_share_ended_ends(shared: Shared) -> None:
    session = await shared.session()
    share = await shared.share(session, "ann")
    async with (
        shared.socket("owner", f"/ws/sessions/{session}") as owner,
        shared.socket("ann", "/ws/sessions") as ann,
    ):
        await ann.send(f'{{"type": "watch", "session_id": "{session}"}}')
        assert await present(owner) == {"owner": 1, "ann": 1}
        await shared.done("owner", "DELETE", f"/api/sessions/{session}/shares/{share}")
        seen = await until(ann, lambda f: f["type"] == "error")
        assert (seen[-1]["code"], seen[-1]["session_id"]) == ("not-found", session)
        assert await present(owner) == {"owner": 1}


async def test_hints_reach_those_it_is_shared_with_and_only_them(shared: Shared) -> None:
    session = await shared.session()
    hint = lambda f: f["type"].startswith(("session:", "message:"))  # noqa: E731
    async with (
        shared.socket("owner", "/ws/sessions") as owner,
        shared.socket("ann", "/ws/sessions") as ann,
        shared.socket("ben", "/ws/sessions") as ben,
        shared.socket("admin", "/ws/sessions") as admin,
    ):
        for socket in (owner, ann, ben, admin):
            await until(socket, lambda f: f["type"] == "sessions")
        share = await shared.share(session, "ann", "edit")
        told = (await until(ann, lambda f: f["type"] == "session:created"))[-1]
        assert told["session_id"] == session
        await shared.done("owner", "PATCH", f"/api/sessions/{session}", {"name": "Now"})
        seen = await until(ann, lambda f: f["type"] == "session:updated")
        assert seen[-1]["session_id"] == session
        await shared.done("owner", "POST", f"/api/sessions/{session}/messages", {"content": "Say hello"})
        await until(ann, lambda f: f["type"] == "message:received")
        await shared.done("owner", "POST", f"/api/sessions/{session}/load")
        await until(owner, lambda f: f["type"] == "session:loaded")
        await shared.done("owner", "DELETE", f"/api/sessions/{session}/shares/{share}")
        seen = await until(ann, lambda f: f["type"] == "session:deleted")
        assert "session:loaded" not in {f["type"] for f in seen}, "what one loads is one's own affair"
        await shared.done("owner", "PATCH", f"/api/sessions/{session}", {"name": "Alone"})
        await until(owner, lambda f: f["type"] == "session:updated")
        mine = (await shared.done("ann", "POST", "/api/sessions", {"mode": "one-shot"}))["session_id"]
        seen = await until(ann, lambda f: f["type"] == "session:created")
        assert {f["session_id"] for f in seen if hint(f)} == {mine}, "nothing of what is not shared any more"
        for who, socket in (("ben", ben), ("admin", admin)):
            own = (await shared.done(who, "POST", "/api/sessions", {"mode": "one-shot"}))["session_id"]
            seen = await until(socket, hint)
            assert [f["session_id"] for f in seen if hint(f)] == [own]


async def test_expiry_ends_a_watch(shared: Shared) -> None:
    session = await shared.session()
    store = shared.running.perdure.store
    share = await shared.share(session, "ann")
    async with shared.socket("ann", f"/ws/sessions/{session}") as ann:
        await until(ann, lambda f: f["type"] == "sync")
        over = (
            update(shares).where(shares.c.id == share).values(expires_at=store.now() - timedelta(seconds=1))
        )
        await store.write(lambda tx: tx.db.execute(over))
        async with asyncio.timeout(15):
            while True:
                seen = await frame(ann, 15.0)
                if seen["type"] == "error":
                    break
            assert seen["code"] == "not-found"
            await ann.wait_closed()
        assert ann.close_code == 4404


async def test_an_id_tells_no_address_and_nobody_is_the_local_user(shared: Shared) -> None:
    """Ids of people are seen by those who work with them; what was not known before is not learnt by sharing."""
    session = await shared.session()
    base = f"/api/sessions/{session}/shares"
    refusals = [
        await shared.ask("owner", "POST", base, {"user_id": user_id, "role": "view"})
        for user_id in (shared.ids["ann"], new_id(), LOCAL_USER_ID)
    ]
    assert {r.status_code for r in refusals} == {422}
    assert len({r.json()["detail"] for r in refusals}) == 1
    assert {r.json()["code"] for r in refusals} == {"unknown-person"}
    made = await shared.done("admin", "POST", base, {"user_id": shared.ids["ann"], "role": "view"})
    again = await shared.done("owner", "POST", base, {"user_id": shared.ids["ann"], "role": "edit"})
    assert (again["share_id"], again["role"]) == (made["share_id"], "edit")
    local = await shared.ask("admin", "POST", base, {"user_id": LOCAL_USER_ID, "role": "view"})
    assert local.json()["code"] == "unknown-person"


async def test_the_end_of_a_share_is_moved_and_taken_away(shared: Shared) -> None:
    session = await shared.session()
    base = f"/api/sessions/{session}/shares"
    first = await shared.share(session, "ann", "edit", expires_at="2098-01-01T00:00:00Z")
    upsert = await shared.done(
        "owner",
        "POST",
        base,
        {"email": "ann@example.org", "role": "edit", "expires_at": "2099-01-01T00:00:00Z"},
    )
    assert (upsert["share_id"], upsert["expires_at"][:4]) == (first, "2099")
    for changes, role, year in (
        ({"expires_at": "2097-01-01T00:00:00Z"}, "edit", "2097"),
        ({"role": "view"}, "view", "2097"),
        ({"expires_at": None}, "view", None),
    ):
        changed = await shared.done("owner", "PATCH", f"{base}/{first}", changes)
        ends = changed["expires_at"]
        assert (changed["role"], ends and ends[:4]) == (role, year)
    past = await shared.ask("owner", "PATCH", f"{base}/{first}", {"expires_at": "2001-01-01T00:00:00Z"})
    assert past.status_code == 422
