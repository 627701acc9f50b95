"""What the model is told about its programs, and what is logged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perdure.agents.sandbox.limits import SandboxLimits
from perdure.agents.sandbox.sandbox import Isolation, Sandbox
from perdure.agents.tools.execution import execution_tools
from perdure.core.tools import ToolCategory
from tests.fakes.tool_calls import call_tool
from tests.fakes.tool_context import RecordingToolContext


@pytest.fixture(scope="module")
def sandbox(machine_isolation: Isolation) -> Sandbox:
    return Sandbox(SandboxLimits(time_s=60))


@pytest.fixture
def context(tmp_path: Path) -> RecordingToolContext:
    return RecordingToolContext(tmp_path / "work")


async def told(sandbox: Sandbox, context: RecordingToolContext, tool: str, **arguments: Any) -> str:
    answer = await call_tool(execution_tools(sandbox), context, tool, **arguments)
    return f"refused: {answer.content}" if answer.outcome == "retried" else str(answer.content)


async def test_a_program_is_shown_logged_and_its_files_noted(
    sandbox: Sandbox, context: RecordingToolContext
) -> None:
    context.workspace.write("old.txt", "old")
    context.workspace.write("gone.txt", "gone")
    code = (
        "import os, sys\nprint('out')\nprint('err', file=sys.stderr)\nopen('a.csv', 'w').write('1,2')\n"
        "open('old.txt', 'w').write('new')\nos.remove('gone.txt')"
    )

    answer = await told(sandbox, context, "run_python", code=code)

    assert answer.startswith("Exit status 0 after ")
    assert "\nFiles created: a.csv (3 bytes)\nFiles changed: old.txt\nFiles removed: gone.txt" in answer
    assert sorted(context.lines) == [("stderr", "err"), ("stdout", "out")]
    assert [(info.path, info.created) for info in context.changes] == [("a.csv", True), ("old.txt", False)]
    assert context.removals == ["gone.txt"]
    (event,) = context.executions
    assert (event.language, event.code, event.exit_status) == ("python", code, 0)
    assert event.isolation == sandbox.isolation.value
    assert sorted(event.output.split("\n")) == ["err", "out"]
    assert event.duration_ms is not None


async def test_a_failure_is_an_answer(sandbox: Sandbox, context: RecordingToolContext) -> None:
    answer = await told(sandbox, context, "run_shell", command="exit 7")

    assert answer.startswith("Exit status 7 after ")
    assert "It printed nothing." in answer
    assert context.executions[0].exit_status == 7


async def test_a_missing_module_is_named(sandbox: Sandbox, context: RecordingToolContext) -> None:
    answer = await told(sandbox, context, "run_python", code="import nosuch.thing")

    assert "The module nosuch is not available here and cannot be installed." in answer


async def test_the_time_limit_is_named(sandbox: Sandbox, context: RecordingToolContext) -> None:
    answer = await told(sandbox, context, "run_shell", command="echo up; sleep 60", timeout_s=0.5)

    assert "it ran longer than its time limit" in answer
    assert "\nup" in answer
    assert context.executions[0].exit_status is None
    assert context.executions[0].output == "up\n[ended: it ran longer than its time limit]"


async def test_a_signal_is_named(sandbox: Sandbox, context: RecordingToolContext) -> None:
    answer = await told(sandbox, context, "run_python", code="import os; os.abort()")

    assert "by signal SIGABRT" in answer
    assert context.executions[0].exit_status == 134


async def test_cut_output_says_so(context: RecordingToolContext) -> None:
    small = Sandbox(SandboxLimits(output_bytes=100), choice="limits")

    answer = await told(small, context, "run_shell", command="seq 1000")

    assert "It printed 3,893 bytes; not all of them are shown." in answer


@pytest.mark.parametrize(
    ("tool", "arguments", "advice"),
    [
        ("run_python", {"code": "  "}, "nothing to run"),
        ("run_python", {"code": "x" * 200_001}, "at most 200,000"),
        ("run_shell", {"command": "true", "timeout_s": 61}, "at most 60"),
        ("run_shell", {"command": "true", "timeout_s": 0}, "more than 0"),
    ],
)
async def test_what_cannot_be_run_becomes_advice(
    sandbox: Sandbox, context: RecordingToolContext, tool: str, arguments: dict[str, Any], advice: str
) -> None:
    answer = await told(sandbox, context, tool, **arguments)

    assert answer.startswith("refused")
    assert advice in answer
    assert context.executions == []


async def test_odd_characters_in_code_are_run_as_they_are(
    sandbox: Sandbox, context: RecordingToolContext
) -> None:
    answer = await told(sandbox, context, "run_python", code="print('é\U0001f600')\r\nprint(2)")

    assert "Output:\né\U0001f600\n2" in answer


def test_programs_are_effects_and_need_permission() -> None:
    tools = {tool.name: tool for tool in execution_tools(Sandbox()).tools}

    assert tools["run_python"].category is ToolCategory.CODE
    assert tools["run_shell"].category is ToolCategory.SHELL
    assert not any(tool.repeatable for tool in tools.values())
