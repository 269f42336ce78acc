"""Reading run documents back: whole, or with an error that says what is wrong."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.errors import CioLoadError, DocumentError
from pytest_cio_load.metrics.kinds import Kind
from pytest_cio_load.metrics.measured import Delivery, Trend
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.reports import document as documents
from pytest_cio_load.reports.file import write_json
from pytest_cio_load.reports.histograms import trend_of
from pytest_cio_load.reports.reading import documents_in, parse_documents, read_documents


def fill(book: Recorder) -> None:
    """Every kind of metric."""
    book.add("depth", Kind.GAUGE, -3.5)
    book.add("size", Kind.TREND, 2.5)
    book.add("sold", Kind.COUNTER, 0.5)
    book.add("check:größe", Kind.RATE, 1)
    book.delivered(Delivery(10, lost=1))


@pytest.fixture
def doc(runs: Any) -> Any:
    """A run document with everything in it, as JSON gives it back."""
    made = runs.document(fill=fill, failed=2, notes=("a",), delivery={"received": 10}, cleanup={"noted": 1})
    return json.loads(json.dumps(made))


def told(value: object) -> str:
    """The error that reading *value* ends with."""
    with pytest.raises(DocumentError) as error:
        documents_in(value, "runs.json")
    return str(error.value)


def test_what_was_written_is_read(runs: Any, tmp_path: Path) -> None:
    """Every document of the session, as it was."""
    docs = [runs.document(test="a", fill=fill, failed=3), runs.document(test="b", late=50), runs.document(0, test="c")]
    write_json(str(tmp_path / "runs.json"), docs, version="1.2.3")
    assert read_documents(tmp_path / "runs.json") == docs


def test_a_document_by_itself_is_read(doc: Any, tmp_path: Path) -> None:
    """Also behind a byte order mark."""
    (tmp_path / "one.json").write_text(json.dumps(doc), encoding="utf-8-sig")
    assert read_documents(tmp_path / "one.json") == [doc]


def test_a_session_without_contracts_has_no_documents(tmp_path: Path) -> None:
    """Which is no error."""
    write_json(str(tmp_path / "runs.json"), [], version="1")
    assert read_documents(tmp_path / "runs.json") == []


def test_unknown_keys_are_let_through(doc: Any) -> None:
    """A newer release of the same schema may say more."""
    more = doc | {"timeline": [1], "machine": doc["machine"] | {"host": "a"}}
    assert documents_in(more, "runs.json") == [more]


def test_an_older_schema_is_brought_up(doc: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it did not write down stays absent."""
    monkeypatch.setattr(documents, "SCHEMA", 2)
    assert documents_in({"schema": 1, "runs": [doc | {"schema": 1}]}, "runs.json") == [doc | {"schema": 2}]


@pytest.mark.parametrize(
    ("plugin", "said"),
    [
        ("pytest-cio-load 9.1.0", "read it with pytest-cio-load 9.1.0 or later"),
        (None, "read it with a later pytest-cio-load"),
        ("evil\n::error::", "read it with a later pytest-cio-load"),
    ],
)
def test_a_newer_schema_names_who_reads_it(plugin: object, said: str) -> None:
    """The release that wrote it does."""
    text = told({"schema": 99, "plugin": plugin, "runs": []})
    assert text == f"runs.json: got a document of schema 99; expected one of at most {documents.SCHEMA}; {said}"


def test_one_newer_document_is_refused(doc: Any) -> None:
    """By itself, or among others."""
    assert "got a document of schema 7" in told(doc | {"schema": 7})
    assert "got a document of schema 7" in told({"schema": 1, "plugin": "x", "runs": [doc, doc | {"schema": 7}]})


