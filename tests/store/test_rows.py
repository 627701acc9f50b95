"""Rows that several writers want: exactly one of them wins, on every database."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from perdure.core.access import Actor
from perdure.core.approvals import ApprovalStatus
from perdure.core.runs import RunStatus
from perdure.core.sessions import Session, SessionHead, SessionStatus
from perdure.errors import (
    AlreadyAnswered,
    Conflict,
    InvalidInput,
    NotAllowedNow,
    NotFound,
    StaleVersion,
    StaleWriter,
)
from perdure.ids import new_id
from perdure.services.approvals import settle_in
from perdure.services.idempotency import Claim, KeptAnswer
from perdure.store import approvals, costs, operations, runs, sessions
from perdure.store.sessions import SessionQuery
from perdure.store.store import Store
from perdure.store.summaries import summaries_of
from perdure.store.tables import metadata
from perdure.store.transaction import Tx
from tests import factories
from tests.factories import OWNER, Clock, Services, line, message


async def outcomes(*calls: Any) -> tuple[list[Any], list[BaseException]]:
    results = await asyncio.gather(*calls, return_exceptions=True)
    errors = [r for r in results if isinstance(r, BaseException)]
    return [r for r in results if not isinstance(r, BaseException)], errors


async def test_a_session_comes_back_as_it_was_stored(store: Store) -> None:
    made = factories.session(
        metadata={"secret": "ü", "n": [1, None]},
        tags=["a", 'b"c'],
        config={"x": {"y": 1.5}},
        plan_data={"steps": []},
    )
    await store.write(lambda tx: sessions.insert_session(tx, made))
    assert await store.read(lambda tx: sessions.get_session(tx, made.id)) == made


async def test_of_two_writers_with_one_version_exactly_one_wins(store: Store, session: Session) -> None:
    won, lost = await outcomes(
        *(
            store.write(lambda tx, name=str(n): sessions.change_session(tx, session, name=name))
            for n in range(8)
        )
    )
    assert len(won) == 1
    assert all(isinstance(e, StaleVersion) and e.fields["current_version"] == 2 for e in lost)
    stored = await store.read(lambda tx: sessions.get_session(tx, session.id))
    assert (stored.version, stored.name) == (2, won[0].name)


async def test_one_session_has_one_open_run(store: Store, session: Session) -> None:
    won, lost = await outcomes(
        *(
            store.write(lambda tx: runs.insert_run(tx, factories.run(session.id), OWNER.user_id))
            for _ in range(10)
        )
    )
    assert len(won) == 1
    assert [type(e) for e in lost] == [Conflict] * 9


@pytest.mark.parametrize("ended", [RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED])
async def test_an_ended_run_makes_room_for_the_next(store: Store, session: Session, ended: RunStatus) -> None:
    await store.write(lambda tx: runs.insert_run(tx, factories.run(session.id, status=ended), OWNER.user_id))
    await store.write(lambda tx: runs.insert_run(tx, factories.run(session.id), OWNER.user_id))
    listed, total = await store.read(lambda tx: runs.list_runs(tx, session.id, 10, 0))
    assert (len(listed), total) == (2, 2)
    assert await store.read(runs.count_open_runs) == {"queued": 1}


async def test_a_task_id_is_taken_once_per_owner(store: Store, session: Session) -> None:
    def insert(tx: Tx, owner: str) -> None:
        ended = factories.run(session.id, task_id="t-1", status=RunStatus.COMPLETED)
        runs.insert_run(tx, ended, owner)

    await store.write(lambda tx: insert(tx, OWNER.user_id))
    await store.write(lambda tx: insert(tx, factories.STRANGER.user_id))
    with pytest.raises(Conflict):
        await store.write(lambda tx: insert(tx, OWNER.user_id))


async def test_a_stale_fence_is_refused(store: Store, session: Session) -> None:
    one = factories.run(session.id, fence=3)
    await store.write(lambda tx: runs.insert_run(tx, one, OWNER.user_id))
    assert (await store.write(lambda tx: runs.get_fenced_run(tx, one.id, 3))).id == one.id
    with pytest.raises(StaleWriter):
        await store.write(lambda tx: runs.get_fenced_run(tx, one.id, 2))


async def test_thirty_answers_settle_one_approval_once(store: Store, session: Session) -> None:
    one = factories.run(session.id, status=RunStatus.WAITING)
    question = factories.approval(session.id, one.id)

    def prepare(tx: Tx) -> None:
        runs.insert_run(tx, one, OWNER.user_id)
        approvals.insert_approval(tx, question)

    await store.write(prepare)

    def settle(tx: Tx, number: int) -> str:
        settle_in(
            tx, question, ApprovalStatus.APPROVED, None, by=Actor(f"u{number}", f"p{number}"), by_person=True
        )
        return f"p{number}"

    won, lost = await outcomes(*(store.write(lambda tx, n=n: settle(tx, n)) for n in range(30)))
    assert len(won) == 1
    assert all(isinstance(e, AlreadyAnswered) and e.fields["responded_by"] == won[0] for e in lost)
    stored = await store.read(lambda tx: approvals.get_approval(tx, question.id))
    assert (stored.status, stored.responded_by) == (ApprovalStatus.APPROVED, won[0])
    log = await Services(store).types(session.id)
    assert log.count("approval_resolved") == 1


async def test_thirty_people_answer_through_the_service_and_one_is_heard(store: Store) -> None:
    services = Services(store)
    session, run = await services.running()
    asked = await services.progress.ask(run, factories.approval(session.id, run.id))
    won, lost = await outcomes(
        *(services.approvals.answer(OWNER, asked.id, approved=bool(n % 2)) for n in range(30))
    )
    assert len(won) == 1
    assert [type(e) for e in lost] == [AlreadyAnswered] * 29
    assert (await services.types(session.id)).count("approval_resolved") == 1
    assert (await services.runs.get(OWNER, run.id)).status is RunStatus.QUEUED


async def test_an_answer_and_the_deadline_cannot_both_win(store: Store, clock: Clock) -> None:
    services = Services(store)
    session, run = await services.running()
    asked = await services.progress.ask(
        run, factories.approval(session.id, run.id, deadline=clock.now + timedelta(seconds=1))
    )
    clock.move(seconds=1)
    _, lost = await outcomes(
        *(services.approvals.answer(OWNER, asked.id, approved=True) for _ in range(5)),
        services.approvals.expire_overdue(),
        services.approvals.expire_overdue(),
    )
    assert [type(e) for e in lost if not isinstance(e, AlreadyAnswered)] == []
    assert (await services.approvals.get(OWNER, asked.id)).status is ApprovalStatus.EXPIRED
    assert (await services.types(session.id)).count("approval_resolved") == 1


async def test_fifty_resumes_start_one_run(store: Store) -> None:
    services = Services(store)
    session, run = await services.running()
    await services.sessions.suspend(OWNER, session.id)
    await services.progress.park(run)
    won, lost = await outcomes(*(services.sessions.resume(OWNER, session.id) for _ in range(50)))
    assert len(won) == 1
    assert {type(e) for e in lost} <= {NotAllowedNow, StaleVersion}
    listed, total = await services.runs.list(OWNER, session.id, 10, 0)
    assert (total, listed[0].status) == (1, RunStatus.QUEUED)
    assert (await services.types(session.id)).count("workflow_resumed") == 1


async def test_many_starts_of_one_task_make_one_run(store: Store) -> None:
    services = Services(store)
    won, lost = await outcomes(
        *(services.runs.submit(OWNER, "Write", {"mode": "task"}, task_id="t-9") for _ in range(20))
    )
    assert len({run.id for _, run in won}) == 1
    assert {type(e) for e in lost} <= {Conflict}
    assert (await services.stats.snapshot(OWNER))["runs"] == {"queued": 1}
    assert (await services.stats.snapshot(OWNER))["total_sessions"] == 1


async def test_a_person_and_a_worker_in_one_session_do_not_block_each_other(store: Store) -> None:
    services = Services(store)
    session, run = await services.running()

    async def work() -> None:
        for number in range(20):
            try:
                await services.progress.enter_phase(run, f"p{number}", number, f"k{number}")
            except StaleVersion:
                continue

    async def control() -> None:
        for _ in range(10):
            for command in (services.sessions.suspend, services.sessions.resume):
                try:
                    await command(OWNER, session.id)
                except StaleVersion:
                    continue
                except NotAllowedNow:
                    continue

    async with asyncio.timeout(60):
        await asyncio.gather(work(), control())
    assert store.health()["ok"]


async def test_one_idempotency_key_is_claimed_once(store: Store) -> None:
    service = Services(store).idempotency
    won, lost = await outcomes(*(service.begin(OWNER, "k", "print") for _ in range(10)))
    (claim,) = won
    assert [type(e) for e in lost] == [Conflict] * 9
    await service.finish(claim, 201, {"id": 1})
    assert await service.begin(OWNER, "k", "print") == KeptAnswer(201, {"id": 1})
    assert isinstance(await service.begin(factories.STRANGER, "k", "other"), Claim)
    with pytest.raises(InvalidInput):
        await service.begin(OWNER, "k", "another")


async def test_purge_leaves_nothing_of_a_session_and_everything_of_others(store: Store) -> None:
    services = Services(store)
    kept, kept_run = await services.running()
    gone, gone_run = await services.running()
    for one in (kept_run, gone_run):
        step = await services.progress.begin_step(
            one, "s", phase="p", name="S", goal=None, agent=None, hop_id=None, number=1
        )
        await services.progress.complete_step(one, step, checkpoint={"a": 1}, summary=None, number=1)
        await services.progress.finish_call(one, factories.call(one, f"c-{one.id}"), [])
        await services.progress.ask(one, factories.approval(one.session_id, one.id))
        await services.queue.add(OWNER, one.session_id, "next")
    before = await store.read(_sizes)
    await services.sessions.purge(OWNER, gone.id)
    after = await store.read(_sizes)
    assert (
        after.pop("pd_audit_entries") == before.pop("pd_audit_entries") + 2
    )  # what was done to it stays known
    assert after.pop("pd_audit_head") == before.pop("pd_audit_head") == 1
    assert {t: n for t, n in after.items() if n} == {
        t: n // 2 if t not in ("pd_users",) else n for t, n in before.items() if n
    } | {"pd_events": len(await services.types(kept.id))}
    with pytest.raises(NotFound):
        await store.read(lambda tx: sessions.get_session(tx, gone.id))
    assert (await services.costs.summary(OWNER, kept.id))["calls"] == 1


def _sizes(tx: Tx) -> dict[str, int]:
    return {
        name: int(
            tx.db.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()
        )  # names from our metadata
        for name in metadata.tables
    }


@pytest.mark.parametrize("sort", ["-last_active_at", "created_at", "-name", "updated_at"])
async def test_pages_by_cursor_show_each_session_once_and_the_true_total(store: Store, sort: str) -> None:
    made = [
        factories.session(
            name=f"n{n % 3}",
            created_at=factories.START + timedelta(seconds=n // 4),
            updated_at=factories.START + timedelta(seconds=n // 5),
            last_active_at=factories.START + timedelta(seconds=n // 2),
        )
        for n in range(23)
    ]

    def insert(tx: Tx) -> None:
        for one in made:
            sessions.insert_session(tx, one)

    await store.write(insert)
    seen: list[SessionHead | Session] = []
    cursor: str | None = None
    while True:
        query = SessionQuery(sort=sort, limit=5, cursor=cursor)
        page, total, cursor = await store.read(
            lambda tx, q=query: sessions.list_sessions(tx, OWNER.user_id, q)
        )
        assert total == 23
        seen += page
        if len(seen) == 10:
            # A session that appears before the cursor moves nobody else.
            await store.write(
                lambda tx: sessions.insert_session(tx, factories.session(owner_id=factories.VIEWER.user_id))
            )
        if cursor is None:
            break
    assert len(seen) == len({s.id for s in seen}) == 23
    key = sort.lstrip("-")
    values = [(getattr(s, key), s.id) for s in seen]
    assert values == sorted(values, reverse=sort.startswith("-"))


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "é",
        "W10",
        "WyJhIl0",
        "WyJjcmVhdGVkX2F0IiwiYWJjIiwiaSJd",
        "WyJjcmVhdGVkX2F0IixudWxsLCJpIl0",
        "WyJjcmVhdGVkX2F0Iiw5OTk5OTk5OTk5OTk5OTk5OTk5LCJpIl0",
        "eyJhIjoxfQ",
    ],
)
async def test_a_cursor_that_is_not_ours_is_refused(store: Store, cursor: str) -> None:
    query = SessionQuery(sort="created_at", cursor=cursor)
    with pytest.raises(InvalidInput, match="cursor"):
        await store.read(lambda tx: sessions.list_sessions(tx, OWNER.user_id, query))


async def test_an_unknown_sort_key_is_refused(store: Store) -> None:
    with pytest.raises(InvalidInput, match="Cannot sort"):
        await store.read(lambda tx: sessions.list_sessions(tx, None, SessionQuery(sort="owner_id")))


async def test_filters_find_what_they_name(store: Store) -> None:
    rows = {
        "tagged": factories.session(name="tagged", tags=["alpha", 'odd"tag', "ü%_"]),
        "other": factories.session(name="other", tags=["alphabet"], mode="brief"),
        "said": factories.session(name="said", status=SessionStatus.COMPLETED),
        "late": factories.session(name="late 100%", created_at=factories.START + timedelta(days=1)),
        "gone": factories.session(name="gone", status=SessionStatus.DELETED),
    }

    def insert(tx: Tx) -> None:
        for one in rows.values():
            sessions.insert_session(tx, one)
        tx.append(rows["said"].id, message('the "quick" brown_fox\nüber'))

    await store.write(insert)

    async def found(**query: Any) -> set[str]:
        page, total, _ = await store.read(
            lambda tx: sessions.list_sessions(tx, OWNER.user_id, SessionQuery(**query))
        )
        assert total == len(page)
        return {name for name, one in rows.items() if one.id in {s.id for s in page}}

    assert await found() == {"tagged", "other", "said", "late"}
    assert await found(status=("deleted",)) == {"gone"}
    assert await found(status=("active", "completed")) == {"tagged", "other", "said", "late"}
    assert await found(tag="alpha") == {"tagged"}
    assert await found(tag='odd"tag') == {"tagged"}
    assert await found(tag="ü%_") == {"tagged"}
    assert await found(mode="brief") == {"other"}
    assert await found(created_after=factories.START + timedelta(hours=1)) == {"late"}
    assert await found(created_before=factories.START + timedelta(hours=1)) == {"tagged", "other", "said"}
    assert await found(q="TAGGED") == {"tagged"}
    assert await found(q="100%") == {"late"}
    assert await found(q="brown_fox") == {"said"}
    assert await found(q='"quick"') == {"said"}
    assert await found(q="über") == {"said"}
    assert await found(q=rows["other"].id) == {"other"}
    assert await found(q="message_id") == set()


async def test_counts_name_every_status(store: Store, session: Session) -> None:
    counts = await store.read(lambda tx: sessions.count_by_status(tx, OWNER.user_id))
    assert set(counts) == {str(s) for s in SessionStatus}
    assert counts["active"] == 1
    assert sum((await store.read(lambda tx: sessions.count_by_status(tx, "nobody"))).values()) == 0


async def test_the_ledger_counts_each_call_once_whoever_reports_it(store: Store, session: Session) -> None:
    one = factories.run(session.id)
    await store.write(lambda tx: runs.insert_run(tx, one, OWNER.user_id))
    opened = factories.call(
        one, "c1", finished=False, cost_usd_micros=None, input_tokens=None, output_tokens=None
    )
    await store.write(lambda tx: costs.open_call(tx, opened))
    await store.write(lambda tx: costs.open_call(tx, opened))
    wrote, errors = await outcomes(
        *(store.write(lambda tx: costs.finish_call(tx, factories.call(one, "c1"))) for _ in range(10))
    )
    assert errors == []
    assert sorted(wrote) == [False] * 9 + [True]
    stored = await store.read(lambda tx: runs.get_run(tx, one.id))
    assert (stored.input_tokens, stored.output_tokens, stored.cost_usd_micros) == (100, 10, 250)
    assert len(await store.read(lambda tx: costs.list_newest_calls(tx, session.id, 9))) == 1


async def test_the_queue_keeps_its_order(store: Store, session: Session) -> None:
    def add(tx: Tx, text: str) -> None:
        sessions.get_session(tx, session.id, lock=True)
        operations.insert_queue_item(
            tx,
            id=new_id(),
            session_id=session.id,
            content=text,
            config={},
            task_id=None,
            created_by=OWNER.user_id,
        )

    await asyncio.gather(*(store.write(lambda tx, n=n: add(tx, str(n))) for n in range(10)))
    queue = await store.read(lambda tx: operations.list_queue(tx, session.id))
    assert [item["position"] for item in queue] == list(range(1, 11))
    assert await store.read(operations.sessions_to_start) == [session.id]
    assert await store.read(lambda tx: operations.sessions_to_start(tx, after=session.id)) == []
    other = new_id()
    beside = await store.read(lambda tx: summaries_of(tx, [session.id, other]))
    assert {key: summary.queue_length for key, summary in beside.items()} == {session.id: 10, other: 0}


async def test_a_listener_hears_of_a_change_to_a_session(store: Store, session: Session) -> None:
    told: list[str] = []
    store.on_commit(lambda _grown, hints: told.extend(h.type for h in hints))
    await store.write(lambda tx: sessions.change_session(tx, session, name="new"))
    await store.append(session.id, [line("x")])
    assert told == ["session:updated"]
