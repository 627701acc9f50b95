"""People, sign-ins, keys and tickets on every database, with a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import base64
import threading
from datetime import timedelta

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from perdure.core.access import SYSTEM_ACTOR, Actor, Scope
from perdure.core.people import User, UserRole
from perdure.errors import EmailTaken, LastAdmin, NotFound, SignInExpired, Unauthenticated, WrongCredentials
from perdure.services import passwords
from perdure.services.api_keys import ApiKeyService
from perdure.services.credentials import Credentials, Rights
from perdure.services.passwords import Passwords
from perdure.services.sign_in import SignInRules, SignInService, Tokens
from perdure.services.tickets import TicketService
from perdure.services.tokens import AccessTokens, ServerKeys
from perdure.services.users import UserService
from perdure.services.watching import WatchService
from perdure.store import users
from perdure.store.store import Store
from tests.factories import OWNER, Clock, OpenStore

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),))
    monkeypatch.setattr(passwords, "hasher", lambda: hasher)


class People:
    """The services of people on one store."""

    def __init__(self, store: Store) -> None:
        rights, hashes, tokens = Rights(), Passwords(), AccessTokens(ServerKeys(store))
        self.store = store
        self.credentials = Credentials(store, tokens, rights)
        self.users = UserService(store, hashes, rights)
        self.sign_in = SignInService(store, hashes, tokens, rights, SignInRules())
        self.keys = ApiKeyService(store, rights)
        self.tickets = TicketService(store, self.credentials)
        self.watching = WatchService(store)

    async def add(self, name: str, role: UserRole = UserRole.MEMBER) -> User:
        return await self.users.create(
            SYSTEM_ACTOR, email=f"{name}@example.org", name=name, role=role, password=PASSWORD
        )

    async def login(self, name: str) -> tuple[Tokens, Actor]:
        tokens = await self.sign_in.login(f"{name}@example.org", PASSWORD)
        return tokens, await self.credentials.actor_of(tokens.access_token)


@pytest.fixture
def people(store: Store) -> People:
    return People(store)


async def test_an_address_belongs_to_one_person(people: People) -> None:
    made = await people.add("ada")
    assert (made.email, made.role, made.last_seen_at) == ("ada@example.org", UserRole.MEMBER, None)
    with pytest.raises(EmailTaken):
        await people.users.create(SYSTEM_ACTOR, email=" ADA@example.org", name="B", role=UserRole.ADMIN)
    results = await asyncio.gather(*(people.add("race") for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(r, User) for r in results) == 1
    found, total = await people.users.list(SYSTEM_ACTOR, q="race")
    assert (len(found), total) == (1, 1)
    assert (await people.users.list(SYSTEM_ACTOR, q="%"))[1] == 0


async def test_a_password_is_stored_as_argon2id_and_nowhere_else(people: People, store: Store) -> None:
    made = await people.add("ada")
    known = await store.read(lambda tx: users.get_with_password(tx, made.id))
    assert known.password_hash is not None
    assert known.password_hash.startswith("$argon2id$")
    tokens, actor = await people.login("ada")
    key = await people.keys.create(actor, name="k", scopes=[Scope.READ])
    ticket = await people.tickets.create(actor)

    def everything(tx: object) -> str:
        cursor = tx.cursor  # type: ignore[attr-defined]
        found: list[str] = []
        for table in ("users", "sign_ins", "refresh_tokens", "api_keys", "socket_tickets", "audit_entries"):
            cursor.execute(f"SELECT * FROM pd_{table}")
            found += [str(row) for row in cursor.fetchall()]
        return "\n".join(found)

    stored = await store.read(everything)
    assert actor.user_id in stored
    for secret in (PASSWORD, tokens.access_token, tokens.refresh_token, key.text, ticket):
        assert secret not in stored
        assert secret not in f"{tokens} {key}"


async def test_a_sign_in_lasts_while_it_is_used_and_never_longer_than_its_time(
    people: People, clock: Clock
) -> None:
    await people.add("ada")
    tokens, _actor = await people.login("ada")
    for _ in range(4):
        clock.move(days=6)
        tokens = await people.sign_in.refresh(tokens.refresh_token)
    assert tokens.refresh_expires_in == timedelta(days=6).total_seconds()
    clock.move(days=6)
    with pytest.raises(SignInExpired):
        await people.sign_in.refresh(tokens.refresh_token)
    idle, _actor = await people.login("ada")
    clock.move(days=7)
    with pytest.raises(SignInExpired):
        await people.sign_in.refresh(idle.refresh_token)
    with pytest.raises(SignInExpired):
        await people.credentials.actor_of(idle.access_token)


async def test_of_many_who_use_one_refresh_token_one_gets_the_next(people: People) -> None:
    await people.add("ada")
    tokens, actor = await people.login("ada")
    results = await asyncio.gather(
        *(people.sign_in.refresh(tokens.refresh_token) for _ in range(8)), return_exceptions=True
    )
    won = [r for r in results if isinstance(r, Tokens)]
    assert len(won) == 1
    assert all(isinstance(r, SignInExpired) for r in results if not isinstance(r, Tokens))
    with pytest.raises(SignInExpired):
        await people.sign_in.refresh(won[0].refresh_token)
    assert (await people.sign_in.list(actor))[1] == 0


async def test_two_administrators_cannot_remove_each_other_at_once(people: People) -> None:
    one = await people.add("one", UserRole.ADMIN)
    two = await people.add("two", UserRole.ADMIN)
    results = await asyncio.gather(
        people.users.change(SYSTEM_ACTOR, one.id, disabled=True),
        people.users.change(SYSTEM_ACTOR, two.id, role=UserRole.MEMBER),
        return_exceptions=True,
    )
    assert sum(isinstance(r, User) for r in results) == 1
    assert sum(isinstance(r, LastAdmin) for r in results) == 1
    assert await people.users.has_admin()


async def test_nobody_signs_in_who_has_no_password_or_is_disabled(people: People) -> None:
    await people.users.create(SYSTEM_ACTOR, email="no@example.org", name="No", role=UserRole.ADMIN)
    assert not await people.users.has_admin()
    for typed in (PASSWORD, "", "the password of nobody"):
        with pytest.raises(WrongCredentials):
            await people.sign_in.login("no@example.org", typed)
    ada = await people.add("ada")
    await people.users.change(SYSTEM_ACTOR, ada.id, disabled=True)
    with pytest.raises(WrongCredentials):
        await people.sign_in.login("ada@example.org", PASSWORD)
    with pytest.raises(WrongCredentials):
        await people.sign_in.open_for(ada.id, "oidc:somebody")


async def test_an_unknown_address_costs_as_much_as_a_wrong_password(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    await people.add("ada")
    await people.sign_in.login("ada@example.org", PASSWORD)
    checked: list[str] = []
    check = passwords._check

    def counting(password: str, known: str) -> tuple[bool, str | None]:
        checked.append(known.split("$")[3])
        return check(password, known)

    monkeypatch.setattr(passwords, "_check", counting)
    for email in ("ada@example.org", "nobody@example.org", "no address"):
        with pytest.raises(WrongCredentials):
            await people.sign_in.login(email, "wrong wrong wrong")
    assert len(checked) == 3
    assert len(set(checked)) == 1, "each with the same costs"


async def test_at_most_two_passwords_are_hashed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = Passwords()
    await hashes.prepare()
    running, most, lock = 0, 0, threading.Lock()
    two, go = threading.Event(), threading.Event()

    def slow(_password: str, _known: str) -> tuple[bool, str | None]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == 2:
                two.set()
        go.wait(10)
        with lock:
            running -= 1
        return True, None

    monkeypatch.setattr(passwords, "_check", slow)
    tries = [asyncio.create_task(hashes.check("x", "y")) for _ in range(12)]
    assert await asyncio.to_thread(two.wait, 10)
    go.set()
    await asyncio.gather(*tries)
    assert most == 2


async def test_a_key_counts_until_it_expires(people: People, clock: Clock) -> None:
    await people.add("ada")
    _tokens, actor = await people.login("ada")
    key = await people.keys.create(
        actor, name="k", scopes=[Scope.READ], expires_at=clock.now + timedelta(days=1)
    )
    assert (await people.credentials.actor_of(key.text)).scopes == frozenset({Scope.READ})
    assert (await people.keys.list(actor))[0][0].last_used_at == clock.now
    other = People(people.store)  # another server, which has nothing cached
    clock.move(days=1)
    with pytest.raises(Unauthenticated):
        await other.credentials.actor_of(key.text)
    assert await people.keys.list(actor) == ([], 0)


async def test_a_ticket_counts_once_and_for_thirty_seconds(people: People, clock: Clock) -> None:
    await people.add("ada")
    _tokens, actor = await people.login("ada")
    old = await people.tickets.create(actor)
    clock.move(seconds=30)
    with pytest.raises(Unauthenticated):
        await people.tickets.redeem(old, session_id=None, origin=None)
    ticket = await people.tickets.create(actor)
    results = await asyncio.gather(
        *(people.tickets.redeem(ticket, session_id=None, origin=None) for _ in range(6)),
        return_exceptions=True,
    )
    assert sum(isinstance(r, Actor) for r in results) == 1


async def test_standing_tells_who_still_may(people: People) -> None:
    ada = await people.add("ada")
    await people.add("max")
    (_, first), (_, second) = await people.login("ada"), await people.login("ada")
    _, other = await people.login("max")
    key = await people.keys.create(first, name="k", scopes=[Scope.READ])
    by_key = await people.credentials.actor_of(key.text)
    everybody = [first, second, other, by_key]
    now = await people.watching.standing(everybody, [])
    assert [now.actor(actor) for actor in everybody] == everybody
    await people.sign_in.logout(second)
    await people.keys.revoke(first, key.key.id)
    now = await people.watching.standing(everybody, [])
    assert [now.actor(actor) for actor in everybody] == [first, None, other, None]
    await people.users.change(SYSTEM_ACTOR, ada.id, role=UserRole.ADMIN)
    changed = (await people.watching.standing(everybody, [])).actor(first)
    assert changed is not None
    assert changed.is_admin
    await people.add("root", UserRole.ADMIN)
    await people.users.change(SYSTEM_ACTOR, ada.id, disabled=True)
    now = await people.watching.standing(everybody, [])
    assert [now.actor(actor) for actor in everybody] == [None, None, other, None]


async def test_nobody_ends_what_is_somebody_elses(people: People) -> None:
    await people.add("ada")
    await people.add("max")
    _, ada = await people.login("ada")
    _, other = await people.login("max")
    key = await people.keys.create(ada, name="k", scopes=[Scope.READ])
    assert ada.credential_id is not None
    with pytest.raises(NotFound):
        await people.keys.revoke(other, key.key.id)
    with pytest.raises(NotFound):
        await people.sign_in.end(other, ada.credential_id)
    assert await people.keys.list(other) == ([], 0)


async def test_the_servers_own_accounts_are_nobody(people: People) -> None:
    found, _ = await people.users.list(SYSTEM_ACTOR, limit=100)
    assert SYSTEM_ACTOR.user_id not in {user.id for user in found}
    with pytest.raises(NotFound):
        await people.users.get(SYSTEM_ACTOR, SYSTEM_ACTOR.user_id)
    assert OWNER.user_id in {user.id for user in found}


async def test_tokens_outlive_a_new_secret_key_until_theirs_is_gone(
    open_store: OpenStore, database_url: str
) -> None:
    if database_url == "sqlite://":
        pytest.skip("a database in memory has one server in its life")
    old, new = (f"{number}:{base64.b64encode(bytes([number] * 32)).decode()}" for number in (1, 2))

    def server(keys: str) -> tuple[Store, People]:
        store = open_store(database_url, secret_key=keys)
        return store, People(store)

    store, before = server(old)
    await before.add("ada")
    tokens, actor = await before.login("ada")
    store.close()
    store, rotated = server(f"{old},{new}")
    assert await rotated.credentials.actor_of(tokens.access_token) == actor
    newer, _ = await rotated.login("ada")
    store.close()
    store, retired = server(new)
    with pytest.raises(Unauthenticated):
        await retired.credentials.actor_of(tokens.access_token)
    assert (await retired.credentials.actor_of(newer.access_token)).user_id == actor.user_id
    again = await retired.sign_in.refresh(tokens.refresh_token)
    assert (await retired.credentials.actor_of(again.access_token)).user_id == actor.user_id
