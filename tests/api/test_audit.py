"""The audit log over REST: what was asked for, from where, page by page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perdure.core.access import LOCAL_ACTOR, LOCAL_USER_ID
from tests.api.conftest import Running, frame

PROGRAM = {"User-Agent": "checker/1.0"}


async def test_a_sessions_log_says_who_did_what_from_where(app: Running) -> None:
    session = await app.create(name="A secret name")
    path = f"/api/sessions/{session['session_id']}"
    assert (await app.http.post(f"{path}/suspend", json={}, headers=PROGRAM)).status_code == 200
    assert (await app.http.post(f"{path}/suspend", json={}, headers=PROGRAM)).status_code == 409
    answer = await app.http.get(f"{path}/audit")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["total"], body["next_cursor"]) == (2, None)
    suspended, created = body["entries"]
    assert (suspended["action"], created["action"]) == ("session.suspend", "session.create")
    assert suspended["source"] == "127.0.0.1 checker/1.0"
    assert suspended["actor_id"] == LOCAL_USER_ID
    assert (suspended["object_type"], suspended["object_id"]) == ("session", session["session_id"])
    assert suspended["previous_hash"] == created["hash"]
    assert "secret" not in answer.text


async def test_what_is_taken_away_as_a_whole_is_on_record(app: Running) -> None:
    session = await app.create()
    path = f"/api/sessions/{session['session_id']}"
    await app.http.put(f"{path}/files/a.txt", content=b"a")
    for what in ("files.zip", "console.log"):
        assert (await app.http.get(f"{path}/{what}", headers=PROGRAM)).status_code == 200
    newest = (await app.http.get(f"{path}/audit", params={"limit": 2})).json()["entries"]
    assert [(e["action"], e["source"]) for e in newest] == [("session.export", "127.0.0.1 checker/1.0")] * 2
    console, files = (e["details"] for e in newest)
    assert (files, console["what"]) == ({"what": "files", "files": 1}, "console")


async def test_pages_are_newest_first_and_hold_still_while_more_is_written(app: Running) -> None:
    session = await app.create()
    path = f"/api/sessions/{session['session_id']}"
    for number in range(5):
        await app.http.patch(path, json={"name": f"n{number}"})
    positions: list[int] = []
    cursor: str | None = None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await app.http.get(f"{path}/audit", params=query)).json()
        positions += [entry["position"] for entry in page["entries"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        await app.http.patch(path, json={"name": f"later than {cursor}"})
    assert positions == sorted(positions, reverse=True)
    assert len(positions) == len(set(positions)) == 6
    flat = await app.http.get(f"{path}/audit", params={"shape": "flat", "limit": 1})
    assert (len(flat.json()), flat.headers["X-Total-Count"]) == (1, str(6 + 3 - 1))


async def test_the_whole_log_keeps_what_is_gone(app: Running) -> None:
    session = await app.create()
    other = await app.create()
    await app.http.delete(f"/api/sessions/{session['session_id']}", params={"purge": "true"})
    assert (await app.http.get(f"/api/sessions/{session['session_id']}/audit")).status_code == 404
    found = (await app.http.get("/api/audit", params={"session_id": session["session_id"]})).json()
    assert [e["action"] for e in found["entries"]] == ["session.purge", "session.delete", "session.create"]
    made = (await app.http.get("/api/audit", params={"action": "session.create"})).json()["entries"]
    assert [e["object_id"] for e in made] == [other["session_id"], session["session_id"]]
    nobody = {"actor_id": "00000000-0000-7000-8000-0000000000ff"}
    assert (await app.http.get("/api/audit", params=nobody)).json()["entries"] == []


@pytest.mark.parametrize("cursor", ["x", "-1", "0", "\u0661", "99999999999999999999", ""])
async def test_a_cursor_of_elsewhere_is_refused(app: Running, cursor: str) -> None:
    answer = await app.http.get("/api/audit", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["field"]) == (422, "cursor")


async def test_who_is_no_administrator_is_refused_and_noted(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = await app.create()
    member = replace(LOCAL_ACTOR, user_id="00000000-0000-7000-8000-0000000000aa", is_admin=False)
    monkeypatch.setattr("perdure.api.auth.LOCAL_ACTOR", member)
    answer = await app.http.get("/api/audit")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await app.http.get(f"/api/sessions/{local['session_id']}/audit")).status_code == 404
    monkeypatch.undo()
    newest = (await app.http.get("/api/audit")).json()["entries"][0]
    assert (newest["action"], newest["result"], newest["actor_id"]) == (
        *("audit.read", "refused"),
        member.user_id,
    )


async def test_what_a_socket_asks_for_is_noted_with_its_program(app: Running) -> None:
    session = await app.create()
    path = f"/ws/sessions/{session['session_id']}"
    async with app.socket(path, user_agent_header="socket-program/2") as socket:
        await frame(socket)
        await socket.send('{"type": "pause"}')
        entries = f"/api/sessions/{session['session_id']}/audit"
        found = (await app.http.get(entries)).json()["entries"]
        while found[0]["action"] != "session.suspend":
            await frame(socket)
            found = (await app.http.get(entries)).json()["entries"]
    assert found[0]["source"] == "127.0.0.1 socket-program/2"
