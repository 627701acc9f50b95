"""What agents hand over: whole for large models, short and bounded for small ones."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from perdure.agents.local.grammar import object_grammar
from perdure.agents.profiles import LARGE, SMALL, STARTER, TINY, ModelProfile
from perdure.modes import idea_shapes
from perdure.modes.contract import Said
from perdure.modes.copilot_routing import ROUTES, route_shape
from perdure.modes.hitl_interactive import HitlConfig, rules_around_steps
from perdure.modes.idea_shapes import PARTS, brief_facts, brief_final, brief_idea, brief_judgement
from perdure.modes.planning import plan_shape
from perdure.modes.work import recent

_SMALL = (STARTER, SMALL, TINY)


def _strings(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every free text in a schema."""
    found: list[dict[str, Any]] = []
    for definition in [schema, *schema.get("$defs", {}).values()]:
        found += [
            field
            for field in definition.get("properties", {}).values()
            if field.get("type") == "string" and "enum" not in field
        ]
    return found


@pytest.mark.parametrize("profile", _SMALL, ids=lambda profile: profile.tier)
@pytest.mark.parametrize(
    "make",
    [
        lambda profile: plan_shape(profile.max_plan_steps, profile.sentence_words),
        lambda _: route_shape(ROUTES, brief=True),
        lambda _: brief_idea(),
        lambda _: brief_idea("Change"),
        lambda _: brief_facts(),
        lambda _: brief_judgement(),
        lambda _: brief_final(),
    ],
    ids=["plan", "route", "idea", "idea with its first word", "facts", "judgement", "final text"],
)
def test_each_text_of_a_small_model_is_bounded_and_in_one_script(profile: ModelProfile, make: Any) -> None:
    schema = make(profile).model_json_schema()
    texts = _strings(schema)
    assert texts
    for text in texts:
        assert "maxLength" in text or re.search(r"\{\d+,\d+\}", text["pattern"])
        assert not re.fullmatch(text["pattern"], "中" * 40)
        # A local model's grammar does not take a choice within a pattern together with a length beside it.
        assert not ("|" in text["pattern"] and "maxLength" in text)
    assert object_grammar(schema, latin=True).startswith("%llguidance")


def test_a_plan_has_as_many_steps_as_the_model_can_hold() -> None:
    assert plan_shape(3, 20).model_json_schema()["properties"]["steps"]["maxItems"] == 3
    large = plan_shape(LARGE.max_plan_steps, None, ("researcher",)).model_json_schema()
    assert large["properties"]["steps"]["maxItems"] == 10
    assert large["$defs"]["PlannedStep"]["properties"]["agent"]["const"] == "researcher"


def test_a_router_chooses_among_what_is_offered() -> None:
    shape: type[BaseModel] = route_shape(("direct", "plan"), brief=False)
    assert shape.model_validate({"route": "plan"}).model_dump() == {"reason": "", "route": "plan"}
    for wrong in ("clarify", "handoff", ""):
        with pytest.raises(ValidationError):
            shape.model_validate({"route": wrong})
    brief = route_shape(ROUTES, brief=True).model_json_schema()["properties"]
    assert list(brief) == ["reason", "route"]


def test_a_sentence_of_a_small_model_is_one_and_may_hold_decimals() -> None:
    idea = brief_idea("Change")
    assert idea.model_validate({"idea": "Change the code to live for 72.5 hours.", "title": "Longer codes"})
    for wrong in (
        "Repair the code to live for 72 hours.",
        "Change the code. Then test it for a day.",
        "Change it",
    ):
        with pytest.raises(ValidationError):
            idea.model_validate({"idea": wrong, "title": "Longer codes"})
    assert brief_final().model_validate(
        {"title": "Costs", **{part: f"{words} a delivery costs 1.90 euro." for part, words in PARTS.items()}}
    )


@pytest.mark.parametrize(
    ("title", "sentences", "problem"),
    [
        ("T", ["One.", "Two!", "Three?", "It costs 1.90 euro.", "He said so (e.g. Dr. Ray)."], None),
        ("", ["A.", "B.", "C.", "D.", "E."], "The title is one line."),
        ("T\nU", ["A.", "B.", "C.", "D.", "E."], "The title is one line."),
        ("T", ["A.", "B.", "C.", "D."], "There are 4 sentences; exactly 5 are wanted."),
        ("T", ["A.", "B.", "C", "D.", "E."], "Sentence 3 is not one whole sentence"),
        ("T", ["A.", "B. And C.", "D.", "E.", "F."], "Sentence 2 holds more than one sentence."),
        ("T", ["A.", "a.", "C.", "D.", "E."], "twice"),
    ],
)
def test_a_title_and_five_sentences_are_told_from_anything_else(
    title: str, sentences: list[str], problem: str | None
) -> None:
    found = idea_shapes.text_problem(title, sentences)
    assert (found is None) == (problem is None)
    assert problem is None or problem in (found or "")


@pytest.mark.parametrize(
    ("idea", "new"),
    [
        ({"title": "Longer codes", "idea": "Something else altogether."}, False),
        ({"title": "longer  CODES", "idea": "Something else altogether."}, False),
        ({"title": "Other", "idea": "Let codes live for 72 hours, not 24!"}, False),
        ({"title": "Longer cords", "idea": "Give boxes a cord to pull."}, True),
    ],
)
def test_an_idea_is_new_by_its_title_and_its_text(idea: dict[str, str], new: bool) -> None:
    known = [{"title": "Longer codes", "idea": "Let codes live for 72 hours, not 24."}]
    assert idea_shapes.is_new(idea, known) is new


@pytest.mark.parametrize(
    ("config", "asked"),
    [
        ({}, (True, True, True)),
        ({"approval_mode": "after_planning"}, (True, True, True)),
        ({"approvalMode": "before_each_step"}, (True, False, True)),
        ({"approval_mode": "after_step"}, (False, True, True)),
        ({"approval_mode": "on_error"}, (False, False, True)),
        ({"approval_mode": "none"}, (False, False, False)),
        ({"hitlVariant": "planning_only"}, (False, False, False)),
        ({"variant": "planning_only", "approval_mode": "both"}, (True, True, False)),
        ({"variant": "error_recovery"}, (False, False, True)),
    ],
)
def test_a_variant_says_where_steps_are_asked_about_unless_the_mode_does(
    config: dict[str, str], asked: tuple[bool, bool, bool]
) -> None:
    rules = rules_around_steps(HitlConfig.model_validate(config))
    assert (rules.before, rules.after, rules.on_error) == asked


def test_a_long_conversation_is_recalled_from_its_end_and_shortened() -> None:
    said = [Said("user", f"message {n} " + "x" * 300) for n in range(20)]
    kept = recent(said, 1_000)
    assert kept[-1].text.startswith("message 19 ")
    assert 1 < len(kept) < 20
    assert sum(len(entry.text) for entry in kept) <= 1_000
    assert [entry.text.split()[1] for entry in kept] == [str(n) for n in range(20 - len(kept), 20)]
    assert recent([Said("user", "y" * 5_000)], 1_000)[0].text.endswith("…")
    assert recent(said[:2], 10_000) == said[:2]
