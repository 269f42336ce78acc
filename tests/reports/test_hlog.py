"""The HdrHistogram log, read by others: a decoder of a few lines here, and HdrHistogram's own implementation for JavaScript."""

from __future__ import annotations

import base64
import json
import random
import shutil
import subprocess
import zlib
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from pytest_cio_load.errors import DocumentError
from pytest_cio_load.load.run import Outcome, Sample
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.metrics.kinds import Kind
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.reports.hlog import hlog

PERCENTILES = {"med": 50.0, "p(90)": 90.0, "p(95)": 95.0, "p(99)": 99.0}
READER = "hdr-histogram-js@3.0.1"
SCRIPT = """
const { HistogramLogReader } = require("hdr-histogram-js");
const reader = new HistogramLogReader(require("fs").readFileSync(0, "utf8"));
const found = [];
for (let one; (one = reader.nextIntervalHistogram()) !== null; )
  found.push({
    tag: one.tag, samples: one.totalCount, begin: one.startTimeStampMsec, end: one.endTimeStampMsec, max: one.maxValue,
    at: JSON.parse(process.argv[1]).map((percentile) => one.getValueAtPercentile(percentile)),
  });
console.log(JSON.stringify(found));
"""


def fill(book: Recorder) -> None:
    """4,800 iterations from 1 µs to minutes, with a trend that is no time."""
    chance = random.Random(5)
    for index in range(4800):
        took = round(chance.lognormvariate(10, 3))
        book.finished(Sample(Arrival(index, index), index, index + took, 0, Outcome.OK))
        book.add("basket size, in €", Kind.TREND, chance.randrange(50) / 2)


def values(text: str) -> list[int]:
    """The samples of a compressed histogram, each as the largest value of its bucket: written from the format's description alone."""
    outer = base64.b64decode(text)
    assert outer[:4] == bytes.fromhex("1c849314")
    plain = zlib.decompress(outer[8:])
    assert plain[:4] == bytes.fromhex("1c849313")
    rest, index, found = list(plain[40:]), 0, []
    while rest:
        number, shift = 0, 0
        while True:
            byte = rest.pop(0)
            number |= (byte if shift == 56 else byte & 127) << shift
            shift += 7
            if byte < 128 or shift > 56:
                break
        count = number // 2 if number % 2 == 0 else -(number + 1) // 2
        if count < 0:
            index -= count
            continue
        # 2,048 buckets of width 1, then 1,024 of width 2, of 4, of 8, …
        width = 1 if index < 2048 else 2 ** (index // 1024 - 1)
        lowest = index if index < 2048 else (index % 1024 + 1024) * width
        found += [lowest + width - 1] * count
        index += 1
    return found


def lines(text: str) -> dict[str, tuple[float, float, float, str]]:
    """Start, length, maximum and histogram by tag."""
    found = {}
    for line in text.splitlines():
        if line.startswith("Tag="):
            tag, start, length, most, histogram = line.removeprefix("Tag=").split(",")
            found[tag] = (float(start), float(length), float(most), histogram)
    return found


def trends(doc: Any) -> dict[str, Any]:
    """Those of a document that have samples."""
    return {name: metric for name, metric in doc["metrics"].items() if metric["kind"] == "trend" and metric["samples"]}


def agrees(metric: Any, column: str, thousandths: int) -> bool:
    """Whether a reader's value is the document's: no higher than the greatest sample, which the bucket may exceed."""
    return min(thousandths, round(metric["max"] * 1000)) == max(round(metric[column] * 1000), round(metric["min"] * 1000))


def test_every_trend_is_in_the_log_with_all_its_samples(runs: Any) -> None:
    """An independent reading gives the same number, percentiles and maximum."""
    doc = runs.document(fill=fill)
    read = lines(hlog([doc]))
    assert set(read) == {name if name.isascii() and " " not in name else "basket%20size%2C%20in%20%E2%82%AC" for name in trends(doc)}
    for name, (_, _, most, histogram) in zip(trends(doc), read.values(), strict=True):
        metric, found = doc["metrics"][name], values(histogram)
        assert len(found) == metric["samples"]
        assert most == metric["max"]
        for column, percentile in PERCENTILES.items():
            rank = max(1, ceil(percentile * len(found) / 100 - 1e-9))
            assert agrees(metric, column, sorted(found)[rank - 1]), (name, column)


def test_the_head_of_the_log(runs: Any) -> None:
    """Version, start, what the values are, and the legend."""
    assert hlog([runs.document()]).splitlines()[:4] == [
        "#[Histogram log format version 1.3]",
        "#[StartTime: 1770091506.789 (seconds since epoch), 2026-02-03T04:05:06.789+00:00]",
        "#[Values are thousandths of the metric's unit: microseconds for times; -outputValueUnitRatio 1000 shows milliseconds]",
        '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"',
    ]


def test_an_interval_is_what_was_measured(runs: Any) -> None:
    """After the warmup, from the run's start."""
    doc = runs.document()
    doc["contract"]["warmup"] = 2.5
    assert lines(hlog([doc]))["response"][:3] == (2.5, 1.0, 50.0)


def test_several_runs_are_told_apart_and_in_order(runs: Any) -> None:
    """By their tests, and from the start of the first of them."""
    docs = [
        runs.document(test=test, started_at=f"2026-02-03T04:05:{second}+00:00") for test, second in (("t.py::b c", "09"), ("t.py::a", "06"))
    ]
    starts = {tag: found[0] for tag, found in lines(hlog(docs)).items() if tag.endswith("#response")}
    assert list(starts.items()) == [("t.py::a#response", 0.0), ("t.py::b%20c#response", 3.0)]


def test_no_run_is_an_empty_log() -> None:
    """Which is one all the same."""
    assert len(hlog([]).splitlines()) == 4


def test_a_trend_without_samples_is_left_out(runs: Any) -> None:
    """There is no interval of nothing."""
    assert lines(hlog([runs.document(0)])) == {}


def test_a_moment_that_is_none_is_refused(runs: Any) -> None:
    """By the run it is of."""
    with pytest.raises(
        DocumentError, match=r"test_identify: machine.started_at: got 'noon'; expected a moment such as .*; write the document again"
    ):
        hlog([runs.document(started_at="noon")])


def test_a_moment_without_a_zone_is_utc(runs: Any) -> None:
    """As the documents write it."""
    assert "#[StartTime: 1770091506.000 " in hlog([runs.document(started_at="2026-02-03T04:05:06")])


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which HdrHistogram for JavaScript is installed."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("needs node and npm")
    folder = tmp_path_factory.mktemp("hdr")
    try:
        done = subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--prefix", ".", READER],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm could not install {READER} in time")
    if done.returncode:
        pytest.skip(f"npm could not install {READER}: {done.stderr.strip()[-200:]}")
    return folder


def test_hdrhistogram_reads_the_same_percentiles(runs: Any, reader: Path) -> None:
    """Its log reader finds every interval, with its tag, its times, its samples and its percentiles."""
    doc = runs.document(fill=fill)
    done = subprocess.run(
        ["node", "-e", SCRIPT, json.dumps(list(PERCENTILES.values()))],
        cwd=reader,
        input=hlog([doc]),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found = json.loads(done.stdout)
    assert len(found) == len(trends(doc))
    for one, metric in zip(found, trends(doc).values(), strict=True):
        assert one["samples"] == metric["samples"]
        assert (round(one["begin"]), round(one["end"])) == (1770091506789, 1770091507789)
        for column, value in zip(PERCENTILES, one["at"], strict=True):
            assert agrees(metric, column, value), (one["tag"], column)
