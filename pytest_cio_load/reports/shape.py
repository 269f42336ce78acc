"""What a run document looks like, as one value that a document is held against before anything is made of it.

Keys that are not named here are let through: a newer release of the same schema may say more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_cio_load.contract.verdict import Outcome, State
from pytest_cio_load.metrics.kinds import AGGREGATIONS, Kind
from pytest_cio_load.reports.document import TREND_COLUMNS
from pytest_cio_load.units import show_value

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Leaf:
    """A plain value: what it is called, and whether a value is one."""

    noun: str
    fits: Callable[[object], bool]


@dataclass(frozen=True, slots=True)
class Each:
    """An object with any keys, whose values are all of one shape."""

    shape: Any


@dataclass(frozen=True, slots=True)
class Optional:
    """What may be missing."""

    shape: Any


@dataclass(frozen=True, slots=True)
class Chosen:
    """An object whose shape depends on the text under *key*."""

    key: str
    shapes: dict[str, Any]


def _is_text(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(value.encode() or True)
    except UnicodeEncodeError:  # half of a surrogate pair: JSON can say it, and no file can hold it
        return False


def _is_number(value: object) -> bool:
    # Beyond this a float is no longer exact, and nothing that was measured is.
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e18 < value < 1e18


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**18


def _one_of(*words: str) -> Leaf:
    return Leaf(" or ".join(repr(word) for word in words), lambda value: value in words)


TEXT = Leaf("text", _is_text)
NUMBER = Leaf("a number", _is_number)
POSITIVE = Leaf("a number from 0 up", lambda value: _is_number(value) and value >= 0)  # type: ignore[operator]
COUNT = Leaf("a whole number from 0 up", _is_count)
FLAG = Leaf("true or false", lambda value: isinstance(value, bool))
MAYBE = Leaf("a number or null", lambda value: value is None or _is_number(value))
PLACE = Leaf("a file and a line such as 'tests/test_x.py:12'", lambda value: _is_text(value) and str(value).rpartition(":")[2].isdecimal())

_CALL = {"operation": TEXT, "request": TEXT, "status": MAYBE, "attempts": COUNT, "reason": TEXT}
_MAYBE_CALL = Leaf("a call or null", lambda value: value is None or not any(misfits(value, _CALL, "")))
_SAMPLE = {"index": COUNT, "due": NUMBER, "ended": NUMBER, "message": TEXT, "call": _MAYBE_CALL}
_FAILURE = {
    **{"kind": TEXT, "where": TEXT, "message": TEXT, "count": COUNT, "first_index": COUNT, "first_due": NUMBER, "trace": TEXT},
    "samples": [_SAMPLE],
}
_EVERY_METRIC = {"kind": TEXT, "unit": TEXT, "samples": COUNT}
_METRIC = Chosen(
    "kind",
    {
        kind.value: _EVERY_METRIC | dict.fromkeys(AGGREGATIONS[kind], NUMBER)
        for kind in (Kind.COUNTER, Kind.RATE, Kind.GAUGE, Kind.DELIVERY)
    }
    | {Kind.TREND.value: _EVERY_METRIC | dict.fromkeys(TREND_COLUMNS, POSITIVE) | {"histogram": TEXT}},
)
RUN: dict[str, Any] = {
    "schema": COUNT,
    "test": TEXT,
    "location": PLACE,
    "verdict": _one_of(*(outcome.value for outcome in Outcome)),
    "headline": TEXT,
    "reasons": [{"what": TEXT, "remedy": TEXT}],
    "contract": {
        **dict.fromkeys(("text", "profile", "arrivals", "on_saturation"), TEXT),
        **dict.fromkeys(("planned", "duration", "max_in_flight", "warmup", "graceful_stop"), POSITIVE),
        "timeout": MAYBE,
        "seed": MAYBE,
    },
    "clock": _one_of("wall", "virtual"),
    "target": TEXT,
    "thresholds": [
        {
            **dict.fromkeys(("metric", "text", "clause", "label", "unit", "shown", "origin"), TEXT),
            "bound": NUMBER,
            "state": _one_of(*(state.value for state in State)),
            "value": MAYBE,
            "samples": COUNT,
            "aborted": FLAG,
        }
    ],
    "iterations": {
        **dict.fromkeys(("planned", "seen", "measured", "failed", "errors", "dropped", "waited", "interrupted", "timed_out"), COUNT),
        "ended": TEXT,
        "reason": TEXT,
    },
    "rate": {"achieved": POSITIVE, "seconds": POSITIVE},
    "omission_gap_ms": NUMBER,
    "metrics": Each(_METRIC),
    "failures": [_FAILURE],
    "warmup": {"iterations": COUNT, "failures": [_FAILURE]},
    "delivery": Each(NUMBER),
    "cleanup": Each(NUMBER),
    "notes": [TEXT],
    "machine": {
        **{"started_at": TEXT, "real_seconds": POSITIVE, "cpu_seconds": POSITIVE, "python": TEXT, "system": TEXT},
        "loop": Optional(TEXT),
        "pauses": Optional({"count": COUNT, "total_ms": POSITIVE, "longest_ms": POSITIVE, "in_gaps": COUNT}),
    },
}
"""A run document of the present schema."""


def misfits(value: object, shape: Any, where: str) -> Iterator[str]:
    """Every place where *value* is not of *shape*: ``runs[0].rate.seconds: got '9'; expected a number``."""
    if isinstance(shape, Leaf):
        if not shape.fits(value):
            yield f"{where}: got {show_value(value)}; expected {shape.noun}"
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{where}: got {show_value(value)}; expected a list"
            return
        for index, item in enumerate(value):
            yield from misfits(item, shape[0], f"{where}[{index}]")
    elif not isinstance(value, dict):
        yield f"{where}: got {show_value(value)}; expected an object"
    elif isinstance(shape, Each):
        for key, item in value.items():
            yield from misfits(key, TEXT, f"a key of {where}")
            yield from misfits(item, shape.shape, f"{where}.{key}")
    elif isinstance(shape, Chosen):
        chosen = shape.shapes.get(value[shape.key]) if isinstance(value.get(shape.key), str) else None
        if chosen is None:
            yield f"{where}.{shape.key}: got {show_value(value.get(shape.key))}; expected one of {', '.join(shape.shapes)}"
            return
        yield from misfits(value, chosen, where)
    else:
        for key, inner in shape.items():
            may_be_missing = isinstance(inner, Optional)
            if key in value:
                yield from misfits(value[key], inner.shape if may_be_missing else inner, f"{where}.{key}")
            elif not may_be_missing:
                yield f"{where}: got no {key!r}; expected one"
