"""`--cio-json`: every run of the session in one file."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pytest_cio_load.reports.file import write_json


def written(path: Path) -> Any:
    """What is in the file."""
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_run_is_written_in_full(runs: Any, tmp_path: Path) -> None:
    """Exactly the documents, under the plugin's name and version."""
    docs = [runs.document(test="a"), runs.document(test="b", failed=1)]
    write_json(str(tmp_path / "runs.json"), docs, version="1.2.3")
    whole = written(tmp_path / "runs.json")
    assert (whole["schema"], whole["plugin"], whole["runs"]) == (2, "pytest-cio-load 1.2.3", docs)
    assert datetime.fromisoformat(whole["machine"]["written_at"]).utcoffset() is not None


def test_runs_are_ordered_by_test(runs: Any, tmp_path: Path) -> None:
    """Whatever order the workers sent them in: files of two sessions compare line by line."""
    docs = [runs.document(test=test) for test in ("c", "a", "b")]
    write_json(str(tmp_path / "runs.json"), docs, version="1")
    assert [run["test"] for run in written(tmp_path / "runs.json")["runs"]] == ["a", "b", "c"]


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    """A report folder need not be there before."""
    write_json(str(tmp_path / "reports" / "load" / "runs.json"), [], version="1")
    assert written(tmp_path / "reports" / "load" / "runs.json")["runs"] == []


def test_an_earlier_file_is_replaced(runs: Any, tmp_path: Path) -> None:
    """Nothing of a longer one is left behind."""
    path = tmp_path / "runs.json"
    write_json(str(path), [runs.document(), runs.document()], version="1")
    write_json(str(path), [], version="1")
    assert written(path)["runs"] == []


def test_a_path_without_a_folder_is_one_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As everywhere."""
    monkeypatch.chdir(tmp_path)
    write_json("runs.json", [], version="1")
    assert (tmp_path / "runs.json").exists()


def test_the_file_is_made_to_be_read(runs: Any, tmp_path: Path) -> None:
    """Line by line, as UTF-8, without escapes, and with a newline at its end."""
    write_json(str(tmp_path / "runs.json"), [runs.document(test="test_größe[→]")], version="1")
    text = (tmp_path / "runs.json").read_bytes().decode("utf-8")
    assert '"test": "test_größe[→]"' in text
    assert text.endswith("}\n")
    assert len(text.splitlines()) > 100
