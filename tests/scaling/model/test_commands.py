"""``cio-load replay`` and ``cio-load tune``, as somebody types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_cio_load.cli import main

pytest.importorskip("yaml", reason="reading YAML needs pip install 'pytest-cio-load[k8s]'")

MANIFEST = Path(__file__).parents[3] / "examples" / "k8s" / "original-hpa.yaml"
PEAK = "10m:50,5m:400,30m:50"

Command = Callable[..., int]


@pytest.fixture
def typed() -> Command:
    """Runs a command with its arguments: the exit code."""

    def run(command: str, *arguments: str) -> int:
        return main([command, *arguments])

    return run


def test_replay_prints_figures_plot_and_reasons(typed: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """At 80 columns, with the warnings at the end."""
    how = ("--traffic", PEAK, "--limit", "100", "--rtt", "120ms", "--concurrency", "10")
    assert typed("replay", str(MANIFEST), *how) == 0
    said = capsys.readouterr().out
    assert "  max_depth   90,000 jobs" in said
    assert "  max_pods    20, each up to 83.33/s" in said
    assert "█" in said
    assert "2 → 6: pods/cio_queue_depth" in said
    assert "warning: pods-past-the-limit" in said
    assert max(map(len, said.splitlines())) <= 80


def test_broken_promises_end_with_1(typed: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """And are the last lines."""
    assert typed("replay", str(MANIFEST), "--traffic", PEAK, "--keep", "max_depth<20000,flaps==0") == 1
    assert capsys.readouterr().out.splitlines()[-1] == "broken: max_depth<20000: got 90,000"


def test_kept_promises_end_with_0(typed: Command) -> None:
    """With workspaces enough."""
    assert typed("replay", str(MANIFEST), "--traffic", PEAK, "--workspaces", "5", "--keep", "max_depth<30k,drain_time<10m") == 0


def test_replay_as_json(typed: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """Figures by their names, and what is broken."""
    assert typed("replay", str(MANIFEST), "--traffic", PEAK, "--json", "--keep", "flaps>0") == 1
    said = json.loads(capsys.readouterr().out)
    assert said["figures"]["max_depth"] == 90_000
    assert said["broken"] == ["flaps>0: got 0"]


def test_replay_writes_svg(typed: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside what it prints."""
    file = tmp_path / "plot.svg"
    assert typed("replay", str(MANIFEST), "--traffic", PEAK, "--svg", str(file)) == 0
    assert file.read_text(encoding="utf-8").startswith("<svg ")
    assert capsys.readouterr().out


