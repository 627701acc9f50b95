"""Shares, share links and presence on every database: who sees what, until when, and races for one link."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from perdure.core.access import LOCAL_ACTOR, Action, Actor, Role, Scope
from perdure.core.missions import Mission
from perdure.core.sessions import Session
from perdure.errors import Conflict, Forbidden, InvalidInput, NotFound, PerdureError
from perdure.ids import new_id
from perdure.services.access import session_for
from perdure.services.connections import ConnectionService
from perdure.services.presence import ALIVE_FOR, PresenceService, Viewers
from perdure.services.share_links import ShareLinkService
from perdure.services.shares import ShareService, UnknownPerson
from perdure.store import audit, missions, operations, sessions, share_links, shares, users
from perdure.store.missions import MissionQuery
from perdure.store.sessions import SessionQuery
from perdure.store.store import Store
from tests import factories
from tests.factories import OWNER, STRANGER, VIEWER, Clock, Services

ANN = Actor(user_id="00000000-0000-7000-8000-0000000000a1", name="Ann")
BEN = Actor(user_id="00000000-0000-7000-8000-0000000000b2", name="Ben")
PEOPLE = (ANN, BEN)


def address(person: Actor) -> str:
    """Where somebody gets mail."""
    return f"{person.name.lower()}@example.org"


class World:
    """All services on one of the databases, with people who have addresses."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.services = Services(store)
        self.shares = ShareService(store)
        self.links = ShareLinkService(store)
        for person in (*PEOPLE, STRANGER, VIEWER, OWNER):
            store.write_now(lambda tx, p=person: operations.ensure_user(tx, p.user_id, p.name))
            email = address(person)
            store.write_now(lambda tx, p=person, e=email: users.update_user(tx, p.user_id, email=e))

    async def session(self, **values: Any) -> Session:
        """A session of the owner."""
        return await self.services.session(**values)

    async def share(self, session: Session, who: Actor, role: str = "view", **values: Any) -> str:
        """Share a session of the owner."""
        made = await self.shares.create(OWNER, session.id, email=address(who), role=role, **values)
        return made.id

    async def listed(self, actor: Actor, **query: Any) -> list[str]:
        """The names in somebody's list, whose total and counts have to agree with it."""
        page = await self.services.sessions.list(actor, SessionQuery(sort="name", **query))
        assert page.total == len(page.sessions)
        if not query.get("q"):
            assert sum(n for status, n in page.counts.items() if status != "deleted") == page.total
        return [row.session.name for row in page.sessions]

    async def acts(self, action: str) -> list[Any]:
        """The entries of one kind in the audit log."""
        return (await self.store.read(lambda tx: audit.list_entries(tx, action=action, limit=200)))[0]


@pytest.fixture
def world(store: Store, clock: Clock) -> World:
    return World(store, clock)


async def test_a_shared_session_is_in_the_lists_of_both_and_of_nobody_else(world: World) -> None:
    session = await world.session(name="Ours")
    await world.services.sessions.create(ANN, mode="task", name="Mine")
    await world.share(session, ANN)
    assert await world.listed(ANN) == ["Mine", "Ours"]
    assert await world.listed(ANN, shared=True) == ["Ours"]
    assert await world.listed(ANN, shared=False) == ["Mine"]
    assert await world.listed(OWNER) == ["Ours"]
    assert await world.listed(OWNER, shared=True) == []
    assert await world.listed(BEN) == []
    assert await world.listed(LOCAL_ACTOR) == []
    assert await world.listed(LOCAL_ACTOR, user_id=OWNER.user_id) == ["Ours"]
    assert await world.listed(LOCAL_ACTOR, user_id="all") == ["Mine", "Ours"]
    with pytest.raises(Forbidden, match="administrators"):
        await world.listed(ANN, user_id="all")


async def test_a_row_says_what_it_is_to_the_caller(world: World) -> None:
    session = await world.session(name="Ours")
    await world.session(name="Alone")
    await world.share(session, ANN, "edit")

    async def seen(actor: Actor, **query: Any) -> list[tuple[str, str | None, bool]]:
        page = await world.services.sessions.list(actor, SessionQuery(sort="name", **query))
        return [(row.role, row.owner_name, row.shared) for row in page.sessions]

    assert await seen(OWNER) == [("owner", "owner", False), ("owner", "owner", True)]
    assert await seen(ANN) == [("edit", "owner", True)]
    assert await seen(LOCAL_ACTOR, user_id="all") == [
        ("server-admin", "owner", False),
        ("server-admin", "owner", True),
    ]


