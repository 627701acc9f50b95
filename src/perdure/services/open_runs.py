"""All runs in a status, however many there are: page by page, so that others get their turn between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from perdure.core.runs import Run, RunStatus
from perdure.store import runs
from perdure.store.store import Store

PAGE = 500


async def runs_in(store: Store, statuses: Sequence[RunStatus]) -> AsyncIterator[Run]:
    """Yield the runs, oldest first; one that comes into a status meanwhile may be left out."""
    last, page = "", PAGE
    while True:
        found = await store.read(
            lambda tx, after=last: runs.list_runs_in(tx, statuses, after=after, limit=page), snapshot=False
        )
        for run in found:
            yield run
        if len(found) < page:
            return
        last = found[-1].id
