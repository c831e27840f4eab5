"""Names that could be taken for one another: the first trick of whoever wants a plugin installed by mistake."""

from __future__ import annotations

import difflib

from plugins.registry import all_plugins

# Letters and digits that look alike, and endings that say nothing.
_LOOKS = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s", "3": "e", "8": "b"})
_ENDINGS = ("-integration", "-plugin", "-sync", "-app")
_CLOSE = 0.84


def near_names(name: str) -> list[str]:
    """Return the plugins of this installation whose names a person could take for this one."""
    wanted = _bare(name)
    return [
        plugin.name
        for plugin in all_plugins()
        if plugin.name != name
        and not plugin.is_faulty
        and difflib.SequenceMatcher(None, wanted, _bare(plugin.name), autojunk=False).ratio() >= _CLOSE
    ]


def _bare(name: str) -> str:
    seen = name.replace("rn", "m").replace("vv", "w").translate(_LOOKS)
    for ending in _ENDINGS:
        seen = seen.removesuffix(ending.translate(_LOOKS))
    return seen.replace("-", "")
