"""Every command of the session table, who may give it, and what it leaves behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from perdure.core.access import LOCAL_ACTOR
from perdure.core.runs import RunStatus
from perdure.core.sessions import SessionStatus
from perdure.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotAllowedNow,
    NotFound,
    PerdureError,
    StaleVersion,
)
from perdure.ids import new_id
from perdure.services import sweeps
from perdure.store import operations, sessions
from perdure.store.sessions import SessionQuery
from perdure.store.tables import shares
from perdure.store.transaction import Tx
from tests import factories
from tests.factories import OWNER, STRANGER, VIEWER, Clock, Services

# From `domain.md`, by hand: which command of a person is allowed where, and where it leads.
ALLOWED = {
    "suspend": {"active": "suspended"},
    "resume": {"suspended": "active", "failed": "active", "expired": "active"},
    "complete": {"active": "completed", "suspended": "completed"},
    "archive": dict.fromkeys(("completed", "failed", "suspended", "expired"), "archived"),
    "restore": {"archived": "suspended", "deleted": "completed"},
    "delete": dict.fromkeys(
        ("active", "suspended", "completed", "failed", "expired", "archived", "deleted"), "deleted"
    ),
}


@pytest.mark.parametrize("status", [str(s) for s in SessionStatus])
@pytest.mark.parametrize("command", sorted(ALLOWED))
async def test_a_command_does_what_the_table_says_or_names_what_is_allowed(
    services: Services, command: str, status: str
) -> None:
    before = SessionStatus.COMPLETED if status == "deleted" else None
    made = factories.session(status=SessionStatus(status), status_before=before)
    await services.store.write(lambda tx: sessions.insert_session(tx, made))
    give: Any = getattr(services.sessions, command)
    target = ALLOWED[command].get(status)
    if target is None:
        with pytest.raises(NotFound if status == "deleted" else NotAllowedNow) as caught:
            await give(OWNER, made.id)
        if status != "deleted":
            assert caught.value.fields["current_status"] == status
            assert command not in caught.value.fields["allowed"]
        assert await services.status(made.id) == status
        return
    await give(OWNER, made.id)
    assert await services.status(made.id) == target
    stored = await services.store.read(lambda tx: sessions.get_session(tx, made.id))
    assert stored.version == (1 if status == "deleted" and command == "delete" else 2)


@pytest.mark.parametrize("actor", [STRANGER, VIEWER])
@pytest.mark.parametrize(
    "call",
    [
        lambda s, a, i: s.sessions.update(a, i, patch={"name": "x"}),
        lambda s, a, i: s.sessions.save_state(a, i, current_phase="x"),
        lambda s, a, i: s.sessions.suspend(a, i),
        lambda s, a, i: s.sessions.resume(a, i),
        lambda s, a, i: s.sessions.complete(a, i),
        lambda s, a, i: s.sessions.archive(a, i),
        lambda s, a, i: s.sessions.restore(a, i),
        lambda s, a, i: s.sessions.delete(a, i),
        lambda s, a, i: s.sessions.purge(a, i),
        lambda s, a, i: s.runs.start(a, i, "do"),
        lambda s, a, i: s.runs.submit(a, "do", {"session_id": i}),
        lambda s, a, i: s.runs.steer(a, i, "do"),
        lambda s, a, i: s.history.add(a, i, [{"role": "user", "content": "x"}]),
        lambda s, a, i: s.history.clear(a, i),
        lambda s, a, i: s.queue.add(a, i, "x"),
        lambda s, a, i: s.queue.remove(a, i, new_id()),
    ],
)
async def test_strangers_find_nothing_and_viewers_change_nothing(
    services: Services, actor: Any, call: Any
) -> None:
    session = await services.session()
    await share(services, session.id)
    with pytest.raises(Forbidden if actor is VIEWER else NotFound) as caught:
        await call(services, actor, session.id)
    if actor is STRANGER:
        with pytest.raises(NotFound) as missing:
            await call(services, OWNER, new_id())
        assert str(caught.value) == str(missing.value)
    assert (await services.sessions.get(OWNER, session.id)).session.version == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda s, a, i: s.sessions.get(a, i),
        lambda s, a, i: s.sessions.load(a, i),
        lambda s, a, i: s.history.messages(a, i),
        lambda s, a, i: s.history.events(a, i),
        lambda s, a, i: s.history.frames(a, i, 0, 10),
        lambda s, a, i: s.history.console(a, i),
        lambda s, a, i: s.runs.list(a, i, 10, 0),
        lambda s, a, i: s.runs.steps(a, i),
        lambda s, a, i: s.costs.summary(a, i),
        lambda s, a, i: s.missions.dag(a, i),
        lambda s, a, i: s.missions.for_session(a, i),
        lambda s, a, i: s.queue.list(a, i),
        lambda s, a, i: s.approvals.list(a, session_id=i),
    ],
)
async def test_viewers_read_what_strangers_and_the_deleted_world_do_not_have(
    services: Services, call: Any
) -> None:
    session = await services.session()
    await share(services, session.id)
    await call(services, VIEWER, session.id)
    with pytest.raises(NotFound):
        await call(services, STRANGER, session.id)
    await services.sessions.delete(OWNER, session.id)
    for actor in (OWNER, VIEWER):
        with pytest.raises(NotFound):
            await call(services, actor, session.id)
    await services.sessions.restore(OWNER, session.id)
    await call(services, OWNER, session.id)


async def share(services: Services, session_id: str, **values: Any) -> None:
    row = {
        "id": new_id(),
        "session_id": session_id,
        "user_id": VIEWER.user_id,
        "role": "view",
        "created_by": OWNER.user_id,
        "created_at": factories.START,
        **values,
    }
    await services.store.write(lambda tx: tx.db.execute(insert(shares).values(row)))


async def test_a_share_ends_at_its_expiry(services: Services, clock: Clock) -> None:
    session = await services.session()
    await share(services, session.id, expires_at=clock.now + timedelta(hours=1))
    await services.sessions.get(VIEWER, session.id)
    clock.move(hours=1)
    with pytest.raises(NotFound):
        await services.sessions.get(VIEWER, session.id)


async def test_a_list_shows_the_actors_own_sessions(services: Services) -> None:
    mine = await services.session()
    theirs = await services.sessions.create(STRANGER, mode="brief")
    page = await services.sessions.list(OWNER, SessionQuery())
    assert [row.session.id for row in page.sessions] == [mine.id]
    assert (page.total, page.counts["active"], page.next_cursor) == (1, 1, None)
    with pytest.raises(Forbidden, match="administrators"):
        await services.sessions.list(OWNER, SessionQuery(user_id=STRANGER.user_id))
    other = await services.sessions.list(LOCAL_ACTOR, SessionQuery(user_id=STRANGER.user_id))
    assert [row.session.id for row in other.sessions] == [theirs.id]
    with pytest.raises(InvalidInput, match="not a status"):
        await services.sessions.list(OWNER, SessionQuery(status=("paused",)))


async def test_a_new_session_is_active_named_and_logged(services: Services) -> None:
    session = await services.session(task="Write a   report", config={"maxRounds": 3}, tags=["a"])
    assert (session.status, session.name, session.version) == (SessionStatus.ACTIVE, "Write a report", 1)
    assert session.config == {"max_rounds": 3}
    assert await services.types(session.id) == ["session_update"]
    with pytest.raises(Conflict):
        await services.session(session_id=session.id)
    with pytest.raises(PerdureError, match="did you mean 'max_rounds'"):
        await services.session(config={"max_round": 3})
    assert (await services.sessions.list(OWNER, SessionQuery())).total == 1


async def test_the_active_session_is_the_last_one_at_work_and_never_made(
    services: Services, clock: Clock
) -> None:
    with pytest.raises(NotFound):
        await services.sessions.active(OWNER)
    first = await services.session()
    clock.move(seconds=1)
    await services.session()
    clock.move(seconds=1)
    await services.sessions.touch(OWNER, [first.id, new_id()])
    assert (await services.sessions.active(OWNER)).session.id == first.id


async def test_loading_makes_a_session_the_current_one(services: Services) -> None:
    session = await services.session()
    await services.sessions.load(OWNER, session.id)
    assert (await services.sessions.list(OWNER, SessionQuery())).current_session_id == session.id
    await services.sessions.delete(OWNER, session.id)
    assert (await services.sessions.list(OWNER, SessionQuery())).current_session_id is None


async def test_an_update_merges_replaces_and_guards_the_version(services: Services) -> None:
    session = await services.session(metadata={"a": 1, "b": 2})
    merged = await services.sessions.update(
        OWNER, session.id, patch={"metadata": {"b": None, "c": 3}, "name": "n"}, if_version=1
    )
    assert (merged.metadata, merged.name, merged.version) == ({"a": 1, "c": 3}, "n", 2)
    replaced = await services.sessions.update(OWNER, session.id, patch={"metadata": {}}, replace=True)
    assert replaced.metadata == {}
    with pytest.raises(StaleVersion) as caught:
        await services.sessions.update(OWNER, session.id, patch={"name": "x"}, if_version=1)
    assert caught.value.fields["current_version"] == 3
    with pytest.raises(InvalidInput, match="status"):
        await services.sessions.update(OWNER, session.id, patch={"status": "x"})
    assert (await services.sessions.update(OWNER, session.id, patch={})).version == 3


async def test_deleting_cancels_a_live_run_hides_all_and_restoring_brings_all_back(
    services: Services,
) -> None:
    session, run = await services.running()
    asked = await services.progress.ask(run, factories.approval(session.id, run.id))
    await services.sessions.delete(OWNER, session.id)
    for call in (
        services.runs.get(OWNER, run.id),
        services.approvals.get(OWNER, asked.id),
        services.sessions.get(OWNER, session.id),
    ):
        with pytest.raises(NotFound):
            await call
    assert (await services.approvals.list(OWNER, status=None))[1] == 0
    assert (await services.sessions.delete(OWNER, session.id)).status is SessionStatus.DELETED
    restored = await services.sessions.restore(OWNER, session.id)
    assert restored.status is SessionStatus.ACTIVE
    assert (await services.runs.get(OWNER, run.id)).status is RunStatus.CANCELLED
    assert str((await services.approvals.get(OWNER, asked.id)).status) == "cancelled"


async def test_a_running_run_of_a_deleted_session_is_aborted(services: Services) -> None:
    session, run = await services.running()
    await services.sessions.delete(OWNER, session.id)
    assert services.engine.aborted == [run.id]
    assert await services.progress.stopped(run) is None
    assert await services.status(session.id) == "deleted"
    assert await services.progress.status(run.id) is RunStatus.CANCELLED


async def test_a_paused_run_survives_deleting_and_restoring(services: Services) -> None:
    session, run = await services.running()
    await services.sessions.suspend(OWNER, session.id)
    await services.progress.park(run)
    await services.sessions.delete(OWNER, session.id)
    await services.sessions.restore(OWNER, session.id)
    assert await services.status(session.id) == "suspended"
    _, resumed = await services.sessions.resume(OWNER, session.id)
    assert resumed is not None
    assert (resumed.id, resumed.status) == (run.id, RunStatus.QUEUED)


async def test_completing_cancels_what_runs(services: Services) -> None:
    session, run = await services.running()
    await services.sessions.complete(OWNER, session.id)
    assert services.engine.aborted == [run.id]
    await services.progress.stopped(run)
    assert await services.status(session.id) == "completed"


async def test_many_sessions_succeed_and_fail_each_alone(services: Services) -> None:
    one, two = await services.session(), await services.session()
    results = await services.sessions.bulk(OWNER, "suspend", [one.id, new_id(), "no-id", two.id])
    assert [r["success"] for r in results] == [True, False, False, True]
    assert [r.get("status") or r["error"]["code"] for r in results] == [
        "suspended",
        "not-found",
        "invalid-input",
        "suspended",
    ]
    resumed = await services.sessions.bulk(OWNER, "resume", [one.id])
    assert resumed[0]["status"] == "active"
    with pytest.raises(InvalidInput):
        await services.sessions.bulk(OWNER, "purge", [one.id])


async def test_saved_state_extends_the_history_and_raises_the_version_once(services: Services) -> None:
    session = await services.session()
    first = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    saved = await services.sessions.save_state(
        OWNER,
        session.id,
        conversation_history=first,
        context_variables={"k": 1},
        current_phase="p",
        plan_data={"x": 1},
    )
    assert (saved.version, saved.current_phase, saved.plan_data) == (2, "p", {"x": 1})
    longer = [*first, {"role": "user", "content": "c"}]
    await services.sessions.save_state(OWNER, session.id, conversation_history=longer, expected_version=2)
    await services.sessions.save_state(OWNER, session.id, conversation_history=longer)
    await services.sessions.save_state(OWNER, session.id, messages=[{"role": "tool", "content": "d"}])
    page = await services.history.messages(OWNER, session.id)
    assert [(m.position, m.text) for m in page.messages] == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
    assert (await services.sessions.get(OWNER, session.id)).session.context_variables == {"k": 1}


@pytest.mark.parametrize(
    "history",
    [
        [],
        [{"role": "user", "content": "a"}],
        [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "other"},
            {"role": "user", "content": "c"},
        ],
    ],
)
async def test_a_history_that_does_not_extend_the_stored_one_saves_nothing(
    services: Services, history: list[dict[str, str]]
) -> None:
    session = await services.session()
    stored = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    await services.sessions.save_state(OWNER, session.id, conversation_history=stored)
    with pytest.raises(Conflict) as caught:
        await services.sessions.save_state(OWNER, session.id, conversation_history=history, current_phase="x")
    assert caught.value.fields["stored_messages"] == 2
    kept = (await services.sessions.get(OWNER, session.id)).session
    assert (kept.version, kept.current_phase, kept.message_count) == (2, "init", 2)


async def test_state_is_not_saved_with_a_stale_version_or_into_an_ended_session(services: Services) -> None:
    session = await services.session()
    with pytest.raises(StaleVersion):
        await services.sessions.save_state(OWNER, session.id, current_phase="x", expected_version=7)
    with pytest.raises(InvalidInput, match="Message 1"):
        await services.sessions.save_state(
            OWNER, session.id, messages=[{"role": "user", "content": "a"}, {"role": 1}]
        )
    assert (await services.history.messages(OWNER, session.id)).total == 0
    await services.sessions.complete(OWNER, session.id)
    with pytest.raises(NotAllowedNow):
        await services.sessions.save_state(OWNER, session.id, current_phase="x")


async def test_a_cleared_history_starts_anew_and_erases_nothing(services: Services) -> None:
    session = await services.session()
    await services.history.add(OWNER, session.id, [{"role": "user", "content": str(n)} for n in range(3)])
    await services.history.clear(OWNER, session.id)
    page = await services.history.messages(OWNER, session.id)
    assert (page.messages, page.total, page.has_more) == ([], 0, False)
    (added,) = await services.history.add(OWNER, session.id, [{"role": "user", "content": "new"}])
    assert added.position == 4
    assert [m.text for m in (await services.history.messages(OWNER, session.id)).messages] == ["new"]
    await services.sessions.save_state(
        OWNER,
        session.id,
        conversation_history=[{"role": "user", "content": "new"}, {"role": "user", "content": "x"}],
    )
    said = await services.history.events(OWNER, session.id, types=("agent_message",))
    assert [e.payload["content"] for e in said] == ["0", "1", "2", "new", "x"]
    assert "history_cleared" in await services.types(session.id)


async def test_pages_of_messages_lead_back_to_the_first(services: Services) -> None:
    session = await services.session()
    await services.history.add(
        OWNER, session.id, [{"role": "user", "content": str(n)} for n in range(1, 1106)]
    )
    newest = await services.history.messages(OWNER, session.id, limit=5000)
    assert (len(newest.messages), newest.has_more, newest.total) == (1000, True, 1105)
    assert newest.next_cursor == "106"
    older = await services.history.messages(OWNER, session.id, before=106, limit=50)
    assert [m.position for m in older.messages] == list(range(56, 106))
    after = await services.history.messages(OWNER, session.id, after=1100, limit=3)
    assert ([m.position for m in after.messages], after.next_cursor) == ([1101, 1102, 1103], "1103")
    with pytest.raises(InvalidInput):
        await services.history.add(OWNER, session.id, [])


async def test_a_purge_needs_the_owner_and_leaves_nothing(services: Services) -> None:
    session = await services.session()
    await services.sessions.purge(OWNER, session.id)
    with pytest.raises(NotFound):
        await services.store.read(lambda tx: sessions.get_session(tx, session.id))


async def test_context_given_at_a_resume_is_never_lost(services: Services) -> None:
    session = await services.session()
    await services.sessions.suspend(OWNER, session.id)
    resumed, run = await services.sessions.resume(OWNER, session.id, "mind the gap")
    assert (resumed.status, run) == (SessionStatus.ACTIVE, None)
    assert [m.text for m in (await services.history.messages(OWNER, session.id)).messages] == ["mind the gap"]


async def test_idle_sessions_are_warned_expired_archived_and_restorable(
    services: Services, clock: Clock
) -> None:
    session = await services.session()
    clock.move(hours=22, minutes=59)
    assert (await services.sweeps.run_once())["warned"] == 0
    clock.move(minutes=1)
    assert (await services.sweeps.run_once())["warned"] == 1
    assert (await services.sweeps.run_once())["warned"] == 0
    warning = (await services.history.events(OWNER, session.id))[-1]
    assert warning.payload["reason"] == "expires soon"
    assert warning.payload["status"] == "active"
    clock.move(minutes=59)
    assert (await services.sweeps.run_once())["expired"] == 0
    clock.move(minutes=1)
    assert (await services.sweeps.run_once())["expired"] == 1
    assert await services.status(session.id) == "expired"
    clock.move(days=6, hours=23)
    assert (await services.sweeps.run_once())["archived"] == 0
    clock.move(hours=1)
    assert (await services.sweeps.run_once())["archived"] == 1
    assert await services.status(session.id) == "archived"
    clock.move(days=1000)
    assert not any((await services.sweeps.run_once()).values())
    assert (await services.sessions.restore(OWNER, session.id)).status is SessionStatus.SUSPENDED


async def test_activity_moves_expiry_and_takes_the_warning_back(services: Services, clock: Clock) -> None:
    session = await services.session()
    clock.move(hours=23)
    await services.sweeps.run_once()
    await services.sessions.touch(OWNER, [session.id])
    clock.move(hours=22)
    assert not any((await services.sweeps.run_once()).values())
    clock.move(hours=1)
    assert (await services.sweeps.run_once())["warned"] == 1


async def test_a_session_never_expires_while_its_run_is_live_or_waits(
    services: Services, clock: Clock
) -> None:
    live, _ = await services.running()
    waiting, run = await services.running()
    await services.progress.ask(
        run, factories.approval(waiting.id, run.id, deadline=clock.now + timedelta(days=100))
    )
    clock.move(days=50)
    done = await services.sweeps.run_once()
    assert (done["warned"], done["expired"]) == (0, 0)
    assert {await services.status(s.id) for s in (live, waiting)} == {"active"}


@pytest.mark.parametrize("end", ["finish", "cancel", "stopped"])
async def test_a_session_whose_long_run_has_just_ended_is_not_idle(
    services: Services, clock: Clock, end: str
) -> None:
    session, run = await services.running("talk")
    if end == "cancel":
        await services.progress.ask(
            run, factories.approval(session.id, run.id, deadline=clock.now + timedelta(days=9))
        )
    clock.move(days=3)
    if end == "finish":
        await services.progress.finish(run, {"summary": "done"})
    elif end == "cancel":
        await services.runs.cancel(OWNER, run.id)
    else:
        await services.runs.cancel(OWNER, run.id)
        await services.progress.stopped(run)
    done = await services.sweeps.run_once()
    assert (done["expired"], await services.status(session.id)) == (0, "active")


async def test_an_expired_session_is_archived_even_if_it_was_looked_at_or_restored(
    services: Services, clock: Clock
) -> None:
    touched, deleted = await services.session(), await services.session()
    clock.move(hours=23)
    await services.sweeps.run_once()
    clock.move(hours=1)
    await services.sweeps.run_once()
    await services.sessions.touch(OWNER, [touched.id])
    await services.sessions.delete(OWNER, deleted.id)
    await services.sessions.restore(OWNER, deleted.id)
    clock.move(days=8)
    assert (await services.sweeps.run_once())["archived"] == 2


async def test_suspended_sessions_wait_for_ever_unless_a_limit_is_set(open_store: Any, clock: Clock) -> None:
    services = Services(open_store("sqlite://"), factories.Limits(suspended_ttl=timedelta(days=2)))
    session = await services.session()
    await services.sessions.suspend(OWNER, session.id)
    patient = Services(open_store("sqlite://"))
    other = await patient.session()
    await patient.sessions.suspend(OWNER, other.id)
    clock.move(days=2)
    for _ in range(2):
        await services.sweeps.run_once()
        await patient.sweeps.run_once()
        clock.move(hours=1)
    assert (await services.status(session.id), await patient.status(other.id)) == ("expired", "suspended")


async def test_deleted_sessions_are_purged_after_ninety_days(services: Services, clock: Clock) -> None:
    session = await services.session()
    await services.sessions.delete(OWNER, session.id)
    clock.move(days=89, hours=23)
    assert (await services.sweeps.run_once())["purged"] == 0
    clock.move(hours=1)
    assert (await services.sweeps.run_once())["purged"] == 1
    with pytest.raises(NotFound):
        await services.sessions.restore(OWNER, session.id)


async def test_all_that_are_due_are_purged_however_many(
    services: Services, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "_PURGED_AT_ONCE", 2)
    for _ in range(5):
        session = await services.session()
        await services.sessions.delete(OWNER, session.id)
    clock.move(days=90)
    assert (await services.sweeps.run_once())["purged"] == 5


async def test_silent_connections_and_old_keys_are_forgotten(services: Services, clock: Clock) -> None:
    quiet = await services.connections.open("t", None, OWNER.user_id)
    loud = await services.connections.open(None, new_id(), OWNER.user_id)
    await services.idempotency.begin(OWNER, "k", "f")
    clock.move(minutes=5)
    await services.connections.heartbeat([loud])
    await services.connections.heartbeat([])
    clock.move(seconds=1)
    assert (await services.sweeps.run_once())["connections_removed"] == 1
    assert await services.connections.count() == 1
    await services.connections.close(quiet)
    await services.connections.close(loud)
    assert await services.connections.count() == 0
    clock.move(days=3)
    await services.sweeps.run_once()

    def known(tx: Tx) -> Any:
        return operations.find_idempotency_key(tx, OWNER.user_id, "k")

    assert await services.store.read(known) is None


async def test_statistics_count_what_is_there(services: Services) -> None:
    session, _ = await services.running()
    await services.history.add(OWNER, session.id, [{"role": "user", "content": "x"}])
    numbers = await services.stats.snapshot(OWNER)
    assert (numbers["total_sessions"], numbers["total_messages"], numbers["runs"]) == (1, 2, {"running": 1})
    assert numbers["storage"]["ok"]