@pytest.mark.parametrize("sort", ["-last_active_at", "created_at", "name", "-name"])
async def test_pages_of_own_and_shared_sessions_have_no_gap(world: World, sort: str) -> None:
    for number in range(12):
        world.clock.move(minutes=7 if number % 5 else 0)
        owner = ANN if number % 3 else OWNER
        session = await world.services.sessions.create(owner, mode="task", name=f"S{number % 7}")
        if owner is OWNER:
            await world.share(session, ANN)
    whole = await world.services.sessions.list(ANN, SessionQuery(sort=sort, limit=50))
    wanted = [row.session.id for row in whole.sessions]
    assert len(set(wanted)) == whole.total == 12
    by_cursor: list[str] = []
    cursor: str | None = None
    while True:
        page = await world.services.sessions.list(ANN, SessionQuery(sort=sort, limit=5, cursor=cursor))
        assert page.total == 12
        by_cursor += [row.session.id for row in page.sessions]
        cursor = page.next_cursor
        if cursor is None:
            break
    by_offset: list[str] = []
    for offset in range(0, 12, 5):
        page = await world.services.sessions.list(ANN, SessionQuery(sort=sort, limit=5, offset=offset))
        by_offset += [row.session.id for row in page.sessions]
    assert by_cursor == by_offset == wanted


async def test_filters_and_search_hold_for_what_is_shared(world: World) -> None:
    one = await world.session(name="Report on bees", tags=["bees"])
    two = await world.session(mode="talk", name="Report on ants")
    await world.session(name="Report on nobody's business")
    for session in (one, two):
        await world.share(session, ANN)
    await world.services.history.add(OWNER, two.id, [{"role": "user", "content": "formica rufa"}])
    assert await world.listed(ANN, q="report") == ["Report on ants", "Report on bees"]
    assert await world.listed(ANN, q="FORMICA") == ["Report on ants"]
    assert await world.listed(BEN, q="report") == []
    found = await world.services.sessions.list(ANN, SessionQuery(mode="talk"))
    assert [row.session.id for row in found.sessions] == [two.id]
    found = await world.services.sessions.list(ANN, SessionQuery(tag="bees"))
    assert [row.session.id for row in found.sessions] == [one.id]


async def test_an_expired_share_counts_nowhere(world: World) -> None:
    session, run = await world.services.running(name="Ours")
    await world.services.progress.ask(run, factories.approval(session.id, run.id))
    await world.share(session, ANN, "admin", expires_at=world.clock.now + timedelta(hours=1))
    await world.services.sessions.load(ANN, session.id)
    _, token = await world.links.create(ANN, session.id, role="view")
    page = await world.services.sessions.list(ANN, SessionQuery())
    assert (page.total, page.current_session_id) == (1, session.id)
    assert (await world.services.approvals.list(ANN))[1] == 1
    assert (await world.services.stats.snapshot(ANN))["total_sessions"] == 1
    assert (await world.services.sessions.active(ANN)).session.id == session.id
    assert len(await world.shares.list(OWNER, session.id)) == 1
    world.clock.move(hours=1)
    page = await world.services.sessions.list(ANN, SessionQuery())
    assert (page.total, page.counts["active"], page.current_session_id) == (0, 0, None)
    assert (await world.services.approvals.list(ANN))[1] == 0
    stats = await world.services.stats.snapshot(ANN)
    assert (stats["total_sessions"], stats["total_events"], stats["runs"]) == (0, 0, {})
    assert await world.shares.list(OWNER, session.id) == []
    (row,) = (await world.services.sessions.list(OWNER, SessionQuery())).sessions
    assert not row.shared
    assert await world.store.read(lambda tx: shares.people_of(tx, [session.id])) == {}
    for call in (
        world.services.sessions.get(ANN, session.id),
        world.services.sessions.active(ANN),
        world.services.costs.summary(ANN, session.id),
        world.services.runs.get(ANN, run.id),
        world.links.accept(BEN, token),
    ):
        with pytest.raises(NotFound):
            await call
    again = await world.shares.create(OWNER, session.id, email=address(ANN), role="view")
    assert (await world.shares.list(OWNER, session.id)) == [again]


