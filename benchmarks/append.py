"""Append one message of 495 bytes to an empty and to a long session, durably."""

from __future__ import annotations

from benchmarks import ours
from benchmarks.bare import BarePostgres, BareSqlite
from benchmarks.harness import Bar, Result, Scale, against, event_loop, growth, race, timed, timed_async
from benchmarks.postgres import server

_BAR = Bar(at_most=1.5)
_FLAT = Bar(at_most=0.1)


def run(scale: Scale) -> list[Result]:
    """Measure on SQLite, and on PostgreSQL where a server can be started."""
    with ours.folder() as folder:
        results = _measure(scale, "append, SQLite", BareSqlite(folder), folder)
    with server() as new_database:
        if new_database is not None:
            results += _measure(scale, "append, PostgreSQL", BarePostgres(new_database()), new_database())
    return results


def _measure(scale: Scale, name: str, bare: BareSqlite | BarePostgres, where: object) -> list[Result]:
    results: list[Result] = []
    with ours.open_store(where) as store, event_loop() as runner:  # pyright: ignore[reportArgumentType]
        appended = 0
        spent: dict[int, dict[str, list[float]]] = {}
        for history in (0, scale.history):
            key = f"with-{history}"
            bare.create(key, history)
            session_id = ours.create(store, history)
            appended += history + 2 * scale.calls * scale.rounds
            spent[history] = race(
                {
                    "bare": timed(lambda key=key: bare.append(key)),
                    "blocking": timed(lambda s=session_id: store.append_now(s, [ours.message()])),
                    "async": timed_async(runner, lambda s=session_id: store.append(s, [ours.message()])),
                },
                scale.rounds,
                scale.calls,
            )
        lost = appended - ours.count_messages(store)
        for way in ("blocking", "async"):
            for history, found in spent.items():
                results.append(
                    against(
                        name, f"{way}, history {history:,}", found[way], found["bare"], bar=_BAR, lost=lost
                    )
                )
            small, large = spent[0][way], spent[scale.history][way]
            exponent = growth(small, large, 1, scale.history)
            results.append(Result(name, f"{way}, growth", "exponent", exponent, None, exponent, _FLAT))
    bare.close()
    return results
