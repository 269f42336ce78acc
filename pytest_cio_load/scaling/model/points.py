"""Points of a line from a CSV file: when, and how many per second then."""

from __future__ import annotations

import csv
import math
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from pytest_cio_load.units import show_value

_EXAMPLE = "try lines such as 2026-11-24T08:00:00Z,120 or 0,120"


def read_points(path: Path) -> list[tuple[float, float]]:
    """Seconds since the first point, and jobs per second, of every line.

    A line has a timestamp and a rate, more columns are passed over. A timestamp is a number of seconds, or ISO 8601; without a zone it is
    UTC. The first line may be a header; empty lines are passed over. Between two points the rate is a straight line.

    Raises:
        ValueError: a line that is none of this, times that fall, or fewer than two points; says which line.
        OSError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path}: got a file that is no text; expected CSV in UTF-8; {_EXAMPLE}") from None
    points: list[tuple[float, float]] = []
    lines: list[int] = []
    reader = csv.reader(text.splitlines())
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        where = f"{path}:{reader.line_num}"
        if not points and reader.line_num == 1 and len(row) > 1 and _number(row[1]) is None:
            continue
        points.append(_point(where, row))
        lines.append(reader.line_num)
    if len(points) < 2:
        raise ValueError(f"{path}: got {len(points)} point{'s' * (len(points) != 1)}; expected at least two; {_EXAMPLE}")
    for line, ((before, _), (after, _)) in zip(lines[1:], pairwise(points), strict=True):
        if after < before:
            got = f"a time {before - after:g} s before the one above"
            raise ValueError(f"{path}:{line}: got {got}; expected times that rise; sort the lines")
    first = points[0][0]
    if points[-1][0] == first:
        raise ValueError(f"{path}: got {len(points)} points of the same time; expected times that rise; {_EXAMPLE}")
    return [(at - first, rate) for at, rate in points]


def _point(where: str, row: list[str]) -> tuple[float, float]:
    if len(row) < 2:
        raise ValueError(f"{where}: got {show_value(row[0])}; expected a timestamp, a comma and a rate per second; {_EXAMPLE}")
    at, rate = _time(row[0]), _number(row[1])
    if at is None:
        raise ValueError(f"{where}: got the time {show_value(row[0])}; expected seconds or ISO 8601; {_EXAMPLE}")
    if rate is None or rate < 0:
        raise ValueError(f"{where}: got the rate {show_value(row[1])}; expected jobs per second, at least 0; {_EXAMPLE}")
    return at, rate


def _time(text: str) -> float | None:
    number = _number(text)
    if number is not None:
        return number
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
