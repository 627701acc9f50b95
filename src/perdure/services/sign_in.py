"""Signing in and out: e-mail and password, refresh tokens that count once, and the list of open sign-ins."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from perdure.core.access import Action, Actor, require_scope
from perdure.core.audit import Act, AuditResult
from perdure.core.people import (
    MAX_PASSWORD,
    NOBODY,
    EndReason,
    SignIn,
    User,
    UserRole,
    UserSecret,
    check_name,
    check_password,
    normalize_email,
    normalize_password,
)
from perdure.errors import (
    Conflict,
    EmailTaken,
    InvalidInput,
    NotFound,
    RegistrationClosed,
    SignInExpired,
    Unauthenticated,
    WrongCredentials,
)
from perdure.ids import new_id, parse_uuid
from perdure.services.credentials import Rights
from perdure.services.passwords import Passwords
from perdure.services.tokens import (
    ACCESS_TTL,
    AccessTokens,
    hash_of,
    new_salt,
    new_secret,
    successor_of,
)
from perdure.store import sign_ins, users
from perdure.store.store import Store
from perdure.store.transaction import Tx

REFRESH_PREFIX = "pdr_"
_LONGEST = 512
_KEPT_FOR = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class SignInRules:
    """How long sign-ins last, and who may make an account."""

    ttl: timedelta = timedelta(days=30)
    """After this a person signs in again, however busy."""
    idle_ttl: timedelta = timedelta(days=7)
    """A sign-in that was not refreshed for so long is over."""
    registration: bool = False
    refresh_grace: timedelta = timedelta(seconds=10)
    """How long two tabs of one browser that refresh in the same moment get the same answer; zero: never."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What somebody gets who signs in or refreshes."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    """Seconds that the access token counts for."""
    refresh_expires_in: int
    user: User
    sign_in_id: str


