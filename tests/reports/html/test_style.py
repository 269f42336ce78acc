"""Colours: text can be read, and lines can be told from what is behind them, on the light page and the dark."""

from __future__ import annotations

import re

import pytest

from pytest_cio_load.reports.html.page import _own

COLOURS = {name: pair for name, *pair in re.findall(r"--([a-z-]+): light-dark\((#\w{6}), (#\w{6})\)", _own("style.css"))}
TEXTS = ["ink", "quiet", "link", "red", "orange", "blue", "purple", "green", "kept", "broken", "inconclusive"]
ON_BANNERS = [(name, f"{verdict}-back") for verdict in ("kept", "broken", "inconclusive") for name in ("ink", verdict)]


def luminance(colour: str) -> float:
    """As WCAG has it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str, page: int) -> float:
    """Of two named colours on the light page (0) or the dark (1)."""
    darker, lighter = sorted(luminance(COLOURS[name][page]) for name in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("page", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("name", "behind"), [*((name, "page") for name in TEXTS), *ON_BANNERS, ("ink", "raised")])
def test_text_can_be_read(name: str, behind: str, page: int) -> None:
    """Contrast of 4.5, as level AA asks."""
    assert contrast(name, behind, page) >= 4.5


@pytest.mark.parametrize("page", [0, 1], ids=["light", "dark"])
def test_controls_can_be_seen(page: int) -> None:
    """Contrast of 3 for what is no text."""
    assert contrast("line", "page", page) >= 3


@pytest.mark.parametrize("query", ["prefers-reduced-motion", "@media print", ":focus-visible", 'data-theme="dark"'])
def test_the_style_heeds_its_reader(query: str) -> None:
    """Motion, paper, keys, light and dark."""
    assert query in _own("style.css")