def test_replay_writes_a_page(typed: Command, tmp_path: Path) -> None:
    """Plot, figures and changes, with what was typed as text and nothing from elsewhere."""
    file = tmp_path / "run.html"
    assert typed("replay", str(MANIFEST), "--traffic", PEAK, "--html", str(file)) == 0
    page = file.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert all(part in page for part in ("<svg ", "max_depth", "max_pods", PEAK))
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_traffic_from_a_file(typed: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of timestamps and rates."""
    file = tmp_path / "day.csv"
    file.write_text("0,50\n600,50\n", encoding="utf-8")
    assert typed("replay", str(MANIFEST), "--traffic", str(file)) == 0
    assert "0 jobs" in capsys.readouterr().out


def test_a_measured_worker(typed: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its rate takes the place of what a request's time comes to."""
    metrics = {"queue_latency": {"samples": 4_000}, "drain_time": {"value": 20_000.0}}
    file = tmp_path / "runs.json"
    file.write_text(json.dumps({"runs": [{"test": "t", "clock": "wall", "rate": {"seconds": 30}, "metrics": metrics}]}), encoding="utf-8")
    assert typed("replay", str(MANIFEST), "--traffic", "1m:1", "--measured", str(file), "--measured-workers", "2") == 0
    assert "each up to 40/s" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--traffic", "soon"], "cio-load replay: traffic: got 'soon'; expected"),
        (["--traffic", "1m:1", "--keep", "cost<1"], "cio-load replay: promise: got 'cost'; expected a figure of a run"),
        (["--traffic", "1m:1", "--metric", "depth"], "metric: got 'depth'; expected NAME=MEANING; try depth=depth"),
        (["--traffic", "1m:1", "--per-pod", "80", "--measured", "runs.json"], "per-pod: got it beside --measured; expected one of the two"),
        (["--traffic", "none.csv"], "none.csv"),
    ],
)
def test_mistakes_end_with_2(typed: Command, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """On one line of standard error."""
    assert typed("replay", str(MANIFEST), *arguments) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_mistakes_in_the_manifest(typed: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the file and the line."""
    file = tmp_path / "hpa.yaml"
    file.write_text(MANIFEST.read_text(encoding="utf-8").replace("minReplicas: 2", "minReplicas: 200"), encoding="utf-8")
    assert typed("replay", str(file), "--traffic", "1m:1") == 2
    assert "hpa.yaml:11: spec.minReplicas: got 200; expected at most maxReplicas, 20" in capsys.readouterr().err


def test_tune_proposes_field_by_field(typed: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """Each with its place, before, after and why."""
    how = ("--workspaces", "5", "--keep", "max_depth<40000,drain_time<10m", "--tries", "50")
    assert typed("tune", str(MANIFEST), "--traffic", PEAK, *how) == 0
    said = capsys.readouterr().out
    assert "max_depth<40000, drain_time<10m: kept by " in said
    assert "  spec.maxReplicas\n      20 → " in said
    assert "without it " in said
    assert max(map(len, said.splitlines())) <= 100


def test_tune_finds_nothing(typed: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """And says why not."""
    assert typed("tune", str(MANIFEST), "--traffic", "20m:300", "--keep", "drain_time<10m", "--tries", "10") == 1
    said = capsys.readouterr().out
    assert said.startswith("drain_time<10m: not kept by any policy that was tried")
    assert "by any number of pods" in said.replace("\n  ", " ")


def test_tune_as_json(typed: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """What it was, what it is to be, and every change."""
    assert typed("tune", str(MANIFEST), "--traffic", PEAK, "--keep", "max_depth<95k", "--tries", "20", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["kept"] is True
    assert {"path", "before", "after", "why"} == set(said["changes"][0])
    assert said["after"]["figures"]["pod_hours"] <= said["before"]["figures"]["pod_hours"]


KEDA = """\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: w}
spec:
  scaleTargetRef: {name: w}
  maxReplicaCount: 9
  triggers: [{type: redis, metadata: {listName: mails, listLength: '100'}}]
"""


def test_a_scaled_object(typed: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Is replayed as KEDA would have it, and tuned field by field."""
    file = tmp_path / "so.yaml"
    file.write_text(KEDA, encoding="utf-8")
    how = ("--traffic", "2m:0,5m:400,20m:0", "--workspaces", "5")
    assert typed("replay", str(file), *how) == 0
    said = capsys.readouterr().out
    assert "0 → 1: activated by s0-redis" in said
    assert "→ 0: no trigger active for" in said
    assert typed("tune", str(file), *how, "--keep", "max_depth<60k,drain_time<20m", "--tries", "60") == 0
    said = capsys.readouterr().out
    assert "  spec.triggers\n      redis, AverageValue 100 of mails → redis, AverageValue " in said
    assert "  spec.cooldownPeriod\n      300 → " in said


def test_a_mistake_in_a_scaled_object(typed: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the file and the line, whoever reads it."""
    file = tmp_path / "so.yaml"
    file.write_text(KEDA.replace("'100'", "100"), encoding="utf-8")
    for command, more in (("replay", ()), ("tune", ("--keep", "flaps==0"))):
        assert typed(command, str(file), "--traffic", "1m:1", *more) == 2
        assert "so.yaml:7: spec.triggers[0].metadata.listLength: got 100; expected text" in capsys.readouterr().err
