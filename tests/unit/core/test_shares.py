"""What is hidden from those who only watch, and how rights compare."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perdure.core.access import Role
from perdure.core.shares import lasts_longer, reaches, without_secrets
from tests.factories import START


@pytest.mark.parametrize(
    "key",
    [
        "api_key",
        "apiKey",
        "API-KEY",
        "password",
        "db_password",
        "token",
        "auth_token",
        "accessToken",
        "client_secret",
    ],
)
def test_values_of_secret_keys_are_hidden_or_left_out(key: str) -> None:
    config = {"model": "m", key: "v", "deep": [{key: "v", "n": 1}, {"$secret": "name"}, "text"]}
    assert without_secrets(config) == {
        "model": "m",
        key: "[hidden]",
        "deep": [{key: "[hidden]", "n": 1}, "[hidden]", "text"],
    }
    assert without_secrets(config, drop=True) == {"model": "m", "deep": [{"n": 1}, "text"]}
    assert config[key] == "v", "what is stored stays as it is"


@pytest.mark.parametrize(
    "key", ["max_tokens", "tokens", "tokenizer", "key", "monkey", "secretary", "on_busy"]
)
def test_ordinary_keys_are_shown(key: str) -> None:
    assert without_secrets({key: 1, "n": None}) == {key: 1, "n": None}


def test_roles_and_times_compare() -> None:
    ascending = [Role.VIEW, Role.EDIT, Role.ADMIN, Role.OWNER]
    for index, role in enumerate(ascending):
        assert [reaches(role, other) for other in ascending] == [n <= index for n in range(4)]
    later = START + timedelta(days=1)
    assert [lasts_longer(a, b) for a, b in ((None, None), (START, None), (None, START))] == [
        False,
        False,
        True,
    ]
    assert [lasts_longer(a, b) for a, b in ((START, START), (later, START), (START, later))] == [
        False,
        True,
        False,
    ]
