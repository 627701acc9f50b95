"""Runs from both sides: a person's control over them, and the worker that writes what happens."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.core.approvals import ApprovalStatus, OnExpiry
from perdure.core.missions import HopStatus
from perdure.core.runs import Run, RunStatus, Step, StepStatus
from perdure.core.sessions import SessionStatus
from perdure.errors import (
    AlreadyAnswered,
    Conflict,
    InvalidInput,
    NotAllowedNow,
    NotFound,
    RunInProgress,
    StaleWriter,
)
from perdure.ids import new_id
from perdure.services import plans
from perdure.store import runs as run_rows
from perdure.store import sessions as session_rows
from tests import factories
from tests.factories import OWNER, STRANGER, Clock, Services, line


async def step(services: Services, run: Run, key: str = "s1") -> Step:
    return await services.progress.begin_step(
        run, key, phase="execution", name=key, goal=None, agent=None, hop_id=None, number=1
    )


async def run_in(services: Services, status: str) -> tuple[str, Run]:
    """A session with a run in that status, got there by commands."""
    session, run = await services.running("talk")
    match status:
        case "queued":
            await services.progress.finish(run, {})
            started = await services.runs.start(OWNER, session.id, "more")
            assert started.run is not None
            run = started.run
        case "waiting":
            await services.progress.ask(run, factories.approval(session.id, run.id))
        case "pausing" | "paused":
            await services.sessions.suspend(OWNER, session.id)
            if status == "paused":
                await services.progress.park(run)
        case "cancelling" | "cancelled":
            await services.runs.cancel(OWNER, run.id)
            if status == "cancelled":
                await services.progress.stopped(run)
        case "completed":
            await services.progress.finish(run, {"summary": "s"})
        case "failed":
            await services.progress.fail(run, {"message": "broken"}, "s1")
        case _:
            pass
    now = await services.runs.get(OWNER, run.id)
    assert now.status == status
    services.engine.enqueued.clear()
    return session.id, now


@pytest.mark.parametrize("status", [str(s) for s in RunStatus])
async def test_pause_takes_a_run_where_the_table_says(services: Services, status: str) -> None:
    _, run = await run_in(services, status)
    target = {"queued": "paused", "running": "pausing", "waiting": "paused"}.get(status)
    if target is None:
        with pytest.raises(NotAllowedNow) as caught:
            await services.runs.pause(OWNER, run.id)
        assert caught.value.fields["current_status"] == status
    else:
        assert (await services.runs.pause(OWNER, run.id)).status == target


@pytest.mark.parametrize("status", [str(s) for s in RunStatus])
async def test_resume_takes_a_run_where_the_table_says(services: Services, status: str) -> None:
    session_id, run = await run_in(services, status)
    target = {"pausing": "running", "paused": "queued"}.get(status)
    if target is None:
        with pytest.raises(NotAllowedNow):
            await services.runs.resume(OWNER, run.id, "hint")
    else:
        resumed = await services.runs.resume(OWNER, run.id, "hint")
        assert resumed.status == target
        assert resumed.config["additional_context"] == ["hint"]
        assert services.engine.enqueued == [run.id]
        assert await services.status(session_id) == "active"


@pytest.mark.parametrize("status", [str(s) for s in RunStatus])
async def test_cancel_takes_a_run_where_the_table_says(services: Services, status: str) -> None:
    session_id, run = await run_in(services, status)
    if status in ("completed", "failed"):
        with pytest.raises(NotAllowedNow):
            await services.runs.cancel(OWNER, run.id)
        return
    cancelled = await services.runs.cancel(OWNER, run.id)
    at_work = status in ("running", "pausing", "cancelling")
    assert cancelled.status == ("cancelling" if at_work else "cancelled")
    if at_work:
        await services.progress.stopped(run)
    assert (await services.runs.cancel(OWNER, run.id)).status is RunStatus.CANCELLED
    assert await services.status(session_id) == "active"
    assert (await services.types(session_id)).count("workflow_cancelled") == 1


@pytest.mark.parametrize("status", [str(s) for s in RunStatus])
async def test_retry_starts_a_new_attempt_of_a_failed_run_only(services: Services, status: str) -> None:
    session_id, run = await run_in(services, status)
    if status == "failed":
        retried = await services.runs.retry(OWNER, run.id)
        assert (retried.status, retried.attempt, retried.error) == (RunStatus.QUEUED, 2, None)
        assert await services.status(session_id) == "active"
    else:
        with pytest.raises((NotAllowedNow, RunInProgress)):
            await services.runs.retry(OWNER, run.id)


async def test_a_failed_run_of_a_session_that_was_put_away_is_not_retried(services: Services) -> None:
    session_id, run = await run_in(services, "failed")
    await services.sessions.suspend(OWNER, session_id)
    await services.sessions.archive(OWNER, session_id)
    with pytest.raises(NotAllowedNow):
        await services.runs.retry(OWNER, run.id)
    assert (await services.runs.get(OWNER, run.id)).status is RunStatus.FAILED


async def test_strangers_find_no_run_of_others(services: Services) -> None:
    _, run = await services.running()
    for call in (
        services.runs.get(STRANGER, run.id),
        services.runs.pause(STRANGER, run.id),
        services.runs.resume(STRANGER, run.id),
        services.runs.cancel(STRANGER, run.id),
        services.runs.retry(STRANGER, run.id),
    ):
        with pytest.raises(NotFound):
            await call
    assert await services.runs.find_by_task(STRANGER, "x") is None


async def test_a_start_writes_message_run_and_events_together(services: Services) -> None:
    session = await services.session(config={"agent": "engineer"})
    started = await services.runs.start(OWNER, session.id, "Do it", task_id="t-1", config={"model": "m:x"})
    assert started.run is not None
    assert (started.run.agent, started.run.model) == ("engineer", "m:x")
    assert services.engine.enqueued == [started.run.id]
    (said,) = (await services.history.messages(OWNER, session.id)).messages
    assert (said.id, said.text, said.run_id) == (started.message_id, "Do it", started.run.id)
    found = await services.runs.find_by_task(OWNER, "t-1")
    assert found is not None
    assert found.id == started.run.id


@pytest.mark.parametrize("text", ["", "  \n", "a\0b", "\ud800", "x" * (2**20 + 1)])
async def test_a_text_that_cannot_be_stored_starts_nothing(services: Services, text: str) -> None:
    session = await services.session()
    for call in (
        services.runs.start(OWNER, session.id, text),
        services.runs.submit(OWNER, text, {"mode": "task"}),
        services.queue.add(OWNER, session.id, text),
    ):
        with pytest.raises(InvalidInput):
            await call
    assert (await services.runs.list(OWNER, session.id, 10, 0))[1] == 0


async def test_a_bad_config_or_mode_creates_nothing(services: Services) -> None:
    for config in ({"mode": "tusk"}, {"mode": "task", "modle": 1}, {"mode": "task", "max_rounds": "many"}):
        with pytest.raises(InvalidInput):
            await services.runs.submit(OWNER, "Do it", config)
    with pytest.raises(InvalidInput):
        await services.runs.submit(OWNER, "Do it", {"mode": "task"}, task_id="no spaces")
    assert (await services.stats.snapshot(OWNER))["total_sessions"] == 0


async def test_a_known_task_id_gives_its_run_back_and_starts_nothing(services: Services) -> None:
    session, run = await services.runs.submit(OWNER, "Do it", {"mode": "task"}, task_id="t-1")
    services.engine.enqueued.clear()
    again_session, again = await services.runs.submit(
        OWNER, "Something else", {"mode": "task"}, task_id="t-1"
    )
    assert (again_session.id, again.id, again.task) == (session.id, run.id, "Do it")
    assert services.engine.enqueued == []
    assert (await services.stats.snapshot(OWNER))["total_sessions"] == 1
    _, theirs = await services.runs.submit(STRANGER, "Mine", {"mode": "task"}, task_id="t-1")
    assert theirs.id != run.id


async def test_the_run_of_a_deleted_session_is_not_found_by_its_task_id(services: Services) -> None:
    session, _ = await services.runs.submit(OWNER, "Do it", {"mode": "task"}, task_id="t-1")
    await services.sessions.delete(OWNER, session.id)
    assert await services.runs.find_by_task(OWNER, "t-1") is None
    with pytest.raises(Conflict):
        await services.runs.submit(OWNER, "Do it", {"mode": "task"}, task_id="t-1")


@pytest.mark.parametrize("key", ["session_id", "sessionId", "copilotSessionId"])
async def test_a_submit_continues_the_session_it_names(services: Services, key: str) -> None:
    session = await services.session()
    found, run = await services.runs.submit(OWNER, "Do it", {key: session.id})
    assert (found.id, run.mode) == (session.id, "task")
    with pytest.raises(RunInProgress):
        await services.runs.submit(OWNER, "More", {key: session.id})


async def test_a_busy_session_rejects_by_default(services: Services) -> None:
    session, run = await services.running()
    with pytest.raises(RunInProgress) as caught:
        await services.runs.start(OWNER, session.id, "More")
    assert caught.value.fields["run_id"] == run.id
    assert (await services.history.messages(OWNER, session.id)).total == 1
    with pytest.raises(InvalidInput):
        await services.runs.start(OWNER, session.id, "More", on_busy="ignore")


async def test_a_busy_session_enqueues_and_goes_on_when_the_run_ends(services: Services) -> None:
    session, run = await services.running("talk", config={"on_busy": "enqueue"})
    first = await services.runs.start(OWNER, session.id, "First", task_id="t-2")
    second = await services.runs.start(OWNER, session.id, "Second", on_busy="enqueue")
    assert [first.queue_item, second.queue_item] == await services.queue.list(OWNER, session.id)
    following = await services.progress.finish(run, {})
    assert following is not None
    assert (following.task, following.task_id, following.status) == ("First", "t-2", RunStatus.QUEUED)
    assert [i["content"] for i in await services.queue.list(OWNER, session.id)] == ["Second"]
    await services.runs.cancel(OWNER, following.id)
    (latest, *_), total = await services.runs.list(OWNER, session.id, 10, 0)
    assert (latest.task, total) == ("Second", 3)
    assert services.engine.enqueued[-1] == latest.id


async def test_an_enqueued_input_is_checked_when_it_is_given(services: Services) -> None:
    session, _ = await services.running()
    with pytest.raises(InvalidInput):
        await services.runs.start(OWNER, session.id, "More", config={"modle": "x"}, on_busy="enqueue")
    assert await services.queue.list(OWNER, session.id) == []


async def test_a_task_id_that_is_taken_is_refused_and_never_holds_up_the_run_before(
    services: Services,
) -> None:
    await services.runs.submit(OWNER, "Elsewhere", {"mode": "task"}, task_id="t-1")
    session, run = await services.running("talk")
    with pytest.raises(Conflict):
        await services.runs.start(OWNER, session.id, "More", task_id="t-1", on_busy="enqueue")
    await services.runs.start(OWNER, session.id, "More", task_id="t-2", on_busy="enqueue")
    await services.runs.submit(OWNER, "Elsewhere too", {"mode": "task"}, task_id="t-2")
    following = await services.progress.finish(run, {})
    assert (await services.runs.get(OWNER, run.id)).status is RunStatus.COMPLETED
    assert following is not None
    assert (following.task, following.task_id) == ("More", None)


async def test_a_busy_session_steers_the_live_run(services: Services) -> None:
    session, run = await services.running()
    steered = await services.runs.start(OWNER, session.id, "Left", on_busy="steer")
    await services.runs.steer(OWNER, session.id, "Right")
    assert steered.steered
    now, _ = await services.progress.current(run.id)
    assert now.config["additional_context"] == ["Left", "Right"]
    assert (await services.runs.list(OWNER, session.id, 10, 0))[1] == 1
    idle = await services.session()
    with pytest.raises(NotFound):
        await services.runs.steer(OWNER, idle.id, "x")


@pytest.mark.parametrize("status", ["running", "queued", "waiting", "paused"])
async def test_an_interrupting_input_runs_next(services: Services, status: str) -> None:
    session_id, run = await run_in(services, status)
    result = await services.runs.start(OWNER, session_id, "Stop, do this", on_busy="interrupt")
    if status == "running":
        assert services.engine.aborted == [run.id]
        assert result.queue_item is not None
        following = await services.progress.stopped(run)
        assert following is not None
    (latest, *_), _ = await services.runs.list(OWNER, session_id, 10, 0)
    assert (latest.task, latest.status) == ("Stop, do this", RunStatus.QUEUED)
    assert (await services.runs.get(OWNER, run.id)).status is RunStatus.CANCELLED
    assert await services.queue.list(OWNER, session_id) == []


@pytest.mark.parametrize("status", ["suspended", "failed", "expired", "archived"])
async def test_a_session_that_is_not_at_work_takes_no_run(services: Services, status: str) -> None:
    made = factories.session(status=SessionStatus(status))
    await services.store.write(lambda tx: session_rows.insert_session(tx, made))
    with pytest.raises(NotAllowedNow):
        await services.runs.start(OWNER, made.id, "Do it")


async def test_a_follow_up_wakes_a_completed_session(services: Services) -> None:
    session, run = await services.running()
    await services.progress.finish(run, {"summary": "s"})
    assert await services.status(session.id) == "completed"
    await services.runs.start(OWNER, session.id, "And then?")
    assert await services.status(session.id) == "active"


async def test_the_queue_is_edited_reordered_and_emptied(services: Services) -> None:
    session, _ = await services.running()
    items = [await services.queue.add(OWNER, session.id, text) for text in "abc"]
    ids = [item["id"] for item in items]
    await services.queue.update(OWNER, session.id, ids[0], "A")
    reordered = await services.queue.reorder(OWNER, session.id, ids[::-1])
    assert [i["content"] for i in reordered] == ["c", "b", "A"]
    for wrong in (ids[:2], [*ids, new_id()], [ids[0], ids[0], ids[1]]):
        with pytest.raises(InvalidInput):
            await services.queue.reorder(OWNER, session.id, wrong)
    await services.queue.remove(OWNER, session.id, ids[1])
    with pytest.raises(NotFound):
        await services.queue.remove(OWNER, session.id, ids[1])
    with pytest.raises(NotFound):
        await services.queue.update(OWNER, session.id, ids[1], "x")
    assert [i["content"] for i in await services.queue.list(OWNER, session.id)] == ["c", "A"]


async def test_a_sweep_hands_lost_runs_and_waiting_inputs_to_the_engine(services: Services) -> None:
    session_id, run = await run_in(services, "queued")
    idle, live = await services.running("talk")
    await services.queue.add(OWNER, idle.id, "next")
    await services.store.write(lambda tx: run_rows.change_run(tx, live, status="cancelled"))
    services.engine.enqueued.clear()
    await services.sweeps.run_once()
    (latest, _live), _ = await services.runs.list(OWNER, idle.id, 10, 0)
    assert services.engine.enqueued == [run.id, latest.id]
    assert (await services.runs.get(OWNER, run.id)).session_id == session_id


@pytest.mark.parametrize("when", ["boundary", "now"])
async def test_a_suspended_run_stops_at_its_boundary_and_goes_on_from_there(
    services: Services, when: str
) -> None:
    session, run = await services.running()
    await services.sessions.suspend(OWNER, session.id, when)
    assert services.engine.aborted == ([run.id] if when == "now" else [])
    assert await services.progress.status(run.id) is RunStatus.PAUSING
    assert await services.progress.park(run) is RunStatus.PAUSED
    assert await services.progress.park(run) is RunStatus.PAUSED
    taken = await services.progress.begin(run.id)
    assert taken.status is RunStatus.PAUSED  # a crash does not end a pause
    assert (await services.types(session.id)).count("workflow_paused") == 1
    _, resumed = await services.sessions.resume(OWNER, session.id)
    assert resumed is not None
    assert (await services.progress.begin(run.id)).status is RunStatus.RUNNING
    with pytest.raises(InvalidInput):
        await services.sessions.suspend(OWNER, session.id, "later")


async def test_a_pause_is_taken_back_before_its_boundary(services: Services) -> None:
    session, run = await services.running()
    await services.sessions.suspend(OWNER, session.id)
    await services.sessions.resume(OWNER, session.id)
    assert await services.progress.park(run) is RunStatus.RUNNING
    assert "workflow_paused" not in await services.types(session.id)


@pytest.mark.parametrize("outcome", ["finish", "fail", "stopped"])
async def test_a_run_that_ends_during_a_pause_ends_its_session_as_always(
    services: Services, outcome: str
) -> None:
    session, run = await services.running()
    await services.sessions.suspend(OWNER, session.id)
    match outcome:
        case "finish":
            await services.progress.finish(run, {})
        case "fail":
            await services.progress.fail(run, {"message": "x"}, None)
        case _:
            await services.runs.cancel(OWNER, run.id)
            await services.progress.stopped(run)
    expected = {"finish": "completed", "fail": "failed", "stopped": "active"}[outcome]
    assert await services.status(session.id) == expected


async def test_a_failed_session_is_resumed_from_its_step_if_its_mode_can(services: Services) -> None:
    session, run = await services.running()
    done, broken = await step(services, run, "s1"), await step(services, run, "s2")
    await services.progress.complete_step(run, done, checkpoint={"a": 1}, summary="ok", number=1)
    await services.progress.fail_step(run, broken, {"message": "x"}, 2)
    await services.progress.fail(run, {"message": "x"}, "s2")
    _, resumed = await services.sessions.resume(OWNER, session.id)
    assert resumed is not None
    assert (resumed.id, resumed.attempt) == (run.id, 2)
    assert await services.progress.kept_steps(run.id) == {"s1": {"a": 1}}
    statuses = [s.status for s in await services.runs.steps(OWNER, session.id, run.id)]
    assert statuses == [StepStatus.COMPLETED, StepStatus.PENDING]


async def test_a_failed_session_of_a_mode_that_cannot_go_on_is_not_resumed(services: Services) -> None:
    session, run = await services.running("brief")
    await services.progress.fail(run, {"message": "x"}, None)
    with pytest.raises(NotAllowedNow) as caught:
        await services.sessions.resume(OWNER, session.id)
    assert "retry" in caught.value.fields["allowed"]
    assert (await services.runs.retry(OWNER, run.id)).attempt == 2


async def test_a_retry_from_a_step_forgets_that_step_and_what_came_after(services: Services) -> None:
    _, run = await services.running()
    for key in ("s1", "s2", "s3"):
        one = await step(services, run, key)
        await services.progress.complete_step(run, one, checkpoint=key, summary=None, number=1)
    await services.progress.fail(run, {"message": "x"}, None)
    with pytest.raises(NotFound) as caught:
        await services.runs.retry(OWNER, run.id, from_step="s9")
    assert caught.value.fields["steps"] == ["s1", "s2", "s3"]
    await services.runs.retry(OWNER, run.id, from_step="s2")
    assert await services.progress.kept_steps(run.id) == {"s1": "s1"}


async def test_a_stale_worker_writes_nothing(services: Services) -> None:
    session, old = await services.running()
    one = await step(services, old)
    fresh = await services.progress.begin(old.id)
    assert fresh.fence == old.fence + 1
    before = await services.types(session.id)
    for call in (
        services.progress.enter_phase(old, "p", 1, "k"),
        step(services, old, "s2"),
        services.progress.complete_step(old, one, checkpoint=1, summary=None, number=1),
        services.progress.fail_step(old, one, {}, 1),
        services.progress.open_call(old, factories.call(old, "c")),
        services.progress.finish_call(old, factories.call(old, "c"), []),
        services.progress.log(old, line("x")),
        services.progress.ask(old, factories.approval(session.id, old.id)),
        services.progress.finish(old, {}),
        services.progress.fail(old, {}, None),
        services.progress.park(old),
        services.progress.stopped(old),
        services.progress.write(old, lambda tx: None),
    ):
        with pytest.raises(StaleWriter):
            await call
    assert await services.types(session.id) == before
    await services.progress.finish(fresh, {})


async def test_each_boundary_event_is_written_once_per_attempt(services: Services) -> None:
    session, run = await services.running()
    one = await step(services, run)
    for _ in range(3):
        await services.progress.enter_phase(run, "execution", 1, "k")
        one = await step(services, run)
        await services.progress.log(run, line("x", "log-1"))
    for _ in range(3):
        await services.progress.complete_step(run, one, checkpoint={"n": 1}, summary="first", number=1)
    again = await step(services, run)
    assert (again.status, again.checkpoint) == (StepStatus.COMPLETED, {"n": 1})
    log = await services.types(session.id)
    for type_ in ("workflow_started", "phase_change", "step_started", "step_completed", "console"):
        assert log.count(type_) == 1, type_
    stored = (await services.sessions.get(OWNER, session.id)).session
    assert (stored.current_phase, stored.current_step, stored.version) == ("execution", 1, 3)


async def test_a_taken_over_run_says_so_and_keeps_its_start(services: Services, clock: Clock) -> None:
    session, run = await services.running()
    clock.move(seconds=5)
    taken = await services.progress.begin(run.id)
    assert (taken.started_at, taken.fence) == (run.started_at, run.fence + 1)
    log = await services.types(session.id)
    assert (log.count("workflow_started"), log.count("workflow_resumed")) == (1, 1)
    await services.progress.finish(taken, {"summary": "s"})
    ended = await services.progress.begin(run.id)
    assert (ended.status, ended.fence) == (RunStatus.COMPLETED, taken.fence)


async def test_an_ended_run_does_not_end_again(services: Services) -> None:
    _, run = await services.running("talk")
    await services.progress.finish(run, {})
    for call in (services.progress.finish(run, {}), services.progress.fail(run, {}, None)):
        with pytest.raises(NotAllowedNow):
            await call
    assert await services.progress.stopped(run) is None


async def test_costs_count_once_and_unfinished_calls_stay_unknown(services: Services) -> None:
    session, run = await services.running()
    unknown = factories.call(
        run, "c0", finished=False, cost_usd_micros=None, input_tokens=None, output_tokens=None
    )
    await services.progress.open_call(run, unknown)
    for _ in range(3):
        await services.progress.open_call(
            run, factories.call(run, "c1", finished=False, cost_usd_micros=None)
        )
        await services.progress.finish_call(run, factories.call(run, "c1"), [line("said", "d1")])
    await services.progress.finish_call(
        run, factories.call(run, "c2", model="free", cost_usd_micros=None), []
    )
    summary = await services.costs.summary(OWNER, session.id)
    assert (summary["calls"], summary["unpriced_calls"], summary["total_cost_usd"]) == (3, 2, 0.00025)
    assert (summary["input_tokens"], summary["output_tokens"]) == (200, 20)
    open_call = next(r for r in summary["records"] if r["call_id"] == "c0")
    assert (open_call["finished"], open_call["cost_usd"], open_call["input_tokens"]) == (False, None, None)
    row = await services.sessions.get(OWNER, session.id)
    assert row.cost_usd_micros == 250
    assert (await services.types(session.id)).count("cost_update") == 2
    assert (await services.types(session.id)).count("console") == 1
    by_model = {r["key"]: r["calls"] for r in summary["by_model"]}
    assert by_model == {"m": 2, "free": 1}


async def test_a_question_is_asked_once_and_its_answer_wakes_the_run(services: Services) -> None:
    session, run = await services.running()
    first = await services.progress.ask(
        run, factories.approval(session.id, run.id, options=["approve", "revise"])
    )
    again = await services.progress.ask(run, factories.approval(session.id, run.id))
    assert again.id == first.id
    assert first.deadline is not None
    assert await services.progress.status(run.id) is RunStatus.WAITING
    assert [a.id for a in (await services.approvals.list(OWNER))[0]] == [first.id]
    assert (await services.approvals.list(STRANGER))[1] == 0
    with pytest.raises(NotFound):
        await services.approvals.answer(STRANGER, first.id, approved=True)
    with pytest.raises(InvalidInput, match="not offered"):
        await services.approvals.answer(OWNER, first.id, approved=False)
    with pytest.raises(InvalidInput):
        await services.approvals.list(OWNER, status="open")
    services.engine.enqueued.clear()
    settled = await services.approvals.answer(OWNER, first.id, resolution="revise", feedback="shorter")
    assert (settled.status, settled.response_data) == (ApprovalStatus.ANSWERED, {"feedback": "shorter"})
    assert services.engine.enqueued == [run.id]
    assert await services.progress.status(run.id) is RunStatus.QUEUED
    with pytest.raises(AlreadyAnswered) as caught:
        await services.approvals.answer(OWNER, first.id, approved=True)
    assert caught.value.fields["resolution"] == "revise"
    stored = await services.progress.ask(await services.progress.begin(run.id), first)
    assert stored.status is ApprovalStatus.ANSWERED
    assert await services.progress.status(run.id) is RunStatus.RUNNING


async def test_an_answer_during_a_pause_is_kept_and_does_not_end_the_pause(services: Services) -> None:
    session, run = await services.running()
    asked = await services.progress.ask(run, factories.approval(session.id, run.id))
    await services.sessions.suspend(OWNER, session.id)
    await services.approvals.answer(OWNER, asked.id, approved=True)
    assert await services.progress.status(run.id) is RunStatus.PAUSED
    await services.sessions.resume(OWNER, session.id)
    assert await services.progress.status(run.id) is RunStatus.QUEUED


@pytest.mark.parametrize("on_expiry", list(OnExpiry))
async def test_silence_has_its_stated_consequence(
    services: Services, clock: Clock, on_expiry: OnExpiry
) -> None:
    session, run = await services.running()
    asked = await services.progress.ask(run, factories.approval(session.id, run.id, on_expiry=on_expiry))
    services.engine.enqueued.clear()
    clock.move(hours=24)
    assert (await services.sweeps.run_once())["approvals_expired"] == 1
    assert (await services.sweeps.run_once())["approvals_expired"] == 0
    settled = await services.approvals.get(OWNER, asked.id)
    assert (settled.status, settled.responded_by) == (ApprovalStatus.EXPIRED, None)
    resolution = {OnExpiry.PAUSE: None, OnExpiry.REJECT: "reject", OnExpiry.APPROVE: "approve"}[on_expiry]
    assert settled.resolution == resolution
    paused = on_expiry is OnExpiry.PAUSE
    assert await services.progress.status(run.id) is (RunStatus.PAUSED if paused else RunStatus.QUEUED)
    assert await services.status(session.id) == ("suspended" if paused else "active")
    with pytest.raises(AlreadyAnswered):
        await services.approvals.answer(OWNER, asked.id, approved=True)
    if paused:
        _, resumed = await services.sessions.resume(OWNER, session.id)
        assert resumed is not None
    else:
        assert run.id in services.engine.enqueued


async def test_cancelling_takes_questions_steps_and_plan_with_it(services: Services) -> None:
    session, run = await services.running()
    steps = [{"name": "one", "goal": "g"}, {"name": "two", "goal": "g"}]

    def propose(tx: Any) -> Any:
        return plans.propose_in(tx, run, OWNER.user_id, name="n", goal="g", steps=steps, change="proposed")

    mission = await services.progress.write(run, propose)
    assert (await services.progress.write(run, propose)).revision == 1
    await services.progress.write(run, lambda tx: plans.accept_in(tx, run))
    hop = mission.hops[0]
    await services.progress.write(run, lambda tx: plans.move_hop_in(tx, run, hop.id, HopStatus.EXECUTING))
    await step(services, run)
    asked = await services.progress.ask(run, factories.approval(session.id, run.id))
    await services.runs.cancel(OWNER, run.id)
    found = await services.missions.for_session(OWNER, session.id)
    assert found is not None
    assert found.status == "cancelled"
    assert {h.status for h in found.hops} == {HopStatus.CANCELLED}
    assert (await services.approvals.get(OWNER, asked.id)).status is ApprovalStatus.CANCELLED
    assert [s.status for s in await services.runs.steps(OWNER, session.id)] == [StepStatus.CANCELLED]
    picture = await services.missions.dag(OWNER, session.id)
    assert picture["nodes"][-1]["status"] == "cancelled"


async def test_a_plan_is_rejected_with_its_hops_and_an_unknown_hop_is_not_found(services: Services) -> None:
    session, run = await services.running()
    with pytest.raises(NotFound):
        await services.progress.write(run, lambda tx: plans.accept_in(tx, run))
    await services.progress.write(
        run,
        lambda tx: plans.propose_in(
            tx, run, OWNER.user_id, name="n", goal="g", steps=[{"name": "a"}], change="proposed"
        ),
    )
    rejected = await services.progress.write(run, lambda tx: plans.reject_in(tx, run))
    assert (rejected.status, rejected.hops[0].status) == ("rejected", HopStatus.CANCELLED)
    with pytest.raises(NotFound):
        await services.progress.write(run, lambda tx: plans.move_hop_in(tx, run, new_id(), HopStatus.READY))
    revised = await services.progress.write(
        run,
        lambda tx: plans.propose_in(
            tx, run, OWNER.user_id, name="n", goal="g", steps=[{"name": "b"}], change="revised"
        ),
    )
    assert (revised.revision, revised.status) == (2, "proposed")
    assert (await services.types(session.id)).count("plan_update") == 3


async def test_ids_that_are_none_are_refused(services: Services) -> None:
    for call in (
        services.runs.get(OWNER, "x"),
        services.sessions.get(OWNER, "x"),
        services.approvals.get(OWNER, "x"),
        services.runs.find_by_task(OWNER, "a b"),
    ):
        with pytest.raises(InvalidInput):
            await call
    for missing in (services.runs.get(OWNER, new_id()), services.approvals.get(OWNER, new_id())):
        with pytest.raises(NotFound):
            await missing
