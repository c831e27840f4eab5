"""Find the sentences that say most of a text, in any language.

LexRank: sentences are compared by the rare words they share, and a sentence counts as central when
central sentences resemble it. There are no word lists, so nothing is tied to one language.
Source: Erkan and Radev, "LexRank: Graph-based Lexical Centrality", JAIR 22 (2004).
"""

import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass

MAX_COMPARED = 320
MAX_SENTENCE_CHARS = 420
_DAMPING = 0.85
_SAME = 0.62

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")
_END = re.compile(r"([.!?…؟।]+[\"'”’»)\]]*)(?=\s+|$)|([。！？]+[」』”]?)")
# Short words whose full stop ends no sentence, from the languages of most course pages.
_ABBREVIATIONS_TEXT = """
    e.g i.e etc vs cf ca no nr vol fig eq sec ch pp p approx dr mr mrs ms prof st jr sr dept univ
    z.b d.h bzw usw ggf u.a inkl zzgl sog evtl resp ex env sig sra ud art abs kap
    jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun
"""
# "am 4. Dezember": an ordinal before a month, as German and its neighbours write dates.
_MONTH = re.compile(r"(?:jan|feb|m[aä]r|apr|ma[ij]|jun|jul|aug|sep|o[kc]t|nov|de[zc])[^\W\d_]*", re.IGNORECASE)
_ABBREVIATIONS = frozenset(_ABBREVIATIONS_TEXT.split())


@dataclass(frozen=True)
class Item:
    """One thing of a list: an announcement, a section, a bullet."""

    text: str
    title: str = ""
    group: str = ""


def split_sentences(text: str) -> list[str]:
    """Cut text into sentences, in reading order. A line break inside running text is a blank."""
    sentences: list[str] = []
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*•–]|\d{1,2}[.)])\s)", text):
        block = re.sub(r"^\s*(?:[-*•–]|\d{1,2}[.)])\s+", "", block)
        block = " ".join(block.split())
        start = 0
        for match in _END.finditer(block):
            if match.group(1) and not _ends_here(block, match):
                continue
            sentences.append(block[start : match.end()].strip())
            start = match.end()
        sentences.append(block[start:].strip())
    return [sentence for sentence in sentences if _WORD.search(sentence)]


def _ends_here(block: str, match: re.Match[str]) -> bool:
    if match.group(1)[0] != ".":
        return True
    before = block[: match.start()].rsplit(None, 1)
    last = before[-1].lstrip("(\"'“‘[").casefold() if before else ""
    if last in _ABBREVIATIONS or (len(last) == 1 and last.isalpha()):
        return False
    following = block[match.end() :].lstrip()
    if last.isdigit() and len(last) <= 2 and _MONTH.match(following):
        return False
    return not following or not following[0].islower()


def key_sentence(text: str) -> str:
    """The one sentence to show for a short text, cut at a word when it is very long."""
    found = key_sentences(text, 1)
    return found[0] if found else ""


def key_sentences(text: str, count: int | None = None) -> list[str]:
    """The sentences that carry the text, in reading order, without repeats.

    `count` None means about a quarter of them, at least 1 and at most 7.
    """
    sentences = split_sentences(text)
    if not sentences:
        return []
    if count is None:
        count = max(1, min(7, math.ceil(len(sentences) / 4)))
    bags = [_bag(sentence) for sentence in sentences]
    vectors = _vectors(_compared(bags))
    scores = _centrality(vectors)
    weights = {
        index: scores[index] * _place(index, len(sentences)) * _substance(sentences[index], bags[index])
        for index in vectors
    }
    chosen: list[int] = []
    for index in sorted(weights, key=lambda i: (-weights[i], i)):
        if any(_cosine(vectors[index], vectors[other]) > _SAME for other in chosen):
            continue
        chosen.append(index)
        if len(chosen) == count:
            break
    return [_shorten(sentences[index]) for index in sorted(chosen)]


def _bag(sentence: str) -> Counter[str]:
    words: Counter[str] = Counter()
    for word in _WORD.findall(sentence.casefold()):
        if _WIDE.search(word):
            words.update(word[i : i + 2] for i in range(max(1, len(word) - 1)))
        else:
            words[word] += 1
    return words


def _compared(bags: list[Counter[str]]) -> dict[int, Counter[str]]:
    """All sentences of a normal text; of a very long one an even sample, its opening in full."""
    if len(bags) <= MAX_COMPARED:
        return dict(enumerate(bags))
    head = MAX_COMPARED // 8
    step = (len(bags) - head) / (MAX_COMPARED - head)
    rest = {head + int(i * step) for i in range(MAX_COMPARED - head)}
    return {index: bags[index] for index in sorted({*range(head), *rest})}


def _vectors(bags: dict[int, Counter[str]]) -> dict[int, dict[str, float]]:
    seen: Counter[str] = Counter()
    for bag in bags.values():
        seen.update(bag.keys())
    vectors = {}
    for index, bag in bags.items():
        vector = {word: n * math.log(1 + len(bags) / seen[word]) for word, n in bag.items()}
        length = math.sqrt(sum(value * value for value in vector.values())) or 1.0
        vectors[index] = {word: value / length for word, value in vector.items()}
    return vectors


def _cosine(left: dict[str, float], right: dict[str, float]) -> float:
    if len(left) > len(right):
        left, right = right, left
    return sum(value * right[word] for word, value in left.items() if word in right)


def _centrality(vectors: dict[int, dict[str, float]]) -> dict[int, float]:
    by_word: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for index, vector in vectors.items():
        for word, value in vector.items():
            by_word[word].append((index, value))
    links: dict[int, dict[int, float]] = {index: defaultdict(float) for index in vectors}
    # A word in most sentences links everything with everything and tells nothing.
    common = max(8, len(vectors) // 2)
    for places in by_word.values():
        if len(places) > common:
            continue
        for position, (left, left_value) in enumerate(places):
            for right, right_value in places[position + 1 :]:
                links[left][right] += left_value * right_value
                links[right][left] += left_value * right_value
    scores = dict.fromkeys(vectors, 1.0)
    sums = {index: sum(targets.values()) for index, targets in links.items()}
    for _ in range(30):
        scores = {
            index: (1 - _DAMPING)
            + _DAMPING * sum(scores[other] * weight / sums[other] for other, weight in links[index].items())
            for index in vectors
        }
    return scores


def _place(index: int, total: int) -> float:
    """Openings say what a text is about; everything later counts a little less."""
    return 1.35 if index == 0 else 1.0 + 0.25 * (1 - index / total)


def _substance(sentence: str, bag: Counter[str]) -> float:
    """Favour statements with figures and dates over greetings, questions and fragments."""
    words = sum(bag.values())
    weight = min(1.0, 0.25 + words / 12) * (1.0 if words <= 45 else 45 / words)
    if re.search(r"\d", sentence):
        weight *= 1.35
    if sentence.endswith(("?", "？", "؟", ":")) or (words <= 6 and sentence.endswith(("!", ","))):
        weight *= 0.5
    return weight


def _shorten(sentence: str) -> str:
    if len(sentence) <= MAX_SENTENCE_CHARS:
        return sentence
    cut = sentence[:MAX_SENTENCE_CHARS]
    return (cut.rsplit(None, 1)[0] if " " in cut else cut).rstrip(",;:") + " …"
