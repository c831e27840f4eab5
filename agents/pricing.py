"""What tokens cost, in USD micros.

The prices of the `genai-prices` package come first (offline data, dated). `data/prices.yaml` fills in the
models it does not know. A model that neither knows has no price, and what has no price is not called.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_CEILING, Decimal
from functools import cache
from pathlib import Path

import yaml

from agents.providers.base import Usage

PRICES_FILE = Path(__file__).parent / "data" / "prices.yaml"
_MILLION = Decimal(1_000_000)


class PriceUnknown(LookupError):
    """Neither price list has the model."""


@dataclass(frozen=True)
class PriceRow:
    """USD per million tokens, valid from a day on, for prompts up to `prompt_up_to` tokens (None: any)."""

    provider: str
    model: str
    valid_from: date
    input: Decimal
    output: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal
    cache_read: Decimal
    prompt_up_to: int | None = None

    def price(self, usage: Usage) -> Decimal:
        return (
            self.input * usage.input_tokens
            + self.output * usage.output_tokens
            + self.cache_read * usage.cache_read_tokens
            + self.cache_write_5m * usage.cache_write_tokens
            + self.cache_write_1h * usage.cache_write_1h_tokens
        ) / _MILLION


def price_usd_micros(provider: str, model: str, usage: Usage, *, at: datetime | None = None) -> int:
    """The price of a call, rounded up to a whole micro-dollar.

    Raises:
        PriceUnknown: no price list has the model.
    """
    if usage == Usage() or not (usage.total_input_tokens or usage.output_tokens):
        return 0
    at = at or datetime.now(UTC)
    try:
        dollars = _listed_price(provider, model, usage, at)
    except LookupError:
        dollars = _own_price(provider, model, usage, at.date())
    return int((dollars * _MILLION).to_integral_value(rounding=ROUND_CEILING))


def _listed_price(provider: str, model: str, usage: Usage, at: datetime) -> Decimal:
    # Loaded on first use: reading its data takes the better part of a second.
    import genai_prices

    counted = genai_prices.Usage(
        input_tokens=usage.total_input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens + usage.cache_write_1h_tokens,
    )
    found = genai_prices.calc_price(counted, model, provider_id=provider, genai_request_timestamp=at)
    # The list prices every cache write as a five-minute one; an hour costs 1.6 times as much.
    extra = Decimal(0)
    if usage.cache_write_1h_tokens:
        plain = genai_prices.Usage(input_tokens=usage.cache_write_1h_tokens, output_tokens=0)
        base = genai_prices.calc_price(plain, model, provider_id=provider, genai_request_timestamp=at)
        extra = Decimal(base.total_price) * Decimal("0.75")
    return Decimal(found.total_price) + extra


def _own_price(provider: str, model: str, usage: Usage, on: date) -> Decimal:
    rows = [row for row in own_prices() if row.provider == provider and row.model == model and row.valid_from <= on]
    newest = max((row.valid_from for row in rows), default=None)
    size = usage.total_input_tokens
    fitting = [
        row for row in rows if row.valid_from == newest and (row.prompt_up_to is None or size <= row.prompt_up_to)
    ]
    if not fitting:
        raise PriceUnknown(
            f"No price is known for {model} of {provider}. Add it to agents/data/prices.yaml, "
            "so that its runs can be counted against a budget."
        )
    return min(fitting, key=lambda row: row.prompt_up_to or 10**12).price(usage)


def has_price(provider: str, model: str) -> bool:
    """True when a run of `model` could be charged."""
    try:
        price_usd_micros(provider, model, Usage(input_tokens=1, output_tokens=1))
    except PriceUnknown:
        return False
    return True


@cache
def own_prices() -> tuple[PriceRow, ...]:
    """The rows of `data/prices.yaml`."""
    rows = yaml.safe_load(PRICES_FILE.read_text(encoding="utf-8"))["prices"]
    return tuple(
        PriceRow(
            provider=row["provider"],
            model=row["model"],
            valid_from=row["valid_from"],
            prompt_up_to=row.get("prompt_up_to"),
            **{
                key: Decimal(str(row[key]))
                for key in ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")
            },
        )
        for row in rows
    )
