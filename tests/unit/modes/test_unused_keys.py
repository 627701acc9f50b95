"""Forms show the keys that do something in a mode, and no others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from perdure.errors import InvalidInput
from perdure.modes.registry import ModeRegistry


@pytest.mark.parametrize(
    ("mode", "hidden", "shown"),
    [
        ("one-shot", {"max_attempts"}, {"agent", "max_rounds", "model", "mcp_servers"}),
        ("planning-control", {"agent"}, {"max_attempts", "max_rounds", "engineer_model"}),
        ("hitl-interactive", {"agent"}, {"max_attempts", "variant"}),
        ("copilot", set[str](), {"agent", "max_attempts", "available_agents"}),
        ("idea-generation", {"agent", "max_attempts"}, {"model", "n_ideas"}),
        ("enhance-input", {"agent", "max_attempts", "max_rounds"}, {"model", "summariser_model"}),
        ("ocr", {"agent", "model", "instructions", "mcp_servers"}, {"paths", "resource_limits", "on_busy"}),
        ("arxiv", {"agent", "model", "max_rounds"}, {"max_papers", "tool_permissions"}),
    ],
)
def test_a_form_has_no_key_that_does_nothing(mode: str, hidden: set[str], shown: set[str]) -> None:
    spec = ModeRegistry().get(mode)
    keys = set(spec.config_schema["properties"])
    assert not hidden & keys
    assert shown <= keys
    assert spec.unused <= set(spec.config_model.model_fields)
    assert keys | spec.unused == set(spec.config_model.model_fields)


ONE_FOR_ALL: dict[str, Any] = {
    "model": "openai-chat:test",
    "default_model": "openai-chat:test",
    "api_key": "a-key-of-mine",
    "base_url": "http://127.0.0.1:1/v1",
    "agent": "engineer",
    "on_busy": "enqueue",
    "instructions": "Be brief.",
    "max_rounds": 3,
    "max_attempts": 2,
    "tool_permissions": {"shell": "deny"},
    "mcp_servers": ["notes"],
    "resource_limits": {"max_tokens": 1000},
}
"""A program's config of every key that every mode takes."""


@pytest.mark.parametrize("mode", [spec.id for spec in ModeRegistry().list()])
def test_one_config_fits_every_mode(mode: str) -> None:
    checked = ModeRegistry().validate(mode, ONE_FOR_ALL)
    assert set(checked) == set(ONE_FOR_ALL)
    assert ModeRegistry().get(mode).unused <= set(ONE_FOR_ALL)
    with pytest.raises(InvalidInput) as refused:
        ModeRegistry().validate(mode, {"max_attempts": "often"})
    assert refused.value.fields["errors"][0]["field"] in ("config.max_attempts", "config.maxAttempts")


def test_the_page_names_the_keys_that_do_nothing() -> None:
    text = Path("docs/modes.md").read_text(encoding="utf-8")
    table = text.split("| mode | keys that do nothing |")[1].split("\n\n")[0]
    told = {
        cells[0]: set(cells[1:]) for line in table.splitlines() if (cells := re.findall(r"`([^`]+)`", line))
    }
    assert told == {spec.id: set(spec.unused) for spec in ModeRegistry().list() if spec.unused}
