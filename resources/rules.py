"""Checks that pages, API and imports share."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

MAX_TAGS = 20
MAX_TAG_CHARACTERS = 40
MAX_TITLE_CHARACTERS = 255
MAX_BODY_CHARACTERS = 200_000
MAX_NAME_BYTES = 200
# Control and direction characters: the latter make "exe.pdf" out of "fdp.exe". Private-use characters mark
# what a search found, so they may not come from outside.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ue000-\uf8ff\ud800-\udfff]"
)
_FORBIDDEN_IN_NAMES = re.compile(r'[<>:"|?*\\/]')


def clean_line(text: str) -> str:
    """Return the text on one line, composed, without characters that cannot be seen."""
    text = unicodedata.normalize("NFC", text.replace("\n", " ").replace("\t", " "))
    return " ".join(_UNPRINTABLE.sub("", text).split())


def check_title(title: str) -> str:
    """Return the cleaned title.

    Raises:
        ValidationError: at `title`, when nothing is left or it is too long.
    """
    title = clean_line(title)
    if not title:
        raise ValidationError({"title": "Give it a title."})
    if len(title) > MAX_TITLE_CHARACTERS:
        raise ValidationError({"title": f"A title has at most {MAX_TITLE_CHARACTERS} characters."})
    return title


def check_body(body: str) -> str:
    """Return the Markdown with plain line ends and none around it.

    Raises:
        ValidationError: at `body`, when it is too long.
    """
    body = body.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").strip("\n").rstrip()
    if len(body) > MAX_BODY_CHARACTERS:
        raise ValidationError({"body": f"A note has at most {MAX_BODY_CHARACTERS:,} characters; split it in two."})
    return re.sub("[\ue000-\uf8ff\ud800-\udfff]", "", body)


def check_address(url: str) -> str:
    """Return the address of a link.

    Raises:
        ValidationError: at `url`, for anything but a web address with a host, and for one that holds a password.
    """
    url = clean_line(url).replace(" ", "%20")
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        parts, host = None, None
    if parts is None or parts.scheme not in {"http", "https"} or not host:
        raise ValidationError({"url": "Enter a web address that starts with https:// or http://."})
    if parts.username or parts.password:
        raise ValidationError({"url": "Leave user name and password out of the address."})
    if len(url) > 2000:
        raise ValidationError({"url": "The address is longer than 2,000 characters."})
    return url


def check_tags(tags: str | Iterable[str]) -> list[str]:
    """Return tags in small letters, each once, in the order given; a comma always separates.

    Raises:
        ValidationError: at `tags`, when there are too many or one is too long.
    """
    pieces = ",".join([tags] if isinstance(tags, str) else [str(tag) for tag in tags]).split(",")
    names = list(dict.fromkeys(name for piece in pieces if (name := clean_line(piece).lstrip("#").casefold())))
    if len(names) > MAX_TAGS:
        raise ValidationError({"tags": f"At most {MAX_TAGS} tags."})
    if any(len(name) > MAX_TAG_CHARACTERS for name in names):
        raise ValidationError({"tags": f"A tag has at most {MAX_TAG_CHARACTERS} characters."})
    return names


def safe_file_name(name: str) -> str:
    """Return a name that is safe on every file system: no folders, no hidden characters, at most 200 bytes
    with its ending kept. Never empty."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    name = _FORBIDDEN_IN_NAMES.sub("_", _UNPRINTABLE.sub("", name))
    name = " ".join(name.split()).strip(". ")
    if not name:
        return "file"
    ending = PurePosixPath(name).suffix
    if len(ending.encode()) > 20:
        ending = ""
    stem = name[: len(name) - len(ending)] if ending else name
    room = MAX_NAME_BYTES - len(ending.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip() + ending


def title_from_name(name: str) -> str:
    """Make a title from a file name: without its ending, underscores as spaces."""
    stem = PurePosixPath(name).stem.replace("_", " ")
    return clean_line(stem)[:MAX_TITLE_CHARACTERS] or name[:MAX_TITLE_CHARACTERS]
