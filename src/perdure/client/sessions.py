"""Sessions: create, find, read, change, and move through their life."""

from __future__ import annotations

from typing import Any

from perdure.client import models
from perdure.client.models import Json
from perdure.client.transport import Async, AsyncGroup, Call, Group, Sync, given, reads, segment


def _path(session_id: str, rest: str = "") -> str:
    return f"/api/sessions/{segment(session_id)}{rest}"


def create(
    mode: str,
    config: Json | None = None,
    *,
    name: str | None = None,
    metadata: Json | None = None,
    tags: list[str] | None = None,
    resource_limits: Json | None = None,
    session_id: str | None = None,
) -> Call[models.Session]:
    """Create a session; `session_id` may be chosen by the caller."""
    body = given(
        mode=mode,
        config=config,
        name=name,
        metadata=metadata,
        tags=tags,
        resource_limits=resource_limits,
        session_id=session_id,
    )
    return Call("POST", "/api/sessions", reads(models.Session), body=body)


def list_(
    *,
    status: list[str] | None = None,
    group: list[str] | None = None,
    groups: bool | None = None,
    mode: str | None = None,
    q: str | None = None,
    tag: str | None = None,
    sort: str | None = None,
    limit: int = 50,
    offset: int | None = None,
    cursor: str | None = None,
    shared: bool | None = None,
    user_id: str | None = None,
) -> Call[models.SessionPage]:
    """Read one page of sessions; `q` searches names and messages.

    `group` narrows further than `status` (`needs_you`, `running`, `ready`, `paused`, `failed`, `done`, …), and
    with `groups` the page counts them all. `shared` narrows to those of others (True) or one's own (False).
    Administrators of the server see those of somebody else with `user_id`, or everybody's with `all`.
    """
    query = given(
        status=status,
        group=group,
        groups=None if groups is None else str(groups).lower(),
        mode=mode,
        q=q,
        tag=tag,
        sort=sort,
        limit=limit,
        offset=offset,
        cursor=cursor,
        shared=None if shared is None else str(shared).lower(),
        user_id=user_id,
    )
    return Call("GET", "/api/sessions", reads(models.SessionPage), query)


def get(session_id: str) -> Call[models.SessionDetail]:
    """Read a session with the newest page of its conversation."""
    return Call("GET", _path(session_id), reads(models.SessionDetail))


def active() -> Call[models.SessionDetail]:
    """Read the caller's most recently active session."""
    return Call("GET", "/api/sessions/active", reads(models.SessionDetail))


def update(session_id: str, patch: Json, *, if_version: int | None = None) -> Call[models.Session]:
    """Merge name, tags, metadata, config or limits; None removes. `if_version` refuses a stale change."""
    headers = {} if if_version is None else {"If-Match": f'"{if_version}"'}
    return Call(
        "PATCH",
        _path(session_id),
        reads(models.Session),
        body=patch,
        headers=headers,
        repeatable=if_version is None,
    )


def save_state(
    session_id: str,
    *,
    messages: list[Json] | None = None,
    context_variables: Json | None = None,
    current_phase: str | None = None,
    current_step: int | None = None,
    plan_data: Json | None = None,
    expected_version: int | None = None,
) -> Call[models.Session]:
    """Append messages and set the state of a session whose work is done elsewhere."""
    body = given(
        messages=messages,
        context_variables=context_variables,
        current_phase=current_phase,
        current_step=current_step,
        plan_data=plan_data,
        expected_version=expected_version,
    )
    return Call("PUT", _path(session_id, "/state"), reads(models.Session), body=body, repeatable=False)


def load(session_id: str) -> Call[models.SessionDetail]:
    """Read a session and make it the caller's current one."""
    return Call("POST", _path(session_id, "/load"), reads(models.SessionDetail))


def suspend(
    session_id: str, *, when: str = "boundary", reason: str | None = None
) -> Call[models.CommandResult]:
    """Suspend; a live run stops at its next step boundary, or at once with `when="now"`."""
    body = given(when=when, reason=reason)
    return Call("POST", _path(session_id, "/suspend"), reads(models.CommandResult), body=body)


def resume(
    session_id: str, *, additional_context: str | None = None, from_step: str | None = None
) -> Call[models.CommandResult]:
    """Resume; the interrupted run goes on from its last finished step."""
    body = given(additional_context=additional_context, from_step=from_step)
    return Call("POST", _path(session_id, "/resume"), reads(models.CommandResult), body=body)


def complete(session_id: str) -> Call[models.CommandResult]:
    """Mark a session as completed."""
    return Call("POST", _path(session_id, "/complete"), reads(models.CommandResult))


def archive(session_id: str) -> Call[models.CommandResult]:
    """Put a session away."""
    return Call("POST", _path(session_id, "/archive"), reads(models.CommandResult))


def restore(session_id: str) -> Call[models.CommandResult]:
    """Bring an archived or deleted session back."""
    return Call("POST", _path(session_id, "/restore"), reads(models.CommandResult))


def fork(
    session_id: str,
    *,
    from_seq: int | None = None,
    from_step: str | None = None,
    name: str | None = None,
    input: str | None = None,
    config: Json | None = None,
) -> Call[models.Forked]:
    """Make a new session with this one's past up to an event, or to before a step; costs start at zero.

    A run in which the point lies goes on there at once, with `input` in the place of its task if given.
    """
    body = given(from_seq=from_seq, from_step=from_step, name=name, input=input, config=config)
    return Call("POST", _path(session_id, "/fork"), reads(models.Forked), body=body)


def queue(session_id: str) -> Call[models.Queue]:
    """Read the inputs that wait for the open run to end, next first."""
    return Call("GET", _path(session_id, "/queue"), reads(models.Queue))


