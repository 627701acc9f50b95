"""Who somebody is whom an identity provider has recognised: known, linked by a verified address, or new.

An address that the provider has not verified proves nothing: it neither finds an account nor makes one.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from perdure.core.access import Actor
from perdure.core.people import MAX_NAME, UserRole, normalize_email
from perdure.errors import Forbidden, InvalidInput
from perdure.services.sign_in import insert_user
from perdure.store import identities, users
from perdure.store.store import Store
from perdure.store.transaction import Tx

ANY_DOMAIN = "*"


class NotWelcome(Forbidden):
    """The provider knows the person, and this server lets them in neither as somebody nor as somebody new."""

    code = "identity-not-welcome"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a provider says of somebody, its signature checked."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    name: str | None


@dataclass(frozen=True, slots=True)
class Welcome:
    """Whom a provider may bring."""

    creates_users: bool
    """Whether somebody new becomes a member."""
    domains: frozenset[str]
    """Domains of the addresses that the provider speaks for, of those who are new and of those who have an account;
    `*` means any. Empty means nobody new, and any account.
    """


class IdentityService:
    """Finds, links and makes people for accounts at providers."""

    def __init__(self, store: Store, *, registration: bool) -> None:
        self._store = store
        self._registration = registration

    async def recognise(self, identity: Identity, welcome: Welcome, *, source: str | None = None) -> str:
        """Return the id of the person; the first time, the account at the provider is linked to them.

        Raises:
            NotWelcome: saying why the person is not let in.
        """
        email = _verified(identity)

        def body(tx: Tx) -> str:
            known = identities.find_user(tx, identity.issuer, identity.subject)
            if known is not None:
                return known
            if email is None:
                raise NotWelcome(
                    "The provider has not verified your e-mail address, and nobody here is linked to your account there."
                )
            found = users.find_by_email(tx, email)
            if found is not None and welcome.domains:
                _check_domain(email, welcome)
            if found is None:
                user_id = self._make(tx, identity, email, welcome)
                action = "user.create"
            elif found.password_hash is not None and self._registration:
                # Anybody may have made this account with an address that is not theirs.
                raise NotWelcome(
                    "There is an account with your e-mail address that was not made through this provider. "
                    "Ask an administrator of this server."
                )
            else:
                user_id, action = found.id, "user.link"
            linked = identities.insert_identity(tx, user_id, identity.issuer, identity.subject)
            actor = Actor(user_id=user_id, name=email, source=source)
            tx.audit(actor, action, "user", user_id, identity_id=linked, issuer=identity.issuer)
            return user_id

        return await self._store.write(body)

    def _make(self, tx: Tx, identity: Identity, email: str, welcome: Welcome) -> str:
        if not welcome.creates_users:
            raise NotWelcome("Accounts are made by an administrator of this server; ask for one.")
        _check_domain(email, welcome)
        return insert_user(tx, email, _name(identity.name, email), UserRole.MEMBER, None)


def _check_domain(email: str, welcome: Welcome) -> None:
    domain = email.rpartition("@")[2]
    if ANY_DOMAIN not in welcome.domains and domain not in welcome.domains:
        raise NotWelcome(f"Addresses of {domain} are not let in here.")


def _verified(identity: Identity) -> str | None:
    if not identity.email_verified or identity.email is None:
        return None
    try:
        email = normalize_email(identity.email)
    except InvalidInput:
        return None
    # What only becomes somebody's address here (a wide `a`, the sign of Kelvin) is another mailbox over there.
    return email if identity.email.isascii() or identity.email == email else None


def _name(given: str | None, email: str) -> str:
    """Return what the provider calls the person, as far as it can be shown."""
    text = unicodedata.normalize("NFC", given or "")
    shown = "".join(letter for letter in text if letter.isprintable()).strip()[:MAX_NAME].strip()
    return shown or email.partition("@")[0]
