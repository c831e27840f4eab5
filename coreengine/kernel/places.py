"""Where one can go from every page: navigation, settings, quick add and the keys for them."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.urls import reverse

from coreengine.kernel import screens


@dataclass(frozen=True)
class Link:
    """A place to go, as navigation shows it."""

    key: str
    label: str
    icon: str
    url: str
    is_current: bool = False
    count: int = 0


@dataclass(frozen=True)
class Shortcut:
    """Keys that do something on every page: go to `href`, or run a `command` of static/js/keyboard.js.

    `keys` are pressed one after the other, with a space between them.
    """

    keys: str
    label: str
    href: str = ""
    command: str = ""

    @property
    def parts(self) -> list[str]:
        """Return the keys one by one."""
        return self.keys.split()


COMMANDS = (
    Shortcut("/", "Search", command="search"),
    Shortcut("j", "Next in a list", command="next"),
    Shortcut("k", "Previous in a list", command="previous"),
    Shortcut("?", "This list", command="help"),
)
# The key of a navigation entry is its letter here; entries that are not there have no shortcut.
LETTERS = {
    "dashboard": "d",
    "planner": "t",
    "courses": "c",
    "calendar": "k",
    "grades": "r",
    "vault": "v",
    "workflows": "w",
    "agents": "a",
    "connections": "p",
}


def _is_current(request: HttpRequest | None, url: str) -> bool:
    """Say whether the page lies at or below this place."""
    if request is None:
        return False
    path = urlsplit(url).path
    return request.path == path or (path != "/" and request.path.startswith(path))


def nav_links(request: HttpRequest | None, group: str) -> list[Link]:
    """List one group of the main navigation. The longest address that fits is the current one."""
    entries = [(item, reverse(item.url_name)) for item in screens.nav_items(group)]
    around = [(address, item) for item, url in entries for address in (url, *map(reverse, item.also))]
    fitting = [(len(address), item.key) for address, item in around if _is_current(request, address)]
    _, current = max(fitting, default=(0, ""))
    return [
        Link(item.key, item.label, item.icon, url, item.key == current, _count(item, request)) for item, url in entries
    ]


def _count(item: screens.NavItem, request: HttpRequest | None) -> int:
    """Ask how much waits there; nobody is asked for a page that has no reader."""
    if item.count is None or request is None or not getattr(request.user, "is_authenticated", False):
        return 0
    return item.count(request)


def settings_links(request: HttpRequest | None) -> list[Link]:
    """List the settings pages; pages of allauth count as below security."""
    links = []
    for page in screens.settings_pages():
        url = reverse(page.url_name)
        is_current = request is not None and (
            request.path == url or (url != "/settings/" and request.path.startswith(url))
        )
        if page.key == "security" and request is not None and request.path.startswith("/accounts/"):
            is_current = True
        links.append(Link(page.key, page.label, page.icon, url, is_current))
    return links


def quick_adds() -> list[Link]:
    """List what can be made from every page."""
    return [Link(item.key, item.label, item.icon, reverse(item.url_name)) for item in screens.quick_adds()]


def shortcuts() -> list[Shortcut]:
    """List the keys that work on every page, in the order that the help shows them."""
    going = [
        Shortcut(f"g {LETTERS[link.key]}", f"Go to {link.label}", href=link.url)
        for group in ("main", "bottom")
        for link in nav_links(None, group)
        if link.key in LETTERS
    ]
    inbox = Shortcut("g n", "Go to Notifications", href=reverse("kernel:notifications"))
    settings = Shortcut("g s", "Go to Settings", href=reverse("accounts:profile"))
    return [COMMANDS[0], *going, inbox, settings, *COMMANDS[1:]]


def page_shortcuts(request: HttpRequest | None) -> screens.PageKeys | None:
    """Return the keys that a page has of its own, if it has some."""
    path = getattr(request, "path", "")
    return next((keys for keys in screens.page_keys() if path == reverse(keys.url_name)), None)
