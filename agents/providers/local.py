"""The provider that needs no key and no network: it picks the sentences that carry a text."""

import re
import time
from collections.abc import Iterator
from itertools import islice

from agents.providers.base import AgentRequest, Estimate, Health, Piece, Provider, Usage, Wait
from agents.providers.extractive import Item, key_sentence, key_sentences
from agents.providers.material import Material, read_material

_PIECES = re.compile(r"\w+|[^\w\s]")
_COUNT = re.compile(r"(?<![\w.])(\d{1,2})(?![\w.%])")
MAX_SENTENCES = 20
MAX_ITEMS = 60


def count_pieces(text: str) -> int:
    """How many words and marks a text has; stands in for tokens where there is no tokeniser."""
    return sum(1 for _ in _PIECES.finditer(text))


class LocalProvider(Provider):
    """Extractive summaries on this machine, at no cost. The same text always gives the same answer."""

    def stream(self, request: AgentRequest, *, wait: Wait = time.sleep) -> Iterator[Piece]:
        material = read_material(request.prompt)
        budget = int(request.parameters.get("max_tokens", self.manifest.max_tokens))
        read = count_pieces(request.prompt)
        written = 0
        stop_reason = "end_turn"
        for text in _lines(material, request):
            size = count_pieces(text)
            if written and written + size > budget:
                stop_reason = "max_tokens"
                break
            written += size
            yield Piece(text=text, usage=Usage(input_tokens=read, output_tokens=written))
        yield Piece(
            usage=Usage(input_tokens=read, output_tokens=written),
            stop_reason=stop_reason,
            metadata={"items": len(material.items), "method": "lexrank"},
        )

    def estimate(self, request: AgentRequest) -> Estimate:
        read = count_pieces(request.prompt)
        return Estimate(read, min(read, 150), 0, 0)

    def health(self) -> Health:
        return Health("healthy", "Runs on this machine, without a key.")

    def cost(self, usage: Usage) -> int:
        return 0


def _lines(material: Material, request: AgentRequest) -> Iterator[str]:
    wanted = _wanted(material.instruction, request)
    if len(material.items) > 1:
        shown = material.items[:MAX_ITEMS]
        for position, item in enumerate(shown):
            yield ("\n" if position else "") + _bullet(item, wanted or 1)
        left = len(material.items) - len(shown)
        if left:
            yield f"\n- … {left} more"
        return
    item = material.items[0] if material.items else Item(text="")
    sentences = key_sentences(item.text, wanted)
    if not sentences:
        yield _head(item) or "There is no text to summarise."
        return
    if item.title:
        yield f"{_head(item)}\n\n"
    for position, sentence in enumerate(sentences):
        yield ("\n" if position else "") + f"- {_escape(sentence)}"


def _bullet(item: Item, wanted: int) -> str:
    sentences = key_sentences(item.text, wanted) if wanted > 1 else [key_sentence(item.text)]
    said = _escape(" ".join(sentence for sentence in sentences if sentence))
    return "- " + ": ".join(part for part in (_head(item), said) if part)


def _head(item: Item) -> str:
    parts = [f"**{_escape(item.title)}**" if item.title else "", f"({_escape(item.group)})" if item.group else ""]
    return " ".join(part for part in parts if part)


def _wanted(instruction: str, request: AgentRequest) -> int | None:
    """How many sentences are asked for: the parameter wins, else the first small number in the words."""
    asked = request.parameters.get("sentences")
    if asked is None:
        numbers = list(islice(_COUNT.finditer(instruction), 1))
        asked = numbers[0].group(1) if numbers else None
    if asked is None or not 1 <= int(asked) <= MAX_SENTENCES:
        return None
    return int(asked)


# What would be a heading, an emphasis, a link or a tag in the answer was plain text in the material.
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~])")


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
