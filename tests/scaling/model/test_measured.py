"""The rate of a worker from the document of a real run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_cio_load.scaling.model.measured import worker_rate


def document(**said: Any) -> dict[str, Any]:
    """A run of 4,000 jobs in 30 s and 20 s more."""
    metrics = {"queue_latency": {"samples": 4_000}, "drain_time": {"value": 20_000.0}}
    return {"test": "test_queue.py::test_it", "clock": "wall", "rate": {"seconds": 30.0}, "metrics": metrics, **said}


def written(folder: Path, *runs: dict[str, Any]) -> Path:
    """The file that holds them."""
    file = folder / "runs.json"
    file.write_text(json.dumps({"runs": list(runs)}), encoding="utf-8")
    return file


@pytest.mark.parametrize(("workers", "rate"), [(1, 80), (2, 40), (4, 20)])
def test_all_jobs_over_all_the_time(tmp_path: Path, workers: int, rate: float) -> None:
    """4,000 jobs in 50 s are 80/s, by so many workers."""
    assert worker_rate(written(tmp_path, document()), workers=workers) == pytest.approx(rate)


def test_one_of_several_runs(tmp_path: Path) -> None:
    """A part of its name tells it from the others; runs without a pipeline are none."""
    file = written(tmp_path, document(), document(test="a::test_other", rate={"seconds": 60.0}), document(test="b", metrics={}))
    assert worker_rate(file, workers=1, test="other") == pytest.approx(50)


@pytest.mark.parametrize(
    ("runs", "how", "said"),
    [
        ([document(clock="virtual")], {}, "test_it, a run in virtual time; expected one on the wall clock"),
        ([document(), document(test="another")], {}, "got 2 runs with a pipeline; expected one; name one of: test_queue.py::test_it, an"),
        ([document()], {"test": "none"}, "got 0 runs with a pipeline named 'none'; expected one"),
        ([document(metrics={})], {}, "expected one; name one of: none with cio_queue"),
        (
            [document(metrics={"queue_latency": {"samples": 9}, "drain_time": {"value": 200.0}})],
            {},
            "whose queue was empty 0.2 s after its end; expected workers that were busy all the time",
        ),
        ([document()], {"workers": 0}, "workers: got 0; expected at least 1"),
    ],
)
def test_what_says_nothing_of_speed(tmp_path: Path, runs: list[dict[str, Any]], how: dict[str, Any], said: str) -> None:
    """Why not, and which run would."""
    with pytest.raises(ValueError) as caught:
        worker_rate(written(tmp_path, *runs), **{"workers": 1, **how})
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"runs": [1]}', '{"runs": [{}]}'])
def test_what_is_no_document(tmp_path: Path, text: str) -> None:
    """And where one comes from."""
    file = tmp_path / "runs.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"got what is no run document; expected one that --cio-json wrote; try pytest --cio-json"):
        worker_rate(file, workers=1)
