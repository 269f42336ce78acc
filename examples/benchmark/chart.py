"""The results as bars: an SVG that needs nothing from outside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

_BAR, _GAP, _LABEL, _WIDTH, _NUMBER, _HEAD = 16, 6, 150, 720, 70, 34
_OURS, _THEIRS = "#2563eb", "#9ca3af"


def chart(panels: Mapping[str, Sequence[tuple[str, float]]]) -> str:
    """Panels under each other, each with a bar for every tool.

    Args:
        panels: by title, with the unit in it: tools and their values, 0 or more. Ours are those whose name begins so.
    """
    parts: list[str] = []
    top = 0
    for title, bars in panels.items():
        parts.extend(_panel(title, bars, top))
        top += _HEAD + len(bars) * (_BAR + _GAP) + _GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" height="{top}" '
        'font-family="system-ui,sans-serif" font-size="12" fill="#374151"><title>Load tools side by side</title>'
    )
    return head + "".join(parts) + "</svg>\n"


def _panel(title: str, bars: Sequence[tuple[str, float]], top: int) -> Iterator[str]:
    most = max([value for _, value in bars] + [1e-12])
    wide = _WIDTH - _LABEL - _NUMBER
    yield f'<text x="0" y="{top + 20}" font-weight="bold">{escape(title)}</text>'
    for number, (tool, value) in enumerate(bars):
        y = top + _HEAD + number * (_BAR + _GAP)
        length = max(1.0, wide * value / most)
        color = _OURS if tool.startswith("ours") else _THEIRS
        yield f'<text x="{_LABEL - 8}" y="{y + 12}" text-anchor="end">{escape(tool)}</text>'
        yield f'<rect x="{_LABEL}" y="{y}" width="{length:.1f}" height="{_BAR}" fill="{color}"/>'
        yield f'<text x="{_LABEL + length + 6:.1f}" y="{y + 12}">{_short(value)}</text>'


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
