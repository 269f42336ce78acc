"""What the fixture and the marker ``cio_scale`` stand on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_cio_load.scaling.hpa.spec import Hpa
from pytest_cio_load.targets.scale import ScaleUnderTest, scale_problems, scale_run

Make = Callable[..., Hpa]

MANIFESTS = Path(__file__).parents[3] / "examples" / "k8s"


def test_a_value_is_replayed(external: Make) -> None:
    """With units where there are any; every run is kept for reports."""
    scale = ScaleUnderTest()
    run = scale.replay(external(high=1), traffic=[("1m", 20)], per_pod="10/s", limit="600/m", batch=1, rtt="250ms", workspaces=2)
    assert (run.pipeline.limit, run.pipeline.rtt, run.pipeline.workspaces) == (10, 0.25, 2)
    assert run.max_depth == 600
    assert scale.runs == [run]


def test_a_path_is_read(original: Hpa) -> None:
    """From the root that was given."""
    pytest.importorskip("yaml", reason="reading YAML needs pip install 'pytest-cio-load[k8s]'")
    run = ScaleUnderTest(MANIFESTS).replay("original-hpa.yaml", traffic="1h:300")
    assert run.hpa.metrics == original.metrics
    assert run.max_pods == 20


def test_traffic_from_a_file_starts_from_the_root(external: Make, tmp_path: Path) -> None:
    """As manifests do."""
    (tmp_path / "day.csv").write_text("0,10\n60,10\n", encoding="utf-8")
    assert ScaleUnderTest(tmp_path).replay(external(), traffic="day.csv").traffic.total == 600


def test_a_number_of_a_rate_in_text(external: Make) -> None:
    """Is one per second."""
    assert ScaleUnderTest().replay(external(), traffic="1m:1", per_pod="80").pipeline.per_pod == 80


def test_an_unknown_keyword(external: Make) -> None:
    """With a near miss."""
    with pytest.raises(TypeError, match=r"replay: got workspace=4; expected a keyword of the pipeline; did you mean workspaces\?"):
        ScaleUnderTest().replay(external(), traffic="1m:1", workspace=4)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"limit": "fast"}, "limit: got 'fast', expected a rate above 0"),
        ({"rtt": "soon"}, "rtt: got 'soon', expected a duration"),
        ({"batch": 1.5}, "batch: got 1.5, expected a whole number from 1 up; try 2"),
        ({"batch": 0}, "batch: got 0, expected a number above 0"),
        ({"rtt": 0}, "rtt: got 0; expected a number above 0; try 0.12"),
    ],
)
def test_a_number_that_is_none(external: Make, said: dict[str, Any], text: str) -> None:
    """By its keyword."""
    with pytest.raises(ValueError) as caught:
        ScaleUnderTest().replay(external(), traffic="1m:1", **said)
    assert text in str(caught.value)


def test_kept_promises(external: Make) -> None:
    """None is broken."""
    keywords = {"hpa": external(high=1), "traffic": [("1m", 20)], "per_pod": 10, "max_depth": 600, "drain_time": "1m", "flaps": 0}
    assert not scale_problems(keywords)
    run, missed = scale_run(keywords)
    assert run.max_depth == 600
    assert missed == []


def test_broken_promises(external: Make) -> None:
    """Each with what came instead."""
    promises = {"max_depth": "<600", "drain_time": "30s", "throughput": ">=10"}
    keywords = {"hpa": external(high=1), "traffic": "1m:20", "per_pod": 10, **promises}
    _, missed = scale_run(keywords)
    assert missed == ["max_depth<600: got 600", "drain_time<=30s: got 1m"]


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"max_dept": 5}, "cio_scale(max_dept)=5: expected a keyword of cio_scale; did you mean max_depth?"),
        ({"traffic": None}, 'cio_scale(traffic)=None: expected "10m:50'),
        ({"traffic": "10m"}, "cio_scale(traffic)='10m': expected a duration, a colon and a rate"),
        ({"traffic": [("1m", -1)]}, "cio_scale(traffic)=-1: expected a rate of at least 0"),
        ({"traffic": "none.csv"}, "cio_scale(traffic)='none.csv': expected a file that can be read: No such file"),
        ({"limit": 0}, "cio_scale(limit)=0: expected a rate above 0"),
        ({"batch": "many"}, "cio_scale(batch)='many': expected a number above 0"),
        ({"rtt": 0}, "cio_scale(rtt)=0: expected a number above 0; try 0.12"),
        ({"max_depth": "deep"}, "cio_scale(max_depth)='deep': expected a number above 0"),
        ({"replicas": -1}, "cio_scale(replicas)=-1: expected a whole number from 0 up; leave it out"),
        ({"meanings": "depth"}, "cio_scale(meanings)='depth': expected what metrics tell, by their names; try meanings="),
        ({"meanings": {"cio_queue_depth": "dept"}}, "cio_scale='dept': expected one of depth, age, served; did you mean depth?"),
        ({"hpa": 5}, "cio_scale(hpa)=5: expected the path of a manifest, an Hpa or a ScaledObject; try 'k8s/hpa.yaml'"),
        ({"hpa": "none.yaml"}, "cio_scale(hpa)='none.yaml': expected a file that can be read: No such file"),
    ],
)
def test_each_problem(external: Make, said: dict[str, Any], line: str) -> None:
    """One keyword is wrong: one line says so."""
    problems = scale_problems({"hpa": external(), "traffic": "1m:1", "flaps": 0, **said})
    assert [problem.describe()[: len(line)] for problem in problems] == [line]


def test_all_problems_at_once() -> None:
    """What is missing, and what is wrong."""
    lines = [problem.describe() for problem in scale_problems({"limt": 5})]
    assert lines == [
        "cio_scale(limt)=5: expected a keyword of cio_scale; did you mean limit?",
        "cio_scale(hpa): expected hpa in it; add hpa='k8s/hpa.yaml'",
        "cio_scale(traffic): expected traffic in it; add traffic=[('10m', 50), ('5m', 400)]",
        "cio_scale: expected at least one promise; add max_depth=20_000, drain_time='10m' or flaps=0",
    ]


def test_mistakes_in_a_manifest(tmp_path: Path) -> None:
    """Every one of them, with its line."""
    pytest.importorskip("yaml", reason="reading YAML needs pip install 'pytest-cio-load[k8s]'")
    text = (MANIFESTS / "original-hpa.yaml").read_text(encoding="utf-8")
    text = text.replace("minReplicas: 2", "minReplicas: 200").replace(
        "stabilizationWindowSeconds: 300", "stabilizationWindowSeconds: 30000"
    )
    (tmp_path / "hpa.yaml").write_text(text, encoding="utf-8")
    problems = scale_problems({"hpa": "hpa.yaml", "traffic": "1m:1", "flaps": 0}, root=tmp_path)
    lines = [problem.describe() for problem in problems]
    assert len(lines) == 2
    assert any("hpa.yaml:11: spec.minReplicas=200: expected at most maxReplicas, 20" in line for line in lines)
    assert any("stabilizationWindowSeconds=30000: expected" in line for line in lines)


def test_a_manifest_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names what to install."""
    import sys

    (tmp_path / "hpa.yaml").write_text("kind: HorizontalPodAutoscaler\n", encoding="utf-8")
    monkeypatch.setitem(sys.modules, "yaml", None)
    (problem,) = scale_problems({"hpa": "hpa.yaml", "traffic": "1m:1", "flaps": 0}, root=tmp_path)
    assert "pip install 'pytest-cio-load[k8s]'" in problem.describe()
