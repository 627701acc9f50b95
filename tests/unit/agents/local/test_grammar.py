"""Grammars are compact JSON, and hold the letters of an answer to those of the question."""

from __future__ import annotations

import json
from typing import Any

import pytest

from perdure.agents.local.grammar import Action, action_grammar, is_latin, object_grammar

GUIDANCE = '"x-guidance": {"whitespace_flexible": false, "item_separator": ", ", "key_separator": ": "}'


def schema_in(grammar: str, rule: str = "start") -> dict[str, Any]:
    line = next(line for line in grammar.splitlines() if line.startswith(f"{rule}: %json "))
    return json.loads(line.partition("%json ")[2])


def test_one_value_as_golden_text() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}

    assert object_grammar(schema, latin=False) == (
        "%llguidance {}\n"
        'start: %json {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], '
        '"additionalProperties": false, ' + GUIDANCE + "}"
    )


def test_actions_as_golden_text() -> None:
    actions = [Action("look", "args", {"type": "object"}), Action("answer", "text", {"type": "string"})]

    assert action_grammar(actions, latin=False).splitlines() == [
        "%llguidance {}",
        "start: action0 | action1",
        'action0: %json {"type": "object", '
        '"properties": {"action": {"const": "look"}, "args": {"type": "object"}}, '
        '"required": ["action", "args"], "additionalProperties": false, ' + GUIDANCE + "}",
        'action1: %json {"type": "object", '
        '"properties": {"action": {"const": "answer"}, "text": {"type": "string"}}, '
        '"required": ["action", "text"], "additionalProperties": false, ' + GUIDANCE + "}",
    ]


def test_definitions_move_to_the_root_of_their_rule() -> None:
    schema = {
        "type": "object",
        "properties": {"s": {"$ref": "#/$defs/S"}},
        "$defs": {"S": {"type": "integer"}},
    }

    found = schema_in(action_grammar([Action("go", "args", schema)], latin=True), "action0")

    assert found["$defs"] == {"S": {"type": "integer"}}
    assert "$defs" not in found["properties"]["args"]


def test_objects_are_closed_unless_they_say_otherwise() -> None:
    inner = {"type": "object", "properties": {}}
    schema = {"type": "object", "properties": {"a": inner, "b": {**inner, "additionalProperties": True}}}

    held = schema_in(object_grammar(schema, latin=False))

    assert held["additionalProperties"] is False
    assert held["properties"]["a"]["additionalProperties"] is False
    assert held["properties"]["b"]["additionalProperties"] is True


def test_latin_reaches_every_free_string_and_no_other() -> None:
    schema = {
        "type": "object",
        "properties": {
            "free": {"type": "string", "maxLength": 5},
            "list": {"type": "array", "items": {"type": "string"}},
            "either": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "shaped": {"type": "string", "pattern": "^x$"},
            "chosen": {"type": "string", "enum": ["a"]},
            "type": {"type": "integer"},
        },
        "$defs": {"D": {"type": "string"}},
        "additionalProperties": False,
    }

    held = schema_in(object_grammar(schema, latin=True))

    properties = held["properties"]
    pattern = properties["free"]["pattern"]
    assert properties["list"]["items"]["pattern"] == pattern
    assert properties["either"]["anyOf"][0]["pattern"] == pattern
    assert held["$defs"]["D"]["pattern"] == pattern
    assert properties["shaped"]["pattern"] == "^x$"
    assert "pattern" not in properties["chosen"]
    assert properties["type"] == {"type": "integer"}


@pytest.mark.parametrize(
    ("text", "latin"),
    [("plain", True), ("Grüße “naïve” 5 €", True), ("日本", False), ("привет", False), ("🙂", True)],
)
def test_knows_latin_text(text: str, latin: bool) -> None:
    assert is_latin(text) is latin


def test_refuses_a_turn_without_actions() -> None:
    with pytest.raises(ValueError, match="at least one"):
        action_grammar([], latin=True)
