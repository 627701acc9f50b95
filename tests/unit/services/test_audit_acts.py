"""The audit log says who acted, also when they were refused, when the server itself acts, and to whom it is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert

from perdure.core.access import LOCAL_ACTOR, SYSTEM_ACTOR, Actor
from perdure.errors import Forbidden, NotFound
from perdure.ids import new_id
from perdure.services import plans
from perdure.services.audit import AuditQuery
from perdure.store import sessions
from perdure.store.tables import shares
from tests import factories
from tests.factories import OWNER, START, VIEWER, Clock, Services
from tests.unit.services.audit_world import BY, World


@pytest.fixture
def world(services: Services, tmp_path: Path) -> World:
    return World(services, tmp_path)


async def share(services: Services, session_id: str, person: Actor, role: str) -> None:
    row = {
        "id": new_id(),
        "session_id": session_id,
        "user_id": person.user_id,
        "role": role,
        "created_by": OWNER.user_id,
        "created_at": START,
    }
    await services.store.write(lambda tx: tx.db.execute(insert(shares).values(row)))


async def test_a_refused_attempt_is_noted_and_changes_nothing(world: World) -> None:
    session = await world.session()
    await share(world.services, session.id, VIEWER, "view")
    before = len(await world.entries())
    viewer = replace(VIEWER, source="10.0.0.8 other")
    with pytest.raises(Forbidden) as refused:
        await world.services.sessions.suspend(viewer, session.id)
    with pytest.raises(Forbidden):
        await world.files.upload(viewer, session.id, "a.md", _nothing(), 10)
    fresh = (await world.entries())[before:]
    assert [(e.act.actor_id, e.act.action, e.act.result, e.act.source) for e in fresh] == [
        (VIEWER.user_id, "session.control", "refused", "10.0.0.8 other"),
        (VIEWER.user_id, "session.edit", "refused", "10.0.0.8 other"),
    ]
    assert {e.act.object_id for e in fresh} == {session.id}
    assert refused.value.to_dict() == {
        "code": "forbidden",
        "kind": "forbidden",
        "message": refused.value.message,
        "role": "view",
    }
    assert await world.services.status(session.id) == "active"


async def _nothing() -> AsyncIterator[bytes]:
    yield b""


async def test_a_viewer_does_not_resume_a_paused_run_of_an_active_session(world: World) -> None:
    session, run = await world.running()
    await world.services.runs.pause(OWNER, run.id)
    run = await world.services.runs.get(OWNER, run.id)
    assert run.status == "pausing"
    await world.services.store.write(lambda tx: sessions.set_fields(tx, session.id, status="active"))
    await share(world.services, session.id, VIEWER, "view")
    with pytest.raises(Forbidden):
        await world.services.runs.resume(VIEWER, run.id)
    assert (await world.services.runs.get(OWNER, run.id)).status == "pausing"
    before = len(await world.entries())
    await world.services.runs.resume(BY, run.id)
    assert [e.act.action for e in (await world.entries())[before:]] == ["run.resume"]


async def test_an_input_while_a_run_is_live_is_noted_as_what_became_of_it(world: World) -> None:
    session, run = await world.running()
    before = len(await world.entries())
    for on_busy in ("enqueue", "steer", "interrupt"):
        await world.services.runs.start(BY, session.id, "more", on_busy=on_busy)
    fresh = (await world.entries())[before:]
    assert [e.act.action for e in fresh] == ["queue.add", "run.steer", "run.cancel", "queue.add"]
    assert {e.act.session_id for e in fresh} == {session.id}
    assert fresh[2].act.object_id == run.id


async def test_accepting_a_runs_plan_notes_the_answer_and_the_mission(world: World) -> None:
    _, run = await world.running()
    steps = [{"name": "one", "goal": "g"}]
    plan = await world.services.progress.write(
        run,
        lambda tx: plans.propose_in(
            tx, run, OWNER.user_id, name="n", goal="g", steps=steps, change="proposed"
        ),
    )
    question = factories.approval(run.session_id, run.id, options=["approve", "reject"])
    await world.services.progress.ask(run, question)
    before = len(await world.entries())
    await world.services.mission_commands.accept(BY, plan.id)
    answered, accepted = (await world.entries())[before:]
    assert (answered.act.action, answered.act.object_id) == ("approval.answer", question.id)
    assert {"resolution": "approve", "status": "approved", "type": "plan"}.items() <= answered.details.items()
    assert (accepted.act.action, accepted.act.object_id) == ("mission.accept", plan.id)
    assert accepted.details["approval_id"] == question.id


async def test_sweeps_act_as_the_system(world: World, clock: Clock) -> None:
    services = world.services
    session = await world.session()
    gone = await world.session("deleted")
    before = len(await world.entries())
    await services.sweeps.run_once()
    clock.move(days=1)
    await services.sweeps.run_once()
    clock.move(hours=2)
    await services.sweeps.run_once()
    clock.move(days=8)
    await services.sweeps.run_once()
    clock.move(days=91)
    await services.sweeps.run_once()
    fresh = (await world.entries())[before:]
    assert [(e.act.action, e.act.object_id) for e in fresh] == [
        ("session.expire", session.id),
        ("session.archive", session.id),
        ("session.purge", gone.id),
    ]
    assert {(e.act.actor_id, e.act.source) for e in fresh} == {(SYSTEM_ACTOR.user_id, "server")}


async def test_a_deadline_that_passes_is_noted(world: World, clock: Clock) -> None:
    _, run = await world.services.running()
    question = factories.approval(run.session_id, run.id, on_expiry="reject")
    question = question.model_copy(update={"deadline": clock.now})
    await world.services.progress.ask(run, question)
    clock.move(days=3)
    before = len(await world.entries())
    assert await world.services.approvals.expire_overdue() == 1
    (entry,) = (await world.entries())[before:]
    assert (entry.act.action, entry.act.actor_id) == ("approval.expire", SYSTEM_ACTOR.user_id)


async def test_a_worker_leaves_nothing_in_the_audit_log(world: World) -> None:
    session, run = await world.running()
    before = await world.entries()
    progress = world.services.progress
    await progress.write(run, lambda tx: tx.append(session.id, *(factories.line(str(n)) for n in range(50))))
    await world.services.store.append(session.id, [factories.message("said")])
    await progress.ask(run, factories.approval(session.id, run.id))
    assert await world.entries() == before
    session, run = await world.running()
    before = await world.entries()
    await progress.fail(run, {"message": "no"}, None)
    assert await world.entries() == before


async def test_those_who_administer_a_session_read_its_log(world: World) -> None:
    session = await world.session()
    other = await world.session()
    await world.services.sessions.suspend(BY, session.id)
    found, total = await world.audit.list_of_session(OWNER, session.id)
    assert [e.act.action for e in found] == ["session.suspend", "session.create"]
    assert total == 2
    await share(world.services, session.id, VIEWER, "admin")
    assert (await world.audit.list_of_session(VIEWER, session.id))[1] == 2
    with pytest.raises(NotFound):
        await world.audit.list_of_session(VIEWER, other.id)
    await share(world.services, other.id, VIEWER, "edit")
    with pytest.raises(Forbidden):
        await world.audit.list_of_session(VIEWER, other.id)
    assert (await world.audit.list_of_session(OWNER, other.id))[0][0].act.action == "session.audit"


async def test_only_administrators_read_the_whole_log(world: World) -> None:
    session = await world.session("deleted")
    await world.services.sessions.purge(OWNER, session.id)
    with pytest.raises(Forbidden):
        await world.audit.list(OWNER, AuditQuery())
    found, total = await world.audit.list(LOCAL_ACTOR, AuditQuery(session_id=session.id))
    assert [e.act.action for e in found] == ["session.purge", "session.delete", "session.create"]
    assert total == 3
    newest, _ = await world.audit.list(LOCAL_ACTOR, AuditQuery(actor_id=OWNER.user_id))
    assert (newest[0].act.action, newest[0].act.result) == ("audit.read", "refused")
