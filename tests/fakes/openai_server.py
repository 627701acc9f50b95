"""A model provider on loopback that speaks the chat-completions protocol and always says the same.

    with OpenAIServer() as provider:
        provider.set_delay(0.02)                     # seconds between two tokens
        start_server(env=provider.environment())
        ...
        assert provider.count("Write the summary") == 1

The answer is derived from the prompt: plain text for plain calls, an instance of the schema for structured
ones (a `response_format` or an output tool), a plan of three different steps where the schema has `steps`. A
prompt that holds `[[call write_file {"path": "a.md"}]]` makes the model call that tool first, once; several
marks are called one after another, or in one reply when the prompt also holds `[[at once]]`.
`/control/…` offers the same switches over HTTP, so that a browser or another process can use them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

MODEL = "openai-chat:test"
"""The model name to configure a server under test with."""

_AT_ONCE = "[[at once]]"
_TOOL_MARK = re.compile(r"\[\[call (?P<tool>[\w-]+) (?P<arguments>\{.*?\})\]\]", re.DOTALL)
_PLAN_STEPS = ("Read the text", "Collect the facts", "Write the result")


@dataclass(frozen=True, slots=True)
class Call:
    """One request that reached the provider, answered or not."""

    prompt: str
    """Text of the last user message."""
    digest: str
    """Equal for two calls that send the same conversation."""
    model: str
    stream: bool
    structured: bool
    tools: tuple[str, ...]
    messages: list[dict[str, Any]]
    at: float
    """`time.monotonic()` on arrival."""
    key: str = ""
    """What the caller sent as its key."""

    @property
    def text(self) -> str:
        """Everything the model was shown, instructions included."""
        return "\n".join(_text_of(message) for message in self.messages)


@dataclass(slots=True)
class _Failure:
    status: int
    retryable: bool
    after_tokens: int | None = None


@dataclass(slots=True)
class _Hold:
    match: str
    after_tokens: int


@dataclass(slots=True)
class _State:
    delay_s: float = 0.0
    failures: list[_Failure] = field(default_factory=list[_Failure])
    hold: _Hold | None = None
    waiting: int = 0
    replies: list[tuple[str, Callable[[Call], str]]] = field(default_factory=list[Any])
    calls: list[Call] = field(default_factory=list[Call])
    keys: frozenset[str] | None = None
    finished: int = 0


class OpenAIServer:
    """The provider, in a thread of its own, between `__enter__` and `__exit__`."""

    def __init__(self) -> None:
        self._state = _State()
        self._lock = threading.Lock()
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._app(), log_level="error", ws="none", lifespan="off", timeout_graceful_shutdown=1
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="openai-server", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the loopback provider did not start")
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()

    @property
    def url(self) -> str:
        """Base address as `OPENAI_BASE_URL` wants it."""
        return f"http://127.0.0.1:{self.port}/v1"

    def environment(self) -> dict[str, str]:
        """Variables that make a server under test use this provider and nothing else."""
        return {
            "PERDURE_MODEL": MODEL,
            "OPENAI_BASE_URL": self.url,
            "OPENAI_API_KEY": "not-a-real-key",
        }

    @property
    def calls(self) -> list[Call]:
        """All calls so far, oldest first."""
        with self._lock:
            return list(self._state.calls)

    @property
    def counts(self) -> Counter[str]:
        """Calls for each distinct conversation, by digest: above 1, something was paid for twice."""
        return Counter(call.digest for call in self.calls)

    @property
    def finished(self) -> int:
        """Calls that were answered to the end."""
        return self._state.finished

    @property
    def waiting(self) -> int:
        """Calls that are held right now."""
        return self._state.waiting

    def count(self, text: str) -> int:
        """Return how many calls showed the model `text` anywhere."""
        return sum(text in call.text for call in self.calls)

    def require_keys(self, *keys: str) -> None:
        """Refuse calls with any other key from now on; the refusal says which key came, as providers' do."""
        self._state.keys = frozenset(keys)

    def set_delay(self, seconds: float) -> None:
        """Wait this long before each token from now on, in answers under way too."""
        self._state.delay_s = seconds

    def fail_next(self, n: int = 1, status: int = 500, *, retryable: bool = False) -> None:
        """Refuse the next `n` calls with `status`. Clients retry by themselves only if `retryable`."""
        with self._lock:
            self._state.failures += [_Failure(status, retryable) for _ in range(n)]

    def cut_next(self, n: int = 1, *, after_tokens: int = 3) -> None:
        """Drop the connection of the next `n` streamed answers after some tokens."""
        with self._lock:
            self._state.failures += [_Failure(200, False, after_tokens) for _ in range(n)]

    def hold(self, match: str = "", *, after_tokens: int = 0) -> None:
        """Let each call that shows `match` stop after some tokens, until `release`."""
        self._state.hold = _Hold(match, after_tokens)

    def release(self) -> None:
        """Let held calls go on, and hold no more."""
        self._state.hold = None

    def wait_for(self, condition: Callable[[OpenAIServer], bool], timeout_s: float = 30) -> None:
        """Block until `condition(self)` holds.

        Raises:
            TimeoutError: when it does not in time.
        """
        deadline = time.monotonic() + timeout_s
        while not condition(self):
            if time.monotonic() > deadline:
                raise TimeoutError(f"provider: not reached after {timeout_s} s; {len(self.calls)} calls")
            time.sleep(0.01)

    def wait_until_held(self, timeout_s: float = 30) -> None:
        """Block until a call is held."""
        self.wait_for(lambda server: server.waiting > 0, timeout_s)

    def reply(self, match: str, text: str | Callable[[Call], str]) -> None:
        """Answer calls that show `match` with `text` (JSON for structured ones); later rules win."""
        answer = text if callable(text) else lambda _: text
        with self._lock:
            self._state.replies.insert(0, (match, answer))

    def reset(self) -> None:
        """Forget calls, rules, failures and delay."""
        with self._lock:
            self._state = _State()

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
                Route("/v1/models", self._models),
                Route("/control/calls", self._control_calls),
                Route("/control/{switch}", self._control, methods=["POST"]),
            ]
        )

    async def _models(self, _: Request) -> Response:
        return JSONResponse(
            {"object": "list", "data": [{"id": "test", "object": "model", "owned_by": "tests"}]}
        )

    async def _control_calls(self, _: Request) -> Response:
        return JSONResponse(
            [{"prompt": c.prompt, "digest": c.digest, "stream": c.stream} for c in self.calls]
        )

    async def _control(self, request: Request) -> Response:
        switches = {
            "delay": self.set_delay,
            "fail": self.fail_next,
            "cut": self.cut_next,
            "hold": self.hold,
            "release": self.release,
            "reset": self.reset,
            "reply": self.reply,
        }
        switch = switches.get(request.path_params["switch"])
        if switch is None:
            return JSONResponse({"error": {"message": "no such switch"}}, 404)
        body = await request.body()
        switch(**(json.loads(body) if body else {}))
        return JSONResponse({"ok": True})

    async def _complete(self, request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        call = replace(_call_of(body), key=key)
        state = self._state
        with self._lock:
            state.calls.append(call)
            failure = state.failures.pop(0) if state.failures else None
            rule = next((answer for match, answer in state.replies if match in call.text), None)
        if failure and failure.after_tokens is None:
            return JSONResponse(
                {"error": {"message": f"told to fail with {failure.status}", "type": "test", "code": "test"}},
                failure.status,
                headers={"x-should-retry": "true" if failure.retryable else "false"},
            )
        if state.keys is not None and key not in state.keys:
            said = f"Incorrect API key provided: {key}. Find yours in the settings."
            return JSONResponse({"error": {"message": said, "code": "invalid_api_key"}}, 401)
        text, tools = _answer(body, call, rule)
        content = json.dumps(tools[0]["arguments"]) if tools else text
        tokens = re.findall(r"\s*\S+|\s+$", content) or [""]
        usage = {
            "prompt_tokens": sum(len(_text_of(m).split()) for m in call.messages),
            "completion_tokens": len(tokens),
        }
        usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]
        reply_id = f"chatcmpl-{call.digest[:12]}"
        cut_after = failure.after_tokens if failure else None
        if call.stream:
            frames = self._stream(call, reply_id, tokens, tools, usage, cut_after)
            return StreamingResponse(frames, media_type="text/event-stream")
        async for _ in self._paced(call, tokens):
            pass
        state.finished += 1
        message: dict[str, Any] = {"role": "assistant", "content": None if tools else text}
        if tools:
            message["tool_calls"] = [_tool_call(tool, json.dumps(tool["arguments"])) for tool in tools]
        return JSONResponse(
            {
                "id": reply_id,
                "object": "chat.completion",
                "created": int(time.time()),
                "model": body.get("model", "test"),
                "choices": [
                    {
                        "index": 0,
                        "message": message,
                        "finish_reason": "tool_calls" if tools else "stop",
                        "logprobs": None,
                    }
                ],
                "usage": usage,
            }
        )

    async def _paced(self, call: Call, tokens: list[str]) -> AsyncIterator[str]:
        for number, token in enumerate(tokens):
            await self._wait_while_held(call, number)
            if self._state.delay_s:
                await asyncio.sleep(self._state.delay_s)
            yield token
        await self._wait_while_held(call, len(tokens))

    async def _wait_while_held(self, call: Call, sent: int) -> None:
        state = self._state
        if not _holds(state.hold, call, sent):
            return
        state.waiting += 1
        try:
            while _holds(state.hold, call, sent):  # noqa: ASYNC110 - the flag is set from other threads
                await asyncio.sleep(0.01)
        finally:
            state.waiting -= 1

    async def _stream(
        self,
        call: Call,
        reply_id: str,
        tokens: list[str],
        tools: list[dict[str, Any]],
        usage: dict[str, int],
        cut_after: int | None,
    ) -> AsyncIterator[bytes]:
        chunk = {
            "id": reply_id,
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": call.model,
        }

        def frame(delta: dict[str, Any], finish: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
            return _sse({**chunk, "choices": [choice]})

        yield frame({"role": "assistant", "content": None if tools else ""})
        if tools:
            yield frame({"tool_calls": [_tool_call(tools[0], "") | {"index": 0}]})
        sent = 0
        async for token in self._paced(call, tokens):
            if cut_after is not None and sent >= cut_after:
                raise ConnectionResetError("told to cut the answer")
            sent += 1
            part = (
                {"tool_calls": [{"index": 0, "function": {"arguments": token}}]}
                if tools
                else {"content": token}
            )
            yield frame(part)
        for number, tool in enumerate(tools[1:], 1):
            yield frame({"tool_calls": [_tool_call(tool, json.dumps(tool["arguments"])) | {"index": number}]})
        yield frame({}, "tool_calls" if tools else "stop")
        yield _sse({**chunk, "choices": [], "usage": usage})
        self._state.finished += 1
        yield b"data: [DONE]\n\n"


def _sse(payload: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(payload)}\n\n".encode()


def _holds(hold: _Hold | None, call: Call, sent: int) -> bool:
    return hold is not None and sent >= hold.after_tokens and hold.match in call.text


def _call_of(body: dict[str, Any]) -> Call:
    messages: list[dict[str, Any]] = body.get("messages", [])
    said = [
        (m.get("role"), _text_of(m), [c["function"] for c in m.get("tool_calls") or []]) for m in messages
    ]
    return Call(
        prompt=next((_text_of(m) for m in reversed(messages) if m.get("role") == "user"), ""),
        digest=hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest(),
        model=body.get("model", "test"),
        stream=bool(body.get("stream")),
        structured=_schema_of(body) is not None or _output_tool(body) is not None,
        tools=tuple(t["function"]["name"] for t in body.get("tools") or []),
        messages=messages,
        at=time.monotonic(),
    )


def _text_of(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or [] if part.get("type") == "text")


def _schema_of(body: dict[str, Any]) -> dict[str, Any] | None:
    form = body.get("response_format") or {}
    return form.get("json_schema", {}).get("schema") if form.get("type") == "json_schema" else None


def _output_tool(body: dict[str, Any]) -> dict[str, Any] | None:
    for tool in body.get("tools") or []:
        if tool["function"]["name"].startswith("final_result"):
            return tool["function"]
    return None


def _answer(
    body: dict[str, Any], call: Call, rule: Callable[[Call], str] | None
) -> tuple[str, list[dict[str, Any]]]:
    """Return the text, or the tools to call in its place."""
    if asked := _asked_tools(call):
        return "", asked
    output = _output_tool(body)
    if output:
        arguments = json.loads(rule(call)) if rule else sample(output.get("parameters", {}), call)
        return "", [{"name": output["name"], "arguments": arguments}]
    if rule:
        return rule(call), []
    if schema := _schema_of(body):
        return json.dumps(sample(schema, call)), []
    if (body.get("response_format") or {}).get("type") == "json_object":
        return json.dumps({"answer": _sentence(call)}), []
    return _prose(call), []


def _asked_tools(call: Call) -> list[dict[str, Any]]:
    last_user = max((n for n, m in enumerate(call.messages) if m.get("role") == "user"), default=0)
    answered = sum(m.get("role") == "tool" for m in call.messages[last_user:])
    asked: list[dict[str, Any]] = []
    for mark in _TOOL_MARK.finditer(call.prompt):
        if mark["tool"] in call.tools:
            with suppress(json.JSONDecodeError):
                asked.append({"name": mark["tool"], "arguments": json.loads(mark["arguments"])})
    if _AT_ONCE in call.prompt:
        return asked if answered == 0 else []
    return asked[answered : answered + 1]


def _tool_call(tool: dict[str, Any], arguments: str) -> dict[str, Any]:
    call_id = "call_" + hashlib.sha256(json.dumps(tool, sort_keys=True).encode()).hexdigest()[:20]
    return {"id": call_id, "type": "function", "function": {"name": tool["name"], "arguments": arguments}}


def _topic(call: Call) -> str:
    words = re.findall(r"[A-Za-z][\w-]+", call.prompt)
    return " ".join(words[:8]) or "nothing"


def _sentence(call: Call) -> str:
    return f"Answer {call.digest[:6]} to: {_topic(call)}."


def _prose(call: Call) -> str:
    return (
        f"{_sentence(call)}\n\n"
        "The text was read from beginning to end. Three facts stand out:\n\n"
        "- **First**, the work is done step by step.\n"
        "- **Second**, each step is saved before the next begins.\n"
        "- **Third**, nothing is paid for twice.\n\n"
        "That is all that the text says about it."
    )


def sample(schema: dict[str, Any], call: Call) -> Any:
    """Return a valid instance of a JSON schema, the same for the same prompt."""
    return _sample(schema, schema, call, "", 0)


def _sample(schema: dict[str, Any], root: dict[str, Any], call: Call, name: str, index: int) -> Any:
    if "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return _sample(target, root, call, name, index)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return _chosen(schema["enum"], name)
    for union in ("anyOf", "oneOf", "allOf"):
        if union in schema:
            options = [o for o in schema[union] if o.get("type") != "null"]
            return _sample(options[0] if options else {"type": "null"}, root, call, name, index)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = kind[0]
    match kind:
        case "object":
            return {
                key: _sample(part, root, call, key, index)
                for key, part in schema.get("properties", {}).items()
            }
        case "array":
            wanted = len(_PLAN_STEPS) if name in {"steps", "hops"} else 1
            count = max(schema.get("minItems", 0), min(wanted, schema.get("maxItems", wanted)))
            return [_sample(schema.get("items", {}), root, call, name, i) for i in range(count)]
        case "boolean":
            return True
        case "integer" | "number":
            return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        case "null":
            return None
        case _:
            return _words(schema, call, name, index)


def _chosen(options: list[Any], name: str) -> Any:
    for wanted in ("engineer", "done", "approve", "direct", "ok"):
        if wanted in options:
            return wanted
    return options[0]


def _words(schema: dict[str, Any], call: Call, name: str, index: int) -> str:
    step = _PLAN_STEPS[index % len(_PLAN_STEPS)]
    texts = {
        "name": step if index < len(_PLAN_STEPS) else f"{step} again",
        "title": step,
        "goal": f"{step} of the task, part {index + 1}.",
        "agent": "engineer",
        "instructions": f"{step} exactly as the task says.",
        "steps": f"{step} of the task.",
        "bullet_points": "Keep every number exact.",
        "path": f"result-{index + 1}.md",
    }
    text = texts.get(name, _sentence(call))
    limit = schema.get("maxLength")
    return text[:limit] if limit else text
