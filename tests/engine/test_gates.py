"""Every gate of every mode: each answer it takes, after a restart, twice, and none at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from perdure.core.access import LOCAL_ACTOR
from perdure.core.approvals import Approval
from perdure.errors import AlreadyAnswered
from perdure.modes.registry import ModeRegistry
from tests.engine.asking import let_pass, step_statuses
from tests.engine.conftest import House
from tests.engine.gates import GATES, Gate, carry_on, ending, reach
from tests.engine.gates_in_code import askers, gates, kind_of
from tests.engine.test_tools import Probe, give
from tests.fakes.openai_server import OpenAIServer
from tests.provision.databases import new_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

_TYPES = askers()
_STATUSES = {"approve": "approved", "continue": "approved", "reject": "rejected", "abort": "rejected"}
_LAST = {"completed": "workflow_complete", "failed": "workflow_failed"}
_PLANNED = {(gate.asker, gate.note) for gate in GATES if gate.mode == "planning-control"}
_ENDED_STEPS = {"completed", "failed", "skipped"}


def _seldom(gate: Gate, answer: str) -> list[pytest.MarkDecorator]:
    """Leave to the long tests what goes the way that the same answer goes in planning-control."""
    again = gate.mode != "planning-control" and (gate.asker, gate.note) in _PLANNED
    return [pytest.mark.soak] if again and answer not in (gate.yes, gate.no) else []


every_answer = pytest.mark.parametrize(
    ("gate", "resolution"),
    [
        pytest.param(gate, answer, id=f"{gate.name}:{answer}", marks=_seldom(gate, answer))
        for gate in GATES
        for answer in gate.answers
    ],
)


def _every_gate(*often: Gate, config: str | None = None) -> pytest.MarkDecorator:
    """Take all gates; the long tests those that are neither the first of their question, nor named in `often`.

    With `config` only those of modes that have this key.
    """
    registry = ModeRegistry()
    firsts = {gate.asker: gate for gate in reversed(GATES)}.values()
    usual = {gate.name for gate in (*firsts, *often)}
    return pytest.mark.parametrize(
        "gate",
        [
            pytest.param(gate, id=gate.name, marks=[] if gate.name in usual else [pytest.mark.soak])
            for gate in GATES
            if config is None or config in registry.get(gate.mode).config_model.model_fields
        ],
    )


_ONE_OF_EACH_MODE = {gate.mode: gate for gate in reversed(GATES)}.values()
_IN_TALKS = [gate for gate in GATES if gate.mode == "copilot" and (gate.asker, gate.note) in _PLANNED]
"""Of these a no ends the turn, where it fails the run elsewhere."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One house for all gates: each run has a session of its own."""
    folder = tmp_path_factory.mktemp("gates")
    with pytest.MonkeyPatch.context() as patch, OpenAIServer() as provider:
        for name, value in provider.environment().items():
            patch.setenv(name, value)
        new_database(folder / "perdure.db")
        built = House(provider, folder)
        await built.start()
        yield built
        await built.app.stop()


@pytest.fixture
def probe(home: House) -> Probe:
    home.provider.reset()
    made = Probe()
    give(home, made)
    return made


async def test_the_table_has_every_gate_that_the_code_has() -> None:
    engines = {name for name in _TYPES if not name.startswith("gates.")}
    in_table = {(gate.mode, gate.asker) for gate in GATES if gate.asker not in engines}
    in_table |= {(kind_of(gate.mode), gate.asker) for gate in GATES if gate.asker in engines}
    assert in_table == gates()
    assert set(_TYPES) == {gate.asker for gate in GATES}


@every_answer
async def test_leads_where_its_answer_says(home: House, probe: Probe, gate: Gate, resolution: str) -> None:
    """The yes is said after a restart."""
    session_id, run_id, question = await reach(home, probe, gate)
    assert question.request_type == _TYPES[gate.asker]
    assert set(question.options) == set(gate.answers)
    if resolution == gate.yes:
        calls, stands = len(home.provider.calls), await ending(home, session_id, run_id)
        await home.app.stop()
        await home.start()
        give(home, probe)
        assert (len(home.provider.calls), await ending(home, session_id, run_id)) == (calls, stands)

    response = gate.given.get(resolution, {})
    await home.app.approvals.answer(LOCAL_ACTOR, question.id, resolution=resolution, **response)
    for late in (resolution, gate.no, gate.yes):
        with pytest.raises(AlreadyAnswered) as refused:
            await home.app.approvals.answer(LOCAL_ACTOR, question.id, resolution=late, **response)
        told = refused.value.fields
        status = _STATUSES.get(resolution, "answered")
        assert (told["status"], told["resolution"], told["responded_by"]) == (
            status,
            resolution,
            LOCAL_ACTOR.name,
        )
    await carry_on(home, run_id)

    assert await ending(home, session_id, run_id) == gate.answers[resolution]
    await _check_events(home, session_id, run_id, question)
    assert set(home.provider.counts.values()) <= {1}
    if gate.cut_off:
        assert probe.rung == ["big"] * (2 if resolution == "retry" else 1)
    elif gate.asker == "tool_gate._question":
        assert probe.rung == {"approve": ["big"], "modify": ["small"], "reject": []}[resolution]