async def test_the_inbox_and_the_missions_follow_the_shares(world: World) -> None:
    session, run = await world.services.running()
    await world.services.progress.ask(run, factories.approval(session.id, run.id))
    made = await world.services.mission_commands.create(OWNER, goal="Together", session_id=session.id)
    await world.services.mission_commands.create(OWNER, goal="Alone")
    share = await world.share(session, ANN, "edit")
    assert [a.session_id for a in (await world.services.approvals.list(ANN))[0]] == [session.id]
    found, total = await world.services.missions.list(ANN, MissionQuery())
    assert ([m.goal for m in found], total) == (["Together"], 1)
    assert (await world.services.missions.list(OWNER, MissionQuery()))[1] == 2
    assert (await world.services.missions.list(BEN, MissionQuery()))[1] == 0
    assert (await world.services.missions.list(LOCAL_ACTOR, MissionQuery(), user_id="all"))[1] == 2
    assert (await world.services.approvals.list(LOCAL_ACTOR))[1] == 0
    assert (await world.services.approvals.list(LOCAL_ACTOR, user_id=OWNER.user_id))[1] == 1
    assert (await world.services.approvals.list(LOCAL_ACTOR, user_id=ANN.user_id))[1] == 0
    theirs = await world.services.mission_commands.create(ANN, goal="Ann's part")
    await world.services.mission_commands.link(ANN, session.id, theirs.mission.id)
    await world.shares.delete(OWNER, session.id, share)
    assert (await world.services.approvals.list(ANN))[1] == 0
    assert (await world.services.missions.list(ANN, MissionQuery(archived=True)))[1] == 0
    for mission in (made.mission, theirs.mission):
        with pytest.raises(NotFound, match="no such mission"):
            await world.services.missions.get(ANN, mission.id)


async def test_what_was_deleted_shows_to_those_who_can_restore_it(world: World) -> None:
    session = await world.session()
    await world.share(session, ANN, "admin")
    await world.share(session, BEN, "edit")
    await world.services.sessions.delete(ANN, session.id)
    gone = SessionQuery(status=("deleted",))
    assert (await world.services.sessions.list(ANN, gone)).total == 1
    assert (await world.services.sessions.list(BEN, gone)).total == 0
    assert (await world.services.sessions.list(BEN, gone)).counts["deleted"] == 0
    with pytest.raises(Forbidden):
        await world.services.sessions.purge(ANN, session.id)
    with pytest.raises(NotFound):
        await world.services.sessions.suspend(BEN, session.id)
    await world.services.sessions.restore(ANN, session.id)
    assert (await world.services.sessions.list(BEN, SessionQuery())).total == 1
    with pytest.raises(Forbidden):
        await world.services.sessions.purge(ANN, session.id)
    assert await world.services.status(session.id) == "active", "a refused purge deletes nothing"


async def test_active_is_a_session_in_which_one_may_work(world: World) -> None:
    session = await world.session()
    await world.share(session, ANN, "view")
    with pytest.raises(NotFound):
        await world.services.sessions.active(ANN)
    await world.shares.update(OWNER, session.id, ANN.user_id, role="edit")
    assert (await world.services.sessions.active(ANN)).role == "edit"


async def test_viewers_see_neither_metadata_nor_secrets(world: World) -> None:
    session = await world.session(metadata={"customer": "ACME"}, config={"maxRounds": 3})
    hidden = {
        "maxRounds": 3,
        "api_key": "k",
        "nested": {"list": [{"password": "p"}, {"$secret": "n"}], "max_tokens": 9},
    }
    await world.store.write(
        lambda tx: sessions.change_session(tx, sessions.get_session(tx, session.id), config=hidden)
    )
    await world.share(session, ANN, "view")
    await world.share(session, BEN, "edit")
    row = await world.services.sessions.get(ANN, session.id)
    assert row.session.metadata == {}
    assert row.session.config == {
        "maxRounds": 3,
        "api_key": "[hidden]",
        "nested": {"list": [{"password": "[hidden]"}, "[hidden]"], "max_tokens": 9},
    }
    for actor in (OWNER, BEN, LOCAL_ACTOR):
        seen = (await world.services.sessions.view(actor, session.id)).row.session
        assert (seen.metadata, seen.config) == ({"customer": "ACME"}, hidden)


