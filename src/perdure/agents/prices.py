"""What a model call cost, from the offline price list of `genai_prices`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic_ai.usage import RequestUsage

LOCAL_PROVIDER = "perdure-local"
LOCAL_PRICES = "local"
UNPRICED = "unpriced"

_MICROS = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one call. `cached` ones are part of `input`, as providers count them."""

    input: int = 0
    output: int = 0
    cached: int = 0

    @classmethod
    def of(cls, usage: RequestUsage) -> TokenUsage:
        """Read pydantic-ai's usage of one response."""
        return cls(usage.input_tokens, usage.output_tokens, usage.cache_read_tokens)


@dataclass(frozen=True, slots=True)
class CallPrice:
    """A price and the list it was read from. `usd_micros` is None when no list knows the model."""

    usd_micros: int | None
    version: str


def price_table() -> str:
    """Return the name of the table of prices that calls are priced from now."""
    return f"genai-prices {version('genai-prices')}"


def price_call(
    model: str,
    usage: RequestUsage | TokenUsage,
    *,
    provider: str | None = None,
    provider_url: str | None = None,
    at: datetime | None = None,
) -> CallPrice:
    """Return the price of one call, rounded half up to a millionth of a dollar.

    `model` and `provider` are those of the response. The first call loads the price list, which blocks for
    about half a second. Unknown models are unpriced, never free; embedded ones are free.
    """
    if provider == LOCAL_PROVIDER:
        return CallPrice(0, LOCAL_PRICES)
    import genai_prices

    tokens = usage if isinstance(usage, TokenUsage) else TokenUsage.of(usage)
    counted = genai_prices.Usage(
        input_tokens=tokens.input, output_tokens=tokens.output, cache_read_tokens=tokens.cached or None
    )
    if not isinstance(usage, TokenUsage) and usage.cache_write_tokens:
        counted.cache_write_tokens = usage.cache_write_tokens
    try:
        if provider_url and not provider:
            found = genai_prices.calc_price(
                counted, model, provider_api_url=provider_url, genai_request_timestamp=at
            )
        else:
            found = genai_prices.calc_price(counted, model, provider_id=provider, genai_request_timestamp=at)
    except LookupError:
        return CallPrice(None, UNPRICED)
    micros = (found.total_price * _MICROS).to_integral_value(ROUND_HALF_UP)
    return CallPrice(int(micros), price_table())
