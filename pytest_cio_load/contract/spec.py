"""A contract on one line, for the command line: ``80/s,60s,p(95)<500,errors:count<5,max_in_flight=20``."""

from __future__ import annotations

import re

from pytest_cio_load.contract.marker import KEYWORDS, Problems, nearest_keyword
from pytest_cio_load.units import UnitError, duration

_KEYWORD = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*=(?!=)\s*(.*)", re.DOTALL)
_CLAUSE = re.compile(r"(?:([^<>=!≤≥]+):)?([^:]*[<>=!≤≥].*)", re.DOTALL)
_STRUCTURED = ("stages", "thresholds", "metrics")
_VALUES: dict[str, object] = {"true": True, "false": False}


def parse_spec(text: str, *, where: str = "--cio-load") -> dict[str, object]:
    """The marker keywords that *text* states, ready for `build`. Raises `ContractError` with every problem.

    *where* is what the problems call the place that *text* comes from.

    Grammar, with spaces free around items and commas inside parentheses part of the item::

        spec   ::= item { "," item }
        item   ::= rate                     one with a "/": 80/s
                 | duration                 60s
                 | [ metric ":" ] threshold   on ``response`` when no metric is named
                 | keyword "=" value        of the marker; whole and decimal numbers, true and false are read as such
    """
    problems = Problems()
    keywords: dict[str, object] = {}
    thresholds: dict[str, list[str]] = {}
    for item in _items(text):
        if not item:
            problems.add(
                where, repr(text), "no empty item", "leave out the extra comma" if text.strip(" ,") else "write '80/s,60s,p(95)<500'"
            )
        elif stated := _KEYWORD.fullmatch(item):
            _keyword(f"{where} {stated[1]}", stated[1], stated[2].strip(), keywords, problems)
        elif clause := _CLAUSE.fullmatch(item):
            thresholds.setdefault((clause[1] or "response").strip(), []).append(clause[2].strip())
        else:
            _shape(where, item, keywords, problems)
    problems.raise_all()
    return keywords | ({"thresholds": thresholds} if thresholds else {})


def _items(text: str) -> list[str]:
    items = [""]
    depth = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth <= 0:
            items.append("")
        else:
            items[-1] += character
    return [item.strip() for item in items]


def _keyword(where: str, name: str, value: str, keywords: dict[str, object], problems: Problems) -> None:
    if name not in KEYWORDS:
        problems.add(where, repr(value), "a keyword of cio_load, or a threshold", nearest_keyword(name))
    elif name in _STRUCTURED:
        instead = {"thresholds": "write each as an item: 'identify:p(95)<500'"}.get(name, "use the marker")
        problems.add(where, repr(value), "a keyword that takes one value", instead)
    elif name in keywords:
        problems.add(where, repr(value), f"{name} once", f"{name} is {keywords[name]!r} already; leave one of them out")
    else:
        keywords[name] = _value(value)


def _value(text: str) -> object:
    if re.fullmatch("[+-]?[0-9]{1,15}", text):
        return int(text)
    if re.fullmatch(r"[+-]?[0-9]{1,15}\.[0-9]{1,15}", text):
        return float(text)
    return _VALUES.get(text.lower(), text)


def _shape(where: str, item: str, keywords: dict[str, object], problems: Problems) -> None:
    name = "rate" if "/" in item else "duration"
    if name == "duration":
        try:
            duration(item)
        except UnitError:
            hint = f"did you mean '{item}/s' or '{item}s'?" if re.fullmatch("[0-9.]+", item) else "such as '80/s,60s,p(95)<500'"
            problems.add(where, repr(item), "a rate, a duration, a threshold, or keyword=value", hint)
            return
    if name in keywords:
        problems.add(where, repr(item), f"one {name}", f"{name} is {keywords[name]!r} already; leave one of them out")
        return
    keywords[name] = item