async def test_nobody_gives_more_than_they_have(world: World) -> None:
    session = await world.session()
    soon = world.clock.now + timedelta(days=1)
    await world.share(session, ANN, "admin", expires_at=soon)
    made = await world.shares.create(ANN, session.id, email=address(BEN), role="admin")
    assert (made.role, made.expires_at) == (Role.ADMIN, soon)
    for until in (soon + timedelta(seconds=1), None):
        with pytest.raises(Forbidden, match="longer"):
            await world.shares.update(ANN, session.id, made.id, expires_at=until)
    with pytest.raises(Forbidden, match="own right"):
        await world.shares.update(ANN, session.id, ANN.user_id, expires_at=None)
    with pytest.raises(Forbidden, match="own right"):
        await world.shares.create(ANN, session.id, user_id=ANN.user_id, role="admin")
    with pytest.raises(Forbidden, match="longer"):
        await world.links.create(ANN, session.id, role="view", expires_at=soon + timedelta(days=1))
    link, _ = await world.links.create(ANN, session.id, role="view")
    assert link.expires_at == soon, "a link's seven days end with the right of whoever made it"
    with pytest.raises(Conflict, match="owner"):
        await world.shares.create(ANN, session.id, user_id=OWNER.user_id, role="view")
    await world.shares.update(OWNER, session.id, BEN.user_id, role="edit")
    for call in (
        world.shares.create(BEN, session.id, email=address(VIEWER), role="view"),
        world.shares.update(BEN, session.id, ANN.user_id, role="view"),
        world.shares.delete(BEN, session.id, ANN.user_id),
        world.links.create(BEN, session.id, role="view"),
        world.links.list(BEN, session.id),
        world.shares.list(BEN, session.id),
    ):
        with pytest.raises(Forbidden):
            await call
    permanent = await world.share(session, VIEWER, "view")
    with pytest.raises(Forbidden, match="longer"):
        await world.shares.update(ANN, session.id, permanent, role="edit")
    raised = await world.shares.update(ANN, session.id, permanent, role="edit", expires_at=soon)
    assert (raised.role, raised.expires_at) == (Role.EDIT, soon)


async def test_strangers_may_do_nothing_with_shares(world: World) -> None:
    session = await world.session()
    share = await world.share(session, ANN)
    for id_ in (session.id, new_id()):
        for call in (
            world.shares.list(STRANGER, id_),
            world.shares.create(STRANGER, id_, email=address(BEN), role="view"),
            world.shares.update(STRANGER, id_, share, role="admin"),
            world.shares.delete(STRANGER, id_, share),
            world.links.list(STRANGER, id_),
            world.links.create(STRANGER, id_, role="view"),
            world.links.delete(STRANGER, id_, new_id()),
            PresenceService(world.store).viewers(STRANGER, id_),
        ):
            with pytest.raises(NotFound) as caught:
                await call
            assert caught.value.to_dict() == {
                "code": "not-found",
                "kind": "not_found",
                "message": "There is no such session.",
                "session_id": id_,
            }


async def test_bad_shares_are_refused_whole(world: World) -> None:
    session = await world.session()
    past = world.clock.now - timedelta(seconds=1)
    disabled = new_id()
    await world.store.write(lambda tx: operations.ensure_user(tx, disabled, "Gone"))
    await world.store.write(lambda tx: users.update_user(tx, disabled, disabled_at=tx.now))
    for call in (
        world.shares.create(OWNER, session.id, email="nobody@example.org", role="view"),
        world.shares.create(OWNER, session.id, user_id=new_id(), role="view"),
        world.shares.create(OWNER, session.id, user_id=disabled, role="view"),
        world.shares.create(OWNER, session.id, user_id=ANN.user_id, role="view"),
        world.shares.create(LOCAL_ACTOR, session.id, user_id=disabled, role="view"),
        world.shares.create(LOCAL_ACTOR, session.id, user_id=LOCAL_ACTOR.user_id, role="view"),
    ):
        with pytest.raises(UnknownPerson):
            await call
    for call in (
        world.shares.create(OWNER, session.id, email=address(ANN), role="owner"),
        world.shares.create(OWNER, session.id, email=address(ANN), role="view", expires_at=past),
        world.shares.create(OWNER, session.id, role="view"),
        world.shares.create(OWNER, session.id, user_id="x", role="view"),
        world.links.create(OWNER, session.id, role="owner"),
        world.links.create(OWNER, session.id, role="view", expires_at=past),
    ):
        with pytest.raises(InvalidInput):
            await call
    assert await world.shares.list(OWNER, session.id) == []
    made = await world.shares.create(OWNER, session.id, email="  ANN@Example.org ", role="view")
    assert (made.user_id, made.email, made.name) == (ANN.user_id, "ann@example.org", "Ann")


async def test_everybody_may_leave(world: World) -> None:
    session = await world.session()
    await world.share(session, ANN)
    share = await world.share(session, BEN, "edit")
    await world.services.sessions.load(BEN, session.id)
    await world.shares.delete(ANN, session.id, ANN.user_id)
    read_only = Actor(user_id=BEN.user_id, name=BEN.name, scopes=frozenset({Scope.READ}))
    with pytest.raises(Forbidden, match="scope"):
        await world.shares.delete(read_only, session.id, share)
    await world.shares.delete(BEN, session.id, share)
    assert await world.shares.list(OWNER, session.id) == []
    with pytest.raises(NotFound):
        await world.services.sessions.get(BEN, session.id)
    assert [e.act.actor_id for e in await world.acts("share.delete")] == [BEN.user_id, ANN.user_id]
    assert await world.store.read(lambda tx: operations.current_session_id(tx, BEN.user_id)) is None