@_every_gate(*_ONE_OF_EACH_MODE)
async def test_silence_pauses_and_resuming_asks_again(home: House, probe: Probe, gate: Gate) -> None:
    session_id, run_id, question = await reach(home, probe, gate)
    stands = await ending(home, session_id, run_id)

    await let_pass(home, question)

    await _check_pause(home, session_id, run_id, question)
    assert await ending(home, session_id, run_id) == stands._replace(run="paused")
    calls = len(home.provider.calls)
    await home.app.sessions.resume(LOCAL_ACTOR, session_id)
    await home.run(run_id, "waiting")
    (again,), _ = await home.app.approvals.list(LOCAL_ACTOR)
    assert again.id != question.id
    assert (again.title, again.request_data) == (question.title, question.request_data)
    assert len(home.provider.calls) == calls
    await home.app.approvals.answer(
        LOCAL_ACTOR, again.id, resolution=gate.yes, **gate.given.get(gate.yes, {})
    )
    await carry_on(home, run_id)
    assert await ending(home, session_id, run_id) == gate.answers[gate.yes]


@_every_gate(*_ONE_OF_EACH_MODE, *_IN_TALKS, config="expiry")
async def test_silence_says_no_where_the_config_says_so(home: House, probe: Probe, gate: Gate) -> None:
    session_id, run_id, question = await reach(home, probe, gate, expiry="reject")

    await let_pass(home, question)
    await carry_on(home, run_id)

    assert await ending(home, session_id, run_id) == gate.answers[gate.no]
    settled = await _check_events(home, session_id, run_id, question)
    assert (settled.status, settled.resolution, settled.responded_by) == ("expired", "reject", None)
    assert probe.rung == (["big"] if gate.cut_off else [])
    if gate.asker == "tool_gate._question":
        assert home.provider.count("Nobody allowed this call of ring in time.") > 0


@_every_gate(config="expiry")
async def test_silence_says_yes_where_the_config_says_so_and_nothing_is_at_stake(
    home: House, probe: Probe, gate: Gate
) -> None:
    session_id, run_id, question = await reach(home, probe, gate, expiry="approve")

    await let_pass(home, question)

    if not gate.silence_may_approve:
        await _check_pause(home, session_id, run_id, question)
        assert probe.rung == (["big"] if gate.cut_off else [])
        await home.app.runs.cancel(LOCAL_ACTOR, run_id)
        await home.run(run_id, "cancelled")
        return
    await carry_on(home, run_id)
    assert await ending(home, session_id, run_id) == gate.answers[gate.yes]
    settled = await _check_events(home, session_id, run_id, question)
    assert (settled.status, settled.resolution, settled.responded_by) == ("expired", "approve", None)


async def _check_pause(home: House, session_id: str, run_id: str, question: Approval) -> None:
    """Check that the session waits for its person, and says why."""
    await home.run(run_id, "paused")
    session = await home.session(session_id)
    assert session.status == "suspended"
    assert question.title in (session.status_reason or "")
    expired = await home.app.approvals.get(LOCAL_ACTOR, question.id)
    assert (expired.status, expired.resolution, expired.responded_by) == ("expired", None, None)
    assert (await home.types(session_id)).count("workflow_paused") == (2 if _was_paused(question) else 1)


def _was_paused(question: Approval) -> bool:
    return question.request_data.get("outcome") == "unknown"


async def _check_events(home: House, session_id: str, run_id: str, question: Approval) -> Approval:
    """Check that the log tells of every question once, of its answer once, and of the run's one end; returns it."""
    settled = await home.app.approvals.get(LOCAL_ACTOR, question.id)
    events = await home.app.history.events(LOCAL_ACTOR, session_id, limit=1000)
    told = Counter((e.type, e.payload.get("approval_id")) for e in events if e.type.startswith("approval_"))
    asked_about = {approval_id for _, approval_id in told}
    assert question.id in asked_about
    for approval_id in asked_about:
        assert told["approval_request", approval_id] == told["approval_resolved", approval_id] == 1
    (resolved,) = [
        e.payload for e in events if e.type == "approval_resolved" and e.payload["approval_id"] == settled.id
    ]
    assert (resolved["status"], resolved["resolution"]) == (settled.status, settled.resolution)
    run = await home.app.runs.get(LOCAL_ACTOR, run_id)
    ends = [e.type for e in events if e.type in _LAST.values()]
    assert ends == [_LAST[run.status]]
    statuses = await step_statuses(home, session_id)
    assert set(statuses.values()) <= _ENDED_STEPS, statuses
    expected = "active" if home.app.modes.stays_active(run.mode) else run.status
    assert (await home.session(session_id)).status == expected
    return settled
