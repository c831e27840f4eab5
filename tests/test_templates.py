"""Every template compiles, and none carries a style, a script or a colour of its own."""

import re
from pathlib import Path

import lucide
import pytest
from django.template import engines

ROOT = Path(__file__).parents[1]
TEMPLATES = sorted((ROOT / "templates").rglob("*.*"))
# Mails are read elsewhere, in programs that know styles in the elements and little else.
PAGES = [path for path in TEMPLATES if path.suffix == ".html" and "emails" not in path.parts]
STYLES = [path for path in sorted((ROOT / "static").rglob("*.css")) if path.name != "tokens.css"]
SCRIPTS = sorted((ROOT / "static/js").rglob("*.js"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT / "templates"))


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_it_compiles(path: Path) -> None:
    engines["django"].get_template(name_of(path))


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_it_keeps_to_the_content_security_policy(path: Path) -> None:
    text = re.sub(r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}", "", path.read_text(), flags=re.S)

    assert not re.search(r"<style\b", text), "styles live in static/css"
    assert not re.search(r"\sstyle=", text), "use a class; amounts are meter and progress"
    assert not re.search(r"\son[a-z]+=[\"']", text), "behaviour lives in static/js"
    assert not re.search(r"\shx-on[:-]", text), "hx-on needs eval"
    assert not re.search(r"hx-(vals|headers)=[\"']js:", text), "js: needs eval"
    for script in re.findall(r"<script\b[^>]*>", text):
        assert "src=" in script, f"inline script: {script}"
    assert not re.search(r"(?:src|href)=[\"'](?:https?:)?//[^\"']+\.(?:js|css|woff2?)", text), "nothing from elsewhere"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_no_comment_shows_on_the_page(path: Path) -> None:
    for comment in re.findall(r"\{#[^\n]*", path.read_text()):
        assert "#}" in comment, "a {# comment #} must end on its line"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_its_icons_exist(path: Path) -> None:
    for name in re.findall(r"""(?<!-)\bicon(?:=| )["']([\w-]+)["']""", path.read_text()):
        lucide._load_icon(name)


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_its_triggers_need_no_eval(path: Path) -> None:
    for trigger in re.findall(r"""hx-trigger=["']([^"']+)""", path.read_text()):
        assert "[" not in trigger, "a [filter] needs eval; in a selector it is not understood"


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_only_the_tokens_name_colours(path: Path) -> None:
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)

    found = re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[\s;,)])|\b(?:rgba?|hsla?|oklch|oklab|lab|lch)\(", text)

    assert not found, "name a role of tokens.css instead"


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_every_token_that_a_style_uses_exists(path: Path) -> None:
    styles = " ".join(sheet.read_text() for sheet in [*STYLES, ROOT / "static/css/tokens.css"])
    known = set(re.findall(r"(--[\w-]+):", styles))

    used = set(re.findall(r"var\((--[\w-]+)\s*\)", path.read_text()))

    assert used <= known, sorted(used - known)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_makes_no_code_of_text(path: Path) -> None:
    text = path.read_text()

    assert not re.search(r"\beval\(|new Function\(|\.outerHTML\s*=|insertAdjacentHTML|document\.write", text)
    assert not re.search(r"\.style\.|setAttribute\([\"']style", text), "the policy allows no style attribute"