async def test_a_link_makes_a_share_of_its_own(world: World) -> None:
    session = await world.session()
    link, token = await world.links.create(OWNER, session.id, role="edit")
    assert link.expires_at == world.clock.now + timedelta(days=7)
    accepted = await world.links.accept(ANN, token)
    assert (accepted.session_id, accepted.role, accepted.expires_at) == (
        session.id,
        Role.EDIT,
        link.expires_at,
    )
    assert await world.links.accept(ANN, token) == accepted, "again changes nothing"
    assert (await world.links.accept(OWNER, token)).role is Role.OWNER
    await world.links.delete(OWNER, session.id, link.id)
    (share,) = await world.shares.list(OWNER, session.id)
    assert (share.user_id, share.role, share.created_by) == (ANN.user_id, Role.EDIT, OWNER.user_id)
    for gone in (token, "pds_" + "x" * 43, "pds_", "", "\ud800", "pds_" + "x" * 9000):
        with pytest.raises(NotFound) as caught:
            await world.links.accept(BEN, gone)
        assert caught.value.to_dict()["message"] == "This link is not good any more; ask for a new one."
    with pytest.raises(NotFound):
        await world.links.delete(OWNER, session.id, link.id)
    assert await world.links.list(OWNER, session.id) == []
    assert len(await world.acts("share_link.accept")) == 1


async def test_a_token_is_kept_as_a_hash_only(world: World) -> None:
    session = await world.session()
    _, token = await world.links.create(OWNER, session.id, role="view")
    await world.links.accept(ANN, token)
    dump = await world.store.read(
        lambda tx: [
            str(row)
            for table in ("pd_share_links", "pd_shares", "pd_audit_entries", "pd_events")
            for row in tx.cursor.execute(f"SELECT * FROM {table}").fetchall()
        ]
    )
    assert len(dump) > 4
    assert not [row for row in dump if token in row or token[4:] in row]


async def test_a_link_raises_a_weaker_share_and_leaves_a_stronger_one(world: World) -> None:
    session = await world.session()
    await world.share(session, ANN, "view")
    await world.share(session, BEN, "admin")
    link, token = await world.links.create(OWNER, session.id, role="edit")
    assert (await world.links.accept(ANN, token)).role is Role.EDIT
    assert (await world.links.accept(BEN, token)).role is Role.ADMIN
    found = {s.user_id: (s.role, s.expires_at) for s in await world.shares.list(OWNER, session.id)}
    assert found == {ANN.user_id: (Role.EDIT, link.expires_at), BEN.user_id: (Role.ADMIN, None)}


async def test_links_of_those_who_lost_the_right_are_good_for_nothing(world: World) -> None:
    session = await world.session()

    async def made() -> str:
        share = await world.share(session, ANN, "admin")
        _, token = await world.links.create(ANN, session.id, role="edit")
        assert share
        return token

    token = await made()
    await world.shares.update(OWNER, session.id, ANN.user_id, role="edit")
    with pytest.raises(NotFound):
        await world.links.accept(BEN, token)
    await world.shares.update(OWNER, session.id, ANN.user_id, role="admin")
    with pytest.raises(NotFound):  # the right came back; what was made with the lost one did not
        await world.links.accept(BEN, token)
    token = await made()
    await world.shares.delete(OWNER, session.id, ANN.user_id)
    with pytest.raises(NotFound):
        await world.links.accept(BEN, token)
    token = await made()
    await world.store.write(lambda tx: users.update_user(tx, ANN.user_id, disabled_at=tx.now))
    with pytest.raises(NotFound):
        await world.links.accept(BEN, token)
    await world.store.write(lambda tx: users.update_user(tx, ANN.user_id, disabled_at=None))
    assert (await world.links.accept(BEN, token)).role is Role.EDIT
    _, token = await world.links.create(OWNER, session.id, role="view")
    await world.services.sessions.delete(OWNER, session.id)
    with pytest.raises(NotFound):
        await world.links.accept(VIEWER, token)


async def test_thirty_accepts_of_one_link_make_one_share(world: World) -> None:
    session = await world.session()
    _, token = await world.links.create(OWNER, session.id, role="view")
    answers = await asyncio.gather(*(world.links.accept(ANN, token) for _ in range(30)))
    assert len(set(answers)) == 1
    assert [s.user_id for s in await world.shares.list(OWNER, session.id)] == [ANN.user_id]
    assert len(await world.acts("share_link.accept")) == 1


