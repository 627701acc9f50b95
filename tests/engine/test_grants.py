"""What was allowed for a session can be taken back: from the next call on, and for good."""

from __future__ import annotations

import pytest

from perdure.core.access import LOCAL_ACTOR
from perdure.core.tools import ToolCategory
from tests.engine.conftest import House
from tests.engine.test_tools import Probe, asked, give, use


@pytest.fixture
def probe(house: House) -> Probe:
    made = Probe()
    give(house, made)
    return made


async def test_a_live_run_asks_again_and_a_replay_gives_nothing_back(house: House, probe: Probe) -> None:
    house.provider.hold("one rang")
    session, run = await house.submit("one-shot", f"{use('ring', bell='one')} {use('ring', bell='two')}")
    question = await asked(house, run.id)
    await house.app.approvals.answer(
        LOCAL_ACTOR, question.id, resolution="approve", answer={"scope": "session"}
    )
    await house.held()
    assert await house.app.grants.list(LOCAL_ACTOR, session.id) == [ToolCategory.SHELL]

    assert await house.app.grants.revoke(LOCAL_ACTOR, session.id, ToolCategory.SHELL) == []
    house.provider.release()
    again = await asked(house, run.id)
    assert again.request_data["arguments"] == {"bell": "two"}
    await house.app.stop()
    await house.start()
    give(house, probe)
    await house.app.approvals.answer(LOCAL_ACTOR, again.id, resolution="approve")
    await house.run(run.id, "completed")

    assert probe.rung == ["one", "two"]
    assert await house.app.grants.list(LOCAL_ACTOR, session.id) == []
    assert (await house.types(session.id)).count("approval_request") == 2
    events = await house.app.history.events(LOCAL_ACTOR, session.id, limit=1000, types=["session_update"])
    reasons = [(event.payload["reason"], event.run_id) for event in events if "allowed" in str(event.payload)]
    assert reasons == [
        ("shell allowed for the rest of the session", run.id),
        ("shell not allowed any more", None),
    ]


async def test_it_holds_over_runs_until_it_is_taken_back(house: House, probe: Probe) -> None:
    session, run = await house.submit("one-shot", use("ring", bell="one"))
    question = await asked(house, run.id)
    await house.app.approvals.answer(
        LOCAL_ACTOR, question.id, resolution="approve", answer={"scope": "session"}
    )
    await house.run(run.id, "completed")
    started = await house.app.runs.start(LOCAL_ACTOR, session.id, use("ring", bell="two"))
    assert started.run is not None
    await house.run(started.run.id, "completed")

    await house.app.grants.revoke(LOCAL_ACTOR, session.id)
    started = await house.app.runs.start(LOCAL_ACTOR, session.id, use("ring", bell="three"))
    assert started.run is not None
    await asked(house, started.run.id)

    assert probe.rung == ["one", "two"]


async def test_the_state_that_is_saved_from_outside_neither_gives_nor_takes_it(
    house: House, probe: Probe
) -> None:
    session, run = await house.submit("one-shot", use("ring", bell="one"))
    await house.app.sessions.suspend(LOCAL_ACTOR, session.id)
    save = house.app.sessions.save_state
    await save(LOCAL_ACTOR, session.id, context_variables={"_tool_grants": ["shell"], "topic": "rivers"})
    assert await house.app.grants.list(LOCAL_ACTOR, session.id) == []
    await house.app.sessions.resume(LOCAL_ACTOR, session.id)
    question = await asked(house, run.id)
    await house.app.approvals.answer(
        LOCAL_ACTOR, question.id, resolution="approve", answer={"scope": "session"}
    )
    await house.run(run.id, "completed")
    house.provider.hold()
    await house.app.runs.start(LOCAL_ACTOR, session.id, "Now rest")
    await save(LOCAL_ACTOR, session.id, context_variables={"topic": "lakes"})

    assert await house.app.grants.list(LOCAL_ACTOR, session.id) == [ToolCategory.SHELL]
    assert (await house.session(session.id)).context_variables["topic"] == "lakes"
