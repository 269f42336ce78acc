"""``cio-load report``, ``merge`` and ``from-k6``: thin over what is tested elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_cio_load.cli import main
from pytest_cio_load.reports.file import write_json


@pytest.fixture
def kept(runs: Any, tmp_path: Path) -> str:
    """A file with a run that was kept."""
    path = tmp_path / "runs.json"
    write_json(str(path), [runs.document()])
    return str(path)


@pytest.mark.parametrize(
    ("name", "begins"),
    [("a.md", "#"), ("a.csv", "test,"), ("a.hlog", "#"), ("a.json", "{"), ("a.html", "<!doctype html>")],
)
def test_the_name_of_a_file_says_its_format(kept: str, tmp_path: Path, name: str, begins: str) -> None:
    """Whatever the case of its letters."""
    if name.endswith("html"):
        pytest.importorskip("vl_convert", reason="the HTML report needs the extra html")
    out = tmp_path / name.upper()
    assert main(["report", kept, "--out", str(out)]) == 0
    assert out.read_text(encoding="utf-8").lower().startswith(begins)


def test_text_is_what_the_terminal_shows(kept: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By default."""
    assert main(["report", kept]) == 0
    assert capsys.readouterr().out.startswith("contract kept")


def test_k6s_summary_by_its_name(kept: str, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard output."""
    assert main(["report", kept, "--to", "k6-summary"]) == 0
    assert "metrics" in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--to", "htm"], "--to: got 'htm'; expected one of terminal, json, html, markdown, csv, hlog, k6-summary; did you mean html?"),
        (["--out", "a.pdf"], "--out: got a name that ends with '.pdf'; expected .json, .html, .htm, .md, .csv, .hlog; say which format"),
    ],
)
def test_a_format_that_is_none(kept: str, options: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Got, expected, nearest."""
    assert main(["report", kept, *options]) == 2
    assert says in " ".join(capsys.readouterr().err.split())


def test_a_file_that_is_no_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Is said so."""
    path = tmp_path / "list.json"
    path.write_text("[1, 2", encoding="utf-8")
    assert main(["report", str(path)]) == 2
    assert "expected" in capsys.readouterr().err


def test_merging(kept: str, tmp_path: Path, runs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Two shards have twice the iterations of one."""
    other = tmp_path / "other.json"
    doc = runs.document()
    doc["machine"]["started_at"] = "2026-01-02T00:00:00.000+00:00"
    write_json(str(other), [doc])
    assert main(["merge", kept, str(other), "--out", str(tmp_path / "whole.json")]) in (0, 1)
    (whole,) = json.loads((tmp_path / "whole.json").read_text(encoding="utf-8"))["runs"]
    assert whole["iterations"]["measured"] == 2 * doc["iterations"]["measured"]


def test_from_k6(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is a test, and on standard error what is not in it."""
    options = tmp_path / "options.json"
    scenario = {"executor": "constant-arrival-rate", "rate": 80, "duration": "60s", "preAllocatedVUs": 20}
    options.write_text(json.dumps({"scenarios": {"signup": scenario}, "rps": 7}), encoding="utf-8")
    out = tmp_path / "test_signup.py"
    assert main(["from-k6", str(options), "--out", str(out)]) == 1
    assert "@pytest.mark.cio_load(" in out.read_text(encoding="utf-8")
    assert "not carried over: rps" in capsys.readouterr().err
