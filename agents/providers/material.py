"""Read a prompt as an instruction and the material it speaks of.

The convention, first match wins:
1. `<material> … </material>`: what stands inside is material, the rest is the instruction.
2. A line of three or more dashes: above it the instruction, below it the material.
3. A JSON list or object after the instruction, as a workflow's `{{ }}` writes it.
4. A first line or paragraph that ends with a colon, or is short and stands alone before a blank line.
5. Otherwise everything is material.
"""

import ast
import json
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import islice
from typing import Any

from agents.providers.extractive import Item, split_sentences

_TAGGED = re.compile(r"<material>(.*?)(?:</material>|\Z)", re.DOTALL | re.IGNORECASE)
_RULE = re.compile(r"^\s*-{3,}\s*$", re.MULTILINE)
_HTML = re.compile(r"</?(?:p|div|br|ul|ol|li|h[1-6]|table|tr|td|a|b|i|em|strong|span|img|pre|code)\b[^>]*>", re.I)
_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*\s*$", re.MULTILINE)
_BULLET = re.compile(r"^(?:[-*•+]|\d{1,2}[.)])\s+", re.MULTILINE)
_BOLD_HEAD = re.compile(r"^(?:\*\*|__)(.{1,120}?)(?:\*\*|__)\s*(?:\(([^)]{1,80})\))?\s*[:.–—-]*\s*", re.DOTALL)
_PLAIN_HEAD = re.compile(r"^([^.!?:\n]{2,80}?)(?:\s*\(([^)]{1,80})\))?\s*:\s+(?=\S)")

_TITLES = ("title", "name", "subject", "heading")
_GROUPS = ("course", "course_name", "group", "category", "source", "author")
_TEXTS = ("text", "message_html", "message", "content", "body", "description_html", "description", "summary")


@dataclass(frozen=True)
class Material:
    instruction: str
    items: tuple[Item, ...]


def read_material(prompt: str) -> Material:
    """Split a prompt by the convention above and find the items of its material."""
    instruction, text = _split(prompt.strip())
    return Material(instruction.strip(), tuple(_items(text.strip())))


def _split(prompt: str) -> tuple[str, str]:
    if found := _TAGGED.search(prompt):
        inside = "\n\n".join(match.group(1) for match in _TAGGED.finditer(prompt))
        return _TAGGED.sub(" ", prompt), inside if found else ""
    if (rule := _RULE.search(prompt)) and prompt[: rule.start()].strip():
        return prompt[: rule.start()], prompt[rule.end() :]
    if (start := _json_start(prompt)) is not None:
        return prompt[:start], prompt[start:]
    first, _, rest = prompt.partition("\n\n")
    if rest.strip() and (first.rstrip().endswith(":") or _is_instruction(first, rest)):
        return first, rest
    line, _, rest = prompt.partition("\n")
    if rest.strip() and line.rstrip().endswith(":") and len(line) <= 300:
        return line, rest
    head, colon, rest = prompt.partition(": ")
    if colon and len(head) <= 100 and len(rest) > 3 * len(head) and not re.search(r"[.!?\n]", head):
        return head, rest
    return "", prompt


def _is_instruction(first: str, rest: str) -> bool:
    lone = "\n" not in first and len(first) <= 300 and not first.lstrip().startswith(("#", "-", "*", "<"))
    return lone and len(split_sentences(first)) == 1 and len(rest) > 2 * len(first)


def _json_start(prompt: str) -> int | None:
    # The material starts near the top, and each try may cost as much as the prompt is long.
    for match in islice(re.finditer(r"[\[{]", prompt[:2000]), 6):
        if isinstance(_load(prompt[match.start() :]), list | dict):
            return match.start()
    return None


def _load(text: str) -> Any:
    text = text.strip()
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        if text[:2] not in ("[{", "[]", "['"):
            return None
    try:
        # A list that a template wrote out in Python's words: literals only, nothing is evaluated.
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def _items(text: str) -> list[Item]:
    loaded = _load(text) if text[:1] in "[{" else None
    if isinstance(loaded, dict):
        lists = [value for value in loaded.values() if isinstance(value, list) and value]
        loaded = lists[0] if len(lists) == 1 and not _pick(loaded, _TEXTS) else [loaded]
    if isinstance(loaded, list):
        return [item for item in map(_from_json, loaded) if item.text or item.title]
    plain = plain_text(text)
    return _by_heading(plain) or _by_bullet(plain) or [Item(text=strip_markdown(plain))]


