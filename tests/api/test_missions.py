"""Missions over REST: written, linked, decided, reordered; with what they take and make."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Running

HOPS = [
    {
        "name": "Read",
        "goal": "Find the facts",
        "agent": "researcher",
        "inputs": ["paper"],
        "outputs": ["facts"],
    },
    {"name": "Write", "goal": "Write it down", "inputs": ["facts"], "outputs": ["report.md"]},
]
INPUTS = [{"name": "paper", "value": "On sessions"}]


async def send(app: Running, method: str, path: str, status: int = 200, **options: Any) -> dict[str, Any]:
    answer = await app.http.request(method, path, **options)
    assert answer.status_code == status, answer.text
    return answer.json()


async def create(app: Running, **body: Any) -> dict[str, Any]:
    given = {"goal": "Know more", "hops": HOPS, "inputs": INPUTS}
    return await send(app, "POST", "/api/missions", 201, json={**given, **body})


async def test_a_mission_is_written_read_and_listed(app: Running) -> None:
    made = await create(app, name="Reading", success_criteria=["short"], metadata={"k": 1})
    assert (made["status"], made["origin"], made["revision"], made["warning"]) == (
        "proposed",
        "person",
        1,
        None,
    )
    assert made["id"] == made["mission_id"]
    read = await send(app, "GET", f"/api/missions/{made['id']}")
    assert [h["name"] for h in read["hops"]] == ["Read", "Write"]
    assert read["hops"][1]["is_final"]
    assert {(a["name"], a["role"], a["status"]) for a in read["assets"]} == {
        ("paper", "input", "ready"),
        ("facts", "intermediate", "proposed"),
        ("report.md", "output", "proposed"),
    }
    assert [s["name"] for s in read["plan_data"]["steps"]] == ["Read", "Write"]
    await create(app)
    page = await send(app, "GET", "/api/missions", params={"limit": 1})
    assert (page["total"], len(page["missions"])) == (2, 1)
    rest = await send(app, "GET", "/api/missions", params={"limit": 1, "cursor": page["next_cursor"]})
    assert [m["name"] for m in rest["missions"]] == ["Reading"]
    assert rest["next_cursor"] is None
    answer = await app.http.get("/api/missions", params={"shape": "flat", "status": "accepted"})
    assert (answer.json(), answer.headers["x-total-count"]) == ([], "0")
    wrong = await send(app, "GET", "/api/missions", 422, params={"status": "done"})
    assert "proposed" in wrong["detail"]


async def test_a_repeated_create_gets_the_first_answer(app: Running) -> None:
    key = {"Idempotency-Key": "one"}
    body = {"goal": "Once"}
    first = await send(app, "POST", "/api/missions", 201, json=body, headers=key)
    again = await send(app, "POST", "/api/missions", 201, json=body, headers=key)
    assert again == first
    assert (await send(app, "GET", "/api/missions"))["total"] == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"goal": " "}, "goal"),
        ({"goal": "g", "name": ""}, "name"),
        ({"goal": "g", "hops": [{"name": "a", "goal": "b", "inputs": ["x"]}]}, "hops.0.inputs"),
        ({"goal": "g", "hops": [{"name": "a", "goal": "b", "agent": "ploter"}]}, "hops.0.agent"),
        ({"goal": "g", "hops": [{"name": "a", "goal": ""}]}, "hops.0.goal"),
        ({"goal": "g", "inputs": [{"name": "a"}], "outputs": [{"name": "a"}]}, "outputs.0.name"),
        ({"goal": "g", "hops": 7}, "hops"),
        ({}, "goal"),
    ],
)
async def test_bad_missions_name_the_field_and_leave_nothing(
    app: Running, body: dict[str, Any], field: str
) -> None:
    refused = await send(app, "POST", "/api/missions", 422, json=body)
    assert field in [e["field"] for e in refused["errors"]]
    assert (await send(app, "GET", "/api/missions"))["total"] == 0


async def test_a_linked_mission_is_decided_in_the_sessions_log(app: Running) -> None:
    session = await app.create()
    made = await create(app)
    linked = await send(app, "POST", f"/api/sessions/{session['id']}/link-mission/{made['id']}")
    assert (linked["success"], linked["warning"], linked["session_id"]) == (True, None, session["id"])
    accepted = await send(app, "POST", f"/api/missions/{made['id']}/accept", json={"revision": 1})
    assert accepted["status"] == "accepted"
    assert {h["status"] for h in accepted["mission"]["hops"]} == {"ready"}
    detail = await send(app, "GET", f"/api/sessions/{session['id']}")
    assert (detail["plan_data"]["mission_id"], detail["plan_data"]["status"]) == (made["id"], "accepted")
    dag = await send(app, "GET", f"/api/sessions/{session['id']}/dag")
    assert [n["type"] for n in dag["nodes"]] == ["planning", "step", "step", "end"]
    events = (await send(app, "GET", f"/api/sessions/{session['id']}/events"))["events"]
    assert [e["data"]["change"] for e in events if e["type"] == "plan_update"] == ["linked", "accepted"]
    assets = await send(app, "GET", "/api/assets", params={"session_id": session["id"]})
    assert {a["name"]: a["status"] for a in assets["assets"]} == {
        "paper": "ready",
        "facts": "pending",
        "report.md": "pending",
    }
    again = await send(app, "POST", f"/api/missions/{made['id']}/accept", 409)
    assert (again["code"], again["current_status"]) == ("not-allowed-now", "accepted")
    assert "cancel" in again["allowed"]


async def test_a_second_mission_archives_the_first_with_a_warning(app: Running) -> None:
    session = await app.create()
    first, second = await create(app, session_id=session["id"]), await create(app, goal="Other")
    path = f"/api/sessions/{session['id']}/link-mission/{second['id']}"
    linked = await send(app, "POST", path)
    assert linked["archived_mission_id"] == first["id"]
    assert "archived" in linked["warning"]
    assert (await send(app, "POST", path))["warning"] is None
    query = {"session_id": session["id"]}
    assert [m["id"] for m in (await send(app, "GET", "/api/missions", params=query))["missions"]] == [
        second["id"]
    ]
    everything = await send(app, "GET", "/api/missions", params={**query, "archived": True})
    assert everything["total"] == 2
    detail = await send(app, "GET", f"/api/sessions/{session['id']}")
    assert detail["plan_data"]["mission_id"] == second["id"]
    elsewhere = await app.create()
    moved = f"/api/sessions/{elsewhere['id']}/link-mission/{second['id']}"
    assert (await send(app, "POST", moved, 409))["code"] == "not-allowed-now"


async def test_reject_propose_revise_modify_and_end(app: Running) -> None:
    made = await create(app)
    path = f"/api/missions/{made['id']}"
    rejected = await send(app, "POST", f"{path}/reject", json={"reason": "too long"})
    assert (rejected["status"], rejected["mission"]["feedback"]) == ("rejected", "too long")
    assert {h["status"] for h in rejected["mission"]["hops"]} == {"cancelled"}
    assert (await send(app, "POST", f"{path}/propose"))["mission"]["revision"] == 2
    await send(app, "POST", f"{path}/accept")
    revised = (await send(app, "POST", f"{path}/revise", json={"feedback": "shorter"}))["mission"]
    assert (revised["status"], revised["revision"], revised["feedback"]) == ("proposed", 3, "shorter")
    assert {h["status"] for h in revised["hops"]} == {"proposed"}
    modified = await send(app, "POST", f"{path}/modify", json={"hops": [HOPS[0]]})
    assert [h["name"] for h in modified["mission"]["hops"]] == ["Read"]
    names = {a["name"] for a in (await send(app, "GET", path))["assets"]}
    assert names == {"paper", "facts"}
    stale = await send(app, "POST", f"{path}/accept", 409, json={"revision": 3})
    assert (stale["code"], stale["current_version"]) == ("stale-version", 4)
    patched = await send(app, "PATCH", path, json={"name": "New", "metadata": {"a": 1}})
    assert (patched["name"], patched["metadata"], patched["revision"]) == ("New", {"a": 1}, 5)
    await send(app, "POST", f"{path}/accept")
    assert (await send(app, "PATCH", path, 409, json={"name": "Newer"}))["current_status"] == "accepted"
    assert (await send(app, "POST", f"{path}/complete"))["status"] == "completed"
    assets = (await send(app, "GET", path))["assets"]
    assert {a["name"]: a["status"] for a in assets} == {"paper": "ready", "facts": "error"}
    assert (await send(app, "POST", f"{path}/cancel", 409))["allowed"] == []


async def test_hops_are_changed_ordered_and_carried_out_by_hand(app: Running) -> None:
    made = await create(app)
    path = f"/api/missions/{made['id']}"
    read, write = (h["id"] for h in made["hops"])
    refused = await send(app, "PUT", f"{path}/hops", 422, json={"hop_ids": [write, read]})
    assert refused["errors"][0]["field"] == "hops.0.inputs"
    added = await send(app, "POST", f"{path}/hops", 201, json={"goal": "Check it", "position": 1})
    assert (added["position"], added["is_final"], added["name"]) == (1, False, "Check it")
    ordered = await send(app, "PUT", f"{path}/hops", json={"hop_ids": [read, added["id"], write]})
    assert [h["position"] for h in ordered["mission"]["hops"]] == [1, 2, 3]
    assert [h["id"] for h in ordered["mission"]["hops"]] == [read, added["id"], write]
    twice = await send(app, "PATCH", f"/api/hops/{added['id']}", 422, json={"name": "read"})
    assert twice["errors"][0]["field"] == "name"
    changed = await send(
        app, "PATCH", f"/api/hops/{added['id']}", json={"name": "Look", "outputs": ["notes"]}
    )
    assert (changed["name"], [a["name"] for a in changed["assets"]]) == ("Look", ["notes"])
    needed = await send(app, "DELETE", f"/api/hops/{read}", 422)
    assert "facts" in needed["detail"]
    gone = await send(app, "DELETE", f"/api/hops/{added['id']}")
    assert [h["position"] for h in gone["mission"]["hops"]] == [1, 2]

    early = await send(app, "POST", f"/api/hops/{read}/start", 409)
    assert early["current_status"] == "proposed"
    await send(app, "POST", f"{path}/accept")
    assert (await send(app, "POST", f"/api/hops/{read}/start"))["status"] == "executing"
    assert (await send(app, "GET", path))["status"] == "in_progress"
    assert (await send(app, "PATCH", f"/api/hops/{read}", 409, json={"goal": "x"}))[
        "code"
    ] == "not-allowed-now"
    listed = await send(app, "GET", "/api/assets", params={"mission_id": made["id"], "hop_id": read})
    (facts,) = listed["assets"]
    provided = await send(app, "PATCH", f"/api/assets/{facts['id']}", json={"value": {"n": 3}})
    assert (provided["status"], provided["value"], provided["version"]) == ("ready", {"n": 3}, 1)
    done = await send(app, "POST", f"/api/hops/{read}/complete")
    assert (done["status"], done["assets"][0]["status"]) == ("completed", "ready")
    failed = await send(app, "POST", f"/api/hops/{write}/fail", json={"reason": "no time"})
    assert (failed["error"]["message"], failed["assets"][0]["status"]) == ("no time", "error")


async def test_tool_steps_are_planned_in_a_chain_that_works(app: Running) -> None:
    made = await create(app)
    path = f"/api/hops/{made['hops'][0]['id']}/tool-steps"
    early = {"tool": "summarise", "parameters": {"text": {"asset": "words"}}}
    refused = await send(app, "POST", path, 422, json=early)
    assert refused["errors"][0]["field"] == "tool_steps.0.parameters.text"
    first = await send(
        app,
        "POST",
        path,
        201,
        json={
            "tool": "read_file",
            "parameters": {"path": {"asset": "paper"}},
            "result_mapping": {"text": "words", "size": None},
        },
    )
    second = await send(app, "POST", path, 201, json=early)
    assert (first["position"], second["position"], second["status"]) == (1, 2, "proposed")
    ids = {"tool_step_ids": [second["id"], first["id"]]}
    assert "words" in (await send(app, "PUT", path, 422, json=ids))["detail"]
    listed = await send(app, "GET", path)
    assert [s["id"] for s in listed["tool_steps"]] == [first["id"], second["id"]]
    await send(app, "POST", f"/api/missions/{made['id']}/accept")
    assert {s["status"] for s in (await send(app, "GET", path))["tool_steps"]} == {"ready"}
    await send(app, "POST", f"/api/missions/{made['id']}/cancel")
    assert {s["status"] for s in (await send(app, "GET", path))["tool_steps"]} == {"cancelled"}


async def test_an_asset_is_a_file_of_the_workspace(app: Running) -> None:
    session = await app.create()
    made = await create(app, session_id=session["id"])
    upload = await app.http.put(f"/api/sessions/{session['id']}/files/in/data.csv", content=b"a,b\n1,2\n")
    assert upload.status_code in (200, 201), upload.text
    path = f"/api/missions/{made['id']}/assets"
    asset = await send(app, "POST", path, 201, json={"name": "data", "path": "in/data.csv"})
    assert (asset["kind"], asset["status"], asset["size_bytes"]) == ("file", "ready", 8)
    assert (await send(app, "POST", path, 422, json={"name": "data"}))["errors"][0]["field"] == "name"
    await send(app, "POST", path, 404, json={"name": "b", "path": "nothing.txt"})
    await send(app, "POST", path, 422, json={"name": "c", "path": "../../etc/passwd"})
    both = await send(app, "POST", path, 422, json={"name": "d", "path": "in/data.csv", "value": 1})
    assert both["errors"][0]["field"] == "path"
    free = await create(app)
    unlinked = f"/api/missions/{free['id']}/assets"
    assert "Link" in (await send(app, "POST", unlinked, 422, json={"name": "a", "path": "x"}))["detail"]
    await send(app, "GET", "/api/assets", 422)
    changed = await send(app, "PATCH", f"/api/assets/{asset['id']}", json={"value": "now a text"})
    assert (changed["version"], changed["path"], changed["sha256"]) == (2, None, None)


async def test_what_does_not_exist_is_not_found(app: Running) -> None:
    nobody = "00000000-0000-7000-8000-0000000000ff"
    for method, path in (
        ("GET", f"/api/missions/{nobody}"),
        ("POST", f"/api/missions/{nobody}/accept"),
        ("GET", f"/api/hops/{nobody}"),
        ("POST", f"/api/hops/{nobody}/start"),
        ("GET", f"/api/assets/{nobody}"),
        ("GET", f"/api/missions?session_id={nobody}"),
    ):
        await send(app, method, path, 404)
    await send(app, "GET", "/api/missions/x", 422)
