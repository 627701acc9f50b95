"""What the contract makes of the short forms that authors of modes may write."""

from __future__ import annotations

import pytest

from perdure.core.approvals import ApprovalType, Resolution
from perdure.modes.contract import ModeConfig, ModeSpec, Question, StepResult


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
