"""What an author probably meant by a threshold that does not read."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORDS = {
    "mean": "avg",
    "average": "avg",
    "median": "med",
    "minimum": "min",
    "maximum": "max",
    "percentile": "p",
    "quantile": "p",
    "perc": "p",
    "val": "value",
    "last": "value",
    "ratio": "rate",
    "share": "rate",
    "n": "count",
    "total": "count",
}
_OPERATORS = {"≤": "<=", "≥": ">=", "≠": "!=", "=<": "<=", "=>": ">=", "<>": "!="}
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}
_BACKWARDS = re.compile(r"([0-9.]+[a-zµ%]*)(<=|>=|==|!=|<|>)([a-z].*)")
_PERCENTILE = re.compile(r"^p[_(\[{]?([0-9]+(?:\.[0-9]+)?)(?:th)?[)\]}]?")
_PARTS = re.compile(r"([a-z_]+)(\([0-9.]+\))?([<>=!]*)(.*)")
_EXAMPLE_BOUND = {"p": "500", "avg": "500", "min": "500", "max": "500", "med": "500", "rate": "1%", "count": "50", "value": "10"}


def percentile_from_digits(digits: str) -> str:
    """``999`` → ``99.9``, as p999 is spoken; digits that are a percentile already stay as they are."""
    return f"{digits[:2]}.{digits[2:]}" if re.fullmatch("99[0-9]+", digits) else digits


def repaired(text: str, aggregations: Sequence[str]) -> str:
    """A threshold close to *text* in the right grammar, or "" when nothing is.

    *aggregations* are those the metric has; a misspelt one is taken for the closest of them.
    """
    plain = re.sub(r"\s", "", text.lower())
    for wrong, right in _OPERATORS.items():
        plain = plain.replace(wrong, right)
    if backwards := _BACKWARDS.fullmatch(plain):
        plain = backwards[3] + _FLIPPED[backwards[2]] + backwards[1]
    plain = re.sub(r"^(?:percentile|quantile|perc)(?=[(0-9])", "p", plain)
    plain = _PERCENTILE.sub(lambda found: f"p({percentile_from_digits(found[1])})", plain, count=1)
    parts = _PARTS.fullmatch(plain)
    if parts is None:
        return ""
    word, argument, operator, bound = parts[1], parts[2] or "", parts[3], parts[4]
    word = _WORDS.get(word, word)
    if word not in aggregations:
        close = get_close_matches(word, list(aggregations), n=1, cutoff=0.6)
        if not close:
            return ""
        word = close[0]
    if word != "p" and argument:
        word = "p"
    if operator == "=":
        # Nobody promises one exact latency; somebody does promise a count of 0.
        operator = "<=" if word in ("p", "avg", "min", "max", "med") else "=="
    return f"{word}{argument}{operator or '<'}{bound or _EXAMPLE_BOUND.get(word, '0')}"
