"""Claude over the Messages API, through the `anthropic` SDK.

The SDK's own retries are off: each attempt may cost money, so when to try again is decided here. Nothing is
tried again once an answer has begun.
"""

import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from agents.pricing import PriceUnknown, has_price, price_usd_micros
from agents.providers.base import AgentRequest, Estimate, Health, Piece, Provider, ProviderError, Usage, Wait

MODELS_FILE = Path(__file__).parent.parent / "data" / "claude_models.yaml"
ATTEMPTS = 4
MAX_PAUSE_S = 30.0
# Models from before the 2026-10-21 version of the API take a temperature, and only under the older version.
OLD_API_VERSION = "2023-06-01"
_OVERHEAD_TOKENS = 64
_SPEND_LIMIT = "enforced_spend_limit_reached"
_UNFINISHED = {
    "max_tokens": "The answer reached its length limit (max_tokens) and stops there.",
    "model_context_window_exceeded": "The conversation is longer than the model can read; the answer stops there.",
    "pause_turn": "The model paused before it was done.",
    "refusal": "The model declined to answer.",
}


@dataclass(frozen=True)
class ModelTraits:
    """What a model takes beyond the common request; an unknown model gets the common request only."""

    takes_temperature: bool = False
    thinking_can_be_off: bool = False


@cache
def _all_traits() -> dict[str, ModelTraits]:
    rows = yaml.safe_load(MODELS_FILE.read_text(encoding="utf-8"))["models"]
    return {name: ModelTraits(**traits) for name, traits in rows.items()}


def model_traits(model: str) -> ModelTraits:
    """The traits of a model, from `data/claude_models.yaml`."""
    return _all_traits().get(model, ModelTraits())


def worst_input_tokens(text: str) -> int:
    """More tokens than any tokeniser makes of `text`: a token is at least one byte of it."""
    return len(text.encode()) + _OVERHEAD_TOKENS


def likely_input_tokens(text: str) -> int:
    """About as many tokens as the current tokeniser makes of prose (3 bytes each)."""
    return len(text.encode()) // 3 + 12


class ClaudeProvider(Provider):
    """Streams from the Messages API; usage is taken from the last event that carries it, never summed."""

    def health(self) -> Health:
        if not self.credentials.get("api_key"):
            return Health(
                "needs_key",
                "No Anthropic key is set.",
                "Add your key under Settings, Agents, or ask the operator to set ANTHROPIC_API_KEY.",
            )
        if not has_price("anthropic", self.manifest.model):
            return Health(
                "unavailable",
                f"No price is known for {self.manifest.model}, so its runs could not be counted.",
                "The operator can add the price to agents/data/prices.yaml.",
            )
        return Health("healthy", "Ready.")

    def cost(self, usage: Usage) -> int:
        return price_usd_micros("anthropic", self.manifest.model, usage)

    def estimate(self, request: AgentRequest) -> Estimate:
        text = self.everything_sent(request)
        limit = self._max_tokens(request)
        likely = Usage(input_tokens=likely_input_tokens(text), output_tokens=min(limit, 500))
        worst = Usage(input_tokens=worst_input_tokens(text), output_tokens=limit)
        try:
            figures = self.cost(likely), self.cost(worst)
        except PriceUnknown as error:
            raise ProviderError(str(error), code="price_unknown", status=409) from error
        return Estimate(likely.input_tokens, likely.output_tokens, *figures)

    def stream(self, request: AgentRequest, *, wait: Wait = time.sleep) -> Iterator[Piece]:
        health = self.health()
        if not health.is_usable:
            raise ProviderError(f"{health.detail} {health.next_step}", code=health.status, status=409)
        for attempt in range(1, ATTEMPTS + 1):
            answer = _Answer(self, request)
            try:
                yield from answer.pieces()
                return
            except ProviderError as error:
                if answer.has_begun or not error.retryable or error.usage is not None or attempt == ATTEMPTS:
                    raise
                pause = _pause(attempt, error.retry_after_s)
                if pause is None:
                    raise
            wait(pause)

    def request_body(self, request: AgentRequest) -> dict[str, Any]:
        """The arguments of `messages.create`, without streaming."""
        manifest = self.manifest
        body: dict[str, Any] = {
            "model": manifest.model,
            "max_tokens": self._max_tokens(request),
            "messages": [*_history(request), {"role": "user", "content": request.prompt}],
        }
        if system := self._system(request):
            body["system"] = system
        traits = model_traits(manifest.model)
        if manifest.thinking and (manifest.thinking != "disabled" or traits.thinking_can_be_off):
            body["thinking"] = {"type": manifest.thinking}
        if manifest.effort:
            body["output_config"] = {"effort": manifest.effort}
        if traits.takes_temperature:
            temperature = float(request.parameters.get("temperature", manifest.temperature))
            body["extra_body"] = {"temperature": temperature}
            body["extra_headers"] = {"anthropic-version": OLD_API_VERSION}
        return body

    def _max_tokens(self, request: AgentRequest) -> int:
        return int(request.parameters.get("max_tokens", self.manifest.max_tokens))

    def _system(self, request: AgentRequest) -> str:
        return str(request.parameters.get("system") or self.manifest.instructions)

    def everything_sent(self, request: AgentRequest) -> str:
        earlier = "".join(turn["content"] for turn in _history(request))
        return self._system(request) + earlier + request.prompt


