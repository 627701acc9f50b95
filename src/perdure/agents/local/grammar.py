"""Write llguidance grammars that hold a model to one compact JSON value."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

JsonSchema = dict[str, Any]

_COMPACT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
# A small model that is forced to close a string early tends to fall into another script. Text that the user
# wrote in Latin letters is answered in Latin letters, the usual typography included.
_LATIN_TEXT = r"^[\n\t -~\u00a0-\u024f\u2010-\u2027\u2030\u20ac]*$"
_LAST_LATIN = 0x24F
_KEYWORDS_THAT_SHAPE_TEXT = frozenset({"pattern", "format", "enum", "const"})
_MAPS_OF_SCHEMAS = frozenset({"properties", "$defs", "definitions", "patternProperties"})
_LISTS_OF_SCHEMAS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_SCHEMAS = frozenset({"items", "additionalProperties", "not"})


@dataclass(frozen=True, slots=True)
class Action:
    """One thing the model may reply with: `{"action": name, field: value}`."""

    name: str
    field: str
    schema: JsonSchema


def is_latin(text: str) -> bool:
    """Whether every letter of `text` is Latin, so that answers may be held to Latin letters as well."""
    return all(ord(character) <= _LAST_LATIN or not character.isalpha() for character in text)


def object_grammar(schema: Mapping[str, Any], *, latin: bool) -> str:
    """Return the grammar of exactly one value that fits the schema."""
    return "%llguidance {}\nstart: " + _rule(schema, latin=latin)


def action_grammar(actions: Sequence[Action], *, latin: bool) -> str:
    """Return the grammar of exactly one of the actions.

    Raises:
        ValueError: there is no action to choose from.
    """
    if not actions:
        raise ValueError("a turn needs at least one action")
    names = [f"action{index}" for index in range(len(actions))]
    rules = [
        f"{name}: {_rule(_action_schema(action), latin=latin)}"
        for name, action in zip(names, actions, strict=True)
    ]
    return "\n".join(["%llguidance {}", "start: " + " | ".join(names), *rules])


def _action_schema(action: Action) -> JsonSchema:
    value = dict(action.schema)
    definitions = value.pop("$defs", None)
    schema: JsonSchema = {
        "type": "object",
        "properties": {"action": {"const": action.name}, action.field: value},
        "required": ["action", action.field],
        "additionalProperties": False,
    }
    if definitions:
        schema["$defs"] = definitions
    return schema


def _rule(schema: Mapping[str, Any], *, latin: bool) -> str:
    return "%json " + json.dumps({**_hold(schema, latin=latin), "x-guidance": _COMPACT})


def _hold(schema: Mapping[str, Any], *, latin: bool) -> JsonSchema:
    """Close open objects, which invite a small model to invent fields, and hold free strings to Latin."""

    def inner(value: Any) -> Any:
        return _hold(cast("dict[str, Any]", value), latin=latin) if isinstance(value, dict) else value

    held: JsonSchema = {}
    for keyword, value in schema.items():
        if keyword in _MAPS_OF_SCHEMAS and isinstance(value, dict):
            schemas = cast("dict[str, Any]", value)
            held[keyword] = {name: inner(each) for name, each in schemas.items()}
        elif keyword in _LISTS_OF_SCHEMAS and isinstance(value, list):
            held[keyword] = [inner(each) for each in cast("list[Any]", value)]
        elif keyword in _SCHEMAS:
            held[keyword] = inner(value)
        else:
            held[keyword] = value
    if "properties" in held:
        held.setdefault("additionalProperties", False)
    if latin and held.get("type") == "string" and not _KEYWORDS_THAT_SHAPE_TEXT & held.keys():
        held["pattern"] = _LATIN_TEXT
    return held
