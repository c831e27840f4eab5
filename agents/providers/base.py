"""What every provider of answers looks like from outside: one request in, pieces or one response out."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from coreengine.kernel.errors import ExternalError

if TYPE_CHECKING:
    from agents.registry import AgentManifest

PROMPT_MAX_CHARS = 50_000
DEFAULT_TEMPERATURE = 0.7
DEFAULT_MAX_TOKENS = 2_000
DEFAULT_TIMEOUT_S = 30

Wait = Callable[[float], None]


@dataclass(frozen=True)
class AgentContext:
    """Who asks, and what came before. Nothing in it is an instruction to a model by itself."""

    user_id: str = ""
    session_id: str = ""
    conversation_history: tuple[Mapping[str, str], ...] = ()
    workflow_context: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AgentRequest:
    """`timeout_s` bounds the silence between two signs of life, not the whole answer."""

    prompt: str
    context: AgentContext = field(default_factory=AgentContext)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float = DEFAULT_TIMEOUT_S


@dataclass(frozen=True)
class Usage:
    """Tokens of one call. `input_tokens` leaves the cache out, as the providers' own figures do."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    is_estimated: bool = False

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.cache_write_1h_tokens + other.cache_write_1h_tokens,
            self.is_estimated or other.is_estimated,
        )

    @property
    def total_input_tokens(self) -> int:
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens + self.cache_write_1h_tokens


@dataclass(frozen=True)
class Piece:
    """A bit of an answer on its way. `usage`, when given, is the whole call's so far: never add two."""

    text: str = ""
    usage: Usage | None = None
    stop_reason: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AgentResponse:
    success: bool
    content: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    execution_time: float = 0.0
    cost_usd_micros: int = 0
    usage: Usage = field(default_factory=Usage)
    stop_reason: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Estimate:
    """What a run will probably cost, and what it can cost at the very most (this much is reserved)."""

    input_tokens: int
    output_tokens: int
    likely_usd_micros: int
    worst_usd_micros: int


@dataclass(frozen=True)
class Health:
    """`status` is healthy, needs_key or unavailable; `next_step` tells a person how to get to healthy."""

    status: str
    detail: str = ""
    next_step: str = ""

    @property
    def is_usable(self) -> bool:
        return self.status == "healthy"


class ProviderError(ExternalError):
    """A provider failed. `usage` is what it has charged by then, None when nothing was charged."""

    code = "provider_failed"

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: int | None = None,
        retryable: bool = False,
        retry_after_s: float | None = None,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(message, code=code or None, retryable=retryable, retry_after_s=retry_after_s)
        if status is not None:
            self.status = status
        self.usage = usage


class Provider(ABC):
    """One agent's way to its answers. Made per run; holds no state between two."""

    def __init__(self, manifest: "AgentManifest", credentials: Mapping[str, str] | None = None) -> None:
        self.manifest = manifest
        self.credentials = dict(credentials or {})

    @abstractmethod
    def stream(self, request: AgentRequest, *, wait: Wait = time.sleep) -> Iterator[Piece]:
        """Yield the answer as it comes. `wait` is called for every pause before a retry.

        Raises:
            ProviderError: no answer, or half of one; its `usage` must still be paid.
        """

    @abstractmethod
    def estimate(self, request: AgentRequest) -> Estimate:
        """Say what `request` would cost, without calling anybody."""

    @abstractmethod
    def health(self) -> Health:
        """Say whether a run could start now, without spending anything."""

    @abstractmethod
    def cost(self, usage: Usage) -> int:
        """The price of `usage` in USD micros, rounded up."""

    def process(self, request: AgentRequest, *, wait: Wait = time.sleep) -> AgentResponse:
        """Answer in one go; a failure comes back as `success=False` with what it cost."""
        started = time.monotonic()
        parts: list[str] = []
        response = AgentResponse(success=True)
        try:
            for piece in self.stream(request, wait=wait):
                parts.append(piece.text)
                response = replace(
                    response,
                    usage=piece.usage or response.usage,
                    stop_reason=piece.stop_reason or response.stop_reason,
                    metadata={**response.metadata, **piece.metadata},
                )
        except ProviderError as error:
            response = replace(response, success=False, error=str(error), usage=error.usage or response.usage)
        return replace(
            response,
            content="".join(parts),
            execution_time=time.monotonic() - started,
            cost_usd_micros=self.cost(response.usage),
        )
