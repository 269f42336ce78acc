"""Replicas and depth over time, as text and as SVG."""

from __future__ import annotations

import xml.etree.ElementTree as Xml
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.scaling.hpa.spec import Hpa
from pytest_cio_load.scaling.model.pipeline import Pipeline
from pytest_cio_load.scaling.model.plot import plot_lines, svg
from pytest_cio_load.scaling.model.replay import replay
from pytest_cio_load.scaling.model.run import most_of

Make = Callable[..., Hpa]


def test_text(external: Make) -> None:
    """Labels, a peak where it was, and the time below."""
    lines = list(plot_lines(replay(external(high=1), "1m:20", Pipeline(per_pod=10.0)), height=2))
    assert [line[:12].strip() for line in lines] == ["600│", "0│", "└", "1│", "0│", "└", ""]
    assert "█" in lines[0][40:52]
    assert not lines[0][12:25].strip()
    assert lines[-1].split() == ["0s", "1m", "2m"]


@pytest.mark.parametrize("width", [10, 40, 80, 132])
def test_no_line_is_wider(original: Hpa, width: int) -> None:
    """Than asked for, or 40 columns."""
    lines = list(plot_lines(replay(original, "10m:50,5m:400,30m:50"), width=width))
    assert max(map(len, lines)) == max(40, width)


def test_a_little_is_never_nothing(external: Make) -> None:
    """Ten jobs beside ten thousand are a line of their own."""
    run = replay(external(high=1), "1m:10,10s:11,1m:0,30s:343", Pipeline(limit=1_000, per_pod=10.0), after=0)
    bottom = list(plot_lines(run))[5]
    assert run.max_depth == 9_990
    assert "▁" in bottom.rstrip()[:-15]


def test_nothing_at_all_is_shown(external: Make) -> None:
    """An empty queue is an empty chart."""
    lines = list(plot_lines(replay(external(), "5s:1")))
    assert not any(set("▁▂▃▄▅▆▇█") & set(line) for line in lines[:6])


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200), st.integers(1, 300))
def test_no_peak_is_lost(values: list[float], buckets: int) -> None:
    """The largest value is in one of the parts, and there are as many as asked for."""
    found = most_of(values, buckets)
    assert len(found) == buckets
    assert max(found) == max(values)


def test_svg_is_well_formed_and_alone(original: Hpa) -> None:
    """It asks for nothing outside it, and its title says what it shows."""
    text = svg(replay(replace(original, name="<b>&"), "10m:50,5m:400,30m:50"))
    made = Xml.fromstring(text)
    assert made[0].text is not None
    assert made[0].text.startswith("<b>&: at most ")
    assert "href" not in text
    assert "nan" not in text
    assert len(text) < 40_000


def test_svg_of_nothing(external: Make) -> None:
    """A run of a second, in which nothing came."""
    Xml.fromstring(svg(replay(external(), "1s:0")))


def test_plain_values_are_plotted_alike(original: Hpa) -> None:
    """They are all that another process sends."""
    run = replay(original, "10m:50,5m:400,30m:50")
    assert svg(run.plain()) == svg(run)
    ours, its = (list(plot_lines(each)) for each in (run, run.plain()))
    assert [line[:12] for line in ours] == [line[:12] for line in its]
    assert ours[-1] == its[-1]
