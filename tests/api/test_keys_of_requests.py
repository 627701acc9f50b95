"""Requests with a key when the server ends after the work and before the answer: nothing is done twice."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from perdure.errors import StorageUnavailable
from perdure.services.idempotency import IdempotencyService
from tests.api.conftest import Running, frame
from tests.api.test_run_control import Worker


@pytest.fixture
def no_answers_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens after the work is lost, as when the process is killed there."""

    async def lost(*_given: Any) -> None:
        return None

    monkeypatch.setattr(IdempotencyService, "finish", lost)


async def post(app: Running, path: str, body: Any = None) -> Any:
    return await app.http.post(path, json=body, headers={"Idempotency-Key": f"key of {path}"})


@pytest.mark.usefixtures("no_answers_kept")
async def test_a_repeat_gets_the_answer_that_was_stored_with_the_work(app: Running) -> None:
    session_id, run = await Worker(app).finished(app, "one")
    quiet = await app.create()
    requests = [
        ("/api/sessions", {"mode": "one-shot", "name": "new", "tags": ["a"]}),
        ("/api/tasks/submit", {"task": "Write", "task_id": "mine"}),
        (f"/api/sessions/{quiet['id']}/messages", {"content": "Write"}),
        (f"/api/sessions/{session_id}/fork", {}),
        (f"/api/runs/{run.id}/fork", {"name": "again"}),
    ]
    for path, body in requests:
        first, again = await post(app, path, body), await post(app, path, body)
        assert (again.status_code, again.json()) == (first.status_code, first.json()), path
        assert (first.status_code // 100, again.headers["Idempotency-Replayed"]) == (2, "true")
    assert (await app.http.get("/api/sessions")).json()["total"] == 2 + 4
    assert (await app.http.get(f"/api/sessions/{quiet['id']}/runs")).json()["total"] == 1


@pytest.mark.usefixtures("no_answers_kept")
async def test_a_repeat_of_what_keeps_no_answer_says_what_was_made(app: Running) -> None:
    made = await app.create()
    path = f"/api/sessions/{made['id']}/suspend"
    assert (await post(app, path)).status_code == 200
    again = await post(app, path)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    done = {"action": "session.suspend", "object": "session", "id": made["id"]}
    assert again.json()["made"] == [done]


@pytest.mark.usefixtures("no_answers_kept")
async def test_a_message_on_a_socket_is_sent_once(app: Running) -> None:
    made = await app.create()
    message = {"type": "message", "content": "Write", "client_id": "c1", "ref": 1}
    answers: list[dict[str, Any]] = []
    for _ in range(2):
        async with app.socket(f"/ws/sessions/{made['id']}") as socket:
            await socket.send(json.dumps(message))
            async with asyncio.timeout(10):
                while (answer := await frame(socket))["type"] != "ack":
                    pass
            answers.append(answer)
    first, again = answers
    assert again.pop("repeated") is True
    assert again == first
    assert first["run_id"]
    assert (await app.http.get(f"/api/sessions/{made['id']}/runs")).json()["total"] == 1


async def test_an_error_after_the_work_does_not_free_the_key(
    app: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_run_id: str) -> None:
        raise StorageUnavailable("The engine's database is away.")

    made = await app.create()
    path = f"/api/sessions/{made['id']}/messages"
    monkeypatch.setattr(app.perdure.runs._engine, "enqueue", broken)
    assert (await post(app, path, {"content": "Write"})).status_code == 503
    monkeypatch.undo()
    again = await post(app, path, {"content": "Write"})
    assert (again.status_code, again.json()["status"]) == (202, "started")
    assert (await app.http.get(f"/api/sessions/{made['id']}/runs")).json()["total"] == 1


async def test_a_refused_request_leaves_its_key_free(app: Running) -> None:
    path = "/api/sessions"
    assert (await post(app, path, {"mode": "no such mode"})).status_code in (404, 422)
    assert (await post(app, path, {"mode": "one-shot"})).status_code == 201
