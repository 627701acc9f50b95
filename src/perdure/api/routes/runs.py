"""Runs, steps and tasks: read them, and control them."""

from __future__ import annotations

from typing import Any

from perdure.api.auth import Caller, Services
from perdure.api.route import repeatable, stored
from perdure.api.routes.parts import (
    Page,
    SessionPath,
    Shape,
    check_text,
    flat,
    next_offset_cursor,
    offset_of,
    router,
)
from perdure.api.wire.base import Uuid
from perdure.api.wire.problems import problem_answers
from perdure.api.wire.runs import (
    RetryIn,
    RunAction,
    RunDifference,
    RunOut,
    RunPage,
    StepList,
    StepOut,
    TaskAccepted,
    TaskIn,
    TaskOut,
)
from perdure.errors import NotFound
from perdure.ids import parse_task_id
from perdure.services.idempotency import answering

routes = router("runs")


@routes.get("/api/sessions/{session_id}/runs", responses=problem_answers(404))
async def list_runs(
    session_id: SessionPath, perdure: Services, actor: Caller, page: Page, shape: Shape = "envelope"
) -> RunPage:
    """List a session's runs, newest first."""
    offset = offset_of(page)
    found, total = await perdure.runs.list(actor, session_id, page.limit, offset)
    runs = [RunOut.of(run) for run in found]
    if shape == "flat":
        return flat(runs, total)  # pyright: ignore[reportReturnType]
    cursor = next_offset_cursor(page, len(runs), total)
    return RunPage(
        session_id=session_id, runs=runs, total=total, limit=page.limit, offset=offset, next_cursor=cursor
    )


@routes.get("/api/sessions/{session_id}/steps", responses=problem_answers(404))
async def list_steps(
    session_id: SessionPath,
    perdure: Services,
    actor: Caller,
    run_id: Uuid | None = None,
    shape: Shape = "envelope",
) -> StepList:
    """List the steps of a session, or of one of its runs, in order."""
    as_of_seq, _epoch = await perdure.history.head(session_id)
    steps = [StepOut.of(step) for step in await perdure.runs.steps(actor, session_id, run_id)]
    if shape == "flat":
        return flat(steps, len(steps))  # pyright: ignore[reportReturnType]
    return StepList(session_id=session_id, steps=steps, total=len(steps), as_of_seq=as_of_seq)


@routes.get("/api/runs/{run_id}", responses=problem_answers(404))
async def get_run(run_id: Uuid, perdure: Services, actor: Caller) -> RunOut:
    """Read a run."""
    return RunOut.of(await perdure.runs.get(actor, run_id))


@routes.get("/api/runs/{run_id}/diff/{other_id}", responses=problem_answers(404))
async def diff_runs(run_id: Uuid, other_id: Uuid, perdure: Services, actor: Caller) -> RunDifference:
    """Compare two runs step by step: where they part, and what that changed in result, cost and time."""
    return RunDifference.model_validate(await perdure.comparisons.diff(actor, run_id, other_id))


@routes.post("/api/runs/{run_id}/cancel", responses=problem_answers(404, 409), openapi_extra=repeatable())
async def cancel_run(run_id: Uuid, perdure: Services, actor: Caller) -> RunAction:
    """Cancel a run; nothing is spent after the event that confirms it."""
    return RunAction.after(await perdure.runs.cancel(actor, run_id), "Run is being cancelled")


@routes.post("/api/runs/{run_id}/pause", responses=problem_answers(404, 409), openapi_extra=repeatable())
async def pause_run(run_id: Uuid, perdure: Services, actor: Caller) -> RunAction:
    """Stop a run at its next step boundary."""
    return RunAction.after(await perdure.runs.pause(actor, run_id), "Run is being paused")


@routes.post("/api/runs/{run_id}/resume", responses=problem_answers(404, 409), openapi_extra=repeatable())
async def resume_run(run_id: Uuid, perdure: Services, actor: Caller) -> RunAction:
    """Let a paused run go on after its last finished step."""
    return RunAction.after(await perdure.runs.resume(actor, run_id), "Run resumed")


@routes.post("/api/runs/{run_id}/retry", responses=problem_answers(404, 409), openapi_extra=repeatable())
async def retry_run(run_id: Uuid, perdure: Services, actor: Caller, body: RetryIn | None = None) -> RunAction:
    """Try a failed run again; its finished steps are kept."""
    step = body.from_step if body else None
    return RunAction.after(
        await perdure.runs.retry(actor, run_id, from_step=step), "Run starts another attempt"
    )


@routes.post(
    "/api/tasks/submit", status_code=202, responses=problem_answers(404, 409, 413), openapi_extra=repeatable()
)
async def submit_task(body: TaskIn, perdure: Services, actor: Caller) -> TaskAccepted:
    """Start a task without a socket, in a new session or the one that its config names."""
    task = check_text(body.task, perdure.settings.max_text_bytes, "task")
    config: dict[str, Any] = dict(body.config)
    if body.mode is not None:
        config.setdefault("mode", body.mode)
    task_id = parse_task_id(body.task_id) if body.task_id is not None else None
    with answering(202, stored(lambda done: TaskAccepted.after(done[1]))):
        _, run = await perdure.runs.submit(actor, task, config, task_id=task_id, session_id=body.session_id)
    return TaskAccepted.after(run)


@routes.get("/api/tasks/{task_id}", responses=problem_answers(404))
async def get_task(task_id: str, perdure: Services, actor: Caller) -> TaskOut:
    """Read the run that was started under a task id."""
    run = await perdure.runs.find_by_task(actor, parse_task_id(task_id), shared=True)
    if run is None:
        raise NotFound("There is no such task.")
    return TaskOut.of(run)
