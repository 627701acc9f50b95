"""People of a server: made and changed by administrators, and by themselves as far as their own account goes."""

from __future__ import annotations

import logging

from perdure.core.access import LOCAL_USER_ID, Action, Actor, require_scope
from perdure.core.audit import Act, AuditResult, Refused
from perdure.core.people import (
    MAX_PASSWORD,
    EndReason,
    User,
    UserRole,
    check_name,
    check_password,
    normalize_email,
    normalize_password,
)
from perdure.errors import Conflict, Forbidden, InvalidInput, LastAdmin, SignInOff
from perdure.ids import parse_uuid
from perdure.services.access import refusal_of
from perdure.services.credentials import Rights
from perdure.services.passwords import Passwords
from perdure.services.sign_in import insert_user
from perdure.store import sign_ins, users
from perdure.store.store import Store
from perdure.store.transaction import Tx

NO_ADMIN = "Nobody can administer this server yet: run `perdure users create --admin EMAIL` on it."
_log = logging.getLogger(__name__)


class UserService:
    """Makes, reads and changes people."""

    def __init__(self, store: Store, passwords: Passwords, rights: Rights) -> None:
        self._store = store
        self._passwords = passwords
        self._rights = rights
        self._has_admin = False

    async def create(
        self, actor: Actor, *, email: str, name: str, role: UserRole, password: str | None = None
    ) -> User:
        """Make a person. Without a password they cannot sign in until they have one, or by a provider.

        Raises:
            Forbidden: when the actor is no administrator.
            EmailTaken: when somebody has this address.
            InvalidInput: when address, name, role or password cannot be used.
        """
        await self._administer(actor)
        address, shown = normalize_email(email), check_name(name)
        if role is UserRole.SYSTEM:
            raise InvalidInput("A person's role is `admin` or `member`.", field="role")
        hashed = None
        if password is not None:
            hashed = await self._passwords.hash(check_password(password, email=address, name=shown))

        def body(tx: Tx) -> User:
            user_id = insert_user(tx, address, shown, role, hashed)
            tx.audit(actor, "user.create", "user", user_id, role=str(role), password=hashed is not None)
            return users.get_user(tx, user_id)

        return await self._store.write(body)

    async def list(
        self, actor: Actor, *, q: str | None = None, limit: int = 50, offset: int = 0
    ) -> tuple[list[User], int]:
        """Return people by name, and how many there are over all pages.

        Raises:
            Forbidden: when the actor is no administrator.
        """
        await self._administer(actor)
        return await self._store.read(lambda tx: users.list_users(tx, q=q, limit=limit, offset=offset))

    async def get(self, actor: Actor, user_id: str) -> User:
        """Return a person.

        Raises:
            Forbidden: when the actor is no administrator.
            NotFound: when there is none.
        """
        await self._administer(actor)
        wanted = parse_uuid(user_id, "user id")
        return await self._store.read(lambda tx: users.get_user(tx, wanted))

    async def find(self, actor: Actor, email: str) -> User | None:
        """Return the person with this address.

        Raises:
            Forbidden: when the actor is no administrator.
        """
        await self._administer(actor)
        address = normalize_email(email)

        def body(tx: Tx) -> User | None:
            found = users.find_by_email(tx, address)
            return None if found is None else users.get_user(tx, found.id)

        return await self._store.read(body)

    async def change(
        self,
        actor: Actor,
        user_id: str,
        *,
        name: str | None = None,
        role: UserRole | None = None,
        disabled: bool | None = None,
        password: str | None = None,
    ) -> User:
        """Change a person; None leaves a thing as it is. To be disabled, or get a new password, ends all sign-ins.

        Raises:
            Forbidden: when the actor is no administrator, or it is the server's own account.
            LastAdmin: when nobody could administer the server any more.
            NotFound: when there is no such person.
        """
        await self._administer(actor)
        wanted = parse_uuid(user_id, "user id")
        if role is UserRole.SYSTEM:
            raise InvalidInput("A person's role is `admin` or `member`.", field="role")
        shown = None if name is None else check_name(name)
        hashed = None
        if password is not None:
            known = await self.get(actor, wanted)
            hashed = await self._passwords.hash(
                check_password(password, email=known.email, name=shown or known.name)
            )

        def body(tx: Tx) -> User:
            admins = users.list_admins(tx, lock=True) if role is UserRole.MEMBER or disabled else []
            user = users.get_with_password(tx, wanted, lock=True)
            if user.id == LOCAL_USER_ID and not (role is None and disabled is None and hashed is None):
                raise Forbidden(
                    "The local user has no account to sign in with; only its name can be changed."
                )
            if admins == [user.id]:
                raise LastAdmin("This is the last administrator; make another one first.")
            changes: dict[str, object] = {}
            if shown is not None and shown != user.name:
                changes["name"] = shown
            if role is not None and role is not user.role:
                changes["role"] = str(role)
            if disabled is not None and disabled != (user.disabled_at is not None):
                changes["disabled_at"] = tx.now if disabled else None
            if hashed is not None:
                changes["password_hash"] = hashed
            if changes:
                users.update_user(tx, user.id, **changes)
                if disabled or hashed is not None:
                    reason = EndReason.DISABLED if disabled else EndReason.PASSWORD
                    own = actor.credential_id if actor.user_id == user.id else None
                    sign_ins.end_all(tx, user.id, reason, but=None if disabled else own)
                names = sorted("password" if key == "password_hash" else key for key in changes)
                now = disabled if "disabled_at" in changes else None
                new_role = changes.get("role")
                tx.audit(actor, "user.update", "user", user.id, fields=names, role=new_role, disabled=now)
            return users.get_user(tx, user.id)

        changed = await self._store.write(body)
        self._rights.changed()
        return changed

    async def sign_out(self, actor: Actor, user_id: str) -> int:
        """End all sign-ins of a person; returns how many were open.

        Raises:
            Forbidden: when the actor is no administrator.
            NotFound: when there is no such person.
        """
        await self._administer(actor)
        wanted = parse_uuid(user_id, "user id")

        def body(tx: Tx) -> int:
            ended = sign_ins.end_all(tx, users.get_user(tx, wanted).id, EndReason.REVOKED)
            tx.audit(actor, "user.sign-out", "user", wanted, ended=ended)
            return ended

        ended = await self._store.write(body)
        self._rights.changed()
        return ended

    async def me(self, actor: Actor) -> User:
        """Return the actor's own account."""
        return await self._store.read(lambda tx: users.get_user(tx, actor.user_id))

    async def change_me(
        self,
        actor: Actor,
        *,
        name: str | None = None,
        current_password: str | None = None,
        new_password: str | None = None,
    ) -> User:
        """Change the actor's own name or password; a new password ends all their other sign-ins.

        Raises:
            InvalidInput: when the current password is not the one, or name or new password cannot be used.
            Forbidden: for the password of somebody who has none.
            SignInOff: for the password of the local user, who has none.
        """
        require_scope(actor, Action.SHARE)
        shown = None if name is None else check_name(name)
        hashed, before = None, None
        if new_password is not None:
            if actor.user_id == LOCAL_USER_ID:
                raise SignInOff("The local user has no password.")
            known = await self._store.read(lambda tx: users.get_with_password(tx, actor.user_id))
            before = known.password_hash
            await self._check_current(actor, current_password, before)
            hashed = await self._passwords.hash(
                check_password(new_password, email=known.email, name=shown or known.name)
            )

        def body(tx: Tx) -> User:
            user = users.get_with_password(tx, actor.user_id, lock=True)
            if hashed is not None and user.password_hash != before:
                raise Conflict("Your password has just been changed elsewhere.")
            changes: dict[str, object] = {}
            if shown is not None and shown != user.name:
                changes["name"] = shown
            if hashed is not None:
                changes["password_hash"] = hashed
                sign_ins.end_all(tx, user.id, EndReason.PASSWORD, but=actor.credential_id)
            if changes:
                users.update_user(tx, user.id, **changes)
                names = sorted("password" if key == "password_hash" else key for key in changes)
                tx.audit(actor, "user.update", "user", user.id, fields=names)
            return users.get_user(tx, user.id)

        changed = await self._store.write(body)
        self._rights.changed()
        return changed

    async def has_admin(self) -> bool:
        """Whether somebody can administer the server. Once there is one there is always one: it is not asked again."""
        if not self._has_admin:
            self._has_admin = bool(await self._store.read(users.list_admins))
        return self._has_admin

    async def _administer(self, actor: Actor) -> None:
        """Let administrators pass; that somebody else tried is written down."""
        try:
            require_scope(actor, Action.ADMINISTER)
        except Forbidden as error:
            refused = refusal_of(error, actor, "user.administer", "user", None)
            await self._store.write(lambda _tx: _refuse(refused))

    async def _check_current(self, actor: Actor, given: str | None, known: str | None) -> None:
        if known is None:
            raise Forbidden("You sign in by a provider; an administrator can give you a first password.")
        right, _ = await self._passwords.check(normalize_password((given or "")[:MAX_PASSWORD]), known)
        if not right:
            act = Act.of(actor, "user.update", "user", actor.user_id, result=AuditResult.REFUSED)
            await self._store.write(lambda tx: tx.acts.append(act))
            raise InvalidInput("This is not your current password.", field="current_password")


def _refuse(refused: Refused) -> None:
    raise refused
