"""Bytes on disk for each stored message of 495 bytes."""

from __future__ import annotations

from pathlib import Path

from benchmarks import ours
from benchmarks.bare import BareSqlite
from benchmarks.harness import Bar, Result, Scale


def run(scale: Scale) -> list[Result]:
    """Measure what the files grow by, after a checkpoint, with one append for each message."""
    count = scale.of(3_000, 400)
    with ours.folder() as folder:
        bare = BareSqlite(folder)
        before = _size(bare.file)
        bare.create("one")
        for _ in range(count):
            bare.append("one")
        bare.close()
        floor = (_size(bare.file) - before) / count
        with ours.open_store(folder) as store:
            session_id = ours.create(store)
        before = _size(folder / "perdure.db")
        with ours.open_store(folder) as store:
            for _ in range(count):
                store.append_now(session_id, [ours.message()])
            lost = count - ours.count_messages(store)
        mine = (_size(folder / "perdure.db") - before) / count
    return [Result("size", "bytes per message", "bytes", mine, floor, mine / floor, Bar(at_most=1.35), lost)]


def _size(file: Path) -> int:
    return sum(part.stat().st_size for part in file.parent.glob(file.name + "*"))
