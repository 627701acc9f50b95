"""The other pure rules: access, answers, costs, names, times, events, plans."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.core.access import LOCAL_ACTOR, SYSTEM_ACTOR, Action, Role, require
from perdure.core.approvals import (
    ApprovalStatus,
    Resolution,
    check_answer,
    parse_resolution,
)
from perdure.core.assets import Asset
from perdure.core.clock import utc_now, wire_time
from perdure.core.costs import CostRecord, CostSum, MadeCall, breakdown, made_again, usd
from perdure.core.events import EVENT_TYPES, Console, Event, NewEvent
from perdure.core.hops import is_done
from perdure.core.messages import Message, MessageRole, text_parts
from perdure.core.missions import Hop, HopStatus, Mission, MissionStatus, plan_data
from perdure.core.sessions import default_name
from perdure.errors import AlreadyAnswered, Forbidden, InvalidInput, NotFound, PerdureError
from perdure.ids import new_id, parse_task_id, parse_uuid
from tests import factories
from tests.factories import OWNER, START, STRANGER

WRITES = {"send", "answer", "control", "edit"}
MAY = {
    "view": {"read"},
    "edit": {"read"} | WRITES,
    "admin": {"read", "share", "delete", "audit"} | WRITES,
    "owner": {"read", "share", "delete", "audit", "purge"} | WRITES,
}


@pytest.mark.parametrize(("role", "action"), list(product(Role, Action)))
def test_each_role_may_do_what_the_table_says(role: Role, action: Action) -> None:
    owner = STRANGER.user_id if role is Role.OWNER else OWNER.user_id
    shared = None if role is Role.OWNER else role
    if action.value in MAY[role.value]:
        require(STRANGER, action, owner, shared)
    else:
        with pytest.raises(Forbidden, match=str(role)):
            require(STRANGER, action, owner, shared)


@pytest.mark.parametrize("action", list(Action))
def test_a_stranger_finds_nothing_and_the_system_everything(action: Action) -> None:
    with pytest.raises(NotFound, match="no such thing"):
        require(STRANGER, action, OWNER.user_id, None, "thing")
    for actor in (LOCAL_ACTOR, SYSTEM_ACTOR):
        require(actor, action, OWNER.user_id, None)


@pytest.mark.parametrize(
    ("resolution", "approved", "expected"),
    [
        *((str(r), None, r) for r in Resolution),
        (" Approve ", None, Resolution.APPROVE),
        ("ACCEPT", None, Resolution.APPROVE),
        ("approved", None, Resolution.APPROVE),
        ("yes", True, Resolution.APPROVE),
        ("denied", False, Resolution.REJECT),
        ("no", None, Resolution.REJECT),
        ("submit", None, Resolution.ANSWER),
        (None, True, Resolution.APPROVE),
        (None, False, Resolution.REJECT),
    ],
)
def test_answers_are_read_in_every_spelling(
    resolution: str | None, approved: bool | None, expected: Resolution
) -> None:
    assert parse_resolution(resolution, approved) is expected


@pytest.mark.parametrize(
    ("resolution", "approved"),
    [(None, None), ("", None), ("maybe", None), ("approve", False), ("revise", True)],
)
def test_answers_that_say_nothing_or_two_things_are_refused(
    resolution: str | None, approved: bool | None
) -> None:
    with pytest.raises(InvalidInput):
        parse_resolution(resolution, approved)


OUTCOMES = {"approve": "approved", "continue": "approved", "reject": "rejected", "abort": "rejected"}


@pytest.mark.parametrize("resolution", list(Resolution))
def test_each_resolution_has_its_outcome(resolution: Resolution) -> None:
    question = factories.approval(new_id(), new_id(), deadline=START + timedelta(hours=1))
    outcome = check_answer(question, resolution, START)
    assert outcome == OUTCOMES.get(resolution, "answered")


@pytest.mark.parametrize("status", [s for s in ApprovalStatus if s is not ApprovalStatus.PENDING])
@pytest.mark.parametrize("by", ["ada", None])
def test_a_settled_question_tells_its_outcome(status: ApprovalStatus, by: str | None) -> None:
    question = factories.approval(
        new_id(), new_id(), status=status, responded_by=by, resolution=Resolution.REJECT if by else None
    )
    with pytest.raises(AlreadyAnswered) as caught:
        check_answer(question, Resolution.APPROVE, START)
    assert caught.value.fields["status"] == status
    assert caught.value.fields["resolution"] == ("reject" if by else None)
    assert ("by ada" in str(caught.value)) is (by is not None)


def test_the_deadline_itself_is_too_late() -> None:
    question = factories.approval(new_id(), new_id(), deadline=START)
    check_answer(question, Resolution.APPROVE, START - timedelta(microseconds=1))
    with pytest.raises(AlreadyAnswered) as caught:
        check_answer(question, Resolution.APPROVE, START)
    assert caught.value.fields["status"] == "expired"


def test_only_what_is_offered_can_be_chosen() -> None:
    question = factories.approval(new_id(), new_id(), options=["approve", "revise"])
    check_answer(question, Resolution.REVISE, START)
    with pytest.raises(InvalidInput, match="approve, revise"):
        check_answer(question, Resolution.REJECT, START)


def summed(call: CostRecord) -> CostSum:
    unpriced = int(call.cost_usd_micros is None)
    spent = (call.input_tokens or 0, call.output_tokens or 0, call.cached_tokens or 0)
    named = (call.model, call.agent, call.step_id, call.run_id, call.created_at.date().isoformat())
    return CostSum(*named, call.price_version, 1, *spent, call.cost_usd_micros or 0, unpriced)


def test_a_breakdown_adds_up_dearest_first_and_counts_the_unpriced() -> None:
    run = factories.run(new_id())
    calls = [
        factories.call(run, "1", model="a", cost_usd_micros=100),
        factories.call(run, "2", model="b", cost_usd_micros=500, agent="x"),
        factories.call(run, "3", model="a", cost_usd_micros=None, input_tokens=None, output_tokens=None),
        factories.call(run, "4", model="c", cost_usd_micros=None, created_at=START + timedelta(days=1)),
    ]
    sums = [summed(call) for call in calls]
    by_model = breakdown(sums, "model")
    assert [(r["key"], r["calls"], r["cost_usd"], r["unpriced_calls"]) for r in by_model] == [
        ("b", 1, 0.0005, 0),
        ("a", 2, 0.0001, 1),
        ("c", 1, None, 1),
    ]
    assert [r["key"] for r in breakdown(sums, "day")] == ["2026-03-01", "2026-03-02"]
    assert {r["key"] for r in breakdown(sums, "agent")} == {"", "x"}
    assert breakdown([], "model") == []
    assert (usd(None), usd(1_500_000)) == (None, 1.5)


def test_calls_that_were_made_again_are_those_whose_answer_did_not_count() -> None:
    run = factories.run(new_id())

    def made(attempt: int, operation: int, fence: int, time: int = 1, step: str | None = None) -> CostRecord:
        return factories.call(
            run, str(MadeCall(run.id, attempt, operation, fence, time)), step_id=step, finished=time > 1
        )

    plan = made(1, 1, 1)  # outside of steps: kept, whatever a later attempt did
    killed, kept = made(1, 2, 1, step="a"), made(1, 2, 2, step="a")
    broken_off, then_done = made(1, 3, 2, 1, step="a"), made(1, 3, 2, 2, step="a")
    failed, retried = made(1, 4, 2, step="b"), made(2, 1, 3, step="b")
    cut_off = made(2, 2, 3, step="c")  # and never made again
    elsewhere = factories.call(run, "imported", step_id="b")
    calls = [plan, killed, kept, broken_off, then_done, failed, retried, cut_off, elsewhere]
    assert made_again(calls) == {each.call_id for each in (killed, broken_off, failed)}
    assert made_again([]) == set()


@given(st.builds(MadeCall, st.uuids().map(str), *[st.integers(0, 10**9)] * 4))
def test_a_call_is_known_by_what_it_is_called(call: MadeCall) -> None:
    assert MadeCall.read(str(call)) == call


@pytest.mark.parametrize("text", ["", "c", "r:1:2", "r:1:2:3", "r:1:x:3.1", "r:1:2:3.4.5", "r:1:2:-3.1"])
def test_a_call_made_elsewhere_is_not_taken_for_one_of_ours(text: str) -> None:
    assert MadeCall.read(text) is None


@given(st.lists(st.one_of(st.none(), st.integers(0, 10**9)), max_size=20))
def test_every_breakdown_has_the_total_of_its_records(costs: list[int | None]) -> None:
    run = factories.run(new_id())
    calls = [factories.call(run, str(n), model=f"m{n % 3}", cost_usd_micros=c) for n, c in enumerate(costs)]
    rows = breakdown(map(summed, calls), "model")
    assert sum(round((r["cost_usd"] or 0) * 1_000_000) for r in rows) == sum(c or 0 for c in costs)
    assert sum(r["unpriced_calls"] for r in rows) == costs.count(None)


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("Write  a\nreport", "Write a report"),
        ("x" * 60, "x" * 60),
        ("word " * 20, " ".join(["word"] * 11) + "…"),
        ("x" * 61, "x" * 57 + "…"),
        (None, "task 2026-03-01 12:00"),
        ("  ", "task 2026-03-01 12:00"),
    ],
)
def test_a_default_name_is_the_first_words_or_mode_and_day(task: str | None, name: str) -> None:
    assert default_name(task, "task", START) == name


def test_times_leave_in_one_form() -> None:
    assert wire_time(START) == "2026-03-01T12:00:00.000000Z"
    elsewhere = START.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert wire_time(elsewhere) == wire_time(START)
    assert utc_now().tzinfo is UTC
    assert datetime.fromisoformat(wire_time(START)) == START


def test_an_event_frame_has_its_fields_in_order() -> None:
    new = NewEvent.of(Console(lines=["x"]), run_id="r", step_id="s", dedupe="d")
    event = Event(
        session_id="i", seq=7, type=new.type, run_id="r", step_id="s", payload=new.payload, created_at=START
    )
    assert list(event.frame().items()) == [
        ("seq", 7),
        ("id", "i:7"),
        ("type", "console"),
        ("session_id", "i"),
        ("run_id", "r"),
        ("step", "s"),
        ("timestamp", "2026-03-01T12:00:00.000000Z"),
        ("data", {"stream": "log", "lines": ["x"], "attempt": 1}),
    ]


def test_event_types_are_named_once_and_keep_fields_they_do_not_know() -> None:
    assert all(name == cls.type for name, cls in EVENT_TYPES.items())
    assert Console.model_validate({"lines": [], "new": 1}).model_dump()["new"] == 1


def test_a_messages_text_is_its_text_parts() -> None:
    parts = [*text_parts("a"), {"type": "tool_call", "text": "no"}, {"type": "text"}, *text_parts("b")]
    message = Message("m", "s", 1, MessageRole.USER, None, parts, None, int(START.timestamp() * 1e6))
    assert (message.text, message.parts, message.created_at) == ("ab", parts, START)
    plain = message._replace(said="as it stands")
    assert (plain.text, plain.parts) == ("as it stands", text_parts("as it stands"))


def mission(status: MissionStatus) -> Mission:
    hops = [Hop(id=f"h{n}", mission_id="m", position=n, name=f"n{n}", status=HopStatus.READY) for n in (1, 2)]
    return Mission(
        id="m", owner_id="o", name="n", goal="g", status=status, hops=hops, created_at=START, updated_at=START
    )


def test_plan_data_shows_hops_as_steps() -> None:
    shown = plan_data(mission(MissionStatus.ACCEPTED))
    assert [(s["step"], s["name"], s["status"]) for s in shown["steps"]] == [
        (1, "n1", "ready"),
        (2, "n2", "ready"),
    ]
    assert (shown["mission_id"], shown["status"], shown["revision"]) == ("m", "accepted", 1)


def test_ids_sort_by_their_time_and_are_checked_at_the_edge() -> None:
    ids = [new_id() for _ in range(100)]
    assert ids == sorted(ids)
    assert parse_uuid(ids[0].upper().replace("-", "")) == ids[0]
    wrong: list[Any] = ["", "x", None, 7, ids[0] + "0"]
    for text in wrong:
        with pytest.raises(InvalidInput, match="thing id"):
            parse_uuid(text, "thing id")
    assert parse_task_id("a.B-9_") == "a.B-9_"
    for text in ("", "a b", "a/b", "x" * 129, "ä", "a\n"):
        with pytest.raises(InvalidInput):
            parse_task_id(text)


def test_an_error_is_one_object_everywhere() -> None:
    error = NotFound("There is no such run.", run_id="r")
    assert error.to_dict() == {
        "code": "not-found",
        "kind": "not_found",
        "message": "There is no such run.",
        "run_id": "r",
    }
    kinds: list[type[PerdureError]] = [PerdureError]
    for cls in kinds:
        kinds += cls.__subclasses__()
    ours = [cls for cls in kinds if cls.__module__ == "perdure.errors"]
    assert len({cls.code for cls in ours}) == len(ours)


@pytest.mark.parametrize(
    ("statuses", "done"),
    [
        ([], False),
        (["completed"], True),
        (["completed", "skipped"], True),
        (["skipped", "skipped"], False),
        *((["completed", other], False) for other in sorted({*HopStatus} - {"completed", "skipped"})),
    ],
)
def test_nothing_is_left_to_do_when_hops_are_completed_and_not_all_skipped(
    statuses: list[str], done: bool
) -> None:
    hops = [
        Hop(id=str(n), mission_id="m", position=n, name="n", status=HopStatus(status))
        for n, status in enumerate(statuses)
    ]
    assert is_done(hops) is done


@pytest.mark.parametrize(
    ("name", "path", "is_file", "names_a_file"),
    [
        ("report.md", "out/report.md", True, True),
        ("out/report.md", "out/report.md", True, True),
        ("report.md", "out/report.md.bak", False, True),
        ("port.md", "out/report.md", False, True),
        ("the answer", "answer.txt", False, False),
        ("version 1.2", "1.2", False, False),
    ],
)
def test_a_file_keeps_what_the_name_of_an_asset_promises(
    name: str, path: str, is_file: bool, names_a_file: bool
) -> None:
    asset = Asset(id="a", name=name, created_at=START, updated_at=START)
    assert (asset.is_file(path), asset.names_a_file, asset.is_there) == (is_file, names_a_file, False)
    for there in ({"path": path}, {"value": 0}):
        assert asset.model_copy(update=there).is_there
