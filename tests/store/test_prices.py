"""Tables of prices are remembered when they are used first, once."""

from __future__ import annotations

from perdure.core.runs import Run
from perdure.core.sessions import Session
from perdure.store import costs, runs
from perdure.store.store import Store
from tests import factories
from tests.factories import OWNER, START, Clock


def _run(store: Store, session: Session) -> Run:
    run = factories.run(session.id)
    store.write_now(lambda tx: runs.insert_run(tx, run, OWNER.user_id))
    return run


def _pay(store: Store, run: Run, call_id: str, version: str | None, micros: int | None = 5) -> None:
    record = factories.call(run, call_id, price_version=version, cost_usd_micros=micros)
    store.write_now(lambda tx: costs.finish_call(tx, record))


def test_a_table_is_noted_at_its_first_use_and_only_then(
    store: Store, session: Session, clock: Clock
) -> None:
    run = _run(store, session)
    _pay(store, run, "1", "prices 1")
    clock.move(days=1)
    _pay(store, run, "2", "prices 1")
    _pay(store, run, "3", "prices 2")
    _pay(store, run, "4", "unpriced", None)
    _pay(store, run, "5", None)

    named = ["prices 1", "prices 2", "unpriced", "prices 3"]
    known = store.read_now(lambda tx: costs.list_price_versions(tx, named))

    assert [(k["version"], k["source"]) for k in known] == [("prices 1", "prices"), ("prices 2", "prices")]
    assert (known[0]["created_at"], known[1]["created_at"]) == (START, clock.now)
    assert [c.call_id for c in store.read_now(lambda tx: costs.list_run_calls(tx, run.id))] == list("12345")


def test_a_call_that_costs_nothing_from_the_start_notes_its_table_too(store: Store, session: Session) -> None:
    run = _run(store, session)
    free = factories.call(run, "1", price_version="local", cost_usd_micros=0, finished=False)
    store.write_now(lambda tx: costs.open_call(tx, free))
    known = store.read_now(lambda tx: costs.list_price_versions(tx, ["local"]))
    assert [k["version"] for k in known] == ["local"]
