"""In a shared session the client says who said what, who queued what, and who answered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from perdure.client import Perdure
from perdure.client.models import Event
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


def test_what_a_second_person_writes_queues_and_answers_names_them(house: PerdureServer) -> None:
    with Perdure(house.url, key_of(house, ANA)) as ana, Perdure(house.url, key_of(house, BEN)) as ben:
        session = ana.sessions.create("one-shot").session_id
        ana.shares.create(session, "edit", email=BEN)
        ana.runs.start(session, '[[call run_shell {"command": "true"}]] Say hello')
        question = ana.approvals.get(wait_for_question(ana, session))
        assert question.answered_by is None
        ben.runs.start(session, "And in German.", on_busy="steer")
        ben.sessions.enqueue(session, "Afterwards this.")
        ana.sessions.enqueue(session, "And then this.")
        queued = [
            (item.content, item.author and item.author.name) for item in ana.sessions.queue(session).items
        ]
        assert queued == [("Afterwards this.", "Ben"), ("And then this.", "Ana")]
        ben.approvals.answer(question.approval_id, "approve")
        answered = ana.approvals.get(question.approval_id).answered_by
        assert answered is not None
        assert (answered.name, answered.user_id) == ("Ben", ben.auth.me().user_id)
        heard = [item for item in ana.stream(session, until_idle=True) if isinstance(item, Event)]

        said = [(m.content, m.author and m.author.name) for m in ana.sessions.history(session).messages]
        by_people = [each for each in said if each[1] is not None]
        assert by_people[1:] == [
            ("And in German.", "Ben"),
            ("Afterwards this.", "Ben"),
            ("And then this.", "Ana"),
        ]
        assert by_people[0][1] == "Ana"
        messages = [e.data for e in heard if e.type == "agent_message" and e.data["role"] == "user"]
        assert [m["author"]["name"] for m in messages] == ["Ana", "Ben", "Ben", "Ana"]
        (resolved,) = [e.data for e in heard if e.type == "approval_resolved"]
        assert resolved["answered_by"]["name"] == "Ben"
