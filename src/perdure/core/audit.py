"""The audit log: who did what to which thing, as a chain in which every entry holds the hash of the one before."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from perdure.core.access import Actor
from perdure.errors import Forbidden, InvalidInput

GENESIS = "0" * 64
"""What the first entry names as the hash before it."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HASH = re.compile(r"[0-9a-f]{64}")


class AuditResult(StrEnum):
    """What came of an act."""

    DONE = "done"
    REFUSED = "refused"
    """The actor was known and not allowed to; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody did, before it has its place in the chain."""

    actor_id: str
    action: str
    object_type: str
    object_id: str | None
    session_id: str | None
    """The session that it concerns; the entry stays when that session is purged."""
    source: str | None
    result: str
    details: str
    """A JSON object as text. Ids, lengths and names of fields; never a secret, never what people wrote."""

    @classmethod
    def of(
        cls,
        actor: Actor,
        action: str,
        object_type: str,
        object_id: str | None,
        *,
        session_id: str | None = None,
        result: AuditResult = AuditResult.DONE,
        details: Mapping[str, Any] | None = None,
    ) -> Act:
        """Return the act; details that are None are left out."""
        known = {key: value for key, value in (details or {}).items() if value is not None}
        text = json.dumps(known, sort_keys=True, separators=(",", ":"))
        owner = object_id if object_type == "session" and session_id is None else session_id
        return cls(actor.user_id, action, object_type, object_id, owner, actor.source, str(result), text)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One link of the chain, as it is stored."""

    position: int
    """Counts from 1 without a gap."""
    created_micros: int
    """UTC, microseconds since 1970: when the transaction of the act began, so it may lie before its neighbour's."""
    act: Act
    previous_hash: str
    hash: str

    @classmethod
    def following(cls, position: int, previous_hash: str, created_micros: int, act: Act) -> AuditEntry:
        """Return the entry that takes `position`, behind the one with `previous_hash`."""
        digest = hash_of(position, previous_hash, created_micros, act)
        return cls(position, created_micros, act, previous_hash, digest)

    @property
    def created_at(self) -> datetime:
        """When it was done."""
        return _EPOCH + timedelta(microseconds=self.created_micros)

    @property
    def details(self) -> dict[str, Any]:
        """What there is to know besides."""
        return json.loads(self.act.details)


class Fault(StrEnum):
    """What is wrong with the first bad row."""

    CHANGED = "changed"
    """The row does not say what it said when its hash was made."""
    MISSING = "missing"
    """There is no row of this position."""
    WRONG_ORDER = "wrong-order"
    """The row is whole, and does not follow the one before it."""
    ADDED = "added"
    """The row lies behind the last one that was ever written."""
    REWRITTEN = "rewritten"
    """The chain holds in itself, and this row is another one than was noted elsewhere."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last link of the chain at some time, noted beside it or elsewhere."""

    position: int
    """0 before the first entry, whose hash before it is `GENESIS`."""
    hash: str

    def line(self, now: datetime) -> str:
        """Return the head as a line of a file: time, position, hash."""
        return f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} {self.position} {self.hash}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What looking through the chain found."""

    rows: int
    """How many rows were found to be good, from the first one on."""
    last_hash: str
    """The hash of the last good row. Whoever kept it elsewhere notices a chain that was written anew."""
    fault: Fault | None = None
    position: int | None = None
    """The first bad row, or the first that is missing."""
    why: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.fault is None


class Refused(Forbidden):
    """A known actor may not do this; whoever runs the transaction writes the attempt down."""

    def __init__(self, refusal: Forbidden, act: Act) -> None:
        super().__init__(refusal.message, **refusal.fields)
        self.act = act


def hash_of(position: int, previous_hash: str, created_micros: int, act: Act) -> str:
    """Return the SHA-256, in hexadecimal, over the hash before and the entry's canonical text.

    That text is a JSON array in ASCII without spaces: position, microseconds, actor, action, object type and id,
    session, source, result, and the details as the text they are stored as.
    """
    values = [
        *(position, created_micros, act.actor_id, act.action, act.object_type, act.object_id),
        *(act.session_id, act.source, act.result, act.details),
    ]
    # What was put into the database by hand need not be of the right type; it still has a text.
    text = json.dumps(values, separators=(",", ":"), default=repr)
    return hashlib.sha256(f"{previous_hash}\n{text}".encode()).hexdigest()


def read_heads(text: str) -> list[Head]:
    """Read what `Head.line` wrote, a line each; empty lines and those that begin with `#` are left out.

    Raises:
        InvalidInput: naming the line that is no such.
    """
    heads: list[Head] = []
    for number, line in enumerate(text.splitlines(), 1):
        parts = line.split()
        if not parts or parts[0].startswith("#"):
            continue
        if (
            len(parts) != 3
            or not (parts[1].isascii() and parts[1].isdecimal())
            or not _HASH.fullmatch(parts[2])
        ):
            raise InvalidInput(
                f"Line {number} is no noted hash (time, row, 64 hexadecimal digits).", line=number
            )
        heads.append(Head(int(parts[1]), parts[2]))
    return heads


def verify(
    entries: Iterable[AuditEntry], head: Head | None = None, *, against: Sequence[Head] = ()
) -> Verdict:
    """Look through a chain from its first entry, in ascending position, and stop at the first bad row.

    With `head`, rows that were taken from its end or put behind it are noticed as well. What was noted
    elsewhere, in `against`, notices a chain that was written anew as a whole, or cut with its head.
    """
    rows, last, good = 0, GENESIS, Head(0, GENESIS)
    noted: dict[int, set[str]] = {}
    for each in against:
        noted.setdefault(each.position, set()).add(each.hash)
    if noted.get(0, {GENESIS}) != {GENESIS}:
        return Verdict(0, last, Fault.REWRITTEN, 0, "another beginning was noted")
    for entry in entries:
        found = _fault_of(entry, rows + 1, last, head)
        if found is not None:
            return Verdict(rows, last, *found)
        known = noted.get(rows + 1)
        if known is not None and known != {entry.hash}:
            why = f"another hash of it was noted; it or a row behind row {good.position} was changed"
            return Verdict(good.position, good.hash, Fault.REWRITTEN, rows + 1, why)
        rows, last = rows + 1, entry.hash
        good = good if known is None else Head(rows, last)
    most = max((*noted, head.position if head is not None else 0))
    if most > rows:
        return Verdict(rows, last, Fault.MISSING, rows + 1, f"the chain has {most} rows")
    if head is not None and head.hash != last:
        return Verdict(rows, last, Fault.CHANGED, rows, "it is not the row that was written last")
    return Verdict(rows, last)


def _fault_of(
    entry: AuditEntry, expected: int, previous: str, head: Head | None
) -> tuple[Fault, int, str] | None:
    if entry.position > expected:
        return Fault.MISSING, expected, f"row {entry.position} comes after row {expected - 1}"
    if entry.position < expected:
        return Fault.WRONG_ORDER, entry.position, f"row {expected} was to come"
    if hash_of(entry.position, entry.previous_hash, entry.created_micros, entry.act) != entry.hash:
        return Fault.CHANGED, expected, "its hash is not that of what it says"
    if entry.previous_hash != previous:
        return Fault.WRONG_ORDER, expected, "it does not follow the row before it, or that one was replaced"
    if head is not None and expected > head.position:
        return Fault.ADDED, expected, f"the chain has {head.position} rows"
    return None
