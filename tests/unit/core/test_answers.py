"""What may come with an answer, for each kind of question, in each spelling."""

from __future__ import annotations

from typing import Any

import pytest

from perdure.core.answers import MODIFICATIONS_SCHEMA, check_response
from perdure.core.approvals import Approval, ApprovalType, Resolution, is_for_session, parse_resolution
from perdure.errors import InvalidInput
from tests import factories

_SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 3}},
    "required": ["n"],
    "additionalProperties": False,
}


def _question(type_: ApprovalType, **values: Any) -> Approval:
    return factories.approval("s", "r", request_type=type_, **values)


@pytest.mark.parametrize(
    "spelling",
    ["allow_session", "allow for session", "Allow-for-the-session", "ALWAYS", " always ", "allow_always"],
)
def test_allowing_for_the_session_is_an_approval_with_a_scope(spelling: str) -> None:
    assert parse_resolution(spelling, None) is Resolution.APPROVE
    assert is_for_session(spelling)


@pytest.mark.parametrize("spelling", ["approve", "allow", "allow once", None])
def test_allowing_once_has_no_scope(spelling: str | None) -> None:
    assert parse_resolution(spelling, True) is Resolution.APPROVE
    assert not is_for_session(spelling)


@pytest.mark.parametrize(
    "plan", [{"steps": [" Read ", {"goal": "Write", "agent": "engineer"}]}, [" Read ", "Write"]]
)
def test_an_edited_plan_is_stored_in_one_shape(plan: Any) -> None:
    question = _question(ApprovalType.PLAN, request_data={"agents": ["engineer"], "max_steps": 2})
    stored = check_response(question, Resolution.MODIFY, modifications=plan)
    assert [step["goal"] for step in stored["modifications"]["steps"]] == ["Read", "Write"]


@pytest.mark.parametrize(
    ("data", "plan", "field"),
    [
        ({"max_steps": 1}, ["a", "b"], "modifications.steps"),
        ({"agents": ["engineer"]}, [{"goal": "a", "agent": "cook"}], "modifications.steps.0.agent"),
        ({}, [{"goal": ""}], "modifications.steps.0.goal"),
        ({}, "a", "modifications.steps"),
    ],
)
def test_a_plan_that_makes_no_sense_names_its_fields(data: dict[str, Any], plan: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_response(_question(ApprovalType.PLAN, request_data=data), Resolution.MODIFY, modifications=plan)
    assert field in [e["field"] for e in refused.value.fields["errors"]]


@pytest.mark.parametrize("arguments", [{"path": "a"}, {"arguments": {"path": "a"}}, {}])
def test_changed_arguments_of_a_tool_are_an_object(arguments: Any) -> None:
    question = _question(ApprovalType.TOOL)
    stored = check_response(question, Resolution.MODIFY, modifications=arguments)
    assert stored == {"modifications": {"arguments": arguments.get("arguments", arguments)}}


@pytest.mark.parametrize("arguments", ["a", ["a"], 1, {"arguments": "a"}, None])
def test_anything_else_is_refused(arguments: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_response(_question(ApprovalType.TOOL), Resolution.MODIFY, modifications=arguments)
    assert refused.value.fields["field"] == "modifications"


@pytest.mark.parametrize("given", [{"n": 2}, {"n": "2"}, 2, " 2 "])
def test_an_answer_with_one_field_may_be_its_bare_value(given: Any) -> None:
    question = _question(ApprovalType.QUESTION, answer_schema=_SCHEMA)
    assert check_response(question, Resolution.ANSWER, answer=given) == {"answer": {"n": 2}}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (None, "answer"),
        ({}, "answer.n"),
        ({"n": 4}, "answer.n"),
        ({"n": True}, "answer.n"),
        ({"n": None}, "answer.n"),
        ({"n": 1, "m": 1}, "answer"),
        ([1], "answer.n"),
    ],
)
def test_an_answer_that_does_not_fit_names_its_field(given: Any, field: str) -> None:
    question = _question(ApprovalType.QUESTION, answer_schema=_SCHEMA)
    with pytest.raises(InvalidInput) as refused:
        check_response(question, Resolution.ANSWER, answer=given)
    assert refused.value.fields["field"] == field


def test_a_question_without_a_schema_takes_any_answer_but_none() -> None:
    question = _question(ApprovalType.QUESTION)
    assert check_response(question, Resolution.ANSWER, answer="yes") == {"answer": "yes"}
    assert check_response(question, Resolution.ANSWER, feedback="yes") == {"feedback": "yes"}
    with pytest.raises(InvalidInput):
        check_response(question, Resolution.ANSWER)


def test_what_the_answer_does_not_use_is_kept_as_it_came() -> None:
    question = _question(ApprovalType.PLAN, answer_schema=_SCHEMA)
    assert check_response(question, Resolution.APPROVE, feedback="Good.") == {"feedback": "Good."}


_EDITED = {
    "type": "object",
    "properties": {"text": {"type": "string", "pattern": r"\S"}},
    "required": ["text"],
}


def test_other_subjects_are_edited_as_their_question_says() -> None:
    question = _question(ApprovalType.STEP, request_data={MODIFICATIONS_SCHEMA: _EDITED})
    edited = {"text": "Better"}
    assert check_response(question, Resolution.MODIFY, modifications=edited) == {"modifications": edited}
    for wrong, message in (({"text": " "}, "empty"), ({"text": ""}, "empty"), ({}, "needed")):
        with pytest.raises(InvalidInput, match=message) as refused:
            check_response(question, Resolution.MODIFY, modifications=wrong)
        assert refused.value.fields["field"] == "modifications.text"


def test_a_subject_whose_question_says_nothing_is_edited_freely() -> None:
    question = _question(ApprovalType.STEP)
    assert check_response(question, Resolution.MODIFY, modifications=[1]) == {"modifications": [1]}


def test_a_plan_without_steps_says_how_one_is_sent() -> None:
    with pytest.raises(InvalidInput, match="steps") as refused:
        check_response(_question(ApprovalType.PLAN), Resolution.MODIFY, modifications={"plan": ["a"]})
    assert refused.value.fields["field"] == "modifications.steps"


def test_changed_arguments_fit_the_tool_that_is_called_with_them() -> None:
    question = _question(ApprovalType.TOOL, request_data={"parameters": _SCHEMA})
    stored = check_response(question, Resolution.MODIFY, modifications={"n": 3})
    assert stored == {"modifications": {"arguments": {"n": 3}}}
    with pytest.raises(InvalidInput) as refused:
        check_response(question, Resolution.MODIFY, modifications={"arguments": {"n": 9}})
    assert refused.value.fields["field"] == "modifications.arguments.n"


def test_a_bare_value_is_no_answer_to_several_fields() -> None:
    two = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}
    question = _question(ApprovalType.QUESTION, answer_schema=two)
    with pytest.raises(InvalidInput) as refused:
        check_response(question, Resolution.ANSWER, answer="x")
    assert refused.value.fields["field"] == "answer"
    with pytest.raises(InvalidInput, match="with a, b"):
        check_response(question, Resolution.ANSWER)


def test_an_answer_that_is_no_object_is_checked_as_it_is() -> None:
    question = _question(ApprovalType.QUESTION, answer_schema={"type": "integer"})
    assert check_response(question, Resolution.ANSWER, answer=7) == {"answer": 7}
    with pytest.raises(InvalidInput):
        check_response(question, Resolution.ANSWER, answer="7")
