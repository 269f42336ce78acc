"""Traffic: from text, pairs and files to jobs per second."""

from __future__ import annotations

import math
import time
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.scaling.model.traffic import Piece, Traffic, read_traffic

PIECES = st.lists(
    st.builds(Piece, st.floats(0.1, 500), st.floats(0, 1_000), st.floats(0, 1_000)),
    min_size=1,
    max_size=8,
).map(lambda pieces: Traffic(tuple(pieces)))


@pytest.mark.parametrize(
    ("given", "pieces"),
    [
        ("10m:50,5m:400,30m:50", [(600, 50, 50), (300, 400, 400), (1800, 50, 50)]),
        ("5m:50..400", [(300, 50, 400)]),
        ("5m:50->400", [(300, 50, 400)]),
        (" 1m : 60/m ", [(60, 1, 1)]),
        ("1m:0.5", [(60, 0.5, 0.5)]),
        ([("10m", 50), ("5m", 400)], [(600, 50, 50), (300, 400, 400)]),
        ([(90, Fraction(1, 2))], [(90, 0.5, 0.5)]),
        ([("1m", (0, 10))], [(60, 0, 10)]),
        ([("1m", "10..20")], [(60, 10, 20)]),
        ([("1m", "600/m")], [(60, 10, 10)]),
        ((("1m", ["60/m", 2]),), [(60, 1, 2)]),
    ],
)
def test_what_is_read(given: object, pieces: list[tuple[float, float, float]]) -> None:
    """Levels and ramps, as text and as pairs."""
    read = read_traffic(given)  # type: ignore[arg-type]
    assert [(piece.seconds, piece.start, piece.end) for piece in read.pieces] == pieces


def test_traffic_is_taken_as_it_is() -> None:
    """What is read already is not read again."""
    traffic = read_traffic("1m:1")
    assert read_traffic(traffic) is traffic


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "traffic: got ''; expected a duration, a colon and a rate, as in \"10m:50"),
        ("10m", "got '10m'; expected a duration, a colon and a rate"),
        ("10m:50,", "got ''; expected"),
        ("x:50", "traffic: in x:50: got 'x', expected a duration above 0"),
        ("0s:50", "got '0s', expected a duration above 0"),
        ("10m:", "got '', expected a rate"),
        ("10m:-5", "got '-5', expected a rate of at least 0"),
        ("10m:5..-5", "got '-5', expected a rate of at least 0"),
        ([], "traffic: got none; expected pieces"),
        (5, "traffic: got 5; expected"),
        (["10m:50"], "traffic[0]: got '10m:50'; expected a duration and a rate"),
        ([("10m", 50), ("5m",)], "traffic[1]: got ('5m',); expected a duration and a rate"),
        ([("10m", -50)], "traffic: in [0]: got -50, expected a rate of at least 0"),
        ([("10m", True)], "got True, expected a rate"),
        ([("10m", float("nan"))], "got nan, expected a rate"),
        ([("10m", (1, 2, 3))], "got (1, 2, 3); expected two rates for a ramp"),
        ([("9999h", 1)], "got a piece of 3.59964e+07 s; expected more than 0 s and at most a year"),
        ([("5000h", 1), ("5000h", 1)], "got 10000h; expected at most a year"),
        ([("1m", 10**10)], "got a rate of 1e+10/s; expected from 0 to a billion"),
    ],
)
def test_what_is_refused(given: object, said: str) -> None:
    """What was got, what was expected, the nearest fix."""
    with pytest.raises(ValueError) as caught:
        read_traffic(given)  # type: ignore[arg-type]
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3s:10", [10, 10, 10]),
        ("2s:0..4", [1, 3]),
        ("1500ms:10", [10, 5]),
        ("500ms:10,1500ms:20", [15, 20]),
        ("500ms:4,500ms:8,1s:2", [6, 2]),
    ],
)
def test_arrivals(text: str, seconds: list[float]) -> None:
    """The area under the rate, second by second, over the borders of pieces."""
    assert list(read_traffic(text).arrivals()) == pytest.approx(seconds)


