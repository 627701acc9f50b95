"""Commands that move a session through its life."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from perdure.api.auth import Caller, Services
from perdure.api.route import repeatable, stored
from perdure.api.routes.parts import SessionPath, router
from perdure.api.views import detail_of
from perdure.api.wire import sessions as wire
from perdure.api.wire.base import Uuid
from perdure.api.wire.problems import problem_answers
from perdure.core.runs import Run
from perdure.core.sessions import Session
from perdure.services.fork_making import Wish
from perdure.services.idempotency import answering

routes = router("sessions")


@routes.post(
    "/api/sessions/{session_id}/suspend", responses=problem_answers(404, 409), openapi_extra=repeatable()
)
async def suspend_session(
    session_id: SessionPath, perdure: Services, actor: Caller, body: wire.SuspendIn | None = None
) -> wire.SessionAction:
    """Pause a session; its run stops at the next step boundary, and an event says when it has."""
    asked = body or wire.SuspendIn.model_validate({})
    session = await perdure.sessions.suspend(actor, session_id, when=asked.when, reason=asked.reason)
    return _done(session, "Session suspended successfully")


@routes.post(
    "/api/sessions/{session_id}/resume", responses=problem_answers(404, 409), openapi_extra=repeatable()
)
async def resume_session(
    session_id: SessionPath, perdure: Services, actor: Caller, body: wire.ResumeIn | None = None
) -> wire.SessionAction:
    """Go on: an interrupted run continues after its last finished step and never plans again."""
    asked = body or wire.ResumeIn.model_validate({})
    session, run = await perdure.sessions.resume(
        actor, session_id, additional_context=asked.additional_context, from_step=asked.from_step
    )
    return _done(session, "Session resumed successfully", run)


@routes.post(
    "/api/sessions/{session_id}/complete", responses=problem_answers(404, 409), openapi_extra=repeatable()
)
async def complete_session(session_id: SessionPath, perdure: Services, actor: Caller) -> wire.SessionAction:
    """Say that the session has reached what it was for."""
    return _done(await perdure.sessions.complete(actor, session_id), "Session completed successfully")


@routes.post(
    "/api/sessions/{session_id}/archive", responses=problem_answers(404, 409), openapi_extra=repeatable()
)
async def archive_session(session_id: SessionPath, perdure: Services, actor: Caller) -> wire.SessionAction:
    """Put a session that is not in work out of the way."""
    return _done(await perdure.sessions.archive(actor, session_id), "Session archived successfully")


@routes.post(
    "/api/sessions/{session_id}/restore", responses=problem_answers(404, 409), openapi_extra=repeatable()
)
async def restore_session(session_id: SessionPath, perdure: Services, actor: Caller) -> wire.SessionAction:
    """Bring an archived or deleted session back, with everything under it."""
    return _done(await perdure.sessions.restore(actor, session_id), "Session restored successfully")


@routes.delete("/api/sessions/{session_id}", responses=problem_answers(404, 409))
async def delete_session(
    session_id: SessionPath,
    perdure: Services,
    actor: Caller,
    purge: Annotated[bool, Query(description="Remove it for good; it cannot be restored.")] = False,
) -> wire.SessionAction:
    """Delete a session; it can be restored until it is purged. A second call does nothing."""
    if purge:
        return _done(await perdure.sessions.purge(actor, session_id), "Session removed for good")
    return _done(await perdure.sessions.delete(actor, session_id), "Session deleted successfully")


@routes.post(
    "/api/sessions/{session_id}/fork",
    status_code=201,
    responses=problem_answers(404, 413),
    openapi_extra=repeatable(),
)
async def fork_session(
    session_id: SessionPath, perdure: Services, actor: Caller, body: wire.ForkIn | None = None
) -> wire.SessionForked:
    """Make a new session with this one's past up to a point; it goes its own way, and costs start at zero."""
    asked = body or wire.ForkIn.model_validate({})
    with answering(201, stored(wire.SessionForked.after)):
        made = await perdure.forks.fork(
            actor, session_id, from_seq=asked.from_seq, from_step=asked.from_step, wish=_wish(asked)
        )
    return wire.SessionForked.after(made)


@routes.post(
    "/api/runs/{run_id}/fork",
    status_code=201,
    responses=problem_answers(404, 413),
    openapi_extra=repeatable(),
)
async def fork_run(
    run_id: Uuid, perdure: Services, actor: Caller, body: wire.RunForkIn | None = None
) -> wire.SessionForked:
    """Run it again in a new session, from its start or from a step; finished steps before it are kept."""
    asked = body or wire.RunForkIn.model_validate({})
    with answering(201, stored(wire.SessionForked.after)):
        made = await perdure.forks.fork_run(actor, run_id, from_step=asked.from_step, wish=_wish(asked))
    return wire.SessionForked.after(made)


@routes.post("/api/sessions/{session_id}/load", responses=problem_answers(404, 409))
async def load_session(session_id: SessionPath, perdure: Services, actor: Caller) -> wire.SessionLoaded:
    """Make this the caller's current session and read it."""
    row = await perdure.sessions.load(actor, session_id)
    fields = await detail_of(perdure, actor, row)
    return wire.SessionLoaded(
        **fields,
        sessionId=row.session.id,
        conversationHistory=fields["conversation_history"],
        currentSession=row.session.id,
        messageCount=row.session.message_count,
    )


@routes.post("/api/sessions/{session_id}/activity", responses=problem_answers(404))
async def touch_session(
    session_id: SessionPath, perdure: Services, actor: Caller, body: wire.ActivityIn | None = None
) -> wire.SessionAction:
    """Say that somebody is looking at the session, so that it does not expire."""
    others = body.session_ids if body else []
    row = await perdure.sessions.get(actor, session_id)
    await perdure.sessions.touch(actor, [session_id, *others])
    return _done(row.session, "Activity updated")


def _wish(asked: wire.RunForkIn) -> Wish:
    return Wish(name=asked.name, input=asked.input, config=asked.config)


def _done(session: Session, message: str, run: Run | None = None) -> wire.SessionAction:
    return wire.SessionAction(
        session_id=session.id,
        status=session.status,
        message=message,
        run_id=run.id if run else None,
        version=session.version,
    )
