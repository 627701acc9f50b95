"""A turn shows tools as actions and reads the reply back, whole or cut."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from perdure.agents.local.turns import Turn, plan_turn, read_answer_so_far, read_reply

LOOK = ToolDefinition(
    name="look",
    description="Look at a place.\n\nMore that the model need not read.",
    parameters_json_schema={"type": "object", "properties": {"place": {"type": "string"}}},
)
DONE = ToolDefinition(name="final_result", parameters_json_schema={"type": "object", "properties": {}})
OUTPUT = OutputObjectDefinition(json_schema={"type": "object", "properties": {"n": {"type": "integer"}}})


def asked(text: str = "Where is it?") -> list[ModelMessage]:
    return [ModelRequest(parts=[SystemPromptPart("Be kind."), UserPromptPart(text)])]


def looked(place: str, call_id: str) -> list[ModelMessage]:
    return [
        ModelResponse(parts=[ToolCallPart("look", {"place": place}, call_id)]),
        ModelRequest(parts=[ToolReturnPart("look", "nothing", call_id)]),
    ]


def turn(
    messages: list[ModelMessage] | None = None,
    settings: ModelSettings | None = None,
    max_calls: int = 4,
    **parameters: Any,
) -> Turn:
    given = ModelRequestParameters(**{"function_tools": [LOOK], **parameters})
    return plan_turn(messages or asked(), settings, given, max_calls=max_calls)


def grammar_of(planned: Turn) -> str:
    return planned.settings.get("extra_body", {}).get("grammar", "")  # type: ignore[union-attr]


def reply(text: str, finish_reason: Any = "stop") -> ModelResponse:
    return ModelResponse(parts=[TextPart(text)], finish_reason=finish_reason)


class TestPlanTurn:
    def test_free_text_passes_through_untouched(self) -> None:
        planned = turn(function_tools=[], settings=ModelSettings(temperature=0.5))

        assert not planned.is_action
        assert planned.settings == {"temperature": 0.5}
        assert [part.part_kind for part in planned.messages[0].parts] == ["system-prompt", "user-prompt"]

    def test_structured_output_alone_is_a_grammar_of_that_object(self) -> None:
        planned = turn(function_tools=[], output_mode="native", output_object=OUTPUT)

        assert not planned.is_action
        assert '"n": {"type": "integer"}' in grammar_of(planned)
        assert planned.parameters.output_mode == "text"
        assert planned.parameters.output_object is None

    def test_tools_become_a_note_and_a_grammar(self) -> None:
        planned = turn()

        system = [part.content for part in planned.messages[0].parts if isinstance(part, SystemPromptPart)]
        assert system[0] == "Be kind."
        assert "- look(place): Look at a place." in system[1]
        assert "need not read" not in system[1]
        assert '{"const": "look"}' in grammar_of(planned)
        assert '{"const": "answer"}' in grammar_of(planned)
        assert planned.parameters.function_tools == []

    def test_earlier_calls_are_told_as_text(self) -> None:
        planned = turn(asked() + looked("here", "1"))

        said, heard = planned.messages[1].parts[0], planned.messages[2].parts[0]
        assert isinstance(said, TextPart)
        assert json.loads(said.content) == {"action": "look", "args": {"place": "here"}}
        assert isinstance(heard, UserPromptPart)
        assert heard.content == "Result of look: nothing"

    def test_after_enough_calls_only_the_answer_is_left(self) -> None:
        history = asked() + looked("here", "1") + looked("there", "2")

        assert '{"const": "look"}' in grammar_of(turn(history, max_calls=3))
        assert '{"const": "look"}' not in grammar_of(turn(history, max_calls=2))

    def test_a_call_made_twice_is_not_made_again(self) -> None:
        planned = turn(asked() + looked("here", "1") + looked("here", "2"))

        assert '{"const": "look"}' not in grammar_of(planned)
        assert planned.is_action

    def test_output_tools_stay_when_others_go(self) -> None:
        planned = turn(
            asked() + looked("here", "1"), max_calls=1, output_tools=[DONE], allow_text_output=False
        )

        assert '{"const": "final_result"}' in grammar_of(planned)
        assert '{"const": "look"}' not in grammar_of(planned)
        assert '{"const": "answer"}' not in grammar_of(planned)

    def test_honours_the_tool_choice(self) -> None:
        assert not turn(settings=ModelSettings(tool_choice="none")).is_action
        for choice in ("required", ["look"]):
            forced = turn(settings=ModelSettings(tool_choice=choice))
            assert "tool_choice" not in forced.settings
            assert '{"const": "answer"}' not in grammar_of(forced)

    def test_keeps_what_the_caller_put_in_the_body(self) -> None:
        planned = turn(settings=ModelSettings(extra_body={"seed": 1}))

        assert planned.settings.get("extra_body", {})["seed"] == 1  # type: ignore[index]

    def test_a_tool_named_answer_keeps_its_name(self) -> None:
        tool = ToolDefinition(name="answer", parameters_json_schema={"type": "object", "properties": {}})
        planned = turn(function_tools=[tool])

        assert (
            read_reply(planned, reply('{"action": "answer", "args": {}}')).parts[0].part_kind == "tool-call"
        )
        assert planned.answer_name == "answer_to_user"


class TestReadReply:
    def test_reads_a_call(self) -> None:
        read = read_reply(turn(), reply('{"action": "look", "args": {"place": "x"}}'))

        call = read.parts[0]
        assert isinstance(call, ToolCallPart)
        assert (call.tool_name, call.args) == ("look", {"place": "x"})
        assert read.finish_reason == "tool_call"

    def test_reads_an_answer(self) -> None:
        read = read_reply(turn(), reply('{"action": "answer", "text": "Over\\nthere"}'))

        assert read.parts == [TextPart("Over\nthere")]
        assert read.finish_reason == "stop"

    def test_reads_a_structured_answer_as_its_json(self) -> None:
        planned = turn(output_mode="native", output_object=OUTPUT, allow_text_output=False)

        assert read_reply(planned, reply('{"action": "answer", "text": {"n": 1}}')).parts == [
            TextPart('{"n": 1}')
        ]

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ('{"action": "answer", "text": "Over the', "Over the"),
            ('{"action": "answer", "text": "caf\\u00', "caf"),
            ('{"action": "answer", "te', ""),
            ('{"action": "loo', ""),
            ("", ""),
        ],
    )
    def test_a_cut_answer_is_shown_as_cut(self, text: str, shown: str) -> None:
        read = read_reply(turn(), reply(text, "length"))

        assert read.parts == [TextPart(shown)]
        assert read.finish_reason == "length"

    def test_a_cut_call_keeps_arguments_that_do_not_parse(self) -> None:
        read = read_reply(turn(), reply('{"action": "look", "args": {"place": "Os', "length"))

        call = read.parts[0]
        assert isinstance(call, ToolCallPart)
        assert call.args == '{"place": "Os'
        assert read.finish_reason == "length"


def test_an_answer_is_readable_while_it_grows() -> None:
    whole = '{"action": "answer", "text": "He said \\"no\\" \\u00e9"}'
    planned = turn()

    seen = [read_answer_so_far(planned, whole[:end]) for end in range(len(whole) + 1)]

    assert seen[-1] == 'He said "no" é'
    assert all(later.startswith(earlier) for earlier, later in pairwise(seen))
    assert read_answer_so_far(planned, '{"action": "look", "args": {"text": "x') == ""