@pytest.mark.parametrize("schema", [0, -1, "1", True, None, 1.0])
def test_a_schema_is_a_whole_number(doc: Any, schema: object) -> None:
    """Nothing else says how to read."""
    assert "expected a whole number from 1 up" in told(doc | {"schema": schema})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "an empty file"),
        (b" \n", "an empty file"),
        (b"\xff\xfe{\x00}\x00", "it looks like UTF-16: write the file with --cio-json, not by redirection"),
        (b"\x89PNG\x00", "bytes that are no UTF-8"),
        (b"<html>", "no JSON in line 1 (Expecting value)"),
        (b'{"a": 1}\n{"a": 2}', "no JSON in line 2 (Extra data)"),
        (b'{"a": NaN}', "NaN is no JSON: expected a finite number"),
        (b'{"a": ' + b"1" * 5000 + b"}", "no JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "JSON nested too deep"),
        (b"5", "foreign JSON: 5"),
        (b"[]", "foreign JSON: []"),
        (b"{}", "foreign JSON: an object with nothing in it"),
        (b'{"name": "x", "version": 1}', "foreign JSON: an object with 'name', 'version'"),
        (b'{"root_group": {}, "metrics": {}}', "this is a k6 summary"),
        (b'{"benchmarks": []}', "this is a file of pytest-benchmark"),
        (b'{"scenarios": {}}', "read them with `cio-load from-k6`"),
        (b'{"schema": 1, "runs": [5]}', "runs[0]: 5; expected a run document"),
    ],
)
def test_what_is_no_document_is_refused(content: bytes, said: str) -> None:
    """With what was got, what was expected, and the nearest fix."""
    with pytest.raises(DocumentError) as error:
        parse_documents(content, "runs.json")
    text = str(error.value)
    assert text.startswith("runs.json: got ")
    assert "; expected " in text
    assert said in text


def test_a_truncated_file_is_refused_wherever_it_ends(doc: Any) -> None:
    """A full disk leaves such."""
    whole = json.dumps({"schema": 1, "runs": [doc]}, indent=1).encode()
    for end in range(2, len(whole) - 1, 97):
        with pytest.raises(DocumentError, match="JSON that ends too early; expected a whole file; it was cut off"):
            parse_documents(whole[:end], "runs.json")


