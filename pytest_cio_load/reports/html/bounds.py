"""The bounds of a contract that can be drawn beside what was measured, and how far a clause was from breaking."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pytest_cio_load.reports.html.curves import rarity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cio_load.reports.document import Document

_PERCENTILE = re.compile(r"p\(([0-9.]+)\)")
_OPERATOR = re.compile(r"<=|>=|==|!=|<|>")


@dataclass(frozen=True, slots=True)
class Bound:
    """An upper bound on a time.

    Attributes:
        text: as its author wrote it: "p(95)<500".
        ms: the bound.
        rarity: the percentile it is about, as a place on the axis of the curves; infinite for the maximum.
    """

    text: str
    ms: float
    rarity: float


def bounds_of(doc: Document, metric: str) -> list[Bound]:
    """Upper bounds on percentiles, median and maximum of *metric*, from the lowest."""
    found = []
    for clause in doc["thresholds"]:
        operator = _OPERATOR.search(clause["clause"])
        if clause["metric"] != metric or clause["unit"] != "ms" or operator is None or operator[0] not in ("<", "<="):
            continue
        named = _PERCENTILE.fullmatch(clause["label"])
        at = {"med": 2.0, "max": float("inf")}.get(clause["label"])
        if named and Fraction(named[1]) < 100:
            at = rarity(Fraction(named[1]))
        if at is not None:
            found.append(Bound(clause["text"], clause["bound"], at))
    return sorted(found, key=lambda bound: (bound.ms, bound.rarity))


def used(clause: Mapping[str, Any]) -> float | None:
    """The share of a bound that was used: 0.88 where there was 12 % left, more than 1 beyond it; None where a bound is no such thing.

    A rate that must be at least so much is none: it ends at 100%, where a bar of 99% would look all but broken.
    """
    operator = _OPERATOR.search(clause["clause"])
    value, bound = clause["value"], clause["bound"]
    if value is None or bound <= 0 or value < 0 or operator is None or operator[0] in ("==", "!="):
        return None
    if operator[0].startswith("<"):
        return float(value / bound)
    return float(bound / value) if value and clause["unit"] != "%" else None
