"""The colours of tokens.css hold their contrast: 4.5 for text, 3 for controls and focus, in both themes."""

import math
import re
from pathlib import Path

import pytest

TOKENS = (Path(__file__).parents[1] / "static/css/tokens.css").read_text()

Colour = tuple[float, float, float]

SURFACES = ["bg", "surface", "surface-raised", "surface-sunken", "hover"]
TEXTS = ["text", "text-muted", "text-faint", "accent", "danger", "warning", "success"]
SOFT = [("accent", "accent-soft"), ("danger", "danger-soft"), ("warning", "warning-soft"), ("success", "success-soft")]
ON = [("on-accent", "accent"), ("on-danger", "danger"), ("text", "mark"), ("text-muted", "hover-strong")]
THEMES = ["light", "dark"]


def declarations() -> dict[str, str]:
    """Return each custom property with its raw value."""
    return dict(re.findall(r"--([\w-]+):\s*([^;]+);", re.sub(r"/\*.*?\*/", "", TOKENS, flags=re.S)))


def split_arguments(text: str) -> list[str]:
    """Split at the commas that stand outside parentheses."""
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def resolve(value: str, theme: str, known: dict[str, str]) -> str:
    """Follow var() and light-dark() down to an oklch()."""
    value = value.strip()
    if value.startswith("light-dark("):
        light, dark = split_arguments(value[len("light-dark(") : -1])
        return resolve(light if theme == "light" else dark, theme, known)
    whole = re.fullmatch(r"var\(--([\w-]+)\)", value)
    if whole:
        return resolve(known[whole[1]], theme, known)
    return re.sub(r"var\(--([\w-]+)(?:,[^)]*)?\)", lambda found: known[found[1]], value)


def linear_rgb(oklch: str) -> Colour:
    """Convert to linear sRGB, clipped to the gamut. Source: Björn Ottosson, "A perceptual color space", 2020."""
    numbers = re.fullmatch(r"oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)", oklch) or re.fullmatch(
        r"oklch\(([\d.]+) (0) (0)\)", oklch
    )
    assert numbers, f"cannot read {oklch}"
    lightness, chroma, hue = (float(n) for n in numbers.groups())
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    rgb = (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
    red, green, blue = (min(1.0, max(0.0, part)) for part in rgb)
    return red, green, blue


def luminance(role: str, theme: str) -> float:
    known = declarations()
    red, green, blue = linear_rgb(resolve(known[role], theme, known))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str, theme: str) -> float:
    dark, light = sorted([luminance(one, theme), luminance(other, theme)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("role", TEXTS)
def test_text_is_readable_on_every_surface(role: str, surface: str, theme: str) -> None:
    assert contrast(role, surface, theme) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("role", "ground"), SOFT + ON)
def test_text_is_readable_on_its_own_tint(role: str, ground: str, theme: str) -> None:
    assert contrast(role, ground, theme) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("surface", ["bg", "surface"])
@pytest.mark.parametrize("role", ["control", "focus"])
def test_controls_and_focus_stand_out(role: str, surface: str, theme: str) -> None:
    assert contrast(role, surface, theme) >= 3


def test_the_measure_itself_knows_black_from_white() -> None:
    assert linear_rgb("oklch(1 0 0)") == pytest.approx((1, 1, 1), abs=1e-3)
    assert linear_rgb("oklch(0 0 0)") == pytest.approx((0, 0, 0), abs=1e-6)


@pytest.mark.parametrize("hue", re.findall(r"--course-hue: (\d+)", TOKENS))
@pytest.mark.parametrize("theme", THEMES)
def test_a_course_colour_can_be_told_from_the_page(hue: str, theme: str) -> None:
    known = {**declarations(), "course-hue": hue}
    red, green, blue = linear_rgb(resolve(known["course"].replace("var(--course-hue, 262)", hue), theme, known))
    mark = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    ground = luminance("bg", theme)
    dark, light = sorted([mark, ground])
    assert (light + 0.05) / (dark + 0.05) >= 3
