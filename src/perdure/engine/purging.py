"""What the engine keeps of sessions that are gone for good is removed: checkpoints hold what models said."""

from __future__ import annotations

from dataclasses import dataclass

from dbos import DBOS

from perdure.store import audit, sessions
from perdure.store.store import Store
from perdure.store.transaction import Tx

_PAGE = 500
_ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]


@dataclass
class PurgedWorkflows:
    """Goes through the ended workflows of an engine's database, a page with each call, again and again."""

    store: Store
    _offset: int = 0

    async def remove(self) -> int:
        """Remove the workflows of this page whose sessions were purged; returns how many.

        Only what this database itself has purged: another one may share the engine's. Calls after a purge reach
        all it left within as many sweeps as there are pages.
        """
        page = await DBOS.list_workflows_async(
            status=_ENDED, limit=_PAGE, offset=self._offset, load_input=False, load_output=False
        )
        partitions = {one.queue_partition_key for one in page}
        found = [session_id for session_id in partitions if session_id is not None]

        def body(tx: Tx) -> set[str]:
            return audit.purged_sessions(tx, found) - sessions.known_ids(tx, found)

        purged = await self.store.read(body)
        gone = [one.workflow_id for one in page if one.queue_partition_key in purged]
        if gone:
            await DBOS.delete_workflows_async(gone)
        self._offset = self._offset + _PAGE - len(gone) if len(page) == _PAGE else 0
        return len(gone)
