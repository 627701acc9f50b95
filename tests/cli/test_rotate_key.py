"""`perdure rotate-key`: what it does to keys and values, and what it says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from perdure.bootstrap import Perdure, build
from perdure.cli.exits import Exit
from perdure.config import load_settings
from perdure.core.access import LOCAL_ACTOR
from perdure.store.keyring import parse_keys
from tests.cli.conftest import Command

_NOTES = {"note": "only for people"}


def _asked(call: Callable[[Perdure], Awaitable[Any]]) -> Any:
    """Return what a Perdure on the data folder answers."""

    async def ask() -> Any:
        app = build(load_settings(), engine=False)
        await app.start()
        try:
            return await call(app)
        finally:
            await app.stop()

    return asyncio.run(ask())


def _metadata(session_id: str) -> object:
    return _asked(lambda app: app.sessions.get(LOCAL_ACTOR, session_id)).session.metadata


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def session() -> str:
    return _asked(lambda app: app.sessions.create(LOCAL_ACTOR, mode="copilot", metadata=_NOTES)).id


def _key_ids(data: Path) -> list[int]:
    return [key.id for key in parse_keys((data / "secret.key").read_text(), "file")]


def test_values_are_sealed_anew_and_old_keys_are_dropped(perdure: Command, data: Path, session: str) -> None:
    before = (data / "secret.key").read_text()
    rotated = perdure("rotate-key")
    assert rotated.exit_code == Exit.OK, rotated.output
    assert "Key 2 is new" in rotated.stdout
    assert "1 values were sealed anew with key 2." in rotated.stdout
    assert "--retire" in rotated.stderr
    assert _key_ids(data) == [1, 2]
    assert (data / "secret.key").stat().st_mode & 0o777 == 0o600

    retired = perdure("rotate-key", "--retire", "--json")
    assert retired.exit_code == Exit.OK, retired.output
    assert json.loads(retired.stdout)["retired"] == [1]
    assert _key_ids(data) == [2]
    assert _metadata(session) == _NOTES
    for said in (rotated.output, retired.output):
        assert before.split(":")[1].strip() not in said


@pytest.mark.usefixtures("session")
def test_what_no_key_opens_is_counted_and_the_command_fails(perdure: Command, data: Path) -> None:
    assert perdure("rotate-key").exit_code == Exit.OK
    keys = (data / "secret.key").read_text()
    second = keys.replace("\n", ",").strip(",").split(",")[-1]
    (data / "secret.key").write_text(second.replace("2:", "3:", 1))
    result = perdure("rotate-key")
    assert result.exit_code == Exit.FAILED
    assert "1 values are still sealed with other keys; not to be opened here: 2." in " ".join(
        result.stderr.split()
    )


def test_a_key_in_the_settings_is_printed_to_be_set_everywhere(
    perdure: Command, data: Path, monkeypatch: pytest.MonkeyPatch, session: str
) -> None:
    monkeypatch.setenv("PERDURE_SECRET_KEY", (data / "secret.key").read_text().strip())
    (data / "secret.key").unlink()
    told = perdure("rotate-key")
    assert told.exit_code == Exit.OK, told.output
    assert "Set this on every server in place of PERDURE_SECRET_KEY" in told.stderr
    new = told.stdout.strip()
    assert [key.id for key in parse_keys(new, "setting")] == [1, 2]
    monkeypatch.setenv("PERDURE_SECRET_KEY", new)
    again = perdure("rotate-key", "--json")
    assert again.exit_code == Exit.OK, again.output
    assert {name: json.loads(again.stdout)[name] for name in ("added", "resealed", "setting")} == {
        "added": False,
        "resealed": 1,
        "setting": None,
    }
    assert _metadata(session) == _NOTES
    assert not (data / "secret.key").exists()
