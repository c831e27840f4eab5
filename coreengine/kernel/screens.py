"""What upper apps add to shared screens: navigation, settings pages, cards, slots, search sources.

Apps register from `AppConfig.ready()`; the registries are read-only afterwards.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

logger = logging.getLogger(__name__)

Context = Callable[..., dict[str, Any] | None]


@dataclass(frozen=True)
class NavItem:
    """An entry of the main navigation. `group` is main or bottom; `count` says how much waits there.

    `also` names lists at other addresses whose pages belong to this place as well.
    """

    key: str
    label: str
    icon: str
    url_name: str
    order: int
    group: str = "main"
    count: Callable[[HttpRequest], int] | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class SettingsPage:
    """An entry of the settings navigation."""

    key: str
    label: str
    icon: str
    url_name: str
    order: int
    description: str = ""


@dataclass(frozen=True)
class Card:
    """A card of the dashboard; `context` gives None when there is nothing to show.

    A card is asked for by a request of its own, so that a slow one holds up nothing; `loads` is "inline" for what
    the page is for (it comes with the page), "later" for right after, "in view" for when it is scrolled to. `lines`
    is the height that is kept for it meanwhile; 0 for a card that mostly has nothing to show.
    """

    key: str
    title: str
    template: str
    context: Context
    order: int
    region: str = "side"
    more_url_name: str = ""
    more_label: str = ""
    loads: str = "later"
    lines: int = 3

    @property
    def trigger(self) -> str:
        """Return when htmx asks for it."""
        return "revealed" if self.loads == "in view" else "load"


@dataclass(frozen=True)
class SlotPart:
    """A piece of another app's page."""

    template: str
    context: Context
    order: int


@dataclass(frozen=True)
class SearchHit:
    """One thing found. `snippet_html` is safe HTML with <mark> around what matched."""

    title: str
    url: str
    snippet_html: str = ""
    kind: str = ""
    meta: str = ""
    rank: float = 0.0


@dataclass(frozen=True)
class SearchSource:
    """A place that the search page asks: `search(user, query, limit)` gives hits, best first."""

    key: str
    label: str
    icon: str
    search: Callable[[Any, str, int], list[SearchHit]]
    order: int


@dataclass(frozen=True)
class QuickAdd:
    """Something that the quick-add menu of every page can make; `url_name` is the page with its form."""

    key: str
    label: str
    icon: str
    url_name: str
    order: int


@dataclass(frozen=True)
class PageKeys:
    """Keys that work on one page: (key, what it does, command).

    The help lists them there; pressed, they reach the page as the event `shortcut` with the command. The command
    "follow" follows the link with `data-shortcut` of the key instead; keys that only the page's script knows, such as
    arrows, have no command and are listed all the same.
    """

    title: str
    url_name: str
    keys: tuple[tuple[str, str, str], ...]


_page_keys: list[PageKeys] = []
_nav: dict[str, NavItem] = {}
_quick_adds: dict[str, QuickAdd] = {}
_settings: dict[str, SettingsPage] = {}
_cards: dict[str, Card] = {}
_slots: dict[str, list[SlotPart]] = {}
_sources: dict[str, SearchSource] = {}


def register_nav(item: NavItem) -> None:
    """Add an entry to the main navigation."""
    _nav[item.key] = item


def register_quick_add(item: QuickAdd) -> None:
    """Add an entry to the quick-add menu."""
    _quick_adds[item.key] = item


def register_page_keys(keys: PageKeys) -> None:
    """Add the keys of one page."""
    if keys not in _page_keys:
        _page_keys.append(keys)


def page_keys() -> list[PageKeys]:
    """List the keys of all pages."""
    return _page_keys


def register_settings_page(page: SettingsPage) -> None:
    """Add an entry to the settings navigation."""
    _settings[page.key] = page


def register_card(card: Card) -> None:
    """Add a card to the dashboard."""
    _cards[card.key] = card


def register_slot(name: str, template: str, *, context: Context, order: int = 100) -> None:
    """Add a piece to the slot `name` of another app's page."""
    part = SlotPart(template, context, order)
    if part not in _slots.setdefault(name, []):
        _slots[name].append(part)
        _slots[name].sort(key=lambda p: p.order)


def register_search(source: SearchSource) -> None:
    """Add a place that the search page asks."""
    _sources[source.key] = source


def nav_items(group: str = "main") -> list[NavItem]:
    """List the navigation of one group in order."""
    return sorted((n for n in _nav.values() if n.group == group), key=lambda n: n.order)


def quick_adds() -> list[QuickAdd]:
    """List the entries of the quick-add menu in order."""
    return sorted(_quick_adds.values(), key=lambda q: q.order)


def settings_pages() -> list[SettingsPage]:
    """List the settings pages in order."""
    return sorted(_settings.values(), key=lambda p: p.order)


def search_sources() -> list[SearchSource]:
    """List the places to search in order."""
    return sorted(_sources.values(), key=lambda s: s.order)


@dataclass(frozen=True)
class FilledCard:
    """A card with what it shows; `context` is None while it has not been asked for.

    `has_failed` stands for content that could not be made.
    """

    card: Card
    context: dict[str, Any] | None = None
    has_failed: bool = False


def dashboard_cards(request: HttpRequest, region: str) -> list[FilledCard]:
    """List the cards of one region: those that come with the page filled, the others empty."""
    placed = []
    for card in sorted((c for c in _cards.values() if c.region == region), key=lambda c: c.order):
        filled = fill_card(request, card) if card.loads == "inline" else FilledCard(card)
        if filled is not None:
            placed.append(filled)
    return placed


def find_card(key: str) -> Card | None:
    """Return the card of this key."""
    return _cards.get(key)


def fill_card(request: HttpRequest, card: Card) -> FilledCard | None:
    """Make what a card shows; None where there is nothing. A card that fails is logged, and harms no other."""
    try:
        # No savepoint: pages run outside of a transaction, where a statement that fails harms no other, and it
        # would cost every card two more round trips.
        context = card.context(request)
    except Exception:
        logger.exception("the dashboard card %s failed", card.key)
        return FilledCard(card, has_failed=True)
    return None if context is None else FilledCard(card, context)


def slot_parts(name: str) -> list[SlotPart]:
    """List the pieces registered for a slot."""
    return _slots.get(name, [])
