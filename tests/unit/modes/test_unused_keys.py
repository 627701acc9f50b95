"""Forms show the keys that do something in a mode, and no others."""

from __future__ import annotations

import pytest

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
