"""What a list says of sessions beside their rows: groups over all pages, what is asked, how far a plan is."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from perdure.core.hops import Hop, HopStatus
from perdure.core.missions import Mission
from perdure.core.runs import RunStatus
from perdure.core.session_groups import GROUPS_OF_STATUS, SessionGroup, group_of
from perdure.core.sessions import Session, SessionStatus
from perdure.ids import new_id
from perdure.store import approvals, missions, runs, sessions
from perdure.store.sessions import SessionQuery
from perdure.store.store import Store
from perdure.store.summaries import summaries_of
from perdure.store.transaction import Tx
from tests import factories
from tests.factories import OWNER

STATES = list(product(SessionStatus, [None, *RunStatus], [False, True]))


@pytest.fixture
def every(store: Store) -> dict[str, SessionGroup]:
    """A session in each state that there can be, and the group it belongs to."""
    groups: dict[str, SessionGroup] = {}

    def insert(tx: Tx) -> None:
        for status, run_status, asks in STATES:
            mode = "even" if len(groups) % 2 == 0 else "odd"
            session = factories.session(status=status, mode=mode)
            sessions.insert_session(tx, session)
            older = factories.run(session.id, status=RunStatus.FAILED)
            runs.insert_run(tx, older, OWNER.user_id)
            if run_status is not None:
                runs.insert_run(tx, factories.run(session.id, status=run_status), OWNER.user_id)
            if asks:
                approvals.insert_approval(tx, factories.approval(session.id, older.id))
            groups[session.id] = group_of(status, run_status or RunStatus.FAILED, asks)

    store.write_now(insert)
    return groups


def plan(session_id: str, *statuses: HopStatus, **values: Any) -> Mission:
    """A mission of a session with a hop in each of the statuses."""
    made = Mission(
        id=new_id(),
        owner_id=OWNER.user_id,
        session_id=session_id,
        name="Plan",
        goal="Get there",
        created_at=factories.START,
        updated_at=factories.START,
        **values,
    )
    hops = [
        Hop(id=new_id(), mission_id=made.id, position=number, name=f"Step {number}", status=status)
        for number, status in enumerate(statuses, 1)
    ]
    return made.model_copy(update={"hops": hops})


def test_groups_are_counted_and_listed_as_the_rule_says(store: Store, every: dict[str, SessionGroup]) -> None:
    counts = store.read_now(lambda tx: sessions.count_by_group(tx, OWNER.user_id, SessionQuery()))
    assert counts == {group: Counter(every.values())[group] for group in SessionGroup}
    for asked in [(group,) for group in SessionGroup] + [(SessionGroup.NEEDS_YOU, SessionGroup.DONE)]:
        query = SessionQuery(groups=asked, limit=200)
        found, total, _ = store.read_now(lambda tx, q=query: sessions.list_sessions(tx, OWNER.user_id, q))
        assert {session.id for session in found} == {key for key, group in every.items() if group in asked}
        assert total == len(found)


def test_counts_keep_every_filter_but_the_status(store: Store, every: dict[str, SessionGroup]) -> None:
    query = SessionQuery(mode="odd", status=("failed",), groups=(SessionGroup.DONE,), limit=1)
    counts = store.read_now(lambda tx: sessions.count_by_group(tx, OWNER.user_id, query))
    assert counts == {group: Counter(list(every.values())[1::2])[group] for group in SessionGroup}
    nobody = store.read_now(lambda tx: sessions.count_by_group(tx, factories.VIEWER.user_id, SessionQuery()))
    assert set(nobody.values()) == {0}


def test_an_older_run_that_is_open_again_counts_before_a_newer_one(store: Store, session: Session) -> None:
    older, newer = factories.run(session.id, status=RunStatus.RUNNING), factories.run(session.id)

    def insert(tx: Tx) -> None:
        sessions.insert_session(tx, factories.session())
        runs.insert_run(tx, older, OWNER.user_id)
        runs.insert_run(tx, newer.model_copy(update={"status": RunStatus.COMPLETED}), OWNER.user_id)

    store.write_now(insert)
    shown = store.read_now(lambda tx: summaries_of(tx, [session.id]))[session.id]
    assert shown.run is not None
    assert shown.run.id == older.id
    counts = store.read_now(lambda tx: sessions.count_by_group(tx, OWNER.user_id, SessionQuery()))
    assert {group: n for group, n in counts.items() if n} == {"running": 1, "ready": 1}


def test_no_state_falls_outside_the_groups_of_its_status() -> None:
    for status, run_status, asks in STATES:
        assert group_of(status, run_status, asks) in GROUPS_OF_STATUS[status]


def test_a_row_says_what_is_asked_first_and_how_far_the_plan_is(store: Store, session: Session) -> None:
    bare = factories.session()

    def insert(tx: Tx) -> None:
        sessions.insert_session(tx, bare)
        run = factories.run(session.id)
        runs.insert_run(tx, run, OWNER.user_id)
        until = factories.START + timedelta(minutes=14)
        first = factories.approval(session.id, run.id, title="Run rm -rf build?", deadline=until)
        approvals.insert_approval(tx, first)
        approvals.insert_approval(tx, factories.approval(session.id, run.id, key="later", title="And this?"))
        done, skipped = HopStatus.COMPLETED, HopStatus.SKIPPED
        missions.insert_mission(tx, plan(session.id, done, done, done, archived_at=factories.START))
        missions.insert_mission(tx, plan(session.id, done, skipped, HopStatus.EXECUTING, HopStatus.READY))

    store.write_now(insert)
    found = store.read_now(lambda tx: summaries_of(tx, [session.id, bare.id]))
    shown = found[session.id]
    assert (shown.pending_approvals, shown.question) == (2, "Run rm -rf build?")
    assert shown.answer_by == factories.START + timedelta(minutes=14)
    assert (shown.plan_steps_done, shown.plan_steps) == (2, 4)
    assert (found[bare.id].question, found[bare.id].plan_steps) == (None, None)
