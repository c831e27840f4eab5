"""The page that searches everything: what each app registered, asked in turn."""

import logging
from contextlib import nullcontext
from dataclasses import dataclass

from django.db import connection, transaction
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from coreengine.kernel.pages import render_page
from coreengine.kernel.screens import SearchHit, SearchSource, search_sources
from coreengine.kernel.typing import Request

logger = logging.getLogger(__name__)

FEW, MANY = 6, 30


@dataclass(frozen=True)
class Group:
    """What one source found. `has_failed` when it could not be asked; `is_cut` when it may have more."""

    source: SearchSource
    hits: list[SearchHit]
    is_cut: bool = False
    has_failed: bool = False


@require_GET
def search(request: Request) -> HttpResponse:
    """Search everywhere, grouped; `in` narrows down to one group."""
    words = request.GET.get("q", "").strip()[:300]
    sources = search_sources()
    only = request.GET.get("in", "")
    asked = [source for source in sources if source.key == only] or sources
    groups = [ask(source, request, words, MANY if len(asked) == 1 else FEW) for source in asked] if words else []
    found = [group for group in groups if group.hits or group.has_failed]
    count = sum(len(group.hits) for group in found)
    context = {
        "words": words,
        "sources": sources,
        "only": only if any(source.key == only for source in sources) else "",
        "groups": found,
        "count": count,
        "count_text": count_text(words, count, any(group.is_cut for group in found)),
    }
    return render_page(request, "resources/search.html", context, parts={"results": "results"})


def ask(source: SearchSource, request: Request, words: str, limit: int) -> Group:
    """Ask one source. One that fails is shown as such and logged, and harms no other."""
    try:
        # Outside of a transaction an error harms no other source; inside of one a savepoint sees to that.
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            hits = list(source.search(request.user, words, limit + 1))
    except Exception:
        logger.exception("the search source %s failed", source.key)
        return Group(source, [], has_failed=True)
    return Group(source, hits[:limit], is_cut=len(hits) > limit)


def count_text(words: str, count: int, is_cut: bool) -> str:
    """Say how much was found, for the live region."""
    if not words:
        return ""
    if not count:
        return "Nothing found"
    return f"{count} {'best matches' if is_cut else 'found'}"
