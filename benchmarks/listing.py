"""List 50 of 10 000 sessions by owner and status, with the true total."""

from __future__ import annotations

from benchmarks import ours
from benchmarks.bare import BareSqlite
from benchmarks.harness import Bar, Result, Scale, against, event_loop, race, timed, timed_async
from perdure.bootstrap import build
from perdure.config import load_settings
from perdure.core.access import LOCAL_ACTOR, LOCAL_USER_ID
from perdure.core.sessions import SessionStatus
from perdure.store.sessions import SessionQuery, insert_session, list_sessions
from perdure.store.transaction import Tx

_LIMIT = 50
_STATUSES = (SessionStatus.ACTIVE, SessionStatus.COMPLETED, SessionStatus.SUSPENDED)
_QUERY = SessionQuery(status=("completed",), limit=_LIMIT)


def run(scale: Scale) -> list[Result]:
    """Measure the query alone, and the service with counts, runs, costs and open questions of each session."""
    total = scale.of(10_000, 200)
    with ours.folder() as folder, event_loop() as runner:
        bare = BareSqlite(folder)
        perdure = build(load_settings(data_dir=folder), engine=False)
        runner.run(perdure.start())
        store = perdure.store
        bare.db.execute("BEGIN")
        for number in range(total):
            bare.create(str(number), status=str(_STATUSES[number % 3]), at=number)
        bare.db.execute("COMMIT")

        def fill(tx: Tx) -> None:
            for number in range(total):
                insert_session(tx, ours.new_session(number, _STATUSES[number % 3]))

        store.write_now(fill)

        def query() -> int:
            return len(store.read_now(lambda tx: list_sessions(tx, LOCAL_USER_ID, _QUERY))[0])

        async def service() -> int:
            return len((await perdure.sessions.list(LOCAL_ACTOR, _QUERY)).sessions)

        def counted() -> int:
            return len(bare.list("completed", _LIMIT)[0])

        lost = _LIMIT - query() + _LIMIT - runner.run(service())
        spent = race(
            {"bare": timed(counted), "query": timed(query), "service": timed_async(runner, service)},
            scale.of(9, 2),
            scale.of(15, 2),
        )
        runner.run(perdure.stop())
        bare.close()
    return [
        against(
            "list sessions",
            f"{_LIMIT} of {total:,}, query",
            spent["query"],
            spent["bare"],
            bar=Bar(at_most=4),
            lost=lost,
        ),
        against(
            "list sessions",
            f"{_LIMIT} of {total:,}, service",
            spent["service"],
            spent["bare"],
            lost=lost,
            note="with counts, runs and costs",
        ),
    ]
