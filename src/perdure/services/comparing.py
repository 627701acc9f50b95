"""Comparing two runs, of one session or of two."""

from __future__ import annotations

from typing import Any

from perdure.core.access import Action, Actor
from perdure.core.comparison import Side, compare
from perdure.errors import NotFound
from perdure.ids import parse_uuid
from perdure.services.access import may_only_watch, session_for
from perdure.services.views import without_secrets_of
from perdure.store import costs, runs
from perdure.store.store import Store
from perdure.store.transaction import Tx


class ComparisonService:
    """Reads two runs side by side."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def diff(self, actor: Actor, left_id: str, right_id: str) -> dict[str, Any]:
        """Return where the two runs part and what that cost; see `comparison.compare`.

        Raises:
            NotFound: when one of them does not exist for the actor.
        """
        ids = parse_uuid(left_id, "run id"), parse_uuid(right_id, "run id")

        def body(tx: Tx) -> dict[str, Any]:
            return compare(_side(tx, actor, ids[0]), _side(tx, actor, ids[1]))

        return await self._store.read(body)


def _side(tx: Tx, actor: Actor, run_id: str) -> Side:
    try:
        run = runs.get_run(tx, run_id)
        session = session_for(tx, actor, run.session_id, Action.READ)
    except NotFound:
        raise NotFound("There is no such run.", run_id=run_id) from None
    run = without_secrets_of(run) if may_only_watch(tx, actor, session) else run
    return Side(run, runs.list_steps(tx, run_id=run_id), costs.list_run_calls(tx, run_id))
