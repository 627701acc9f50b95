"""What the contract makes of the short forms that authors of modes may write."""

from __future__ import annotations

import math
from collections import OrderedDict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from perdure.core.approvals import ApprovalType, Resolution
from perdure.modes.contract import ModeConfig, ModeSpec, NotJson, Question, StepResult


@pytest.mark.parametrize(
    ("returned", "summary"),
    [
        ("One line.\nAnother.", "One line."),
        ("\n  padded  ", "padded"),
        ("x" * 200, "x" * 159 + "…"),
        ("", None),
        (["a", "b"], None),
        (None, None),
    ],
)
def test_a_plain_value_is_the_checkpoint(returned: object, summary: str | None) -> None:
    result = StepResult.of(returned)
    assert (result.checkpoint, result.summary) == (returned, summary)


def test_a_whole_result_stays_as_it_is() -> None:
    result = StepResult({"a": 1}, "done")
    assert StepResult.of(result) is result


def test_a_choice_takes_any_text_that_is_not_empty() -> None:
    question = Question.choice("which", "Which one?", ("a", "b"))
    assert (question.type, list(question.options)) == (ApprovalType.SELECTION, [Resolution.ANSWER])
    assert question.data == {"choices": ["a", "b"]}
    assert question.answer_schema == {"type": "string", "minLength": 1}


def test_a_spec_needs_no_more_than_its_words() -> None:
    spec = ModeSpec(id="m", label="M", description="Does it.")
    assert (spec.config_model, spec.supports_resume, spec.supports_hitl) == (ModeConfig, True, False)


_ENDLESS: list[Any] = []
_ENDLESS.append(_ENDLESS)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ((1, 2), "it is a tuple"),
        ({"seen": {"a"}}, "['seen'] is a set"),
        ({"at": [{"when": datetime(2026, 1, 1, tzinfo=UTC)}]}, "['at'][0]['when'] is a datetime"),
        ({1: "one"}, "it is a dict with the key 1"),
        ({"n": {None: "x"}}, "['n'] is a dict with the key None"),
        (math.nan, "it is nan"),
        ([math.inf], "[0] is inf"),
        (2**64, "64 bits"),
        (b"bytes", "it is a bytes"),
        (Path("a"), "it is a"),
        (Resolution, "it is an EnumType"),
        ("half a character \ud83d", "not Unicode"),
        (_ENDLESS, "levels deep"),
    ],
)
def test_what_a_replay_would_give_back_otherwise_is_refused_with_its_place(
    returned: object, said: str
) -> None:
    for result in (returned, StepResult(returned, "done")):
        with pytest.raises(NotJson) as refused:
            StepResult.of(result)
        assert said in refused.value.message


def test_json_of_every_kind_passes() -> None:
    value = {"a": [None, True, -(2**63), 2**64 - 1, 1.5, "ä\x00", Resolution.APPROVE, OrderedDict(b={})]}
    assert StepResult.of(value).checkpoint is value