@given(PIECES)
def test_nothing_is_lost(traffic: Traffic) -> None:
    """All seconds together are all jobs, and there are as many as it lasts."""
    arrivals = list(traffic.arrivals())
    assert math.isclose(math.fsum(arrivals), traffic.total, rel_tol=1e-6, abs_tol=1e-4)
    assert abs(len(arrivals) - traffic.seconds) < 1 + 1e-6
    assert max(arrivals) <= traffic.peak + 1e-6


@given(PIECES)
def test_shown_traffic_reads_back(traffic: Traffic) -> None:
    """Its text stands for the same, to the millisecond and to a thousandth of a job."""
    read = read_traffic(str(traffic))
    assert [rate for piece in read.pieces for rate in (piece.start, piece.end)] == pytest.approx(
        [rate for piece in traffic.pieces for rate in (piece.start, piece.end)], abs=0.001
    )
    assert read.seconds == pytest.approx(traffic.seconds, abs=0.01)


def test_many_pieces_are_shown_short() -> None:
    """A day from a file is not printed point by point."""
    assert str(read_traffic([("1m", number) for number in range(1, 61)])) == "60 pieces in 1h, at most 60/s"


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("0,10\n60,20\n", [(60, 10, 20)]),
        ("time,rate\n0,10\n60,20\n", [(60, 10, 20)]),
        ("\ufeff0,10\n\n60,20,more\n", [(60, 10, 20)]),
        ("2026-11-24T08:00:00Z,1\n2026-11-24T08:01:00+00:00,2\n2026-11-24T08:03:00,3\n", [(60, 1, 2), (120, 2, 3)]),
        ("0,10\n60,10\n60,40\n120,40\n", [(60, 10, 10), (60, 40, 40)]),
    ],
)
def test_points_from_a_file(tmp_path: Path, text: str, pieces: list[tuple[float, float, float]]) -> None:
    """Numbers or ISO 8601, a header or none, a step where two points share a time."""
    file = tmp_path / "day.csv"
    file.write_text(text, encoding="utf-8")
    for way in (file, str(file)):
        assert [(piece.seconds, piece.start, piece.end) for piece in read_traffic(way).pieces] == pieces


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system's zone cannot be set")
def test_a_time_without_a_zone_is_utc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the file is read."""
    file = tmp_path / "day.csv"
    file.write_text("2026-11-24T08:00:00Z,1\n2026-11-24T08:01:00,1\n", encoding="utf-8")
    with monkeypatch.context() as there:
        there.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        seconds = read_traffic(file).seconds
    time.tzset()
    assert seconds == 60


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"0,10\n", "day.csv: got 1 point; expected at least two"),
        (b"", "day.csv: got 0 points; expected at least two"),
        (b"0,10\n0,20\n", "got 2 points of the same time; expected times that rise"),
        (b"60,10\n0,20\n", "day.csv:2: got a time 60 s before the one above; expected times that rise"),
        (b"0\n60,20\n", "day.csv:1: got '0'; expected a timestamp, a comma and a rate"),
        (b"0,10\nsoon,20\n", "day.csv:2: got the time 'soon'; expected seconds or ISO 8601"),
        (b"0,10\n60,-1\n", "day.csv:2: got the rate '-1'; expected jobs per second, at least 0"),
        (b"0,10\n60,nan\n", "day.csv:2: got the rate 'nan'"),
        (b"\xff\xfe\x00", "day.csv: got a file that is no text; expected CSV in UTF-8"),
    ],
)
def test_a_bad_file(tmp_path: Path, text: bytes, said: str) -> None:
    """With the file and the line."""
    file = tmp_path / "day.csv"
    file.write_bytes(text)
    with pytest.raises(ValueError) as caught:
        read_traffic(file)
    assert said in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The system says so."""
    with pytest.raises(FileNotFoundError):
        read_traffic(tmp_path / "none.csv")
