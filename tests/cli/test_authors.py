"""In a shared session the command line names who said what and who answered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from perdure.cli.exits import Exit
from perdure.client import Perdure
from perdure.client.models import Event
from tests.cli.conftest import Command
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.perdure_server import PerdureServer
from tests.provision import forked

ANA, BEN = "ana@example.com", "ben@example.com"


@pytest.fixture(scope="module")
def house(provider: OpenAIServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PerdureServer]:
    """A server with sign-in; its people are made before it runs."""
    data = tmp_path_factory.mktemp("house")
    environment = {**provider.environment(), "PERDURE_AUTH": "password", "PERDURE_RATE_LIMITS": "off"}
    server = PerdureServer(data, environment)
    for arguments in (["create", ANA, "--name", "Ana", "--admin"], ["create", BEN, "--name", "Ben"]):
        made = forked.run(["users", *arguments, "--generate"], server.environment, data)
        assert made.returncode == 0, made.stderr
    with server:
        yield server


def key_of(house: PerdureServer, who: str) -> str:
    """Return a new API key of somebody."""
    arguments = ["keys", "create", "test", "--user", who, "--scope", "manage"]
    made = forked.run(arguments, house.environment, house.data_dir)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def wait_for_question(client: Perdure, session: str) -> str:
    """Wait until a run asks, and return the question's id."""
    for item in client.stream(session):
        if isinstance(item, Event) and item.type == "approval_request":
            return item.data["approval_id"]
    raise AssertionError("nothing was asked")


def test_messages_and_answers_of_a_second_person_name_them(
    perdure: Command, house: PerdureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = key_of(house, ANA)
    with Perdure(house.url, own) as ana, Perdure(house.url, key_of(house, BEN)) as ben:
        session = ana.sessions.create("one-shot").session_id
        ana.shares.create(session, "edit", email=BEN)
        ana.runs.start(session, '[[call run_shell {"command": "true"}]] Say hello')
        question = wait_for_question(ana, session)
        ben.runs.start(session, "And in German.", on_busy="steer")
        ben.approvals.answer(question, "approve")
        for _ in ana.stream(session, until_idle=True):
            pass
    monkeypatch.setenv("PERDURE_URL", house.url)
    monkeypatch.setenv("PERDURE_API_KEY", own)
    told = perdure("sessions", "messages", session)
    assert told.exit_code == Exit.OK, told.output
    assert "Ben: And in German." in told.stdout
    assert "Ana: [[call" in told.stdout
    assert "approved by Ben; options" in perdure("approvals", "show", question).stdout
    seen = perdure("attach", session)
    shown = seen.stdout + seen.stderr
    assert "Ben: And in German." in shown
    assert "approve by Ben" in shown
