"""The embedded model as a pydantic-ai model: waits for the child, takes its turn, speaks in actions."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelConnectionError,
    ModelRequestRejectedError,
    ModelTimeoutError,
)
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.profiles import ModelProfile as WireProfile
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.settings import ModelSettings

from perdure.agents.local.actions import ActionModel
from perdure.agents.local.server import READY_TIMEOUT_S, LocalModelServer
from perdure.agents.profiles import ModelProfile
from perdure.errors import InvalidInput, Unavailable

SYSTEM = "perdure-local"
"""Provider name of every answer of an embedded model; such answers cost nothing."""

_ANSWER_TIMEOUT_S = 900.0
_NO_ADDRESS_YET = "http://127.0.0.1:9/v1"
_PROMPT_TOKENS = re.compile(r"n_prompt_tokens\D+(\d+)")


class LocalModelInterrupted(Unavailable):
    """The model's process ended during the answer; it is being restarted; ask again."""

    code = "local-model-interrupted"


class PromptTooLong(InvalidInput):
    """The prompt does not fit the model's context; `fields` carry both sizes in tokens when known."""

    code = "prompt-too-long"


class LocalModel(WrapperModel):
    """Answers through a `LocalModelServer`, one request at a time. Making it starts nothing."""

    def __init__(self, server: LocalModelServer, profile: ModelProfile) -> None:
        self._server = server
        provider = OpenAICompatibleProvider(SYSTEM, base_url=_NO_ADDRESS_YET, api_key="none")
        self._client = provider.client
        self._client.max_retries = 0
        chat = OpenAIChatModel(
            server.model.model_id,
            provider=provider,
            profile=WireProfile(
                default_structured_output_mode="native",
                supports_json_schema_output=True,
                supports_tools=True,
            ),
            settings=ModelSettings(
                temperature=0.0,
                max_tokens=max(profile.plan_max_tokens, profile.step_max_tokens),
                timeout=_ANSWER_TIMEOUT_S,
            ),
        )
        super().__init__(ActionModel(chat, max_calls=profile.tool_max_calls))

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Answer whole.

        Raises:
            LocalModelUnavailable: the model cannot be started.
            LocalModelInterrupted: its process ended meanwhile.
            PromptTooLong: the prompt does not fit.
        """
        async with self._turn():
            return await self.wrapped.request(messages, model_settings, model_request_parameters)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Answer while it is written; raises as `request` does, also from inside the block."""
        inner: Model = self.wrapped
        async with (
            self._turn(),
            inner.request_stream(messages, model_settings, model_request_parameters, run_context) as stream,
        ):
            yield stream

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[None]:
        await self._server.ready(READY_TIMEOUT_S)
        async with self._server.turnstile.turn():
            address = await self._server.ready(READY_TIMEOUT_S)
            self._client.base_url = address.url
            self._client.api_key = address.api_key
            try:
                yield
            except ModelTimeoutError:
                raise
            except ModelConnectionError as error:
                self._server.replace_child(address)
                raise LocalModelInterrupted(
                    "the local model's process ended during the answer; try again"
                ) from error
            except ModelRequestRejectedError as error:
                raise self._explain(error) from error

    def _explain(self, error: ModelAPIError) -> Exception:
        text = f"{error} {getattr(error, 'body', '')}"
        if "exceed_context_size" not in text:
            return error
        found = _PROMPT_TOKENS.search(text)
        limit = self._server.model.context_tokens
        size = f"{int(found[1]):,} tokens long" if found else "too long"
        return PromptTooLong(
            f"the prompt is {size}, and the {self._server.model.label} takes {limit:,}: shorten the text",
            prompt_tokens=int(found[1]) if found else None,
            limit_tokens=limit,
        )