async def test_thirty_people_accept_one_link_at_once(world: World) -> None:
    session = await world.session()
    _, token = await world.links.create(OWNER, session.id, role="view")
    crowd = [Actor(user_id=new_id(), name=f"P{n}") for n in range(30)]
    for person in crowd:
        await world.store.write(lambda tx, p=person: operations.ensure_user(tx, p.user_id, p.name))
    await asyncio.gather(*(world.links.accept(person, token) for person in crowd))
    found = await world.shares.list(OWNER, session.id)
    assert {s.user_id for s in found} == {p.user_id for p in crowd}
    assert len(found) == len(await world.acts("share_link.accept")) == 30


async def test_a_link_revoked_while_it_is_accepted_leaves_no_half_share(world: World) -> None:
    for _ in range(5):
        session = await world.session()
        link, token = await world.links.create(OWNER, session.id, role="view")
        results = await asyncio.gather(
            *(world.links.accept(ANN, token) for _ in range(4)),
            world.links.delete(OWNER, session.id, link.id),
            *(world.links.accept(BEN, token) for _ in range(4)),
            return_exceptions=True,
        )
        assert all(r is None or isinstance(r, NotFound) or hasattr(r, "role") for r in results), results
        got = {s.user_id for s in await world.shares.list(OWNER, session.id)}
        for who, outcomes in ((ANN, results[:4]), (BEN, results[5:])):
            accepted = any(not isinstance(r, BaseException) for r in outcomes)
            assert accepted == (who.user_id in got)
        with pytest.raises(NotFound):
            await world.links.accept(VIEWER, token)


async def test_a_right_revoked_while_commands_are_in_flight_holds_for_those_after_it(world: World) -> None:
    session = await world.session()
    share = await world.share(session, ANN, "edit")
    add = world.services.history.add
    said = [add(ANN, session.id, [{"role": "user", "content": str(n)}]) for n in range(20)]
    revoking = world.shares.delete(OWNER, session.id, share)
    outcomes = await asyncio.gather(*said[:10], revoking, *said[10:], return_exceptions=True)
    done = [r for r in (*outcomes[:10], *outcomes[11:]) if not isinstance(r, BaseException)]
    refused = [r for r in outcomes if isinstance(r, BaseException)]
    assert outcomes[10] is None
    assert all(isinstance(r, NotFound) for r in refused)
    assert len(done) + len(refused) == 20
    stored = await world.services.history.messages(OWNER, session.id)
    assert stored.total == len(done), "what was answered is stored, and what was refused is not"
    acts = [e for e in await world.acts("message.add") if e.act.actor_id == ANN.user_id]
    assert len(acts) == len(done)
    with pytest.raises(NotFound):
        await add(ANN, session.id, [{"role": "user", "content": "late"}])


async def test_editors_work_in_somebody_elses_session(world: World) -> None:
    session = await world.session()
    other = await world.session()
    await world.share(session, ANN, "edit")
    started = await world.services.runs.start(ANN, session.id, "Count", task_id="count")
    assert started.run is not None
    mine = await world.services.runs.start(OWNER, other.id, "Count", task_id="count")
    assert mine.run is not None, "task ids are unique for whoever gives them"
    with pytest.raises(Conflict, match="task id"):
        await world.services.runs.start(ANN, session.id, "Again", task_id="count", on_busy="enqueue")
    found = await world.services.runs.find_by_task(ANN, "count")
    assert found is not None
    assert found.id == started.run.id
    run = await world.services.progress.begin(started.run.id)
    await world.services.progress.finish_call(run, factories.call(run, "c1"), [])
    (row,) = (await world.services.sessions.list(ANN, SessionQuery())).sessions
    assert row.cost_usd_micros == 250, "what an editor's run costs is the session's"
    assert (await world.services.costs.summary(OWNER, session.id))["calls"] == 1
    assert (await world.services.sessions.get(OWNER, session.id)).session.owner_id == OWNER.user_id
    await world.shares.delete(OWNER, session.id, ANN.user_id)
    assert await world.services.runs.find_by_task(ANN, "count") is None
    assert await world.services.runs.find_by_task(ANN, "count", shared=True) is None
    with pytest.raises(Conflict, match="task id"):
        await world.services.runs.submit(ANN, "Count", {"mode": "task"}, task_id="count")


