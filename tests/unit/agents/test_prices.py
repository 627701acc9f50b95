"""Prices are whole micro-dollars from a named list, and unknown is not free."""

from __future__ import annotations

import pytest
from pydantic_ai.usage import RequestUsage

from perdure.agents.local.model import SYSTEM
from perdure.agents.prices import LOCAL_PROVIDER, CallPrice, TokenUsage, price_call


def test_a_known_model_has_a_price_and_a_version() -> None:
    price = price_call("gpt-5", TokenUsage(input=120_000, output=5_000, cached=20_000), provider="openai")

    assert price.usd_micros == 177_500
    assert price.version.startswith("genai-prices ")


def test_reads_pydantic_ai_usage() -> None:
    usage = RequestUsage(input_tokens=120_000, output_tokens=5_000, cache_read_tokens=20_000)

    assert TokenUsage.of(usage) == TokenUsage(120_000, 5_000, 20_000)
    assert price_call("gpt-5", usage, provider="openai").usd_micros == 177_500


def test_rounds_to_a_millionth() -> None:
    assert price_call("gpt-5", TokenUsage(input=1), provider="openai").usd_micros == 1


@pytest.mark.parametrize(
    ("model", "provider"), [("no-such-model", "openai"), ("x", "no-such-provider"), ("no-such-model", None)]
)
def test_an_unknown_model_is_unpriced(model: str, provider: str | None) -> None:
    assert price_call(model, TokenUsage(10, 10), provider=provider) == CallPrice(None, "unpriced")


def test_an_embedded_model_is_free() -> None:
    assert SYSTEM == LOCAL_PROVIDER
    assert price_call("anything", TokenUsage(10, 10), provider=SYSTEM) == CallPrice(0, "local")
