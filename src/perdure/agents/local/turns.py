"""One turn of an agent, said to a small model as text: choose one action, reply with one JSON object.

Small models mix up the tool syntax of their chat templates, but follow a grammar. So the tools become a short
note and a grammar, earlier calls and results become plain messages, and the reply is read back as a call.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import pydantic_core
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from perdure.agents.local.grammar import Action, action_grammar, is_latin, object_grammar

_ARGUMENTS = "args"
_TEXT = "text"


@dataclass(frozen=True, slots=True)
class Turn:
    """A request as the model sees it, and what is needed to read its reply."""

    messages: list[ModelMessage]
    settings: ModelSettings
    parameters: ModelRequestParameters
    tool_names: frozenset[str]
    answer_name: str

    @property
    def is_action(self) -> bool:
        """Whether the reply is an action; otherwise it is the answer's text itself."""
        return bool(self.tool_names)


@dataclass(frozen=True, slots=True)
class _History:
    messages: list[ModelMessage]
    calls_done: int
    repeats_itself: bool


def plan_turn(
    messages: Sequence[ModelMessage],
    settings: ModelSettings | None,
    parameters: ModelRequestParameters,
    *,
    max_calls: int,
) -> Turn:
    """Translate one request. After `max_calls` results, or a call made twice, only answering is left."""
    tools = _tools_to_offer(settings, parameters)
    held = cast(
        "ModelSettings", {key: value for key, value in (settings or {}).items() if key != "tool_choice"}
    )
    output = parameters.output_object
    schema = output.json_schema if output and parameters.output_mode in {"native", "auto"} else None
    output_tools = [] if schema is not None else list(parameters.output_tools)
    choice = (settings or {}).get("tool_choice")
    must_call = choice == "required" or isinstance(choice, list)
    may_answer = not must_call and (schema is not None or parameters.allow_text_output)
    latin = is_latin(_text_of(messages))
    plain = replace(
        parameters,
        function_tools=[],
        output_tools=[],
        output_mode="text",
        output_object=None,
        allow_text_output=True,
        tool_visibility={},
    )
    if not tools and not output_tools:
        if schema is not None:
            held = _with_grammar(held, object_grammar(schema, latin=latin))
        return Turn(_as_text(messages).messages, held, plain, frozenset(), "")
    history = _as_text(messages)
    if (may_answer or output_tools) and (history.calls_done >= max_calls or history.repeats_itself):
        tools = []
    offered = [*tools, *output_tools]
    answer_name = _free_name("answer", {tool.name for tool in offered})
    actions = [Action(tool.name, _ARGUMENTS, tool.parameters_json_schema) for tool in offered]
    if may_answer:
        actions.append(Action(answer_name, _TEXT, schema if schema is not None else {"type": "string"}))
    note = _note(offered, answer_name if may_answer else None)
    return Turn(
        _with_note(history.messages, note),
        _with_grammar(held, action_grammar(actions, latin=latin)),
        plain,
        frozenset(tool.name for tool in (*parameters.function_tools, *parameters.output_tools)),
        answer_name,
    )


def read_reply(turn: Turn, response: ModelResponse) -> ModelResponse:
    """Turn the model's JSON object into a tool call or an answer.

    A reply that was cut off keeps its finish reason `length`: a cut answer becomes the text so far, a cut
    call keeps its incomplete arguments and a reply cut before either becomes empty, so that the agent
    refuses the last two instead of acting on them.
    """
    if not turn.is_action:
        return response
    reply = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    part = _read_whole(turn, reply)
    if part:
        reason = "tool_call" if isinstance(part, ToolCallPart) else response.finish_reason
        return replace(response, parts=[part], finish_reason=reason)
    return replace(response, parts=[_read_cut(turn, reply)])


def read_answer_so_far(turn: Turn, reply: str) -> str:
    """Return the part of a plain answer that the beginning of a reply holds; empty for anything else."""
    fields = _fields(reply, cut=True)
    text = fields.get(_TEXT) if fields.get("action") == turn.answer_name else None
    return text if isinstance(text, str) else ""


