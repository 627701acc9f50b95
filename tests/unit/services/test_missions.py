"""Missions of people: who may, what a run's plan allows, and what the session's log tells."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import insert

from perdure.core.access import Role
from perdure.core.approvals import ApprovalStatus, Resolution
from perdure.core.hops import HopCommand
from perdure.core.missions import Mission
from perdure.core.runs import Run, RunStatus
from perdure.errors import Conflict, Forbidden, InvalidInput, NotAllowedNow, NotFound
from perdure.services import plans
from perdure.services.mission_assets import AssetCommands
from perdure.services.mission_commands import MissionDone
from perdure.store.assets import AssetQuery
from perdure.store.missions import MissionQuery
from perdure.store.tables import shares
from tests import factories
from tests.factories import OWNER, START, STRANGER, VIEWER, Services

HOPS = [
    {"name": "read", "goal": "Find it", "outputs": ["facts"]},
    {"name": "write", "goal": "Write it", "inputs": ["facts"]},
]


async def mission(services: Services, **words: Any) -> Mission:
    return (await services.mission_commands.create(OWNER, goal="Know more", hops=HOPS, **words)).mission


async def planned(services: Services) -> tuple[Run, Mission]:
    """A run that works on a plan of its own."""
    _, run = await services.running()
    steps = [{"name": "one", "goal": "g"}, {"name": "two", "goal": "g"}]
    own = await services.progress.write(
        run,
        lambda tx: plans.propose_in(
            tx, run, OWNER.user_id, name="n", goal="g", steps=steps, change="proposed"
        ),
    )
    return run, own


async def asked(services: Services, run: Run, *options: Resolution) -> str:
    question = factories.approval(run.session_id, run.id, options=[str(o) for o in options])
    return (await services.progress.ask(run, question)).id


async def changes(services: Services, session_id: str) -> list[str]:
    events = await services.history.events(OWNER, session_id, limit=1000)
    return [e.payload["change"] for e in events if e.type == "plan_update"]


COMMANDS: dict[str, Callable[[Services, Any, Mission], Awaitable[object]]] = {
    "get": lambda s, a, m: s.missions.get(a, m.id),
    "hop": lambda s, a, m: s.missions.hop(a, m.hops[0].id),
    "list assets": lambda s, a, m: s.missions.list_assets(a, AssetQuery(mission_id=m.id)),
    "update": lambda s, a, m: s.mission_commands.update(a, m.id, {"name": "x"}),
    "propose": lambda s, a, m: s.mission_commands.propose(a, m.id),
    "accept": lambda s, a, m: s.mission_commands.accept(a, m.id),
    "reject": lambda s, a, m: s.mission_commands.reject(a, m.id),
    "revise": lambda s, a, m: s.mission_commands.revise(a, m.id, "better"),
    "modify": lambda s, a, m: s.mission_commands.modify(a, m.id, HOPS[:1]),
    "cancel": lambda s, a, m: s.mission_commands.cancel(a, m.id),
    "fail": lambda s, a, m: s.mission_commands.fail(a, m.id),
    "complete": lambda s, a, m: s.mission_commands.complete(a, m.id),
    "reorder": lambda s, a, m: s.mission_commands.reorder(a, m.id, [h.id for h in m.hops]),
    "add hop": lambda s, a, m: s.hops.add(a, m.id, {"goal": "more"}),
    "update hop": lambda s, a, m: s.hops.update(a, m.hops[0].id, {"goal": "x"}),
    "remove hop": lambda s, a, m: s.hops.remove(a, m.hops[1].id),
    "move hop": lambda s, a, m: s.hops.move(a, m.hops[0].id, HopCommand.START),
    "add tool step": lambda s, a, m: s.hops.add_tool_step(a, m.hops[0].id, tool="t"),
    "add asset": lambda s, a, m: _assets(s).create(a, mission_id=m.id, name="x", value=1),
}
READS = {"get", "hop", "list assets"}


def _assets(services: Services) -> AssetCommands:
    return AssetCommands(services.store, files=None)  # type: ignore[arg-type]  # no file is touched here


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("linked", [False, True], ids=["free", "linked"])
async def test_a_stranger_finds_no_mission(services: Services, name: str, linked: bool) -> None:
    session = await services.session()
    made = await mission(services, session_id=session.id if linked else None)
    with pytest.raises(NotFound):
        await COMMANDS[name](services, STRANGER, made)
    assert (await services.missions.get(OWNER, made.id)).mission == made
    assert (await services.missions.list(STRANGER, MissionQuery()))[1] == 0


@pytest.mark.parametrize("name", COMMANDS)
async def test_who_may_only_look_at_the_session_may_only_look_at_its_mission(
    services: Services, name: str
) -> None:
    session = await services.session()
    made = await mission(services, session_id=session.id)
    row = {
        "id": "00000000-0000-7000-8000-0000000000aa",
        "session_id": session.id,
        "user_id": VIEWER.user_id,
        "role": Role.VIEW,
        "created_by": OWNER.user_id,
        "created_at": START,
    }
    services.store.write_now(
        lambda tx: tx.db.execute(insert(shares).values({k: v for k, v in row.items() if k in shares.c}))
    )
    if name in READS:
        await COMMANDS[name](services, VIEWER, made)
    else:
        with pytest.raises(Forbidden):
            await COMMANDS[name](services, VIEWER, made)
    assert (await services.missions.get(OWNER, made.id)).mission == made


async def test_a_deleted_session_hides_its_missions(services: Services) -> None:
    session = await services.session()
    made = await mission(services, session_id=session.id)
    await services.sessions.delete(OWNER, session.id)
    with pytest.raises(NotFound):
        await services.missions.get(OWNER, made.id)
    assert (await services.missions.list(OWNER, MissionQuery()))[1] == 0
    await services.sessions.restore(OWNER, session.id)
    assert (await services.missions.list(OWNER, MissionQuery()))[0] == [made]


async def test_a_strangers_session_cannot_be_given_a_mission(services: Services) -> None:
    session = await services.session()
    with pytest.raises(NotFound):
        await services.mission_commands.create(STRANGER, goal="g", session_id=session.id)
    assert (await services.missions.list(STRANGER, MissionQuery()))[1] == 0


REFUSED = [
    "update",
    "propose",
    "fail",
    "complete",
    "reorder",
    "add hop",
    "update hop",
    "remove hop",
    "move hop",
]


@pytest.mark.parametrize("name", REFUSED)
async def test_what_a_run_works_on_is_left_to_the_run(services: Services, name: str) -> None:
    run, own = await planned(services)
    with pytest.raises(NotAllowedNow) as refused:
        await COMMANDS[name](services, OWNER, own)
    assert refused.value.fields["run_id"] == run.id
    assert (await services.missions.get(OWNER, own.id)).mission == own


@pytest.mark.parametrize(
    ("name", "resolution", "status"),
    [
        ("accept", Resolution.APPROVE, "accepted"),
        ("reject", Resolution.REJECT, "rejected"),
        ("revise", Resolution.REVISE, "proposed"),
        ("modify", Resolution.MODIFY, "proposed"),
    ],
)
async def test_deciding_about_the_plan_of_a_run_answers_its_question(
    services: Services, name: str, resolution: Resolution, status: str
) -> None:
    run, own = await planned(services)
    with pytest.raises(NotAllowedNow):
        await COMMANDS[name](services, OWNER, own)
    approval_id = await asked(services, run, *Resolution)
    done = await COMMANDS[name](services, OWNER, own)
    assert isinstance(done, MissionDone)
    assert (done.approval_id, done.run_id, done.mission.status) == (approval_id, run.id, status)
    answered = await services.approvals.get(OWNER, approval_id)
    assert (answered.resolution, answered.responded_by) == (resolution, OWNER.name)
    assert await services.progress.status(run.id) is RunStatus.QUEUED
    assert services.engine.enqueued[-1] == run.id


async def test_an_answer_that_the_question_does_not_offer_changes_nothing(services: Services) -> None:
    run, own = await planned(services)
    approval_id = await asked(services, run, Resolution.APPROVE, Resolution.REJECT)
    with pytest.raises(InvalidInput):
        await services.mission_commands.revise(OWNER, own.id, "better")
    assert (await services.approvals.get(OWNER, approval_id)).status is ApprovalStatus.PENDING
    assert (await services.missions.get(OWNER, own.id)).mission == own


async def test_cancelling_the_plan_of_a_run_cancels_the_run(services: Services) -> None:
    run, own = await planned(services)
    done = await services.mission_commands.cancel(OWNER, own.id)
    assert (done.mission.status, done.run_id) == ("proposed", run.id)
    assert await services.progress.status(run.id) is RunStatus.CANCELLING
    assert services.engine.aborted == [run.id]
    await services.progress.stopped(run)
    assert (await services.missions.get(OWNER, own.id)).mission.status == "cancelled"
    assert (await changes(services, run.session_id))[-1] == "cancelled"
    types = await services.types(run.session_id)
    assert types.index("workflow_cancelled") > types.index("plan_update")


async def test_a_mission_is_not_put_in_the_place_of_one_that_a_run_works_on(services: Services) -> None:
    run, own = await planned(services)
    made = await mission(services)
    with pytest.raises(NotAllowedNow) as refused:
        await services.mission_commands.link(OWNER, run.session_id, made.id)
    assert refused.value.fields["run_id"] == run.id
    current = await services.missions.for_session(OWNER, run.session_id)
    assert current is not None
    assert current.id == own.id
    assert (await services.missions.get(OWNER, made.id)).mission.session_id is None


@pytest.mark.parametrize(
    ("commands", "status"),
    [
        (["start", "complete"], "completed"),
        (["skip"], "completed"),
        (["start", "fail"], "in_progress"),
        (["cancel"], "in_progress"),
    ],
)
async def test_a_mission_is_completed_with_the_last_of_its_hops(
    services: Services, commands: list[str], status: str
) -> None:
    session = await services.session()
    made = await mission(services, session_id=session.id)
    await services.mission_commands.accept(OWNER, made.id)
    first, last = made.hops
    for command in ("start", "complete"):
        await services.hops.move(OWNER, first.id, HopCommand(command))
    for command in commands:
        assert (await services.missions.get(OWNER, made.id)).mission.status == "in_progress"
        await services.hops.move(OWNER, last.id, HopCommand(command))

    assert (await services.missions.get(OWNER, made.id)).mission.status == status
    ended = (await changes(services, session.id))[-1] == "completed"
    assert ended == (status == "completed")
    shown = (await services.sessions.get(OWNER, session.id)).session.plan_data
    assert shown is not None
    assert shown["status"] == status


async def test_a_mission_of_which_everything_was_skipped_is_not_done(services: Services) -> None:
    made = await mission(services)
    await services.mission_commands.accept(OWNER, made.id)
    for hop in made.hops:
        await services.hops.move(OWNER, hop.id, HopCommand.SKIP)
    assert (await services.missions.get(OWNER, made.id)).mission.status == "accepted"


async def test_a_plan_from_outside_does_not_take_the_place_of_the_missions(services: Services) -> None:
    session = await services.session()
    save = services.sessions.save_state
    await save(OWNER, session.id, plan_data={"steps": ["mine"]})
    made = await mission(services, session_id=session.id)
    shown = (await services.sessions.get(OWNER, session.id)).session

    with pytest.raises(Conflict, match="plan of this session is that of its mission") as refused:
        await save(OWNER, session.id, plan_data={"steps": ["mine"]}, current_phase="late")

    assert refused.value.fields["mission_id"] == made.id
    assert (await services.sessions.get(OWNER, session.id)).session == shown
    saved = await save(OWNER, session.id, plan_data=shown.plan_data, current_phase="late")
    assert (saved.plan_data, saved.current_phase) == (shown.plan_data, "late")


async def test_every_change_is_told_and_counts_as_one_of_the_session(services: Services) -> None:
    session = await services.session()
    made = await mission(services, session_id=session.id)
    commands = services.mission_commands
    first, second = made.hops
    await services.hops.update(OWNER, second.id, {"inputs": []})
    await commands.reorder(OWNER, made.id, [second.id, first.id])
    await commands.update(OWNER, made.id, {"name": "other"})
    await commands.update(OWNER, made.id, {"name": "other"})
    await commands.modify(OWNER, made.id, HOPS)
    await commands.accept(OWNER, made.id)
    await commands.revise(OWNER, made.id, "shorter")
    await commands.reject(OWNER, made.id)
    await commands.propose(OWNER, made.id)
    await commands.cancel(OWNER, made.id)
    told = ["linked", "modified", "reordered", "modified", "modified", "accepted", "revised", "rejected"]
    assert await changes(services, session.id) == [*told, "proposed", "cancelled"]
    now = (await services.sessions.get(OWNER, session.id)).session
    assert now.version == 1 + len(told) + 2
    assert now.plan_data is not None
    assert (now.plan_data["status"], now.plan_data["mission_id"]) == ("cancelled", made.id)


async def test_a_mission_that_waits_for_a_run_is_the_picture_until_another_run_begins(
    services: Services,
) -> None:
    session, run = await services.running()
    await services.progress.finish(run, {"summary": "done"})
    assert [n["id"] for n in (await services.missions.dag(OWNER, session.id))["nodes"]] == ["start", "end"]
    made = await mission(services, session_id=session.id)
    picture = await services.missions.dag(OWNER, session.id)
    assert [n["id"] for n in picture["nodes"]] == ["plan", *(h.id for h in made.hops), "end"]


async def test_a_hop_that_has_begun_keeps_its_place(services: Services) -> None:
    made = (
        await services.mission_commands.create(
            OWNER, goal="g", hops=[{"name": n, "goal": "g"} for n in "abc"]
        )
    ).mission
    await services.mission_commands.accept(OWNER, made.id)
    a, b, c = (h.id for h in made.hops)
    await services.hops.move(OWNER, a, HopCommand.START)
    with pytest.raises(NotAllowedNow):
        await services.mission_commands.reorder(OWNER, made.id, [b, a, c])
    with pytest.raises(NotAllowedNow):
        await services.hops.add(OWNER, made.id, {"goal": "before"}, position=1)
    with pytest.raises(NotAllowedNow):
        await services.hops.remove(OWNER, a)
    with pytest.raises(InvalidInput):
        await services.mission_commands.reorder(OWNER, made.id, [a, b, b])
    done = await services.mission_commands.reorder(OWNER, made.id, [a, c, b])
    assert [h.id for h in done.mission.hops] == [a, c, b]
    added = await services.hops.add(OWNER, made.id, {"goal": "between"}, position=2)
    assert (added.hop.position, added.hop.status) == (2, "ready")


async def test_a_failed_mission_says_why_and_its_hops_stay_as_they_are(services: Services) -> None:
    made = await mission(services)
    await services.mission_commands.accept(OWNER, made.id)
    await services.hops.move(OWNER, made.hops[0].id, HopCommand.START)
    failed = (await services.mission_commands.fail(OWNER, made.id, "no paper")).mission
    assert failed.error == {"code": "failed-by-person", "message": "no paper"}
    assert [str(h.status) for h in failed.hops] == ["failed", "ready"]
    with pytest.raises(NotAllowedNow):
        await services.hops.add(OWNER, made.id, {"goal": "more"})
    with pytest.raises(NotAllowedNow):
        await services.hops.move(OWNER, made.hops[1].id, HopCommand.START)
