"""Metrics of the author's own, read from the source of tests and fixtures."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from pytest_cio_load.contract.discovery import discover
from pytest_cio_load.metrics.kinds import Kind, Metric

TREND, COUNTER, RATE, GAUGE = (Metric(kind) for kind in (Kind.TREND, Kind.COUNTER, Kind.RATE, Kind.GAUGE))
MS = Metric(Kind.TREND, "ms")


def found(tmp_path: Path, source: str) -> dict[str, Metric]:
    """What is found in a file with this source."""
    file = tmp_path / "test_it.py"
    file.write_text(textwrap.dedent(source), encoding="utf-8")
    return discover([str(file)])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('cio_load.trend("payload").add(1)', {"payload": TREND}),
        ('cio_load.trend("render", "ms").add(1)', {"render": MS}),
        ('cio_load.trend("render", unit="ms").add(1)', {"render": MS}),
        ('cio_load.trend(name="render", unit="ms").add(1)', {"render": MS}),
        ('cio_load.counter("bytes").add(1)', {"bytes": COUNTER}),
        ('cio_load.rate("cached").add(True)', {"cached": RATE}),
        ('cio_load.gauge("backlog").add(1)', {"backlog": GAUGE}),
        ('cio_load.check("status is 200", True)', {"check:status is 200": RATE}),
        ('assert load.check("fine", x > 1), "no"', {"check:fine": RATE}),
        ('self.load.trend("payload")', {"payload": TREND}),
        ('add = cio_load.trend("payload").add', {"payload": TREND}),
        ('values = [cio_load.counter("n").add(x) for x in y]', {"n": COUNTER}),
        ('timed = cio_load.group("signup")', {"group:signup": MS}),
        ("cio_load.trend('größe')", {"größe": TREND}),
    ],
)
def test_a_metric_is_found_by_its_call(tmp_path: Path, line: str, expected: dict[str, Metric]) -> None:
    """Whatever the object is called, wherever in an expression the call stands."""
    assert found(tmp_path, line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "cio_load.trend(name).add(1)",
        'cio_load.trend(f"step_{n}").add(1)',
        "cio_load.trend(7).add(1)",
        "cio_load.trend().add(1)",
        'trend("payload")',
        'cio_load.histogram("payload")',
        "text = 'cio_load.trend(\"payload\")'",
        '# cio_load.trend("payload")',
        "with cio_load.group(name): pass",
        "",
    ],
)
def test_what_is_no_such_call_is_none(tmp_path: Path, line: str) -> None:
    """A name made at run time, text, a comment, another method."""
    assert found(tmp_path, line) == {}


def test_groups_nest_as_their_blocks_do(tmp_path: Path) -> None:
    """with within with, async too; what follows a block is outside of it."""
    source = """
        async def test_it(cio, cio_load):
            with cio_load.group("signup"):
                await cio.identify("u")
                async with other, cio_load.group("confirm"):
                    with cio_load.group("mail"):
                        cio_load.trend("size").add(1)
                if True:
                    with cio_load.group("welcome"):
                        pass
            with cio_load.group("after"):
                pass
    """
    assert found(tmp_path, source) == {
        "group:signup": MS,
        "group:signup/confirm": MS,
        "group:signup/confirm/mail": MS,
        "group:signup/welcome": MS,
        "group:after": MS,
        "size": TREND,
    }


def test_two_groups_of_one_with_nest(tmp_path: Path) -> None:
    """As Python has it: the second is inside the first."""
    assert set(found(tmp_path, 'with a.group("x"), a.group("y"):\n    pass')) == {"group:x", "group:x/y"}


def test_every_file_is_read(tmp_path: Path) -> None:
    """The test's and those of its fixtures."""
    files = [tmp_path / "test_it.py", tmp_path / "conftest.py"]
    for number, file in enumerate(files):
        file.write_text(f'def f(l):\n    l.trend("metric {number}")', encoding="utf-8")
    assert discover(map(str, files)) == {"metric 0": TREND, "metric 1": TREND}


@pytest.mark.parametrize("content", [b"def broken(:", b"\xff\xfe\x00", b"x = '\x00'"])
def test_a_file_that_is_no_python_holds_none(tmp_path: Path, content: bytes) -> None:
    """pytest will say so better than we could."""
    file = tmp_path / "broken.py"
    file.write_bytes(content)
    assert discover([str(file)]) == {}


def test_a_file_that_is_not_there_holds_none(tmp_path: Path) -> None:
    """A fixture's source may be anything: "<string>" is no path."""
    assert discover([str(tmp_path / "gone.py"), "<string>", str(tmp_path)]) == {}


@pytest.mark.parametrize("terms", [400, 2_500])
def test_a_deep_source_is_read_all_the_same(tmp_path: Path, terms: int) -> None:
    """A generated expression of so many terms is nested as deep."""
    source = "x = " + " + ".join(["1"] * terms) + '\ncio_load.trend("payload")'
    assert found(tmp_path, source) == {"payload": TREND}


def test_what_a_with_opens_beside_a_group_is_read_too(tmp_path: Path) -> None:
    """An item that is no group may record, in its own arguments."""
    assert found(tmp_path, 'with open(l.trend("size")) as f, l.group("x"):\n    pass') == {"size": TREND, "group:x": MS}
