"""Sessions over REST."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import httpx
import pytest

from perdure.services.sessions import SessionService
from tests.api.conftest import Running


async def test_creates_reads_and_lists_a_session(app: Running) -> None:
    made = await app.create(name="First", config={"model": "openai:b"}, metadata={"k": 1}, tags=["x"])
    assert made["id"] == made["session_id"] == made["chat_id"]
    detail = (await app.http.get(f"/api/sessions/{made['id']}")).json()
    assert detail["name"] == "First"
    assert detail["metadata"] == {"k": 1}
    assert detail["conversation_history"] == []
    assert detail["as_of_seq"] == detail["last_seq"] >= 1
    assert detail["created_at"].endswith("Z")
    page = (await app.http.get("/api/sessions")).json()
    assert page["total"] == 1
    assert page["sessions"][0]["session_id"] == made["id"]
    assert page["counts"]["active"] == 1


async def test_accepts_a_trailing_slash_without_a_redirect(app: Running) -> None:
    answer = await app.http.post("/api/sessions/", json={"mode": "one-shot"})
    assert answer.status_code == 201
    assert (await app.http.get("/api/sessions/")).status_code == 200


async def test_gives_bare_arrays_on_request(app: Running) -> None:
    for name in "abc":
        await app.create(name=name)
    answer = await app.http.get("/api/sessions", params={"shape": "flat", "per_page": 2, "page": 2})
    assert answer.headers["x-total-count"] == "3"
    assert len(answer.json()) == 1
    modes = (await app.http.get("/api/sessions/modes/list", params={"shape": "flat"})).json()
    assert {"one-shot", "planning-control"} <= {mode["id"] for mode in modes}
    assert all("supportsHITL" in mode and "supports_resume" in mode for mode in modes)


async def test_refuses_a_stale_version_and_says_the_current_one(app: Running) -> None:
    made = await app.create()
    url = f"/api/sessions/{made['id']}"
    first = await app.http.patch(url, json={"name": "New"}, headers={"If-Match": made["etag"]})
    assert first.status_code == 200
    assert first.headers["etag"] == f'"{made["version"] + 1}"'
    second = await app.http.patch(url, json={"name": "Other"}, headers={"If-Match": made["etag"]})
    assert second.status_code == 409
    assert second.headers["content-type"] == "application/problem+json"
    assert second.json()["code"] == "stale-version"
    assert second.json()["current_version"] == made["version"] + 1


async def test_saves_a_state_from_outside(app: Running) -> None:
    made = await app.create()
    body = {
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello", "agent": "a"},
        ],
        "contextVariables": {"x": 1},
        "phase": "execution",
        "expectedVersion": made["version"],
    }
    saved = await app.http.put(f"/api/sessions/{made['id']}/state", json=body)
    assert saved.status_code == 200, saved.text
    history = (await app.http.get(f"/api/sessions/{made['id']}/history")).json()
    assert [m["content"] for m in history["messages"]] == ["Hi", "Hello"]
    assert set(history["messages"][0]) == {
        "message_id", "id", "position", "role", "agent", "author", "content", "parts", "run_id", "timestamp",
    }  # fmt: skip
    again = await app.http.put(f"/api/sessions/{made['id']}/state", json=body)
    assert again.status_code == 409


async def test_gives_the_first_answer_to_a_repeat(app: Running) -> None:
    headers = {"Idempotency-Key": "k1"}
    answers = [
        await app.http.post("/api/sessions", json={"mode": "one-shot"}, headers=headers) for _ in range(3)
    ]
    assert len({a.json()["session_id"] for a in answers}) == 1
    assert answers[1].headers["idempotency-replayed"] == "true"
    other = await app.http.post("/api/sessions", json={"mode": "planning-control"}, headers=headers)
    assert other.status_code == 422


async def test_a_key_whose_request_failed_can_be_used_again(app: Running) -> None:
    headers = {"Idempotency-Key": "k2"}
    assert (await app.http.post("/api/sessions", json={"mode": "nope"}, headers=headers)).status_code == 422
    assert (
        await app.http.post("/api/sessions", json={"mode": "one-shot"}, headers=headers)
    ).status_code == 201


async def test_a_request_that_is_cut_off_keeps_its_key_and_its_answer(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, stored = SessionService.create, asyncio.Event()

    async def stored_and_unanswered(self: SessionService, *given: Any, **values: Any) -> Any:
        await create(self, *given, **values)
        stored.set()
        await asyncio.Event().wait()

    address, headers = "/api/sessions", {"Idempotency-Key": "k3"}
    with monkeypatch.context() as patch:
        patch.setattr(SessionService, "create", stored_and_unanswered)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app.app), base_url=f"http://127.0.0.1:{app.port}"
        ) as direct:
            asking = asyncio.create_task(direct.post(address, json={"mode": "one-shot"}, headers=headers))
            await stored.wait()
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    again = await app.http.post(address, json={"mode": "one-shot"}, headers=headers)

    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert [each["id"] for each in (await app.http.get(address)).json()["sessions"]] == [again.json()["id"]]


async def test_moves_a_session_through_its_life(app: Running) -> None:
    made = await app.create()
    url = f"/api/sessions/{made['id']}"
    for command, status in (
        ("suspend", "suspended"),
        ("resume", "active"),
        ("complete", "completed"),
        ("archive", "archived"),
        ("restore", None),
    ):
        answer = await app.http.post(f"{url}/{command}")
        assert answer.status_code == 200, answer.text
        assert answer.json()["success"] is True
        if status:
            assert answer.json()["status"] == status
    assert (await app.http.post(f"{url}/load")).json()["loaded"] is True
    assert (await app.http.post(f"{url}/activity")).status_code == 200
    assert (await app.http.delete(url)).json()["status"] == "deleted"
    assert (await app.http.delete(url)).status_code == 200
    assert (await app.http.get(url)).status_code == 404
    assert (await app.http.post(f"{url}/restore")).status_code == 200


async def test_says_what_a_status_allows(app: Running) -> None:
    made = await app.create()
    answer = await app.http.post(f"/api/sessions/{made['id']}/restore")
    assert answer.status_code == 409
    assert answer.json()["code"] == "not-allowed-now"
    assert "suspend" in answer.json()["allowed"]


async def test_commands_many_with_a_result_each(app: Running) -> None:
    made = [await app.create() for _ in range(2)]
    ids = [m["id"] for m in made] + [str(uuid.uuid4())]
    answer = (await app.http.post("/api/sessions/bulk", json={"action": "suspend", "ids": ids})).json()
    assert (answer["succeeded"], answer["failed"]) == (2, 1)


async def test_sends_a_message_and_reads_the_run(app: Running) -> None:
    made = await app.create()
    answer = await app.http.post(f"/api/sessions/{made['id']}/messages", json={"content": "Do it"})
    assert answer.status_code == 202, answer.text
    run_id = answer.json()["run_id"]
    busy = await app.http.post(f"/api/sessions/{made['id']}/messages", json={"content": "More"})
    assert (busy.status_code, busy.json()["code"]) == (409, "run-in-progress")
    waiting = await app.http.post(
        f"/api/sessions/{made['id']}/messages", json={"content": "More", "on_busy": "enqueue"}
    )
    assert waiting.json()["status"] == "queued"
    queue = (await app.http.get(f"/api/sessions/{made['id']}/queue")).json()
    assert queue["total"] == 1
    item = queue["items"][0]["id"]
    changed = await app.http.patch(f"/api/sessions/{made['id']}/queue/{item}", json={"content": "Less"})
    assert changed.json()["content"] == "Less"
    assert (await app.http.delete(f"/api/sessions/{made['id']}/queue/{item}")).json()["total"] == 0
    run = (await app.http.get(f"/api/runs/{run_id}")).json()
    assert run["meta"] == {"cost": 0.0, "tokens": 0}
    assert "fence" not in run
    cancelled = (await app.http.post(f"/api/runs/{run_id}/cancel")).json()
    assert cancelled["status"] in {"cancelled", "cancelling"}
    runs = (await app.http.get(f"/api/sessions/{made['id']}/runs")).json()
    assert runs["total"] == 1


async def test_submits_a_task_once(app: Running) -> None:
    body = {"task": "Write", "config": {"mode": "one-shot"}, "task_id": "t-1"}
    first = await app.http.post("/api/tasks/submit", json=body)
    assert first.status_code == 202, first.text
    second = await app.http.post("/api/tasks/submit", json=body)
    assert second.json()["run_id"] == first.json()["run_id"]
    assert (await app.http.get("/api/tasks/t-1")).json()["session_id"] == first.json()["session_id"]
    assert (await app.http.get("/api/tasks/unknown")).status_code == 404


@pytest.mark.parametrize(
    "tab", ["events", "costs", "dag", "console", "files", "approvals", "steps", "queue", "runs"]
)
async def test_every_tab_has_its_answer(app: Running, tab: str) -> None:
    made = await app.create()
    answer = await app.http.get(f"/api/sessions/{made['id']}/{tab}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["session_id" if tab != "approvals" else "approvals"] in (made["id"], [])
    missing = await app.http.get(f"/api/sessions/{uuid.uuid4()}/{tab}")
    assert missing.status_code == 404


async def test_counts_the_groups_of_all_pages_when_asked(app: Running) -> None:
    ids = [(await app.create(name=name))["id"] for name in ("Ferry 1", "Ferry 2", "Harbour")]
    for session_id in ids[:2]:
        await app.http.post(f"/api/sessions/{session_id}/suspend")
    await app.http.post(f"/api/sessions/{ids[0]}/messages", json={"content": "Go"})
    page = (await app.http.get("/api/sessions?limit=1&groups=true&group=paused")).json()
    assert (page["total"], len(page["sessions"])) == (2, 1)
    assert {name: n for name, n in page["groups"].items() if n} == {"ready": 1, "paused": 2}
    found = (await app.http.get("/api/sessions?groups=true&q=harbour")).json()
    assert {name: n for name, n in found["groups"].items() if n} == {"ready": 1}
    assert (await app.http.get("/api/sessions")).json()["groups"] is None
    assert (await app.http.get("/api/sessions?group=waiting")).status_code == 422


async def test_searches_the_log_and_what_was_printed(app: Running) -> None:
    url = f"/api/sessions/{(await app.create(name='Harbour survey'))['id']}"
    await app.lines(url.rsplit("/", 1)[-1], 1, 12)
    page = (await app.http.get(f"{url}/events?search=HARBOUR")).json()
    assert [each["type"] for each in page["events"]] == ["session_update"]
    assert (page["has_more"], page["next_after"], page["next_before"]) == (False, 13, None)
    newest = (await app.http.get(f"{url}/console?search=1&before=1000&limit=2")).json()
    assert [each["data"]["lines"] for each in newest["events"]] == [["11"], ["12"]]
    assert (newest["has_more"], newest["next_before"]) == (True, 12)
    older = (await app.http.get(f"{url}/console?search=1&before=12")).json()
    assert [each["data"]["lines"] for each in older["events"]] == [["1"], ["10"]]
    assert (older["has_more"], older["next_before"], older["next_after"]) == (False, 1, 11)
    assert (await app.http.get(f"{url}/events?search={'x' * 201}")).status_code == 422
    assert (await app.http.get(f"{url}/events?search=%00")).status_code == 422


async def test_keeps_files_and_hands_them_out_as_attachments(app: Running) -> None:
    made = await app.create()
    url = f"/api/sessions/{made['id']}/files"
    put = await app.http.put(f"{url}/out/page.html", content=b"<script>alert(1)</script>")
    assert put.status_code == 201, put.text
    assert (await app.http.get(url)).json()["files"][0]["path"] == "out/page.html"
    got = await app.http.get(f"{url}/out/page.html")
    assert got.content == b"<script>alert(1)</script>"
    assert got.headers["content-disposition"].startswith("attachment")
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-type"] == "application/octet-stream"
    assert (await app.http.get(f"{url}/nothing.txt")).status_code == 404
    for bad in ("%2e%2e/x", "a/%2e%2e/%2e%2e/x", "/etc/passwd"):
        assert (await app.http.put(f"{url}/{bad}", content=b"x")).status_code in {404, 422}


async def test_of_two_writers_with_one_version_one_wins(app: Running) -> None:
    made = await app.create()
    url = f"/api/sessions/{made['id']}"
    headers = {"If-Match": made["etag"]}
    answers = await asyncio.gather(
        *(app.http.patch(url, json={"name": f"n{i}"}, headers=headers) for i in range(5))
    )
    assert sorted(a.status_code for a in answers) == [200, 409, 409, 409, 409]


async def test_reports_about_itself(app: Running) -> None:
    assert (await app.http.get("/health")).json()["status"] == "ok"
    assert (await app.http.get("/ready")).json()["ready"] is True
    assert (await app.http.get("/api/stats")).json()["active_sessions"] == 0
    assert "perdure_info" in (await app.http.get("/metrics")).text
    assert "/api/sessions" in (await app.http.get("/docs")).text


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_null_empties_a_field_and_a_name_stays(app: Running, method: str) -> None:
    made = await app.create(name="Kept", tags=["a"], config={"model": "local"}, metadata={"k": 1})
    path = f"/api/sessions/{made['id']}"
    body = {"tags": None, "metadata": None, "config": None, "resource_limits": None}
    assert (await app.http.request(method, path, json=body)).status_code == 200
    detail = (await app.http.get(path)).json()
    assert (detail["tags"], detail["metadata"], detail["resource_limits"]) == ([], {}, {})
    assert "model" not in detail["config"] or detail["config"]["model"] is None
    answer = await app.http.request(method, path, json={"name": None})
    assert (answer.status_code, answer.json()["field"]) == (422, "name")
