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


def fork(
    run_id: str,
    *,
    from_step: str | None = None,
    input: str | None = None,
    config: Json | None = None,
    name: str | None = None,
) -> Call[models.Forked]:
    """Run it again in a new session, from its start or from a step; finished steps before it are kept.

    `input` takes the place of the task, `config` is merged into that of the run.
    """
    body = given(from_step=from_step, input=input, config=config, name=name)
    return Call("POST", f"/api/runs/{segment(run_id)}/fork", reads(models.Forked), body=body)


def diff(run_id: str, other_id: str) -> Call[models.RunDifference]:
    """Compare two runs: the first step where they part, and what that changed in result, cost and time."""
    path = f"/api/runs/{segment(run_id)}/diff/{segment(other_id)}"
    return Call("GET", path, reads(models.RunDifference))


def steer(session_id: str, content: str) -> Call[models.Started]:
    """Hand a word to the session's live run, heard at its next step; without one it starts a run."""
    return start(session_id, content, on_busy="steer")


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
    fork = Sync(fork)
    diff = Sync(diff)
    steer = Sync(steer)


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
    fork = Async(fork)
    diff = Async(diff)
    steer = Async(steer)
