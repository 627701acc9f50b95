"""A ledger added up by the database says what its calls say one by one, however many there are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from perdure.core.costs import MadeCall
from perdure.services.costs import CostService
from perdure.store import costs
from perdure.store.store import Store
from perdure.store.transaction import Tx
from tests import factories
from tests.factories import OWNER, START, Services

_CALLS = 450


async def test_the_summary_of_a_long_ledger_reads_no_more_of_it_than_it_shows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = Services(store)
    session, run = await services.running()
    step = await services.progress.begin_step(
        run, "one", phase="execution", name="One", goal=None, agent=None, hop_id=None, number=1
    )
    calls = [
        factories.call(
            run,
            str(MadeCall(run.id, 1, number, 1)),
            model=("a", "b", "c")[number % 3],
            agent=None if number % 2 else "writer",
            step_id=step.id if number % 4 else None,
            cost_usd_micros=None if number % 5 == 0 else number,
            input_tokens=number,
            price_version=None if number % 5 == 0 else f"prices {number % 2}",
            created_at=START + timedelta(minutes=10 * number),
        )
        for number in range(_CALLS)
    ]

    def enter(tx: Tx) -> None:
        for call in calls:
            costs.finish_call(tx, call)

    await store.write(enter)
    read: list[int] = []
    fetch_all = costs.fetch_all

    def counting(*given: Any) -> Any:
        found = fetch_all(*given)
        read.append(len(found))
        return found

    monkeypatch.setattr(costs, "fetch_all", counting)
    summary = await CostService(store, "prices 8").summary(OWNER, session.id)

    known = sum(call.cost_usd_micros or 0 for call in calls)
    assert (summary["calls"], summary["unpriced_calls"]) == (_CALLS, _CALLS // 5)
    assert summary["total_cost_usd"] == known / 1_000_000
    assert summary["input_tokens"] == sum(range(_CALLS))
    for by, keys in {"model": 3, "agent": 2, "step": 2, "run": 1, "day": 4}.items():
        rows = summary[f"by_{by}"]
        assert len(rows) == keys, by
        assert sum(row["calls"] for row in rows) == _CALLS
        assert sum(row["input_tokens"] for row in rows) == sum(range(_CALLS))
        assert round(sum(row["cost_usd"] for row in rows) * 1_000_000) == known
    assert sorted(row["key"] for row in summary["by_day"])[0] == START.date().isoformat()
    assert sorted((p["version"], p["calls"]) for p in summary["price_versions"]) == [
        ("prices 0", 180),
        ("prices 1", 180),
    ]
    assert [r["call_id"] for r in summary["records"]] == [call.call_id for call in reversed(calls[-200:])]
    assert sum(read) == 200
    assert summary["made_again"]["calls"] == 0


async def test_calls_that_were_made_again_add_up_too(store: Store) -> None:
    services = Services(store)
    session, run = await services.running()
    killed, kept = (
        factories.call(run, str(MadeCall(run.id, 1, 2, fence)), cost_usd_micros=micros)
        for fence, micros in ((1, 40), (2, 50))
    )
    await store.write(lambda tx: [costs.finish_call(tx, call) for call in (killed, kept)])
    summary = await CostService(store, "prices 8").summary(OWNER, session.id)
    assert (summary["made_again"]["calls"], summary["made_again"]["cost_usd"]) == (1, 0.00004)
    assert {r["call_id"]: r["made_again"] for r in summary["records"]} == {
        killed.call_id: True,
        kept.call_id: False,
    }