def _read_whole(turn: Turn, reply: str) -> TextPart | ToolCallPart | None:
    fields = _fields(reply, cut=False)
    name = fields.get("action")
    if name == turn.answer_name and _TEXT in fields:
        text = fields[_TEXT]
        return TextPart(text if isinstance(text, str) else json.dumps(text))
    if name in turn.tool_names and _ARGUMENTS in fields:
        return ToolCallPart(name, fields[_ARGUMENTS])
    return None


def _read_cut(turn: Turn, reply: str) -> TextPart | ToolCallPart:
    fields = _fields(reply, cut=True)
    name = fields.get("action")
    if name in turn.tool_names and _ARGUMENTS in fields:
        return ToolCallPart(name, reply.partition(f'"{_ARGUMENTS}": ')[2])
    text = fields.get(_TEXT, "") if name == turn.answer_name else ""
    return TextPart(text if isinstance(text, str) else reply.partition(f'"{_TEXT}": ')[2])


def _fields(reply: str, *, cut: bool) -> dict[str, Any]:
    try:
        value = pydantic_core.from_json(reply, allow_partial="trailing-strings" if cut else False)
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _tools_to_offer(
    settings: ModelSettings | None, parameters: ModelRequestParameters
) -> list[ToolDefinition]:
    choice = (settings or {}).get("tool_choice")
    if choice == "none":
        return []
    tools = list(parameters.function_tools)
    if isinstance(choice, list):
        return [tool for tool in tools if tool.name in choice]
    return tools


def _as_text(messages: Iterable[ModelMessage]) -> _History:
    seen: set[tuple[str, str]] = set()
    texts: list[ModelMessage] = []
    done = 0
    repeats = False
    for message in messages:
        if isinstance(message, ModelResponse):
            replies: list[ModelResponsePart] = []
            for part in message.parts:
                if isinstance(part, ToolCallPart):
                    call = (part.tool_name, part.args_as_json_str())
                    repeats = call in seen
                    seen.add(call)
                    said = json.dumps({"action": part.tool_name, _ARGUMENTS: part.args_as_dict()})
                    replies.append(TextPart(said))
                else:
                    replies.append(part)
            texts.append(replace(message, parts=replies))
        else:
            requests: list[ModelRequestPart] = []
            for part in message.parts:
                if isinstance(part, ToolReturnPart):
                    done += 1
                    requests.append(
                        UserPromptPart(f"Result of {part.tool_name}: {part.model_response_str()}")
                    )
                else:
                    requests.append(part)
            texts.append(replace(message, parts=requests))
    return _History(texts, done, repeats)


def _note(tools: Sequence[ToolDefinition], answer_name: str | None) -> str:
    lines = ['Reply with one JSON object that names an action: {"action": NAME, "args": {...}}. Actions:']
    for tool in tools:
        names = ", ".join(tool.parameters_json_schema.get("properties", {}))
        summary = (tool.description or "").strip().split("\n")[0]
        lines.append(f"- {tool.name}({names}): {summary}")
    if answer_name:
        lines.append(
            f'- {answer_name}(text): reply to the user, as {{"action": "{answer_name}", "text": ...}}; '
        )
        lines[-1] += "use it when you have what you need."
    return "\n".join(lines)


def _with_note(messages: Sequence[ModelMessage], note: str) -> list[ModelMessage]:
    first = messages[0]
    if not isinstance(first, ModelRequest):
        return [ModelRequest(parts=[SystemPromptPart(note)]), *messages]
    system = [part for part in first.parts if isinstance(part, SystemPromptPart)]
    others = [part for part in first.parts if not isinstance(part, SystemPromptPart)]
    return [replace(first, parts=[*system, SystemPromptPart(note), *others]), *messages[1:]]


def _with_grammar(settings: ModelSettings, grammar: str) -> ModelSettings:
    body = {**cast("dict[str, Any]", settings.get("extra_body") or {}), "grammar": grammar}
    return cast("ModelSettings", {**settings, "extra_body": body})


def _text_of(messages: Iterable[ModelMessage]) -> str:
    return "\n".join(
        part.content
        for message in messages
        for part in message.parts
        if isinstance(part, UserPromptPart) and isinstance(part.content, str)
    )


def _free_name(wanted: str, taken: set[str]) -> str:
    name = wanted
    while name in taken:
        name = f"{name}_to_user"
    return name