def _history(request: AgentRequest) -> list[dict[str, str]]:
    return [
        {"role": turn["role"], "content": turn["content"]}
        for turn in request.context.conversation_history
        if turn.get("role") in ("user", "assistant") and turn.get("content")
    ]


def _pause(attempt: int, retry_after_s: float | None) -> float | None:
    """Seconds until the next attempt; None when the service asks for more patience than a run has."""
    if retry_after_s is not None:
        return retry_after_s if retry_after_s <= MAX_PAUSE_S else None
    return min(MAX_PAUSE_S, 2 ** (attempt - 1)) * random.uniform(0.75, 1.25)  # noqa: S311 (spread, no secret)


class _Answer:
    """One attempt at one answer, and what has been seen of its cost."""

    def __init__(self, provider: ClaudeProvider, request: AgentRequest) -> None:
        self._provider = provider
        self._request = request
        self._usage: Usage | None = None
        self._said: list[str] = []
        self._thought = 0
        self._is_final = False
        self._is_accepted = False
        self.has_begun = False

    def pieces(self) -> Iterator[Piece]:
        # Loaded on first use: the SDK takes three seconds.
        import anthropic
        import httpx2

        credentials = self._provider.credentials
        client = anthropic.Anthropic(
            api_key=credentials["api_key"],
            base_url=credentials.get("base_url") or "https://api.anthropic.com",
            max_retries=0,
            timeout=httpx2.Timeout(self._request.timeout_s, connect=min(10.0, self._request.timeout_s)),
            http_client=anthropic.DefaultHttpxClient(follow_redirects=False),
        )
        try:
            with client, client.messages.create(**self._provider.request_body(self._request), stream=True) as events:
                self._is_accepted = True
                for event in events:
                    piece = self._read(event)
                    if piece is not None:
                        yield piece
        except anthropic.APIStatusError as error:
            raise self._status_error(error) from error
        except anthropic.APIConnectionError as error:
            raise self._connection_error(error) from error
        except (httpx2.HTTPError, anthropic.APIError, ValueError, AttributeError) as error:
            # A stream that breaks off in the middle comes as the transport's own error, a half event as a
            # JSON fault. After the stop reason nothing is missing.
            if self._is_final:
                return
            raise self._broken(f"The answer broke off ({type(error).__name__}).") from error
        if not self._is_final:
            raise self._broken("The answer broke off before its end.")

    def _read(self, event: Any) -> Piece | None:
        kind = getattr(event, "type", "")
        if kind == "message_start":
            self.has_begun = True
            self._usage = _merged(self._usage, event.message.usage)
            return Piece(usage=self._usage, metadata={"message_id": event.message.id})
        if kind == "content_block_delta" and event.delta.type == "text_delta":
            self._said.append(event.delta.text)
            return Piece(text=event.delta.text)
        if kind == "content_block_delta" and event.delta.type == "thinking_delta":
            self._thought += len(event.delta.thinking)
            return Piece()
        if kind == "message_delta":
            self._usage = _merged(self._usage, event.usage)
            stop_reason = event.delta.stop_reason or ""
            self._is_final = self._is_final or bool(stop_reason)
            note = _UNFINISHED.get(stop_reason)
            return Piece(usage=self._usage, stop_reason=stop_reason, metadata={"note": note} if note else {})
        if kind == "message_stop":
            self._is_final = True
        return None

    @property
    def paid_usage(self) -> Usage | None:
        """What a broken-off answer must be taken to cost: the figures seen, and no less than was received."""
        if self._usage is None:
            return self._prompt_usage() if self._is_accepted else None
        received = (sum(map(len, self._said)) + self._thought) // 3
        if received <= self._usage.output_tokens:
            return self._usage
        return replace(self._usage, output_tokens=received, is_estimated=True)

    def _prompt_usage(self) -> Usage:
        text = self._provider.everything_sent(self._request)
        return Usage(input_tokens=likely_input_tokens(text), is_estimated=True)

    def _broken(self, message: str) -> ProviderError:
        return ProviderError(
            f"{message} Run it again to get a whole one.",
            code="answer_broke_off",
            retryable=True,
            usage=self.paid_usage,
        )

    def _connection_error(self, error: Exception) -> ProviderError:
        import anthropic

        if self.has_begun:
            return self._broken("The connection was lost during the answer.")
        if isinstance(error, anthropic.APITimeoutError):
            # The service may have worked on it, and may charge the prompt; so it is not asked twice.
            return ProviderError(
                f"Claude gave no sign of life for {self._request.timeout_s:g} s. Run it again later.",
                code="provider_timed_out",
                status=504,
                retryable=True,
                usage=self._prompt_usage(),
            )
        host = self._provider.credentials.get("base_url") or "api.anthropic.com"
        return ProviderError(
            f"Could not reach {host}. Check the network and the address.",
            code="provider_unreachable",
            retryable=True,
        )

    def _status_error(self, error: Any) -> ProviderError:
        if self.has_begun:
            return self._broken("The service reported a fault during the answer.")
        said = (error.api_message or error.message or "")[:300]
        status = error.status_code
        spent = error.error_code == _SPEND_LIMIT or "usage limits" in said
        if spent or status == 402:
            return ProviderError(
                f"The Anthropic account has reached its spending limit: {said}", code="provider_spend_limit"
            )
        if status == 401 or status == 403:
            return ProviderError(
                "Anthropic refused the key. Check it under Settings, Agents.", code="provider_refused_key"
            )
        # Inside a stream an error comes with status 200; its type tells what it is.
        busy = error.type in ("overloaded_error", "rate_limit_error", "api_error")
        if status == 429 or status >= 500 or busy:
            return ProviderError(
                "Claude is overloaded right now. Run it again in a minute.",
                code="provider_overloaded",
                status=503,
                retryable=True,
                retry_after_s=_retry_after(error.response.headers),
            )
        return ProviderError(f"Claude refused the request ({status}): {said}", code="provider_refused")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None


def _merged(before: Usage | None, seen: Any) -> Usage:
    """The newest usage: a field that an event leaves out keeps its last value."""
    before = before or Usage()
    creation = getattr(seen, "cache_creation", None)
    hour = getattr(creation, "ephemeral_1h_input_tokens", None)
    hour = before.cache_write_1h_tokens if hour is None else hour
    written = seen.cache_creation_input_tokens
    return Usage(
        input_tokens=before.input_tokens if seen.input_tokens is None else seen.input_tokens,
        # Cumulative: a repeated message_start must not take back what was counted.
        output_tokens=max(before.output_tokens, seen.output_tokens or 0),
        cache_read_tokens=_known(seen.cache_read_input_tokens, before.cache_read_tokens),
        cache_write_tokens=before.cache_write_tokens if written is None else max(0, written - hour),
        cache_write_1h_tokens=hour,
    )


def _known(value: int | None, before: int) -> int:
    return before if value is None else value
