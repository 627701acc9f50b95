"""What the hops of a plan make: the results of their steps, and files."""

from __future__ import annotations

import json

from perdure.core.access import LOCAL_ACTOR
from tests.engine.asking import mission_of
from tests.engine.conftest import House

_STEPS = [
    {"name": "Read", "goal": "Read it", "outputs": ["facts", "notes.md"]},
    {"name": "Count", "goal": "Count the doors", "inputs": ["facts"], "outputs": ["number"]},
    {"name": "Write", "goal": "Write it", "inputs": ["number"]},
]


async def test_a_step_leaves_its_result_as_what_its_hop_makes(house: House) -> None:
    made = await house.app.mission_commands.create(LOCAL_ACTOR, goal="Know the doors", hops=_STEPS)
    session = await house.app.sessions.create(LOCAL_ACTOR, mode="planning-control")
    await house.app.mission_commands.link(LOCAL_ACTOR, session.id, made.mission.id)
    await house.app.mission_commands.accept(LOCAL_ACTOR, made.mission.id)
    house.provider.reply("YOUR STEP (1)", "There are two doors.")
    house.provider.reply("YOUR STEP (2)", "2")
    started = await house.app.runs.start(LOCAL_ACTOR, session.id, "Count the doors")
    assert started.run is not None
    await house.run(started.run.id, "completed")

    mission = await mission_of(house, session.id)
    assert mission is not None
    detail = await house.app.missions.get(LOCAL_ACTOR, mission.id)
    told = {
        a.name: (str(a.status), a.value) for a in detail.assets if a.hop_id is not None and a.path is None
    }
    assert told == {
        "facts": ("ready", "There are two doors."),
        "notes.md": ("error", None),
        "number": ("ready", "2"),
    }, json.dumps(told)
