"""Runs: start one in a session, submit a task, look, and control."""

from __future__ import annotations

from perdure.client import models
from perdure.client.models import Json
from perdure.client.transport import Async, AsyncGroup, Call, Group, Sync, given, reads, segment


def start(
    session_id: str, content: str, *, on_busy: str | None = None, config: Json | None = None
) -> Call[models.Started]:
    """Send a message to a session, which starts a run; `on_busy` says what happens while one is live."""
    path = f"/api/sessions/{segment(session_id)}/messages"
    body = given(content=content, on_busy=on_busy, config=config)
    return Call("POST", path, reads(models.Started), body=body)


def submit(task: str, config: Json, *, task_id: str | None = None) -> Call[models.Submitted]:
    """Start a task in a new session, or in the one that `config["session_id"]` names."""
    body = given(task=task, config=config, task_id=task_id)
    return Call("POST", "/api/tasks/submit", reads(models.Submitted), body=body)


def task(task_id: str) -> Call[models.Run]:
    """Read the run of a task."""
    return Call("GET", f"/api/tasks/{segment(task_id)}", reads(models.Run))


def get(run_id: str) -> Call[models.Run]:
    """Read a run with its status and result."""
    return Call("GET", f"/api/runs/{segment(run_id)}", reads(models.Run))


def cancel(run_id: str) -> Call[models.CommandResult]:
    """Cancel; nothing new is spent after the `workflow_cancelled` event."""
    return Call("POST", f"/api/runs/{segment(run_id)}/cancel", reads(models.CommandResult))


def pause(run_id: str) -> Call[models.CommandResult]:
    """Pause at the next step boundary."""
    return Call("POST", f"/api/runs/{segment(run_id)}/pause", reads(models.CommandResult))


def resume(run_id: str) -> Call[models.CommandResult]:
    """Go on from the last finished step."""
    return Call("POST", f"/api/runs/{segment(run_id)}/resume", reads(models.CommandResult))


def retry(run_id: str, *, from_step: str | None = None) -> Call[models.CommandResult]:
    """Try a failed run again; finished steps are kept up to `from_step`."""
    body = given(from_step=from_step)
    return Call("POST", f"/api/runs/{segment(run_id)}/retry", reads(models.CommandResult), body=body)


class Runs(Group):
    """`client.runs`."""

    start = Sync(start)
    submit = Sync(submit)
    task = Sync(task)
    get = Sync(get)
    cancel = Sync(cancel)
    pause = Sync(pause)
    resume = Sync(resume)
    retry = Sync(retry)


class AsyncRuns(AsyncGroup):
    """`client.runs`, awaited."""

    start = Async(start)
    submit = Async(submit)
    task = Async(task)
    get = Async(get)
    cancel = Async(cancel)
    pause = Async(pause)
    resume = Async(resume)
    retry = Async(retry)