def enqueue(session_id: str, content: str, *, config: Json | None = None) -> Call[models.QueueItem]:
    """Add an input at the end of the queue; in an active session without an open run it starts at once."""
    body = given(content=content, config=config)
    return Call("POST", _path(session_id, "/queue"), reads(models.QueueItem), body=body)


def change_queued(
    session_id: str, queue_item_id: str, *, content: str | None = None, config: Json | None = None
) -> Call[models.QueueItem]:
    """Change text or config of an input that still waits."""
    path = _path(session_id, f"/queue/{segment(queue_item_id)}")
    return Call("PATCH", path, reads(models.QueueItem), body=given(content=content, config=config))


def reorder_queue(session_id: str, queue_item_ids: list[str]) -> Call[models.Queue]:
    """Put the waiting inputs into another order; all of them must be named."""
    return Call("PUT", _path(session_id, "/queue"), reads(models.Queue), body={"item_ids": queue_item_ids})


def remove_queued(session_id: str, queue_item_id: str) -> Call[models.Queue]:
    """Take an input out of the queue."""
    path = _path(session_id, f"/queue/{segment(queue_item_id)}")
    return Call("DELETE", path, reads(models.Queue), repeatable=False)


def grants(session_id: str) -> Call[models.Grants]:
    """Read the tool categories that somebody allowed for the rest of the session."""
    return Call("GET", _path(session_id, "/grants"), reads(models.Grants))


def revoke_grant(session_id: str, category: str | None = None) -> Call[models.Grants]:
    """Take back what was allowed for a session, without a category all of it; returns what is left."""
    path = _path(session_id, f"/grants/{segment(category)}" if category else "/grants")
    return Call("DELETE", path, reads(models.Grants))


def delete(session_id: str, *, purge: bool = False) -> Call[models.CommandResult]:
    """Delete (can be restored) or purge (cannot); deleting twice is the same as once."""
    query = {"purge": "true"} if purge else {}
    return Call("DELETE", _path(session_id), reads(models.CommandResult), query)


def history(
    session_id: str, *, before: int | None = None, after: int | None = None, limit: int = 50
) -> Call[models.History]:
    """Read a page of the conversation, oldest first; the newest page without `before` and `after`."""
    query = given(before=before, after=after, limit=limit)
    return Call("GET", _path(session_id, "/history"), reads(models.History), query)


def events(
    session_id: str,
    *,
    after: int = 0,
    before: int | None = None,
    limit: int = 200,
    type: list[str] | None = None,
    search: str | None = None,
) -> Call[models.EventPage]:
    """Read the log after a sequence number, or with `before` the newest part before one, ascending.

    `search` keeps the events that say it. A page of a search may be empty although more is found further on:
    while it `has_more`, go on with its `next_after` or `next_before`.
    """
    query = given(after=after, before=before, limit=limit, type=type, search=search)
    return Call("GET", _path(session_id, "/events"), reads(models.EventPage), query)


def costs(session_id: str) -> Call[models.Costs]:
    """Read what a session has cost, by model, agent, step, run and day."""
    return Call("GET", _path(session_id, "/costs"), reads(models.Costs))


def dag(session_id: str) -> Call[models.Dag]:
    """Read the plan as nodes and edges."""
    return Call("GET", _path(session_id, "/dag"), reads(models.Dag))


def steps(session_id: str, *, run_id: str | None = None) -> Call[models.StepPage]:
    """Read the steps of the session's runs, or of one run."""
    return Call("GET", _path(session_id, "/steps"), reads(models.StepPage), given(run_id=run_id))


def runs(session_id: str, *, limit: int = 50, offset: int = 0) -> Call[models.RunPage]:
    """Read the session's runs, newest first."""
    query: dict[str, Any] = {"limit": limit, "offset": offset}
    return Call("GET", _path(session_id, "/runs"), reads(models.RunPage), query)


class Sessions(Group):
    """`client.sessions`."""

    create = Sync(create)
    list = Sync(list_)
    get = Sync(get)
    active = Sync(active)
    update = Sync(update)
    save_state = Sync(save_state)
    load = Sync(load)
    suspend = Sync(suspend)
    resume = Sync(resume)
    complete = Sync(complete)
    archive = Sync(archive)
    restore = Sync(restore)
    fork = Sync(fork)
    queue = Sync(queue)
    enqueue = Sync(enqueue)
    change_queued = Sync(change_queued)
    reorder_queue = Sync(reorder_queue)
    remove_queued = Sync(remove_queued)
    grants = Sync(grants)
    revoke_grant = Sync(revoke_grant)
    delete = Sync(delete)
    history = Sync(history)
    events = Sync(events)
    costs = Sync(costs)
    dag = Sync(dag)
    steps = Sync(steps)
    runs = Sync(runs)


class AsyncSessions(AsyncGroup):
    """`client.sessions`, awaited."""

    create = Async(create)
    list = Async(list_)
    get = Async(get)
    active = Async(active)
    update = Async(update)
    save_state = Async(save_state)
    load = Async(load)
    suspend = Async(suspend)
    resume = Async(resume)
    complete = Async(complete)
    archive = Async(archive)
    restore = Async(restore)
    fork = Async(fork)
    queue = Async(queue)
    enqueue = Async(enqueue)
    change_queued = Async(change_queued)
    reorder_queue = Async(reorder_queue)
    remove_queued = Async(remove_queued)
    grants = Async(grants)
    revoke_grant = Async(revoke_grant)
    delete = Async(delete)
    history = Async(history)
    events = Async(events)
    costs = Async(costs)
    dag = Async(dag)
    steps = Async(steps)
    runs = Async(runs)