def test_a_missing_file_has_a_near_miss(tmp_path: Path) -> None:
    """Of those beside it."""
    (tmp_path / "runs.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DocumentError, match=r"got no such file; .*; did you mean runs\.json\?"):
        read_documents(tmp_path / "run.json")
    with pytest.raises(DocumentError, match="write one with --cio-json FILE"):
        read_documents(tmp_path / "no" / "where.xml")


@pytest.mark.parametrize("name", [".", "a\0b"])
def test_what_cannot_be_read_is_said(tmp_path: Path, name: str) -> None:
    """A folder; a name that is none."""
    with pytest.raises(DocumentError, match="name a file that can be read"):
        read_documents(tmp_path / name)


DAMAGES: list[tuple[Callable[[Any], object], str]] = [
    (lambda doc: doc.pop("rate"), "run: got no 'rate'; expected one"),
    (lambda doc: doc["rate"].update(seconds="9"), "run.rate.seconds: got '9'; expected a number from 0 up"),
    (lambda doc: doc["rate"].update(seconds=True), "run.rate.seconds: got True"),
    (lambda doc: doc["rate"].update(seconds=-1), "run.rate.seconds: got -1"),
    (lambda doc: doc.update(verdict="fine"), "run.verdict: got 'fine'; expected 'kept' or 'broken' or 'inconclusive'"),
    (lambda doc: doc.update(clock=[]), "run.clock: got []; expected 'wall' or 'virtual'"),
    (lambda doc: doc.update(location="test_x.py"), "run.location: got 'test_x.py'; expected a file and a line"),
    (lambda doc: doc.update(notes="a"), "run.notes: got 'a'; expected a list"),
    (lambda doc: doc.update(metrics=[]), "run.metrics: got []; expected an object"),
    (lambda doc: doc["metrics"]["depth"].update(kind="pie"), "run.metrics.depth.kind: got 'pie'; expected one of"),
    (lambda doc: doc["metrics"]["depth"].pop("kind"), "run.metrics.depth.kind: got None; expected one of"),
    (lambda doc: doc["metrics"]["response"].pop("p(95)"), "run.metrics.response: got no 'p(95)'; expected one"),
    (lambda doc: doc["thresholds"][0].update(state="?"), "run.thresholds[0].state: got '?'"),
    (lambda doc: doc["failures"][0].update(count=1.5), "run.failures[0].count: got 1.5; expected a whole number from 0 up"),
    (lambda doc: doc.update(headline="\ud800"), "run.headline: got '\\ud800'; expected text"),
    (lambda doc: doc["metrics"].update({"\ud800": doc["metrics"]["depth"]}), "a key of run.metrics: got '\\ud800'; expected text"),
    (lambda doc: doc["machine"].update(pauses={"count": 1}), "run.machine.pauses: got no 'total_ms'; expected one"),
    (lambda doc: doc["machine"].update(pauses=None), "run.machine.pauses: got None; expected an object"),
    (lambda doc: doc.update(machine={}), "; and more; the document is damaged: write it again with --cio-json"),
]


@pytest.mark.parametrize(("damage", "said"), DAMAGES, ids=[said for _, said in DAMAGES])
def test_a_document_of_another_shape_is_refused(doc: Any, damage: Callable[[Any], object], said: str) -> None:
    """By the place where it is damaged."""
    damage(doc)
    assert said in told(doc)


def _repacked(text: str, change: Callable[[bytearray], object]) -> str:
    """A histogram whose inner bytes were changed, packed again as it should be."""
    data = base64.b64decode(text)
    plain = bytearray(zlib.decompress(data[8:]))
    change(plain)
    packed = zlib.compress(bytes(plain))
    return base64.b64encode(data[:4] + len(packed).to_bytes(4, "big") + packed).decode()


HISTOGRAMS: list[tuple[Callable[[str], str], str]] = [
    (lambda text: "", "no histogram"),
    (lambda text: "not base64!", "no histogram"),
    (lambda text: text[:-8], "a histogram of another form or length"),
    (lambda text: text[: len(text) // 2] + "AAAA" + text[len(text) // 2 + 4 :], "histogram"),
    (lambda text: base64.b64encode(base64.b64decode(text) + b"more").decode(), "a histogram of another form or length"),
    (lambda text: base64.b64encode(b"\x1c\x84\x93\x14\0\0\0\1x").decode(), "no histogram"),
    (lambda text: _repacked(text, lambda plain: plain.extend(b"\2\2")), "a histogram of another form or length"),
    (lambda text: _repacked(text, lambda plain: plain.__setitem__(15, 2)), "a histogram of 2 significant digits from 1 up"),
    (lambda text: _repacked(text, lambda plain: plain.__setitem__(-1, plain[-1] | 0x80)), "a histogram that ends within a number"),
    (lambda text: _repacked(text, lambda plain: plain.__setitem__(-1, 2)), "that stand beside it"),
    (lambda text: _repacked(text, lambda plain: plain.__setitem__(-3, plain[-3] ^ 4)), "of its histogram"),
]


@pytest.mark.parametrize(("damage", "said"), HISTOGRAMS)
def test_a_damaged_histogram_is_refused(runs: Any, damage: Callable[[str], str], said: str) -> None:
    """Cut off, changed, or not that of the figures beside it."""
    doc = runs.document()
    metric = doc["metrics"]["response"]
    metric["histogram"] = damage(metric["histogram"])
    text = told(doc)
    assert text.startswith("runs.json: run.metrics.response: got ")
    assert said in text
    assert text.endswith("the run document is damaged: write it again with --cio-json")


@given(st.integers(8, 400), st.integers(0, 255))
def test_no_changed_histogram_is_read_as_another(place: int, byte: int) -> None:
    """Its checksum tells, wherever a byte changed."""
    trend = Trend()
    for value in range(0, 2_000_000, 7919):
        trend.record(value)
    data = bytearray(base64.b64decode(trend.encode()))
    place = 8 + place % (len(data) - 8)
    data[place] ^= byte
    metric = _metric(trend) | {"histogram": base64.b64encode(bytes(data)).decode()}
    try:
        again = trend_of(metric, "m")
    except DocumentError:
        again = None
    assert again is None or again.counts == trend.counts


def _metric(trend: Trend) -> dict[str, Any]:
    figures = {name: round(trend.read(name, None, 0), 3) for name in ("min", "max", "avg")}
    return {"samples": trend.samples, "histogram": trend.encode(), **figures}


@given(st.lists(st.integers(0, 10**11), max_size=60))
def test_a_trend_is_read_back_whole(values: list[int]) -> None:
    """Every bucket; least and greatest to the thousandth; the mean as near as the document says it."""
    trend = Trend()
    for value in values:
        trend.record(value)
    again = trend_of(_metric(trend), "m")
    assert (again.counts, again.samples, again.lowest, again.highest) == (trend.counts, trend.samples, trend.lowest, trend.highest)
    assert abs(again.total - trend.total) <= len(values) / 2 + 1
    assert again.quantile(Fraction(95)) == trend.quantile(Fraction(95))
    assert trend_of(_metric(trend) | {"sum": trend.total}, "m").total == trend.total


@given(data=st.data())
def test_any_json_is_read_or_refused(runs: Any, data: Any) -> None:
    """Never anything but our own error."""
    inner = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda child: st.lists(child, max_size=2) | st.dictionaries(st.text(max_size=5), child, max_size=2),
        max_leaves=4,
    )
    doc: Any = runs.document(3, fill=fill, failed=1)
    at: Any = doc
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.booleans()):
            at[key] = data.draw(inner)
            break
        at = at[key]
    try:
        read = parse_documents(json.dumps(doc).encode(), "runs.json")
    except CioLoadError:
        read = []
    assert read in ([], [doc])
