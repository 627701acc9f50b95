"""One open transaction: what queries run on, and what it will tell readers once it has committed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from perdure.core.access import Actor
from perdure.core.audit import Act
from perdure.core.events import EventData, NewEvent
from perdure.errors import PerdureError
from perdure.store.appender import append_batches
from perdure.store.batch import Batch
from perdure.store.chain import append_acts
from perdure.store.crypto import Cipher


@dataclass(frozen=True, slots=True)
class ListHint:
    """A change that session lists should show; not stored, not replayed."""

    owner_id: str
    type: str
    session_id: str
    personal: bool = False
    """For this person only, not for those with whom the session is shared."""


@dataclass(slots=True)
class Tx:
    """A transaction in progress. Only the store begins and ends one."""

    db: Connection
    postgres: bool
    now: datetime
    """The moment the transaction began; every row it writes carries this time."""
    cipher: Cipher
    grown: set[str] = field(default_factory=set[str])
    """Sessions whose log this transaction extended."""
    hints: list[ListHint] = field(default_factory=list[ListHint])
    acts: list[Act] = field(default_factory=list[Act])
    """What the audit log will say of this transaction."""

    @property
    def cursor(self) -> Any:
        """A driver cursor inside this transaction, for SQL on hot paths."""
        return self.driver.cursor()

    @property
    def driver(self) -> Any:
        """The driver's connection, inside this transaction."""
        driver = self.db.connection.driver_connection
        assert driver is not None
        return driver

    def append(self, session_id: str, *events: NewEvent) -> list[int]:
        """Append events to a session's log and return their numbers.

        Events whose `dedupe` key is known are left out, so the list may be shorter than the input.

        Raises:
            NotFound: when the session does not exist.
        """
        if not events:
            return []
        (result,) = self.append_batches([Batch(session_id, events)])
        if isinstance(result, PerdureError):
            raise result
        return result

    def append_batches(self, batches: Sequence[Batch]) -> list[list[int] | PerdureError]:
        """Append for many sessions at once; see `appender.append_batches`."""
        results = append_batches(self.cursor, self.postgres, batches, self.now)
        self.grown.update(b.session_id for b, r in zip(batches, results, strict=True) if isinstance(r, list))
        return results

    def emit(
        self,
        session_id: str,
        data: EventData,
        *,
        run_id: str | None = None,
        step_id: str | None = None,
        dedupe: str | None = None,
    ) -> list[int]:
        """Append one event from its payload."""
        return self.append(session_id, NewEvent.of(data, run_id=run_id, step_id=step_id, dedupe=dedupe))

    def hint(self, owner_id: str, type_: str, session_id: str, *, personal: bool = False) -> None:
        """Tell the lists of the owner and of those it is shared with, after the commit, to look again.

        With `personal`, only the list of the one person named.
        """
        self.hints.append(ListHint(owner_id, type_, session_id, personal))

    def audit(
        self,
        actor: Actor,
        action: str,
        object_type: str,
        object_id: str | None,
        *,
        session_id: str | None = None,
        **details: Any,
    ) -> None:
        """Write into the audit log, with this transaction, that the actor did something (`noun.verb`).

        Details are ids, lengths and names of fields, never secrets or what people wrote; None leaves one out.
        """
        self.acts.append(
            Act.of(actor, action, object_type, object_id, session_id=session_id, details=details)
        )

    def seal(self) -> None:
        """Put the acts into the audit chain; the store calls it just before the commit."""
        if self.acts:
            acts, self.acts = self.acts, []
            append_acts(self.cursor, self.postgres, acts, self.now)
