"""Missions through the client, against a real server that really plans."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from perdure.client import AsyncPerdure, Perdure
from perdure.client.mission_models import Mission
from perdure.errors import InvalidInput, NotAllowedNow, StaleVersion
from tests.fakes.perdure_server import PerdureServer

PLAN = "planning-control"
HOPS = [
    {"name": "Read", "goal": "Find the facts", "outputs": ["facts"]},
    {"name": "Write", "goal": "Write it down", "inputs": ["facts"]},
]


def asked_about(client: Perdure, session_id: str) -> Mission:
    """Start a planned run, and return its plan once the run asks about it."""
    client.runs.start(session_id, "Write a report")
    for event in client.stream(session_id):
        if event.type == "approval_request":
            break
    (mission,) = client.missions.list(session_id=session_id).missions
    return client.missions.get(mission.mission_id)


def ended(client: Perdure, session_id: str) -> list[str]:
    """Wait until no run is under way, and return the types of all events."""
    return [event.type for event in client.stream(session_id, until_idle=True)]


def test_a_mission_of_a_person_from_the_first_word_to_the_last(client: Perdure) -> None:
    with pytest.raises(InvalidInput) as refused:
        client.missions.create("g", hops=[{"name": "a", "goal": "b", "inputs": ["nothing"]}])
    assert refused.value.fields["errors"][0]["field"] == "hops.0.inputs"
    made = client.missions.create("Know more", hops=HOPS, outputs=[{"name": "summary"}])
    read, write = made.hops
    added = client.missions.add_hop(made.mission_id, "Check it", position=2, inputs=["facts"])
    client.missions.update_hop(added.hop_id, name="Check", outputs=["checked"])
    client.missions.reorder(made.mission_id, [read.hop_id, write.hop_id, added.hop_id])
    assert client.missions.hop(added.hop_id).position == 3
    assert client.missions.remove_hop(added.hop_id).mission.hops[-1].name == "Write"
    assert client.missions.update(made.mission_id, name="Reading", metadata={"k": 1}).name == "Reading"
    with pytest.raises(StaleVersion):
        client.missions.accept(made.mission_id, revision=1)
    assert client.missions.reject(made.mission_id, feedback="no").status == "rejected"
    assert client.missions.propose(made.mission_id).status == "proposed"
    assert client.missions.revise(made.mission_id, "longer").mission.feedback == "longer"
    assert len(client.missions.modify(made.mission_id, HOPS).mission.hops) == 2
    accepted = client.missions.accept(made.mission_id).mission
    session_id = client.sessions.create("one-shot").session_id
    assert client.missions.link(session_id, made.mission_id).warning is None
    first = accepted.hops[0].hop_id
    assert client.missions.move_hop(first, "start").status == "executing"
    (facts,) = [a for a in client.missions.assets(session_id=session_id).assets if a.name == "facts"]
    assert client.missions.provide(facts.asset_id, value="three").status == "ready"
    client.missions.move_hop(first, "complete")
    client.missions.add_asset(made.mission_id, "note", value="by hand")
    assert client.missions.complete(made.mission_id).status == "completed"
    found = client.missions.get(made.mission_id)
    assert [h.status for h in found.hops] == ["completed", "skipped"]
    assert {a.name: a.status for a in found.assets} == {"summary": "error", "facts": "ready", "note": "ready"}
    with pytest.raises(NotAllowedNow):
        client.missions.fail(made.mission_id, reason="late")


def test_accepting_the_plan_of_a_run_lets_the_run_go_on(client: Perdure) -> None:
    session_id = client.sessions.create(PLAN, config={"approval_mode": "after_planning"}).session_id
    mission = asked_about(client, session_id)
    assert (mission.status, mission.origin) == ("proposed", "run")
    with pytest.raises(NotAllowedNow) as busy:
        client.missions.update(mission.mission_id, name="mine")
    assert busy.value.fields["run_id"] == mission.run_id
    result = client.missions.accept(mission.mission_id)
    assert (result.status, result.run_id) == ("accepted", mission.run_id)
    assert result.approval_id
    assert "workflow_complete" in ended(client, session_id)
    found = client.missions.get(mission.mission_id)
    assert found.status == "completed"
    assert {h.status for h in found.hops} == {"completed"}
    assert client.sessions.get(session_id).plan_data == {
        **(client.sessions.get(session_id).plan_data or {}),
        "status": "completed",
    }


@pytest.mark.parametrize(
    ("decide", "status", "event"),
    [
        (lambda c, m: c.missions.reject(m, feedback="no"), "rejected", "workflow_failed"),
        (lambda c, m: c.missions.cancel(m), "cancelled", "workflow_cancelled"),
    ],
    ids=["reject", "cancel"],
)
def test_deciding_against_the_plan_of_a_run_ends_the_run(
    client: Perdure, decide: Callable[[Perdure, str], object], status: str, event: str
) -> None:
    session_id = client.sessions.create(PLAN, config={"approval_mode": "after_planning"}).session_id
    mission = asked_about(client, session_id)
    decide(client, mission.mission_id)
    assert event in ended(client, session_id)
    found = client.missions.get(mission.mission_id)
    assert (found.status, {h.status for h in found.hops}) == (status, {"cancelled"})


def test_an_edited_plan_is_what_the_run_carries_out(client: Perdure) -> None:
    session_id = client.sessions.create(PLAN, config={"approval_mode": "after_planning"}).session_id
    mission = asked_about(client, session_id)
    edited = [{"name": "Only this", "goal": "Do only this", "agent": "engineer"}]
    assert client.missions.modify(mission.mission_id, edited).approval_id
    assert "workflow_complete" in ended(client, session_id)
    assert [(h.name, h.status) for h in client.missions.get(mission.mission_id).hops] == [
        ("Only this", "completed")
    ]


def test_the_awaited_client_says_the_same(server: PerdureServer) -> None:
    async def check() -> None:
        async with AsyncPerdure(server.url) as client:
            made = await client.missions.create("Know more", hops=HOPS)
            page = await client.missions.list(status=["proposed"], limit=200)
            assert made.mission_id in [m.mission_id for m in page.missions]
            assert (await client.missions.cancel(made.mission_id)).status == "cancelled"

    asyncio.run(check())


def test_a_run_carries_out_the_mission_that_waits_for_it(client: Perdure) -> None:
    session_id = client.sessions.create(PLAN).session_id
    mine = [{"name": "Mine", "goal": "Do what I planned", "outputs": ["never.txt"]}]
    made = client.missions.create("Know more", hops=mine, session_id=session_id)
    client.missions.accept(made.mission_id)
    started = client.runs.start(session_id, "Carry out my plan")
    assert "workflow_complete" in ended(client, session_id)
    found = client.missions.get(made.mission_id)
    assert (found.status, found.run_id) == ("completed", started.run_id)
    assert [(h.name, h.status) for h in found.hops] == [("Mine", "completed")]
    assert {a.name: a.status for a in found.assets if a.name == "never.txt"} == {"never.txt": "error"}
    assert client.missions.list(session_id=session_id).total == 1
    told = [e.data["change"] for e in client.sessions.events(session_id, type=["plan_update"]).events]
    assert told == ["linked", "accepted", "adopted"]
