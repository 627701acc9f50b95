"""Save the state of a long session: one message, the context, and a version check, durably."""

from __future__ import annotations

from benchmarks import ours
from benchmarks.bare import MESSAGE, BareSqlite
from benchmarks.harness import Bar, Result, Scale, against, event_loop, race, timed, timed_async
from perdure.bootstrap import build
from perdure.config import load_settings
from perdure.core.access import LOCAL_ACTOR

_STATE = {"topic": "solar panels", "facts": ["a fact of some length"] * 10}


def run(scale: Scale) -> list[Result]:
    """Measure through the service, as the interface and the libraries call it."""
    with ours.folder() as folder, event_loop() as runner:
        bare = BareSqlite(folder)
        bare.create("long", scale.history)
        perdure = build(load_settings(data_dir=folder), engine=False)
        runner.run(perdure.start())
        session_id = ours.create(perdure.store, scale.history)

        async def save() -> None:
            await perdure.sessions.save_state(
                LOCAL_ACTOR, session_id, messages=[MESSAGE], context_variables=_STATE
            )

        spent = race(
            {"bare": timed(lambda: bare.save("long", _STATE)), "ours": timed_async(runner, save)},
            scale.rounds,
            scale.of(20, 3),
        )
        lost = scale.history + scale.rounds * scale.of(20, 3) - ours.count_messages(perdure.store)
        runner.run(perdure.stop())
        bare.close()
    case = f"history {scale.history:,}, with the session's row, an event and two hints"
    return [against("save state", case, spent["ours"], spent["bare"], bar=Bar(at_most=5), lost=lost)]
