"""Replay 10 000 event frames ready to send, against the stored bytes alone."""

from __future__ import annotations

from benchmarks import ours
from benchmarks.bare import BareSqlite
from benchmarks.harness import Bar, Result, Scale, against, event_loop, race, timed, timed_async
from perdure.store.events import read_frames

_PAGE = 500


def run(scale: Scale) -> list[Result]:
    """Measure page by page, as a reader that was away gets them."""
    with ours.folder() as folder, ours.open_store(folder) as store, event_loop() as runner:
        bare = BareSqlite(folder)
        bare.create("long", scale.history)
        session_id = ours.create(store, scale.history)

        def bare_frames() -> int:
            after = 0
            while rows := bare.db.execute(
                "SELECT seq, payload FROM messages WHERE session_id = 'long' AND seq > ? ORDER BY seq LIMIT ?",
                (after, _PAGE),
            ).fetchall():
                _ = [f'{{"seq":{seq},"data":{text}}}'.encode() for seq, text in rows]
                after = rows[-1][0]
            return after

        async def frames() -> int:
            after = 0
            while found := await store.read(
                lambda tx, after=after: read_frames(tx, session_id, after, _PAGE)
            ):
                after = found[-1][0]
            return after

        lost = scale.history - runner.run(frames())
        spent = race(
            {"bare": timed(bare_frames), "ours": timed_async(runner, frames)}, scale.of(9, 2), scale.of(3, 1)
        )
        bare.close()
    return [
        against(
            "replay", f"{scale.history:,} frames", spent["ours"], spent["bare"], bar=Bar(at_most=4), lost=lost
        )
    ]
