"""Secrets in configs: what is a reference, which keys are secret, and that no error repeats a value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from perdure.core.secrets import (
    LONGEST,
    SHORTEST,
    Secret,
    SecretRef,
    check_secret_name,
    check_secret_value,
    is_of_session,
    map_secrets,
    name_of,
    reference,
    references,
    secret_keys,
)
from perdure.errors import InvalidInput
from perdure.ids import new_id

_REF = {"$secret": "github"}


class Config(BaseModel):
    """A config with secrets at several depths."""

    token: Secret
    keys: dict[str, Secret] = {}
    maybe: Secret | None = None
    model: str = "m"


def test_a_reference_is_an_object_with_one_key_and_a_text() -> None:
    assert name_of(reference("github")) == "github"
    nothing: list[Any] = [
        None,
        "github",
        ["$secret"],
        {},
        {"$secret": 1},
        {"$secret": "a", "b": 1},
        {"a": "b"},
    ]
    assert [name_of(value) for value in nothing] == [None] * len(nothing)


def test_a_reference_leaves_a_config_as_it_came() -> None:
    read = Config.model_validate({"token": _REF, "keys": {"a": "in-clear-8", "b": _REF}})
    assert isinstance(read.token, SecretRef)
    assert read.model_dump(mode="json") == {
        "token": _REF,
        "keys": {"a": "in-clear-8", "b": _REF},
        "maybe": None,
        "model": "m",
    }


@pytest.mark.parametrize(
    "value", ["short", "x" * (LONGEST + 1), "line\nfeed-1", {"$secret": ""}, {"$secret": "a", "more": "b"}]
)
def test_what_is_no_secret_and_no_reference_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter[Any](Secret).validate_python(value)


def test_the_schema_says_which_keys_are_secret() -> None:
    assert secret_keys(Config.model_json_schema()) == {"token", "keys", "maybe"}
    foreign = {"properties": {"a": {"writeOnly": True}, "b": {"anyOf": [{"x-secret": True}]}, "c": {}}}
    assert secret_keys(foreign) == {"a", "b"}
    assert secret_keys({"type": "object"}) == frozenset()


@pytest.mark.parametrize("name", ["a", "git-hub_2", "x" * 64])
def test_a_name_is_kept_as_it_is(name: str) -> None:
    assert check_secret_name(name) == name
    assert not is_of_session(name)


@pytest.mark.parametrize("name", ["", "A", "1a", "a b", "a\n", "ä", "x" * 65, "-a"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_secret_name(name)
    assert refused.value.fields["field"] == "name"


def test_nobody_names_a_secret_like_one_of_a_session() -> None:
    of_session = "a" + new_id()[1:]
    assert is_of_session(of_session)
    with pytest.raises(InvalidInput):
        check_secret_name(of_session)


@pytest.mark.parametrize("value", ["x" * SHORTEST, "x" * LONGEST, "with spaces, ü and 鍵"])
def test_a_value_is_kept_as_it_is(value: str) -> None:
    assert check_secret_value(value) == value


@pytest.mark.parametrize("value", ["sk-1234", "sk-" * LONGEST, "sk-12345\n", "sk-\x0012345", "sk-12345\x7f"])
def test_a_refused_value_is_not_repeated(value: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_secret_value(value)
    assert refused.value.fields["field"] == "value"
    assert "sk-" not in str(refused.value.to_dict())


_PLAIN = st.none() | st.booleans() | st.integers()
_SECRET = st.text(max_size=5) | st.sampled_from("abc").map(reference)
_VALUES = st.recursive(
    _PLAIN | _SECRET,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=10,
)


def _leaves(value: Any) -> list[Any]:
    if name_of(value) is not None or not isinstance(value, dict | list):
        return [value]
    inner: list[Any] = list(value.values()) if isinstance(value, dict) else value
    return [leaf for each in inner for leaf in _leaves(each)]


@given(_VALUES)
def test_every_text_and_reference_is_changed_and_nothing_else(value: Any) -> None:
    changed = map_secrets(value, lambda _: "changed")
    plain = (bool, int, type(None))
    assert _leaves(changed) == [v if isinstance(v, plain) else "changed" for v in _leaves(value)]
    assert map_secrets(value, lambda v: v) == value


@given(_VALUES, _VALUES)
def test_references_are_found_wherever_they_lie_in_secret_keys_only(value: Any, other: Any) -> None:
    config = {"token": value, "model": other}
    expected = {name for leaf in _leaves(value) if (name := name_of(leaf)) is not None}
    assert references(config, ["token", "missing"]) == expected
