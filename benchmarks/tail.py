"""Open a long session: its last page, everything, and how a page's cost grows."""

from __future__ import annotations

from benchmarks import ours
from benchmarks.bare import BarePostgres, BareSqlite, BareThread
from benchmarks.harness import Bar, Result, Scale, against, event_loop, growth, race, timed, timed_async
from benchmarks.postgres import server
from perdure.store.messages import list_messages
from perdure.store.transaction import Tx

_PAGE = 50


def run(scale: Scale) -> list[Result]:
    """Measure on SQLite, and on PostgreSQL where a server can be started."""
    with ours.folder() as folder:
        results = _measure(scale, "open, SQLite", BareSqlite(folder), folder)
    with server() as new_database:
        if new_database is not None:
            results += _measure(scale, "open, PostgreSQL", BarePostgres(new_database()), new_database())
    return results


def _measure(scale: Scale, name: str, bare: BareSqlite | BarePostgres, where: object) -> list[Result]:
    history = scale.history
    with ours.open_store(where) as store, event_loop() as runner:  # pyright: ignore[reportArgumentType]
        bare.create("long", history)
        thread = BareThread(runner.get_loop())
        long, short = ours.create(store, history), ours.create(store, _PAGE)

        def read(tx: Tx, session_id: str = long, limit: int = _PAGE) -> int:
            """Look at the times too, as the floor does: values make them only for those who ask."""
            found = list_messages(tx, session_id, limit=limit)
            return len([message.created_at for message in found])

        async def page() -> int:
            return await store.read(read, snapshot=False)

        async def everything() -> int:
            return await store.read(lambda tx: read(tx, limit=history))

        def page_now() -> int:
            return store.read_now(read, snapshot=False)

        def page_of_short() -> int:
            return store.read_now(lambda tx: read(tx, short), snapshot=False)

        lost = _PAGE - page_now() + history - runner.run(everything())
        pages = race(
            {
                "bare": timed(lambda: bare.page("long", _PAGE)),
                "bare async": timed_async(runner, lambda: thread.call(lambda: bare.page("long", _PAGE))),
                "blocking": timed(page_now),
                "async": timed_async(runner, page),
                "short": timed(page_of_short),
            },
            scale.rounds,
            scale.calls,
        )
        wholes = race(
            {
                "bare async": timed_async(runner, lambda: thread.call(lambda: bare.page("long", history))),
                "async": timed_async(runner, everything),
            },
            scale.of(7, 2),
            scale.of(3, 1),
        )
        thread.close()
    bare.close()
    flat = growth(pages["short"], pages["blocking"], _PAGE, history)
    return [
        against(
            name,
            f"last {_PAGE} of {history:,}, blocking",
            pages["blocking"],
            pages["bare"],
            bar=Bar(1.5),
            lost=lost,
        ),
        against(
            name,
            f"last {_PAGE} of {history:,}, async",
            pages["async"],
            pages["bare async"],
            bar=Bar(1.5),
            lost=lost,
        ),
        against(name, "the same, against the blocking floor", pages["async"], pages["bare"]),
        Result(name, f"last {_PAGE}, growth", "exponent", flat, None, flat, Bar(at_most=0.1)),
        against(
            name, f"all {history:,}, async", wholes["async"], wholes["bare async"], bar=Bar(2.5), lost=lost
        ),
    ]
