"""Rules for addresses, names, passwords and scopes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from perdure.core.access import Action, Actor, Scope, require, require_scope
from perdure.core.people import (
    ApiKey,
    SignIn,
    User,
    UserRole,
    actor_for,
    check_name,
    check_password,
    check_scopes,
    normalize_email,
    normalize_password,
)
from perdure.errors import Forbidden, InvalidInput, NotFound
from tests.factories import OWNER, START, STRANGER


def person(**values: Any) -> User:
    given: dict[str, Any] = {
        "id": OWNER.user_id,
        "email": "a@b.example",
        "name": "Ada",
        "role": UserRole.MEMBER,
        "created_at": START,
    }
    return User(**{**given, **values})


@pytest.mark.parametrize(
    "typed", ["Ada@Example.ORG", "  ada@example.org\n", "\uff41da@example.org", "ada@example\uff0eorg"]
)
def test_one_address_has_one_form(typed: str) -> None:
    assert normalize_email(typed) == "ada@example.org"


@pytest.mark.parametrize(
    "typed",
    [
        *("", "ada", "@", "ada@", "@example.org", "a@b@c", "a b@c.d", "a@b c", "a\x00@b.c", "a\u202eb@c.d"),
        *("a" * 65 + "@b.c", "a@" + "b" * 300, "a\r\nBcc: x@b.c"),
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        normalize_email(typed)
    assert refused.value.fields["field"] == "email"


@pytest.mark.parametrize("typed", ["", "   ", "x" * 201, "a\nb", "a\x1b[31m", "\u202eevil"])
def test_a_name_is_one_line_that_can_be_shown(typed: str) -> None:
    with pytest.raises(InvalidInput):
        check_name(typed)


def test_a_name_is_trimmed() -> None:
    assert check_name("  Ada Lovelace ") == "Ada Lovelace"


@pytest.mark.parametrize(
    "password",
    ["elevenchars", "x" * 513, "aaaaaaaaaaaaaaa", "ada@example.org", " ADA@example.org", "Ada Lovelace"],
)
def test_passwords_that_are_too_easy_are_refused(password: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_password(password, email="ada@example.org", name="Ada Lovelace")
    assert password not in refused.value.message


def test_a_password_is_the_same_from_every_keyboard() -> None:
    assert check_password("pa\u0308sswort laenger") == normalize_password("p\u00e4sswort laenger")
    assert check_password("twelve chars") == "twelve chars"


def test_an_administrators_key_without_the_scope_is_a_members() -> None:
    admin = person(role=UserRole.ADMIN)
    assert actor_for(admin, "1").is_admin
    assert actor_for(admin, "1", scopes=[Scope.ADMIN]).is_admin
    narrow = actor_for(admin, "1", scopes=[Scope.MANAGE])
    assert not narrow.is_admin
    with pytest.raises(NotFound):
        require(narrow, Action.READ, STRANGER.user_id, None)
    with pytest.raises(Forbidden):
        require_scope(narrow, Action.ADMINISTER)


def test_the_scope_admin_makes_nobody_an_administrator() -> None:
    actor = actor_for(person(), "1", scopes=[Scope.ADMIN])
    assert not actor.is_admin
    with pytest.raises(Forbidden):
        require_scope(actor, Action.ADMINISTER)


def test_a_key_makes_no_key_that_is_good_for_more() -> None:
    by_key = actor_for(person(), "1", scopes=[Scope.WORK])
    assert check_scopes(by_key, UserRole.MEMBER, [Scope.WORK, Scope.READ, Scope.READ]) == [
        Scope.READ,
        Scope.WORK,
    ]
    for wanted in ([Scope.MANAGE], [Scope.READ, Scope.MANAGE]):
        with pytest.raises(Forbidden):
            check_scopes(by_key, UserRole.MEMBER, wanted)
    signed_in = Actor(user_id=OWNER.user_id, name="Ada")
    with pytest.raises(Forbidden):
        check_scopes(signed_in, UserRole.MEMBER, [Scope.ADMIN])
    assert check_scopes(signed_in, UserRole.ADMIN, [Scope.ADMIN]) == [Scope.ADMIN]
    with pytest.raises(InvalidInput):
        check_scopes(signed_in, UserRole.ADMIN, [])


def test_a_sign_in_counts_until_it_ends_or_is_ended() -> None:
    later = START + timedelta(seconds=1)
    sign_in = SignIn(
        id="1",
        user_id="u",
        method="password",
        source=None,
        last_used_at=START,
        expires_at=later,
        created_at=START,
    )
    assert [sign_in.alive(now) for now in (START, later)] == [True, False]
    assert not sign_in.model_copy(update={"ended_at": START}).alive(START)


def test_a_key_counts_for_ever_or_until_it_ends_or_is_revoked() -> None:
    later = START + timedelta(seconds=1)
    key = ApiKey(id="1", user_id="u", name="k", prefix="pdk_a", scopes=[Scope.READ], created_at=START)
    assert key.alive(START + timedelta(days=36500))
    ending = key.model_copy(update={"expires_at": later})
    assert [ending.alive(now) for now in (START, later)] == [True, False]
    assert not key.model_copy(update={"revoked_at": START}).alive(START)
    assert not ending.model_copy(update={"revoked_at": START}).alive(START)
