"""How the parts of a mission move together, for every command and every mixture of statuses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from perdure.core.assets import ASSET_LIFECYCLE, Asset, AssetCommand, AssetRole, AssetStatus
from perdure.core.cascades import asset_status_after, assets_after, hops_after, outputs_of, tools_after
from perdure.core.hops import (
    ENDED_HOPS,
    HOP_COMMAND_TO,
    HOP_LIFECYCLE,
    TOOL_STEP_LIFECYCLE,
    UNFINISHED_HOPS,
    UNFINISHED_TOOL_STEPS,
    Hop,
    HopCommand,
    HopStatus,
    ToolStep,
    ToolStepStatus,
)
from perdure.core.missions import MissionCommand
from perdure.core.tool_chain import asset_names, find_chain_faults, result_names
from tests.factories import START

mixtures = st.lists(st.sampled_from(HopStatus), max_size=6)


def hops_of(statuses: list[HopStatus]) -> list[Hop]:
    return [Hop(id=str(n), mission_id="m", position=n, name=str(n), status=s) for n, s in enumerate(statuses)]


def after(command: MissionCommand, statuses: list[HopStatus]) -> list[HopStatus]:
    hops = hops_of(statuses)
    moves = hops_after(command, hops)
    moved: list[HopStatus] = []
    for hop in hops:
        target = HOP_LIFECYCLE.decide(hop.status, moves[hop.id]).target if hop.id in moves else hop.status
        assert target is not None
        moved.append(target)
    return moved


@given(st.sampled_from(MissionCommand), mixtures)
def test_what_is_completed_stays_so_and_every_move_is_allowed(
    command: MissionCommand, statuses: list[HopStatus]
) -> None:
    moved = after(command, statuses)
    for old, new in zip(statuses, moved, strict=True):
        if old is HopStatus.COMPLETED:
            assert new is HopStatus.COMPLETED


@given(st.sampled_from([MissionCommand.CANCEL, MissionCommand.REJECT, MissionCommand.COMPLETE]), mixtures)
def test_nothing_goes_on_under_a_mission_that_has_ended(
    command: MissionCommand, statuses: list[HopStatus]
) -> None:
    moved = after(command, statuses)
    assert set(moved) <= ENDED_HOPS
    ended = HopStatus.SKIPPED if command is MissionCommand.COMPLETE else HopStatus.CANCELLED
    for old, new in zip(statuses, moved, strict=True):
        assert new is (ended if old in UNFINISHED_HOPS else old)


@given(mixtures)
def test_a_failed_mission_fails_only_what_was_in_execution(statuses: list[HopStatus]) -> None:
    for old, new in zip(statuses, after(MissionCommand.FAIL, statuses), strict=True):
        assert new is (HopStatus.FAILED if old is HopStatus.EXECUTING else old)


@given(mixtures)
def test_a_rejected_mission_comes_back_as_it_was_proposed(statuses: list[HopStatus]) -> None:
    proposed = [HopStatus.PROPOSED for _ in statuses]
    assert after(MissionCommand.PROPOSE, after(MissionCommand.REJECT, proposed)) == proposed
    accepted = after(MissionCommand.ACCEPT, proposed)
    assert set(accepted) <= {HopStatus.READY}
    assert after(MissionCommand.REVISE, accepted) == proposed


def test_the_tool_calls_of_a_hop_end_with_it() -> None:
    ends = {HopCommand.COMPLETE, HopCommand.FAIL, HopCommand.SKIP, HopCommand.CANCEL}
    for command in HopCommand:
        moves = tools_after(command)
        assert not set(moves) & set(moves.values()), "no call may be moved twice"
        if command in ends:
            assert set(moves) == UNFINISHED_TOOL_STEPS
            assert set(moves.values()) <= {ToolStepStatus.CANCELLED, ToolStepStatus.FAILED}
        for source, target in moves.items():
            assert any(source in r.sources and r.target is target for r in TOOL_STEP_LIFECYCLE.rows)
    assert tools_after(HopCommand.FAIL)[ToolStepStatus.EXECUTING] is ToolStepStatus.FAILED
    assert tools_after(HopCommand.CANCEL)[ToolStepStatus.EXECUTING] is ToolStepStatus.CANCELLED
    assert tools_after(HopCommand.START) == {}


def asset(status: AssetStatus, value: object = None, **values: object) -> Asset:
    given_values = {"id": "a", "name": "a", "status": status, "value": value, **values}
    return Asset.model_validate({**given_values, "created_at": START, "updated_at": START})


@given(st.sampled_from(AssetStatus), st.sampled_from(AssetCommand), st.booleans())
def test_an_asset_that_is_there_is_never_in_error_for_it(
    status: AssetStatus, command: AssetCommand, there: bool
) -> None:
    found = asset(status, "x" if there else None)
    moved = asset_status_after(found, command)
    row = ASSET_LIFECYCLE.find(status, command)
    if row is None:
        assert moved is status
    elif there and command in (AssetCommand.FAIL, AssetCommand.ACCEPT):
        assert moved is AssetStatus.READY
    else:
        assert moved is row.target
    assert asset_status_after(found.model_copy(update={"status": moved}), command) is moved or (
        command is AssetCommand.RETRY
    )


def test_every_end_of_a_hop_settles_its_outputs() -> None:
    for command in (HopCommand.COMPLETE, HopCommand.FAIL, HopCommand.SKIP, HopCommand.CANCEL):
        assert assets_after(command) is AssetCommand.FAIL
    assert set(HOP_COMMAND_TO) == set(HopStatus)
    for status, command in HOP_COMMAND_TO.items():
        assert any(row.command is command and row.target is status for row in HOP_LIFECYCLE.rows)


def test_outputs_are_what_a_hop_made_or_promised_and_no_inputs() -> None:
    hop = Hop(id="h", mission_id="m", position=1, name="n", outputs=["promised", "data"])
    made = asset(AssetStatus.READY, name="made", hop_id="h")
    promised = asset(AssetStatus.PENDING, name="promised")
    given_input = asset(AssetStatus.READY, name="data", role=AssetRole.INPUT)
    other = asset(AssetStatus.READY, name="other", hop_id="h2")
    assert outputs_of(hop, [made, promised, given_input, other]) == [made, promised]


def test_an_asset_is_a_file_by_its_path_or_its_name() -> None:
    promised = asset(AssetStatus.PENDING, name="report.md")
    assert promised.is_file("report.md")
    assert promised.is_file("out/report.md")
    assert not promised.is_file("out/my-report.md")
    assert not asset(AssetStatus.PENDING, name="out/report.md").is_file("report.md")


def test_a_chain_of_tool_calls_uses_only_what_is_there() -> None:
    read = ToolStep(
        id="1",
        hop_id="h",
        position=1,
        tool="read",
        parameters={"path": {"asset": "paper"}, "limit": 3, "how": {"mode": "fast"}},
        result_mapping={"text": "words", "size": None},
    )
    count = ToolStep(id="2", hop_id="h", position=2, tool="count", parameters={"text": {"asset": "words"}})
    assert asset_names(read.parameters) == {"path": "paper"}
    assert result_names(read.result_mapping) == ["words"]
    assert find_chain_faults([read, count], given=["paper"]) == []
    assert [f["field"] for f in find_chain_faults([count, read], given=["paper"])] == [
        "tool_steps.0.parameters.text"
    ]
    assert [f["field"] for f in find_chain_faults([read, count], given=[])] == [
        "tool_steps.0.parameters.path"
    ]