class SignInService:
    """Makes, refreshes, lists and ends sign-ins."""

    def __init__(
        self, store: Store, passwords: Passwords, tokens: AccessTokens, rights: Rights, rules: SignInRules
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._tokens = tokens
        self._rights = rights
        self._rules = rules
        self._mark = store.derive_key(b"addresses in the audit log")

    @property
    def registration(self) -> bool:
        """Whether people may make accounts themselves."""
        return self._rules.registration

    async def login(self, email: str, password: str, *, source: str | None = None) -> Tokens:
        """Sign somebody in by e-mail and password.

        Raises:
            WrongCredentials: when they do not belong together, or the person is disabled; it takes as long as success.
        """
        try:
            address = normalize_email(email)
        except InvalidInput:
            address = ""
        found = await self._store.read(lambda tx: users.find_by_email(tx, address)) if address else None
        known = found.password_hash if found is not None and len(password) <= MAX_PASSWORD else None
        right, better = await self._passwords.check(normalize_password(password[:MAX_PASSWORD]), known)
        if found is None or not right or found.disabled_at is not None:
            await self._store.write(lambda tx: self._note_failure(tx, email, found, source))
            raise WrongCredentials("E-mail and password do not belong together.")

        def body(tx: Tx) -> tuple[User, SignIn, str] | None:
            user = users.get_with_password(tx, found.id, lock=True)
            if user.disabled_at is not None or user.password_hash != found.password_hash:
                return None
            if better is not None:
                users.update_user(tx, user.id, password_hash=better)
            return self._open(tx, user, "password", source)

        opened = await self._store.write(body)
        if opened is None:
            raise WrongCredentials("E-mail and password do not belong together.")
        return self._answer(*opened)

    async def open_for(self, user_id: str, method: str, *, source: str | None = None) -> Tokens:
        """Sign somebody in whom another service has recognised, such as an identity provider.

        Raises:
            WrongCredentials: when the person is disabled.
        """

        def body(tx: Tx) -> tuple[User, SignIn, str]:
            user = users.get_with_password(tx, user_id, lock=True)
            if user.disabled_at is not None:
                raise WrongCredentials("This account is disabled.")
            return self._open(tx, user, method, source)

        return self._answer(*await self._store.write(body))

    async def register(self, email: str, name: str, password: str, *, source: str | None = None) -> Tokens:
        """Make a member's account and sign it in.

        Raises:
            RegistrationClosed: unless the settings allow it.
            EmailTaken: when somebody has this address.
            InvalidInput: when address, name or password cannot be used.
        """
        if not self._rules.registration:
            raise RegistrationClosed("Accounts are made by an administrator of this server; ask for one.")
        address, shown = normalize_email(email), check_name(name)
        hashed = await self._passwords.hash(check_password(password, email=address, name=shown))

        def body(tx: Tx) -> tuple[User, SignIn, str]:
            user_id = insert_user(tx, address, shown, UserRole.MEMBER, hashed)
            actor = Actor(user_id=user_id, name=shown, source=source)
            tx.audit(actor, "user.register", "user", user_id, role=str(UserRole.MEMBER))
            return self._open(tx, users.get_user(tx, user_id), "password", source)

        return self._answer(*await self._store.write(body))

    async def refresh(
        self, refresh_token: str, *, source: str | None = None, by_cookie: bool = False
    ) -> Tokens:
        """Trade a refresh token for a new pair; it counts once. Used a second time, it ends its sign-in.

        Tabs of a browser have one cookie between them and cannot take turns: for a moment the same browser at the same
        address gets the same successor again, as long as nobody has used that. No second token comes of it, so
        that a copy in other hands still shows, at the latest when the successor is used twice.

        Raises:
            SignInExpired: when it is over, was used before, or its sign-in has ended.
            Unauthenticated: when it is not one of this server's.
        """
        if not refresh_token.startswith(REFRESH_PREFIX) or len(refresh_token) > _LONGEST:
            raise Unauthenticated("This refresh token is not one of this server's; sign in again.")
        hashed = hash_of(refresh_token)

        def body(tx: Tx) -> tuple[User, SignIn, str] | str:
            token = sign_ins.find_refresh_token(tx, hashed)
            if token is None:
                return "unknown"
            sign_in = sign_ins.get_sign_in(tx, token.sign_in_id)
            user = users.get_user(tx, sign_in.user_id)
            if token.expires_at <= tx.now or not sign_in.alive(tx.now) or user.disabled_at is not None:
                return "over"
            salt = new_salt() if by_cookie and self._rules.refresh_grace else None
            if not sign_ins.use_refresh_token(tx, token.id, source=source, successor_salt=salt):
                shared = self._successor(tx, refresh_token, source) if by_cookie else None
                if shared is not None:
                    return user, sign_ins.get_sign_in(tx, sign_in.id), shared
                sign_ins.end(tx, sign_in.id, EndReason.REUSED)
                actor = Actor(user_id=user.id, name=user.name, source=source)
                refused = AuditResult.REFUSED
                tx.acts.append(Act.of(actor, "sign-in.reuse", "sign-in", sign_in.id, result=refused))
                return "reused"
            sign_ins.forget_salts(tx, sign_in.id, token.id)
            following = successor_of(refresh_token, salt, REFRESH_PREFIX) if salt else None
            return user, *self._continue(tx, sign_in, following)

        found = await self._store.write(body)
        if not isinstance(found, str):
            return self._answer(*found)
        if found == "unknown":
            raise Unauthenticated("This refresh token is not one of this server's; sign in again.")
        if found == "reused":
            self._rights.changed()
            raise SignInExpired(
                "This refresh token was used before, perhaps by somebody else: the sign-in is over. Sign in again."
            )
        raise SignInExpired("This sign-in is over; sign in again.")

    async def logout(self, actor: Actor) -> None:
        """End the actor's own sign-in; sockets and streams that it opened end with it. Ended, it does nothing.

        Raises:
            Conflict: when the actor uses an API key.
        """
        if actor.scopes is not None or actor.credential_id is None:
            raise Conflict("An API key is not signed in; revoke it instead.")
        sign_in_id = actor.credential_id

        def body(tx: Tx) -> None:
            if sign_ins.end(tx, sign_in_id, EndReason.LOGOUT):
                tx.audit(actor, "sign-in.logout", "sign-in", sign_in_id)

        await self._store.write(body)
        self._rights.changed()

    async def logout_by_refresh(self, refresh_token: str, *, source: str | None = None) -> bool:
        """End the sign-in of a refresh token, for whoever has nothing else left; returns whether it was open."""
        hashed = hash_of(refresh_token[:_LONGEST])
        if await self._store.read(lambda tx: sign_ins.find_refresh_token(tx, hashed)) is None:
            return False  # anybody can ask: nothing is written or checked anew for that

        def body(tx: Tx) -> bool:
            token = sign_ins.find_refresh_token(tx, hashed)
            if token is None or not sign_ins.end(tx, token.sign_in_id, EndReason.LOGOUT):
                return False
            user = users.get_user(tx, sign_ins.get_sign_in(tx, token.sign_in_id).user_id)
            actor = Actor(user_id=user.id, name=user.name, source=source)
            tx.audit(actor, "sign-in.logout", "sign-in", token.sign_in_id)
            return True

        ended = await self._store.write(body)
        if ended:
            self._rights.changed()
        return ended

    async def logout_everywhere(self, actor: Actor) -> int:
        """End all the actor's sign-ins, this one too; returns how many. API keys stay."""
        require_scope(actor, Action.SHARE)

        def body(tx: Tx) -> int:
            ended = sign_ins.end_all(tx, actor.user_id, EndReason.EVERYWHERE)
            tx.audit(actor, "sign-in.logout-everywhere", "user", actor.user_id, ended=ended)
            return ended

        ended = await self._store.write(body)
        self._rights.changed()
        return ended

    async def list(self, actor: Actor, *, limit: int = 50, offset: int = 0) -> tuple[list[SignIn], int]:
        """Return the actor's open sign-ins, newest first, and how many there are."""
        require_scope(actor, Action.READ)
        return await self._store.read(
            lambda tx: sign_ins.list_alive(tx, actor.user_id, limit=limit, offset=offset)
        )

    async def end(self, actor: Actor, sign_in_id: str) -> None:
        """End one of the actor's sign-ins; ended, it does nothing.

        Raises:
            NotFound: when the actor has no such sign-in.
        """
        require_scope(actor, Action.SHARE)
        wanted = parse_uuid(sign_in_id, "sign-in id")

        def body(tx: Tx) -> None:
            if sign_ins.get_sign_in(tx, wanted).user_id != actor.user_id:
                raise NotFound("There is no such sign-in.")
            if sign_ins.end(tx, wanted, EndReason.REVOKED):
                tx.audit(actor, "sign-in.end", "sign-in", wanted)

        await self._store.write(body)
        self._rights.changed()

    def _open(self, tx: Tx, user: User, method: str, source: str | None) -> tuple[User, SignIn, str]:
        sign_ins.forget_old(tx, user.id, tx.now - _KEPT_FOR)
        sign_in = sign_ins.insert_sign_in(
            tx, user_id=user.id, method=method, source=source, expires_at=self._idle_end(tx.now, tx.now)
        )
        actor = Actor(user_id=user.id, name=user.name, source=source)
        tx.audit(actor, "sign-in.login", "sign-in", sign_in.id, method=method)
        return user, sign_in, self._new_refresh(tx, sign_in)

    def _successor(self, tx: Tx, used: str, source: str | None) -> str | None:
        """Return what followed on a token that has just been used by the same browser, if nobody used that yet."""
        token = sign_ins.find_refresh_token(tx, hash_of(used))
        if token is None or token.used_at is None or token.successor_salt is None:
            return None
        if tx.now - token.used_at > self._rules.refresh_grace or source is None or source != token.used_from:
            return None
        following = successor_of(used, token.successor_salt, REFRESH_PREFIX)
        stored = sign_ins.find_refresh_token(tx, hash_of(following))
        return following if stored is not None and stored.used_at is None else None

    def _continue(self, tx: Tx, sign_in: SignIn, following: str | None) -> tuple[SignIn, str]:
        ends = self._idle_end(sign_in.created_at, tx.now)
        sign_ins.touch(tx, sign_in.id, ends)
        continued = sign_in.model_copy(update={"last_used_at": tx.now, "expires_at": ends})
        return continued, self._new_refresh(tx, continued, following)

    def _new_refresh(self, tx: Tx, sign_in: SignIn, following: str | None = None) -> str:
        token = following or new_secret(REFRESH_PREFIX)
        sign_ins.insert_refresh_token(tx, sign_in.id, hash_of(token), sign_in.expires_at)
        return token

    def _idle_end(self, created: datetime, now: datetime) -> datetime:
        return min(now + self._rules.idle_ttl, created + self._rules.ttl)

    def _answer(self, user: User, sign_in: SignIn, refresh_token: str) -> Tokens:
        now = self._store.now()
        shown = User.model_validate(user.model_dump(include=set(User.model_fields)))
        return Tokens(
            access_token=self._tokens.issue(user.id, sign_in.id, now),
            refresh_token=refresh_token,
            expires_in=int(ACCESS_TTL.total_seconds()),
            refresh_expires_in=max(0, int((sign_in.expires_at - now).total_seconds())),
            user=shown.model_copy(update={"last_seen_at": sign_in.last_used_at}),
            sign_in_id=sign_in.id,
        )

    def _note_failure(self, tx: Tx, email: str, found: UserSecret | None, source: str | None) -> None:
        """The audit log gets a keyed hash of what was typed: the same address is seen to be the same."""
        actor = Actor(user_id=NOBODY.user_id, name=NOBODY.name, source=source)
        typed = email.strip().lower()[:1000].encode()
        details: dict[str, Any] = {"email_hash": hmac.new(self._mark, typed, hashlib.sha256).hexdigest()[:32]}
        object_id = None if found is None else found.id
        refused = AuditResult.REFUSED
        tx.acts.append(Act.of(actor, "sign-in.login", "user", object_id, result=refused, details=details))


def insert_user(tx: Tx, email: str, name: str, role: UserRole, password_hash: str | None) -> str:
    """Add a person and return the id; address and name are already checked.

    Raises:
        EmailTaken: when somebody has this address.
    """
    if users.find_by_email(tx, email) is not None:
        raise EmailTaken("Somebody has this e-mail address already.", field="email")
    user_id = new_id()
    users.insert_user(tx, id=user_id, email=email, name=name, role=role, password_hash=password_hash)
    return user_id
