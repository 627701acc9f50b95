"""Tools of a run: asked about, called once, and known to be unknown when a stop cut them off."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import pytest
from pydantic_ai import CallDeferred, RunContext

from perdure.agents.tools.box import ToolBox, ToolGroup
from perdure.agents.tools.context import ToolContext
from perdure.agents.tools.files import FILE_TOOLS
from perdure.agents.tools.tool import Tool
from perdure.core.access import LOCAL_ACTOR
from perdure.core.approvals import Approval
from perdure.core.tools import ToolCategory, call_hash
from perdure.engine import runtime
from perdure.errors import AlreadyAnswered, InvalidInput
from perdure.store.assets import AssetQuery
from tests.engine.conftest import House
from tests.fakes import openai_server


class Probe:
    """Tools that count how often they were really called."""

    def __init__(self) -> None:
        self.rung: list[str] = []
        self.looked: list[str] = []
        self.go = asyncio.Event()
        self.go.set()

    async def ring(self, ctx: RunContext[ToolContext], bell: str) -> str:
        """Ring a bell, which cannot be undone."""
        self.rung.append(bell)
        await self.go.wait()
        return f"{bell} rang"

    async def look(self, ctx: RunContext[ToolContext], at: str) -> str:
        """Look at something."""
        self.looked.append(at)
        await self.go.wait()
        return f"{at} is there"

    async def ask_them(self, ctx: RunContext[ToolContext], question: str) -> str:
        """Ask the person."""
        raise CallDeferred

    def box(self) -> ToolBox:
        tools = (
            Tool(self.ring, ToolCategory.SHELL, repeatable=False),
            Tool(self.look, ToolCategory.READ_ONLY),
            Tool(self.ask_them, ToolCategory.READ_ONLY, asks=True),
        )
        return ToolBox([FILE_TOOLS, ToolGroup("probe", tools)])


@pytest.fixture
def probe(house: House) -> Probe:
    made = Probe()
    give(house, made)
    return made


def give(house: House, probe: Probe) -> None:
    assert house.app.engine is not None
    house.app.engine.tools = probe.box()


def use(tool: str, **arguments: Any) -> str:
    return f"[[call {tool} {json.dumps(arguments)}]]"


async def asked(house: House, run_id: str) -> Approval:
    await house.run(run_id, "waiting")
    found, _ = await house.app.approvals.list(LOCAL_ACTOR)
    return next(a for a in found if a.run_id == run_id)


async def results(house: House, session_id: str) -> list[dict[str, Any]]:
    events = await house.app.history.events(LOCAL_ACTOR, session_id, limit=1000, types=["tool_result"])
    return [e.payload for e in events]


class TestPermission:
    async def test_a_command_is_asked_about_and_called_once(self, house: House, probe: Probe) -> None:
        session, run = await house.submit("one-shot", use("ring", bell="big"))
        approval = await asked(house, run.id)
        assert probe.rung == []
        assert approval.request_type == "tool"
        assert approval.request_data["arguments"] == {"bell": "big"}
        assert approval.request_data["call_hash"] == call_hash("ring", {"bell": "big"})

        await house.app.approvals.answer(LOCAL_ACTOR, approval.id, resolution="approve")
        await house.run(run.id, "completed")

        assert probe.rung == ["big"]
        types = [t for t in await house.types(session.id) if t.startswith(("tool_", "approval_"))]
        assert types == ["tool_call", "approval_request", "approval_resolved", "tool_result"]
        assert (await results(house, session.id))[0]["ok"] is True

    async def test_a_refusal_reaches_the_agent_and_nothing_is_called(
        self, house: House, probe: Probe
    ) -> None:
        session, run = await house.submit("one-shot", use("ring", bell="big"))
        approval = await asked(house, run.id)
        await house.app.approvals.answer(
            LOCAL_ACTOR, approval.id, resolution="reject", feedback="It is night."
        )
        await house.run(run.id, "completed")

        assert probe.rung == []
        (result,) = await results(house, session.id)
        assert result["ok"] is False
        assert "It is night." in house.provider.calls[-1].text

    async def test_the_arguments_can_be_edited(self, house: House, probe: Probe) -> None:
        _, run = await house.submit("one-shot", use("ring", bell="big"))
        approval = await asked(house, run.id)
        await house.app.approvals.answer(
            LOCAL_ACTOR, approval.id, resolution="modify", modifications={"arguments": {"bell": "small"}}
        )
        await house.run(run.id, "completed")
        assert probe.rung == ["small"]

    async def test_edited_arguments_that_do_not_fit_are_refused_at_once(
        self, house: House, probe: Probe
    ) -> None:
        _, run = await house.submit("one-shot", use("ring", bell="big"))
        approval = await asked(house, run.id)
        with pytest.raises(InvalidInput, match="bell"):
            await house.app.approvals.answer(
                LOCAL_ACTOR, approval.id, resolution="modify", modifications={"arguments": {"bell": 7}}
            )
        assert (await house.app.approvals.get(LOCAL_ACTOR, approval.id)).status == "pending"
        await house.app.approvals.answer(LOCAL_ACTOR, approval.id, resolution="approve")
        await house.run(run.id, "completed")
        assert probe.rung == ["big"]

    async def test_allowed_for_the_session_is_not_asked_again(self, house: House, probe: Probe) -> None:
        task = f"{use('ring', bell='one')} {use('ring', bell='two')}"
        session, run = await house.submit("one-shot", task)
        approval = await asked(house, run.id)
        await house.app.approvals.answer(
            LOCAL_ACTOR, approval.id, resolution="approve", answer={"scope": "session"}
        )
        await house.run(run.id, "completed")
        assert probe.rung == ["one", "two"]

        again = await house.app.runs.start(LOCAL_ACTOR, session.id, use("ring", bell="three"))
        assert again.run is not None
        await house.run(again.run.id, "completed")
        assert probe.rung == ["one", "two", "three"]

    async def test_denied_in_the_config_is_not_even_asked(self, house: House, probe: Probe) -> None:
        session, run = await house.submit(
            "one-shot", use("ring", bell="big"), tool_permissions={"shell": "deny"}
        )
        await house.run(run.id, "completed")
        assert probe.rung == []
        (result,) = await results(house, session.id)
        assert "denied" in result["result"]

    async def test_allowed_in_the_config_asks_nothing(self, house: House, probe: Probe) -> None:
        _, run = await house.submit(
            "one-shot", use("ring", bell="big"), tool_permissions={"shell": "auto_allow"}
        )
        await house.run(run.id, "completed")
        assert probe.rung == ["big"]

    async def test_is_answered_after_a_restart_and_only_once(self, house: House, probe: Probe) -> None:
        _, run = await house.submit("one-shot", f"{use('look', at='it')} {use('ring', bell='big')}")
        approval = await asked(house, run.id)
        await house.app.stop()
        await house.start()
        give(house, probe)

        await house.app.approvals.answer(LOCAL_ACTOR, approval.id, resolution="approve")
        with pytest.raises(AlreadyAnswered):
            await house.app.approvals.answer(LOCAL_ACTOR, approval.id, resolution="reject")
        await house.run(run.id, "completed")

        assert (probe.looked, probe.rung) == (["it"], ["big"])
        assert max(house.provider.counts.values()) == 1


class TestEffects:
    @pytest.mark.parametrize(("resolution", "times"), [("retry", 2), ("skip", 1)])
    async def test_an_effect_that_was_cut_off_is_asked_about(
        self, house: House, probe: Probe, resolution: str, times: int
    ) -> None:
        probe.go.clear()
        session, run = await house.submit(
            "one-shot", use("ring", bell="big"), tool_permissions={"shell": "auto_allow"}
        )
        await house.until(lambda: probe.rung == ["big"])
        await house.app.sessions.suspend(LOCAL_ACTOR, session.id, when="now")
        await house.run(run.id, "paused")
        probe.go.set()

        await house.app.sessions.resume(LOCAL_ACTOR, session.id)
        approval = await asked(house, run.id)
        assert approval.request_data["outcome"] == "unknown"
        assert probe.rung == ["big"]
        await house.app.approvals.answer(LOCAL_ACTOR, approval.id, resolution=resolution)
        await house.run(run.id, "completed")

        assert len(probe.rung) == times

    async def test_a_person_can_end_the_run_there(self, house: House, probe: Probe) -> None:
        probe.go.clear()
        session, run = await house.submit(
            "one-shot", use("ring", bell="big"), tool_permissions={"shell": "auto_allow"}
        )
        await house.until(lambda: probe.rung == ["big"])
        await house.app.sessions.suspend(LOCAL_ACTOR, session.id, when="now")
        await house.run(run.id, "paused")
        await house.app.sessions.resume(LOCAL_ACTOR, session.id)
        approval = await asked(house, run.id)
        await house.app.approvals.answer(LOCAL_ACTOR, approval.id, resolution="abort")
        failed = await house.run(run.id, "failed")
        assert failed.error is not None
        assert failed.error["code"] == "rejected"

    async def test_a_call_that_can_be_repeated_is_repeated(self, house: House, probe: Probe) -> None:
        probe.go.clear()
        session, run = await house.submit("one-shot", use("look", at="it"))
        await house.until(lambda: probe.looked == ["it"])
        await house.app.sessions.suspend(LOCAL_ACTOR, session.id, when="now")
        await house.run(run.id, "paused")
        probe.go.set()
        await house.app.sessions.resume(LOCAL_ACTOR, session.id)
        await house.run(run.id, "completed")
        assert probe.looked == ["it", "it"]

    async def test_one_that_another_program_version_cut_off_is_asked_about(
        self, house: House, probe: Probe, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        probe.go.clear()
        _, run = await house.submit(
            "one-shot", use("ring", bell="big"), tool_permissions={"shell": "auto_allow"}
        )
        await house.until(lambda: probe.rung == ["big"])
        await house.app.stop()
        probe.go.set()
        monkeypatch.setattr(runtime, "_VERSION", "another")
        await house.start()
        give(house, probe)

        approval = await asked(house, run.id)

        assert approval.request_data["outcome"] == "unknown"
        assert probe.rung == ["big"]
        await house.app.approvals.answer(LOCAL_ACTOR, approval.id, resolution="retry")
        await house.run(run.id, "completed")
        assert probe.rung == ["big", "big"]


class TestSideBySide:
    TASK = f"[[at once]] {use('look', at='a')} {use('look', at='b')} {use('look', at='c')}"

    async def test_a_pause_lets_three_calls_end_and_repeats_none(self, house: House, probe: Probe) -> None:
        probe.go.clear()
        session, run = await house.submit("one-shot", self.TASK)
        await house.until(lambda: len(probe.looked) == 3)
        await house.app.sessions.suspend(LOCAL_ACTOR, session.id)
        await asyncio.sleep(0.1)
        assert (await house.app.runs.get(LOCAL_ACTOR, run.id)).status == "pausing"
        probe.go.set()
        await house.run(run.id, "paused")

        await house.app.stop()
        await house.start()
        give(house, probe)
        await house.app.sessions.resume(LOCAL_ACTOR, session.id)
        await house.run(run.id, "completed")

        assert sorted(probe.looked) == ["a", "b", "c"]
        assert len(await results(house, session.id)) == 3
        assert max(house.provider.counts.values()) == 1

    async def test_a_question_is_asked_when_the_other_calls_have_ended(
        self, house: House, probe: Probe
    ) -> None:
        _, run = await house.submit("one-shot", f"{self.TASK} {use('ring', bell='big')}")
        approval = await asked(house, run.id)
        assert sorted(probe.looked) == ["a", "b", "c"]
        await house.app.stop()
        await house.start()
        give(house, probe)
        await house.app.approvals.answer(LOCAL_ACTOR, approval.id, resolution="approve")
        await house.run(run.id, "completed")
        assert sorted(probe.looked) == ["a", "b", "c"]
        assert probe.rung == ["big"]


async def test_calls_that_a_provider_names_alike_have_a_result_each(
    house: House, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = openai_server._tool_call
    monkeypatch.setattr(
        openai_server, "_tool_call", lambda tool, arguments: {**made(tool, arguments), "id": "call_0"}
    )
    session, run = await house.submit("one-shot", f"{use('look', at='a')} {use('look', at='b')}")
    await house.run(run.id, "completed")
    assert [r["result"] for r in await results(house, session.id)] == ["a is there", "b is there"]


async def test_an_agent_can_ask_a_person(house: House, probe: Probe) -> None:
    _, run = await house.submit("one-shot", use("ask_them", question="Which city?"))
    approval = await asked(house, run.id)
    assert (approval.request_type, approval.title) == ("question", "Which city?")
    await house.app.approvals.answer(LOCAL_ACTOR, approval.id, resolution="answer", answer="Lund")
    await house.run(run.id, "completed")
    assert "Lund" in house.provider.calls[-1].text


async def test_calls_and_files_of_a_planned_run_belong_to_its_hops(house: House, probe: Probe) -> None:
    writing = use("write_file", path="facts.md", content="# Facts")
    session, run = await house.submit(task=f"Gather facts. {use('look', at='it')} {writing}")
    await house.run(run.id, "completed")

    mission = await house.app.missions.for_session(LOCAL_ACTOR, session.id)
    assert mission is not None
    for hop in mission.hops:
        detail = await house.app.missions.hop(LOCAL_ACTOR, hop.id)
        assert [(s.tool, s.status) for s in detail.tool_steps] == [
            ("look", "completed"),
            ("write_file", "completed"),
        ]
    assets, _ = await house.app.missions.list_assets(LOCAL_ACTOR, AssetQuery(mission_id=mission.id))
    assert {(a.path, a.role, a.status) for a in assets} == {("facts.md", "output", "ready")}
    dag = await house.app.missions.dag(LOCAL_ACTOR, session.id)
    steps = [node for node in dag["nodes"] if node["type"] == "step"]
    assert all(len(node["tool_steps"]) == 2 for node in steps)
    assert dag["nodes"][-1]["status"] == "completed"


class TestLargeArguments:
    async def test_the_event_shows_a_part_and_the_question_the_whole_call(
        self, house: House, probe: Probe
    ) -> None:
        bell = "ding " * 10_000
        session, run = await house.submit("one-shot", use("ring", bell=bell))
        question = await asked(house, run.id)
        assert question.request_data["arguments"] == {"bell": bell}
        await house.app.approvals.answer(LOCAL_ACTOR, question.id, resolution="approve")
        await house.run(run.id, "completed")

        assert probe.rung == [bell]
        events = await house.app.history.events(LOCAL_ACTOR, session.id, limit=1000, types=["tool_call"])
        (call,) = [e.payload for e in events]
        assert call["arguments"]["bell"].startswith("ding ding")
        assert call["arguments"]["bell"].endswith("more characters)")
        whole = json.dumps({"bell": bell}, separators=(",", ":")).encode()
        assert call["whole"] == {"size": len(whole), "sha256": hashlib.sha256(whole).hexdigest()}
        assert len(json.dumps(call)) < 20_000