async def test_viewers_find_a_task_by_its_id_and_start_their_own(world: World) -> None:
    session = await world.session()
    await world.services.runs.start(OWNER, session.id, "Count", task_id="count")
    await world.share(session, ANN)
    assert await world.services.runs.find_by_task(ANN, "count") is None
    found = await world.services.runs.find_by_task(ANN, "count", shared=True)
    assert found is not None
    for who in (OWNER, ANN, LOCAL_ACTOR):  # a run that was given no name goes by its id
        assert await world.services.runs.find_by_task(who, found.id) is not None
    assert await world.services.runs.find_by_task(BEN, found.id, shared=True) is None
    own, run = await world.services.runs.submit(ANN, "Count", {"mode": "task"}, task_id="count")
    assert own.owner_id == ANN.user_id
    found = await world.services.runs.find_by_task(ANN, "count", shared=True)
    assert found is not None
    assert found.id == run.id


async def test_who_only_watches_is_not_told_what_a_command_would_need(world: World) -> None:
    session = await world.session()
    started = await world.services.runs.start(OWNER, session.id, "Count")
    assert started.run is not None
    await world.share(session, ANN)
    runs = world.services.runs
    for command in (runs.pause, runs.resume, runs.cancel, runs.retry):
        with pytest.raises(Forbidden):
            await command(ANN, started.run.id)
        with pytest.raises(NotFound):
            await command(BEN, started.run.id)
    assert len(await world.acts("session.control")) == 4, "each attempt of somebody known is written down"


async def test_watching_keeps_nothing_alive_and_keys_do_only_what_they_are_for(world: World) -> None:
    session = await world.session()
    await world.share(session, ANN, "view")
    await world.share(session, BEN, "edit")
    before = (await world.services.sessions.get(OWNER, session.id)).session.last_active_at
    world.clock.move(hours=1)
    await world.services.sessions.touch(ANN, [session.id])
    assert (await world.services.sessions.get(OWNER, session.id)).session.last_active_at == before
    await world.services.sessions.touch(BEN, [session.id])
    assert (await world.services.sessions.get(OWNER, session.id)).session.last_active_at == world.clock.now
    key = Actor(user_id=BEN.user_id, name=BEN.name, scopes=frozenset({Scope.READ}))
    _, token = await world.links.create(OWNER, session.id, role="view")
    for call in (
        world.services.sessions.create(key, mode="task"),
        world.services.runs.submit(key, "t", {"mode": "task"}),
        world.services.mission_commands.create(key, goal="g"),
        world.links.accept(key, token),
    ):
        with pytest.raises(Forbidden, match="scope"):
            await call
    assert (await world.services.sessions.get(key, session.id)).role == "edit"


async def test_hints_name_the_owner_or_one_person(world: World) -> None:
    session = await world.session()
    told: list[tuple[str, str, bool]] = []
    world.store.on_commit(lambda _grown, hints: told.extend((h.owner_id, h.type, h.personal) for h in hints))
    share = await world.share(session, ANN)
    await world.shares.delete(OWNER, session.id, share)
    assert told == [
        (OWNER.user_id, "session:updated", False),
        (ANN.user_id, "session:created", True),
        (OWNER.user_id, "session:updated", False),
        (ANN.user_id, "session:deleted", True),
    ]


async def test_presence_is_counted_over_all_servers_and_ages(world: World) -> None:
    session = await world.session()
    await world.share(session, ANN)
    presence = PresenceService(world.store)
    here = world.services.connections
    first = await here.open(None, session.id, OWNER.user_id)
    world.clock.move(seconds=30)
    socket = await here.open(None, None, ANN.user_id)
    watch = await here.open(socket, session.id, ANN.user_id)
    await here.open(None, session.id, ANN.user_id)
    seen = await presence.viewers(ANN, session.id)
    assert [(v.name, v.connections) for v in seen] == [("owner", 1), ("Ann", 2)]
    assert await here.count() == 3, "a watch is not another connection"
    await here.close(watch)
    world.clock.move(seconds=30)
    await here.heartbeat([first])
    world.clock.move(seconds=(ALIVE_FOR - timedelta(seconds=20)).total_seconds())
    seen = await presence.viewers(OWNER, session.id)
    assert [(v.name, v.connections) for v in seen] == [("owner", 1)], "Ann's server gave no sign of life"
    assert await presence.viewers(OWNER, (await world.session()).id) == ()


