"""Append one message of 495 bytes to an empty and to a long session, durably."""

from __future__ import annotations

from benchmarks import ours
from benchmarks.bare import BarePostgres, BareSqlite, BareThread
from benchmarks.harness import (
    Bar,
    Result,
    Scale,
    Timed,
    against,
    event_loop,
    growth,
    race,
    timed,
    timed_async,
)
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
        thread = BareThread(runner.get_loop())
        contenders: dict[str, Timed] = {}
        for history in (0, scale.history):
            key = f"with-{history}"
            bare.create(key, history)
            session_id = ours.create(store, history)
            appended += history + 2 * scale.calls * scale.rounds
            contenders |= {
                f"bare {history}": timed(lambda key=key: bare.append(key)),
                f"bare async {history}": timed_async(
                    runner, lambda key=key: thread.call(lambda: bare.append(key))
                ),
                f"blocking {history}": timed(lambda s=session_id: store.append_now(s, [ours.message()])),
                f"async {history}": timed_async(
                    runner, lambda s=session_id: store.append(s, [ours.message()])
                ),
            }
        spent = race(contenders, scale.rounds, scale.calls)
        thread.close()
        lost = appended - ours.count_messages(store)
        for way, floor in (("blocking", "bare"), ("async", "bare async")):
            for history in (0, scale.history):
                mine, bare_times = spent[f"{way} {history}"], spent[f"{floor} {history}"]
                case = f"{way}, history {history:,}"
                results.append(against(name, case, mine, bare_times, bar=_BAR, lost=lost))
            small, large = spent[f"{way} 0"], spent[f"{way} {scale.history}"]
            exponent = growth(small, large, 1, scale.history)
            results.append(Result(name, f"{way}, growth", "exponent", exponent, None, exponent, _FLAT))
        results.append(against(name, "async, against the blocking floor", spent["async 0"], spent["bare 0"]))
    bare.close()
    return results
