"""Marked tests as Python text, laid out as a formatter would."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WIDTH = 100
_INDENT = "    "


@dataclass(frozen=True, slots=True)
class MarkedTest:
    """One test of the file.

    Attributes:
        name: what to call it after ``test_``; made an identifier, and unique, while it is written.
        about: what its docstring says.
        keywords: the marker's.
        comments: sentences to stand above it.
        to_do: what its body is to be replaced by.
    """

    name: str
    about: str
    keywords: Mapping[str, object]
    comments: tuple[str, ...]
    to_do: str


def write_tests(tests: Sequence[MarkedTest], about: str, comments: Sequence[str]) -> str:
    """The file: its docstring, *comments*, and *tests*."""
    lines = [f'"""{_safe(about)}"""', ""]
    for comment in comments:
        lines += _comment(comment)
    lines += [""] if comments else []
    if any(_has_fraction(test.keywords) for test in tests):
        lines += ["from fractions import Fraction", ""]
    lines += ["import pytest", ""]
    taken: set[str] = set()
    for test in tests:
        lines += ["", *_test(test, _name(test.name, taken)), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def literal(value: object, indent: int, room: int) -> str:
    """*value* as Python, on one line if it takes no more than *room* characters, else one item a line, *indent* levels in."""
    flat = _flat(value)
    if len(flat) <= room or not value or not isinstance(value, Mapping | list | tuple):
        return flat
    inner, outer = _INDENT * (indent + 1), _INDENT * indent
    space = WIDTH - len(inner) - 1
    if isinstance(value, Mapping):
        keys = {key: f"{_flat(key)}: " for key in value}
        rows = [f"{inner}{keys[key]}{literal(item, indent + 1, space - len(keys[key]))}," for key, item in value.items()]
        return "\n".join(["{", *rows, f"{outer}}}"])
    begin, end = "[]" if isinstance(value, list) else "()"
    rows = [f"{inner}{literal(item, indent + 1, space)}," for item in value]
    return "\n".join([begin, *rows, f"{outer}{end}"])


def _test(test: MarkedTest, name: str) -> Iterator[str]:
    for comment in test.comments:
        yield from _comment(comment)
    yield "@pytest.mark.cio_load("
    for keyword, value in test.keywords.items():
        yield f"{_INDENT}{keyword}={literal(value, 1, WIDTH - len(_INDENT) - len(keyword) - 2)},"
    yield ")"
    yield f"async def test_{name}(cio, cio_load):"
    yield f'{_INDENT}"""{_safe(test.about)}"""'
    yield from (f"{_INDENT}{line}" for line in _comment(test.to_do, WIDTH - len(_INDENT)))
    yield f"{_INDENT}await cio.identify(cio_load.user.id, email=cio_load.user.email)"


def _flat(value: object) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Fraction):
        return f"Fraction({value.numerator}, {value.denominator})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flat(key)}: {_flat(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flat, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_flat, value)) + ("," if len(value) == 1 else "") + ")"
    return repr(value)


def _text(value: str) -> str:
    quote = "'" if value.count('"') > value.count("'") else '"'
    plain = value.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    return f"{quote}{_printable(plain)}{quote}"


def _printable(text: str) -> str:
    """What cannot be seen, or stand in a file, as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _safe(text: str) -> str:
    """Text for a docstring: no quote or backslash that could end or change it."""
    return re.sub(r"\s+", " ", _printable(text).replace("\\", "/").replace('"', "'")).strip()[: WIDTH - 12]


def _comment(text: str, width: int = WIDTH) -> list[str]:
    """A comment, as many lines as it takes."""
    plain = re.sub(r"\s+", " ", _printable(text)).strip()
    return wrap(plain, width, initial_indent="# ", subsequent_indent="#   ", break_long_words=True, break_on_hyphens=False)


def _name(wanted: str, taken: set[str]) -> str:
    """An identifier that nobody has yet."""
    base = re.sub(r"[^0-9A-Za-z]+", "_", wanted).strip("_")[:60].lower() or "scenario"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    taken.add(name)
    return name


def _has_fraction(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_fraction, value.values()))
    return any(map(_has_fraction, value)) if isinstance(value, list | tuple) else isinstance(value, Fraction)
