"""Forks, comparisons, the queue and costs over REST."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.agents.prices import price_table
from perdure.core.costs import MadeCall
from perdure.core.runs import Run
from perdure.ids import new_id
from perdure.services.ports import Limits
from perdure.services.progress import RunProgress
from tests import factories
from tests.api.conftest import Running


class Worker:
    """Carries runs of a server without an engine out by hand."""

    def __init__(self, app: Running) -> None:
        self.app = app
        self.progress = RunProgress(app.perdure.store, app.perdure.modes, Limits(), "worker")

    async def finished(self, app: Running, *keys: str, summary: str = "did it") -> tuple[str, Run]:
        """Return a session and its completed run of those steps, one priced and one unpriced call each."""
        made = await app.create(mode="planning-control", name="Original")
        answer = await app.http.post(f"/api/sessions/{made['id']}/messages", json={"content": "Write"})
        run = await self.progress.begin(answer.json()["run_id"])
        await self.carry_out(run, *keys, summary=summary)
        return made["id"], run

    async def carry_out(self, run: Run, *keys: str, summary: str = "did it") -> None:
        """Carry steps out and finish the run."""
        for key in keys:
            step = await self.progress.begin_step(
                run, key, phase="execution", name=key, goal=None, agent=None, hop_id=None, number=None
            )
            for number, micros in enumerate((250, None)):
                call = factories.call(
                    run,
                    f"{run.id}:{run.attempt}:{key}:{number}",
                    step_id=step.id,
                    cost_usd_micros=micros,
                    price_version="prices 7" if micros else None,
                    agent=key,
                )
                await self.progress.finish_call(run, call, [])
            await self.progress.complete_step(run, step, checkpoint={"k": key}, summary=summary, number=None)
        await self.progress.finish(run, {"summary": summary})


async def _post(app: Running, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
    return await app.http.post(path, json=body, headers=headers)


async def test_a_session_is_forked_from_a_step_and_from_an_event(app: Running) -> None:
    session_id, run = await Worker(app).finished(app, "one", "two")
    made = await _post(app, f"/api/sessions/{session_id}/fork", {"from_step": "two", "name": "Fork"})
    assert made.status_code == 201, made.text
    forked = made.json()
    assert (forked["forked_from_session"], forked["name"], forked["status"]) == (session_id, "Fork", "active")
    branch = (await app.http.get(f"/api/runs/{forked['run_id']}")).json()
    assert (branch["is_branch"], branch["parent_run_id"], branch["forked_from_step"]) == (True, run.id, "two")
    assert branch["status"] == "queued"
    steps = (await app.http.get(f"/api/sessions/{forked['id']}/steps")).json()["steps"]
    assert [s["key"] for s in steps] == ["one"]
    costs = (await app.http.get(f"/api/sessions/{forked['id']}/costs")).json()
    assert (costs["calls"], costs["total_cost_usd"]) == (0, 0.0)

    seq = forked["forked_from_seq"]
    same = (await _post(app, f"/api/sessions/{session_id}/fork", {"fromSeq": seq})).json()
    assert same["forked_from_seq"] == seq
    assert same["name"] == "Original (fork)"
    copy = (await _post(app, f"/api/sessions/{session_id}/fork")).json()
    assert (copy["run_id"], copy["status"]) == (None, "completed")
    detail = (await app.http.get(f"/api/sessions/{copy['id']}")).json()
    assert (detail["run_status"], detail["cost_usd"]) == ("completed", 0.0)


async def test_a_run_is_forked_with_another_task_and_config(app: Running) -> None:
    _, run = await Worker(app).finished(app, "one")
    body = {"input": "Rather this", "config": {"model": "openai:y"}, "name": "Again"}
    made = await _post(app, f"/api/runs/{run.id}/fork", body)
    assert made.status_code == 201, made.text
    branch = (await app.http.get(f"/api/runs/{made.json()['run_id']}")).json()
    assert (branch["task"], branch["model"], branch["parent_run_id"]) == ("Rather this", "openai:y", run.id)
    from_step = await _post(app, f"/api/runs/{run.id}/fork", {"from_step": "one"})
    assert from_step.json()["run_id"] != branch["run_id"]


async def test_a_repeated_fork_with_the_same_key_is_one_fork(app: Running) -> None:
    session_id, run = await Worker(app).finished(app, "one")
    for path in (f"/api/sessions/{session_id}/fork", f"/api/runs/{run.id}/fork"):
        key = {"Idempotency-Key": path}
        first, again = await _post(app, path, {}, **key), await _post(app, path, {}, **key)
        assert first.status_code == again.status_code == 201
        assert first.json()["id"] == again.json()["id"]
    assert (await app.http.get("/api/sessions")).json()["total"] == 3


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"from_step": "nine"}, 404, "not-found"),
        ({"from_seq": 10_000}, 422, "invalid-input"),
        ({"from_seq": 0}, 422, "invalid-input"),
        ({"from_seq": 2, "from_step": "one"}, 422, "invalid-input"),
        ({"input": "  "}, 422, "invalid-input"),
        ({"config": {"modle": "x"}}, 422, "unknown-config-key"),
        ({"name": ""}, 422, "invalid-input"),
    ],
)
async def test_a_fork_that_cannot_be_made_makes_nothing(
    app: Running, body: dict[str, Any], status: int, code: str
) -> None:
    session_id, _ = await Worker(app).finished(app, "one", "two")
    answer = await _post(app, f"/api/sessions/{session_id}/fork", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    if status == 404:
        assert answer.json()["steps"] == ["one", "two"]
    assert (await app.http.get("/api/sessions")).json()["total"] == 1


async def test_a_deleted_or_unknown_source_is_not_found(app: Running) -> None:
    session_id, run = await Worker(app).finished(app, "one")
    assert (await app.http.delete(f"/api/sessions/{session_id}")).status_code == 200
    for path in (
        f"/api/sessions/{session_id}/fork",
        f"/api/runs/{run.id}/fork",
        f"/api/sessions/{new_id()}/fork",
        f"/api/runs/{new_id()}/fork",
    ):
        assert (await _post(app, path)).status_code == 404
    assert (await app.http.get(f"/api/runs/{run.id}/diff/{run.id}")).status_code == 404


async def test_two_runs_are_compared_where_they_part(app: Running) -> None:
    worker = Worker(app)
    _, left = await worker.finished(app, "one", "two")
    forked = (await _post(app, f"/api/runs/{left.id}/fork", {"from_step": "two", "input": "Rather"})).json()
    right = await worker.progress.begin(forked["run_id"])
    await worker.carry_out(right, "two", "three", summary="did it otherwise")

    answer = await app.http.get(f"/api/runs/{left.id}/diff/{right.id}")

    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["left"], found["right"], found["same"]) == (left.id, right.id, False)
    assert found["first_difference"] == {"key": "two", "differs": ["summary"]}
    rows = {row["key"]: row for row in found["steps"]}
    assert list(rows) == ["one", "two", "three"]
    assert (rows["one"]["same"], rows["one"]["cost_usd"]) == (True, -0.00025)
    assert (rows["two"]["left"]["summary"], rows["two"]["right"]["summary"]) == (
        "did it",
        "did it otherwise",
    )
    assert (rows["three"]["left"], rows["three"]["differs"]) == (None, ["missing"])
    assert found["totals"]["difference"]["cost_usd"] == 0
    assert found["totals"]["difference"]["steps"] == 1
    assert found["totals"]["left"]["unpriced_calls"] == 2
    assert found["task"] == {"same": False, "left": "Write", "right": "Rather"}
    assert found["config"]["differs"] == ["additional_context"]
    assert found["result"]["differs"] == ["summary"]
    same = (await app.http.get(f"/api/runs/{left.id}/diff/{left.id}")).json()
    assert (same["same"], same["first_difference"]) == (True, None)


async def test_costs_break_down_to_the_same_total_and_name_their_prices(app: Running) -> None:
    session_id, run = await Worker(app).finished(app, "one", "two")
    costs = (await app.http.get(f"/api/sessions/{session_id}/costs")).json()
    assert (costs["calls"], costs["unpriced_calls"], costs["total_cost_usd"]) == (4, 2, 0.0005)
    for by in ("by_model", "by_agent", "by_step", "by_run", "by_day"):
        rows = costs[by]
        assert sum(row["cost_usd"] or 0 for row in rows) == costs["total_cost_usd"]
        assert sum(row["calls"] for row in rows) == costs["calls"]
        assert sum(row["unpriced_calls"] for row in rows) == costs["unpriced_calls"]
    assert {row["label"] for row in costs["by_step"]} == {"one: one", "two: two"}
    assert [(row["key"], row["label"]) for row in costs["by_run"]] == [(run.id, "Write")]
    (prices,) = costs["price_versions"]
    assert (prices["version"], prices["source"], prices["calls"]) == ("prices 7", "prices", 2)
    assert prices["first_used_at"].endswith("Z")
    assert {r["cost_usd"] for r in costs["records"]} == {0.00025, None}


async def test_costs_say_what_was_spent_again_and_which_prices_hold_now(app: Running) -> None:
    made = await app.create()
    answer = await app.http.post(f"/api/sessions/{made['id']}/messages", json={"content": "Write"})
    worker = Worker(app)
    run = await worker.progress.begin(answer.json()["run_id"])
    cut_off, repeated = (str(MadeCall(run.id, 1, 4, fence)) for fence in (1, 2))
    unknown = {"cost_usd_micros": None, "input_tokens": None, "output_tokens": None, "finished": False}
    await worker.progress.open_call(run, factories.call(run, cut_off, **unknown))
    url = f"/api/sessions/{made['id']}/costs"
    nothing = {"calls": 0, "unpriced_calls": 0, "input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0}
    assert (await app.http.get(url)).json()["made_again"] == nothing
    await worker.progress.finish_call(run, factories.call(run, repeated), [])
    costs = (await app.http.get(url)).json()
    assert costs["made_again"] == {**nothing, "calls": 1, "unpriced_calls": 1, "cost_usd": None}
    assert {r["call_id"]: r["made_again"] for r in costs["records"]} == {cut_off: True, repeated: False}
    assert costs["price_version"] == price_table()


async def test_a_cost_that_nobody_knows_is_null_and_not_zero(app: Running) -> None:
    made = await app.create()
    answer = await app.http.post(f"/api/sessions/{made['id']}/messages", json={"content": "Write"})
    worker = Worker(app)
    run = await worker.progress.begin(answer.json()["run_id"])
    await worker.progress.open_call(
        run, factories.call(run, "c", cost_usd_micros=None, finished=False, input_tokens=None)
    )
    costs = (await app.http.get(f"/api/sessions/{made['id']}/costs")).json()
    assert (costs["calls"], costs["total_cost_usd"], costs["price_versions"]) == (1, None, [])
    assert [row["cost_usd"] for row in costs["by_model"]] == [None]
    assert [r["finished"] for r in costs["records"]] == [False]


async def test_the_queue_is_added_to_edited_ordered_and_counted(app: Running) -> None:
    made = await app.create(mode="planning-control")
    path = f"/api/sessions/{made['id']}"
    assert (await _post(app, f"{path}/messages", {"content": "Busy"})).status_code == 202
    first = await _post(app, f"{path}/queue", {"content": "one", "config": {"n_plan_reviews": 0}})
    assert (first.status_code, first.json()["config"]) == (201, {"n_plan_reviews": 0})
    second = (await _post(app, f"{path}/queue", {"task": "two"})).json()
    for wrong in (
        {"content": ""},
        {"content": "x", "config": {"n_plan_reviews": "many"}},
        {"content": "a\0"},
    ):
        assert (await _post(app, f"{path}/queue", wrong)).status_code == 422
    ids = [second["id"], first.json()["id"]]
    ordered = await app.http.put(f"{path}/queue", json={"item_ids": ids})
    assert [i["content"] for i in ordered.json()["items"]] == ["two", "one"]
    changed = await app.http.patch(f"{path}/queue/{ids[1]}", json={"config": {}})
    assert (changed.json()["content"], changed.json()["config"]) == ("one", {})
    assert (await app.http.patch(f"{path}/queue/{new_id()}", json={"content": "x"})).status_code == 404
    assert (await app.http.get(path)).json()["queue_length"] == 2
    assert (await app.http.get("/api/sessions")).json()["sessions"][0]["queue_length"] == 2
    left = await app.http.delete(f"{path}/queue/{ids[0]}")
    assert left.json()["total"] == 1
    assert (await app.http.delete(f"{path}/queue/{ids[0]}")).status_code == 404


async def test_a_resume_from_a_step_that_is_none_names_those_there_are(app: Running) -> None:
    made = await app.create(mode="planning-control")
    path = f"/api/sessions/{made['id']}"
    await _post(app, f"{path}/messages", {"content": "Write"})
    await _post(app, f"{path}/suspend")
    answer = await _post(app, f"{path}/resume", {"from_step": "nine"})
    assert (answer.status_code, answer.json()["steps"]) == (404, [])
    assert (await app.http.get(path)).json()["status"] == "suspended"