async def test_word_of_presence_crosses_servers_and_is_one_for_many_changes(world: World) -> None:
    session = await world.session()
    for person in PEOPLE:
        await world.share(session, person)
    told: list[set[str]] = []
    takes, heard = [False, True], asyncio.Event()

    def tell(viewers: Viewers) -> bool:
        if takes and not takes.pop(0):
            return False  # a reader that cannot take it yet is asked again
        told.append({viewer.name for viewer in viewers})
        heard.set()
        return True

    async def next_word() -> set[str]:
        async with asyncio.timeout(10):
            await heard.wait()
        heard.clear()
        return told[-1]

    here = PresenceService(world.store, poll_s=0.05)
    here.start()
    elsewhere = ConnectionService(world.store, "another server")
    stop = here.follow(session.id, OWNER.user_id, tell)
    try:
        rows = [await elsewhere.open(None, session.id, who.user_id) for who in (OWNER, ANN, ANN)]
        assert "Ann" in await next_word()
        before = len(told)
        rows += [await elsewhere.open(None, session.id, ANN.user_id) for _ in range(20)]
        ben = await elsewhere.open(None, session.id, BEN.user_id)
        while "Ben" not in await next_word():
            pass
        assert len(told) == before + 1, "only other people are news, however many connections they have"
        await elsewhere.close(ben, *rows[1:])
        while await next_word() != {"owner"}:
            pass
    finally:
        stop()
        await here.stop()
    number = len(told)
    await elsewhere.open(None, session.id, BEN.user_id)
    await here.stop()
    assert len(told) == number


async def test_who_watches_is_told_to_those_who_are_noted_as_there(world: World) -> None:
    session = await world.session()
    for person in PEOPLE:
        await world.share(session, person)
    told: list[tuple[str, set[str]]] = []
    heard = {person.name: asyncio.Event() for person in (ANN, BEN)}
    here = PresenceService(world.store, poll_s=0.05)
    here.start()

    def follow(person: Actor) -> Callable[[], None]:
        def tell(viewers: Viewers) -> bool:
            told.append((person.name, {viewer.user_id for viewer in viewers}))
            heard[person.name].set()
            return True

        return here.follow(session.id, person.user_id, tell)

    stops = [follow(person) for person in (ANN, BEN)]
    try:
        async with asyncio.timeout(10):
            for person in (BEN, OWNER):
                await world.services.connections.open(None, session.id, person.user_id)
            await heard[BEN.name].wait()
            assert {name for name, _ in told} == {BEN.name}, "Ann's row is not stored yet"
            await world.services.connections.open(None, session.id, ANN.user_id)
            await heard[ANN.name].wait()
    finally:
        for stop in stops:
            stop()
        await here.stop()
    assert [people for name, people in told if name == ANN.name] == [
        {OWNER.user_id, ANN.user_id, BEN.user_id}
    ]


def test_a_list_without_shares_reads_along_the_owners_index(world: World) -> None:
    if world.store.address.is_postgres:
        pytest.skip("the planner of PostgreSQL decides by the tables' sizes")
    told: list[str] = []

    def plan(tx: Any, person: Actor) -> str:
        statements: list[str] = []
        connection = tx.db.connection.driver_connection
        connection.set_trace_callback(statements.append)
        sessions.list_sessions(tx, person.user_id, SessionQuery(status=("active",)))
        connection.set_trace_callback(None)
        (last,) = [s for s in statements if "pd_session_logs" in s]
        return "\n".join(str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {last}").fetchall())

    told.append(world.store.write_now(lambda tx: plan(tx, STRANGER)))
    session = factories.session()
    world.store.write_now(lambda tx: sessions.insert_session(tx, session))
    world.store.write_now(
        lambda tx: tx.cursor.execute(
            "INSERT INTO pd_shares (id, session_id, user_id, role, created_by, created_at) VALUES (?, ?, ?, ?, ?, 0)",
            (new_id(), session.id, ANN.user_id, "view", OWNER.user_id),
        )
    )
    told.append(world.store.write_now(lambda tx: plan(tx, ANN)))
    for text in told:
        assert "ix_pd_sessions_owner_status_active" in text
        assert "SCAN pd_sessions" not in text
    assert "pd_shares" not in told[0]
    assert "ix_pd_shares_user" in told[1]


def test_access_of_a_list_of_sessions_is_what_session_for_says(world: World) -> None:
    def body(tx: Any) -> None:
        session = factories.session()
        sessions.insert_session(tx, session)
        with pytest.raises(PerdureError):
            session_for(tx, STRANGER, session.id, Action.READ)
        assert missions.list_missions(tx, STRANGER.user_id, MissionQuery()) == ([], 0)
        assert share_links.list_links(tx, session.id) == []
        mission = Mission(
            id=new_id(),
            owner_id=STRANGER.user_id,
            name="n",
            goal="g",
            session_id=session.id,
            created_at=tx.now,
            updated_at=tx.now,
        )
        missions.insert_mission(tx, mission)
        assert missions.list_missions(tx, STRANGER.user_id, MissionQuery())[1] == 0, (
            "it is the session's people's"
        )
        assert missions.list_missions(tx, OWNER.user_id, MissionQuery())[1] == 1

    world.store.write_now(body)
