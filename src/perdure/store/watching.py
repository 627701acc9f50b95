"""The queries that open sockets and streams are checked with, over all of them at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice

from sqlalchemy import and_, or_, select

from perdure.store.tables import sessions, shares
from perdure.store.transaction import Tx

_AT_ONCE = 5000


def people_by_session(tx: Tx, session_ids: Collection[str]) -> dict[str, set[str]]:
    """Return the owner and everybody a session is shared with now, for each that exists."""
    found: dict[str, set[str]] = {}
    live = or_(shares.c.expires_at.is_(None), shares.c.expires_at > tx.now)
    joined = sessions.outerjoin(shares, and_(shares.c.session_id == sessions.c.id, live))
    query = select(sessions.c.id, sessions.c.owner_id, shares.c.user_id).select_from(joined)
    for some in in_parts(session_ids):
        for session_id, owner_id, user_id in tx.db.execute(query.where(sessions.c.id.in_(some))):
            people = found.setdefault(session_id, {owner_id})
            if user_id is not None:
                people.add(user_id)
    return found


def in_parts(ids: Collection[str]) -> Iterator[list[str]]:
    """Cut many ids into lists that one statement takes."""
    rest = iter(ids)
    while part := list(islice(rest, _AT_ONCE)):
        yield part