def _from_json(value: Any) -> Item:
    if isinstance(value, dict):
        return Item(
            text=strip_markdown(plain_text(_pick(value, _TEXTS))),
            title=strip_markdown(plain_text(_pick(value, _TITLES))),
            group=strip_markdown(plain_text(_pick(value, _GROUPS))),
        )
    return Item(text=strip_markdown(plain_text(value if isinstance(value, str) else json.dumps(value))))


def _pick(value: dict[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        found = value.get(name)
        if isinstance(found, str | int | float) and str(found).strip():
            return str(found)
        if isinstance(found, dict):
            return _pick(found, _TITLES)
    return ""


def _by_heading(text: str) -> list[Item]:
    headings = list(_HEADING.finditer(text))
    if not headings:
        return []
    # The level that occurs most is that of the items; a single higher one above is the page's title.
    levels = [len(match.group(1)) for match in headings]
    level = min(sorted(set(levels)), key=lambda each: (-levels.count(each), each))
    own = [match for match, each in zip(headings, levels, strict=True) if each == level]
    if len(own) < 2:
        return []
    ends = [match.start() for match in own[1:]] + [len(text)]
    return [
        Item(text=strip_markdown(text[match.end() : end]), title=strip_markdown(match.group(2)))
        for match, end in zip(own, ends, strict=True)
    ]


def _by_bullet(text: str) -> list[Item]:
    marks = list(_BULLET.finditer(text))
    if len(marks) < 2 or len(text[: marks[0].start()].strip()) > len(text) // 3:
        return []
    ends = [match.start() for match in marks[1:]] + [len(text)]
    return [_from_bullet(text[match.end() : end].strip()) for match, end in zip(marks, ends, strict=True)]


def _from_bullet(text: str) -> Item:
    head = _BOLD_HEAD.match(text) or _PLAIN_HEAD.match(text)
    if head and text[head.end() :].strip():
        return Item(
            text=strip_markdown(text[head.end() :]),
            title=strip_markdown(head.group(1)),
            group=strip_markdown(head.group(2) or ""),
        )
    return Item(text=strip_markdown(text))


def strip_markdown(text: str) -> str:
    """Leave the words of Markdown: no fences, images, link targets, marks of emphasis or headings."""
    text = re.sub(r"^(```|~~~).*?(?:^\1|\Z)", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"^\s{0,3}(?:#{1,6}\s+|>\s?)", "", text, flags=re.MULTILINE)
    text = re.sub(r"(\*\*|__|~~)(?=\S)(.+?)(?<=\S)\1", r"\2", text)
    text = re.sub(r"(?<!\w)([*_])(?=\S)([^*_\n]+?)(?<=\S)\1(?!\w)", r"\2", text)
    return re.sub(r"`([^`\n]*)`", r"\1", text).strip()


def plain_text(text: str) -> str:
    """HTML as text with its paragraphs, headings and list marks; anything else as it is."""
    if not _HTML.search(text):
        return text
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    _SKIPPED = frozenset({"script", "style", "head", "template", "noscript", "svg"})
    _BLOCKS = frozenset(
        {"p", "div", "section", "article", "table", "tr", "ul", "ol", "blockquote", "pre", "header", "footer"}
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._skipping = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._SKIPPED:
            self._skipping += 1
        elif re.fullmatch(r"h[1-6]", tag):
            self._parts.append("\n\n" + "#" * int(tag[1]) + " ")
        elif tag == "li":
            self._parts.append("\n- ")
        elif tag == "br":
            self._parts.append("\n")
        elif tag in self._BLOCKS:
            self._parts.append("\n\n")
        elif tag == "td":
            self._parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._SKIPPED:
            self._skipping = max(0, self._skipping - 1)
        elif tag in self._BLOCKS or re.fullmatch(r"h[1-6]", tag):
            self._parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self._skipping:
            self._parts.append(re.sub(r"\s+", " ", data))

    def text(self) -> str:
        lines = [line.strip() for line in "".join(self._parts).split("\n")]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
