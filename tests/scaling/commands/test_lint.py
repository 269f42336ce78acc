"""``cio-load lint``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., int]
Caught = pytest.CaptureFixture[str]


def test_why_twenty_pods_do_not_help(run: Run, seed: Path, capsys: Caught) -> None:
    """At 300/s in and a limit of 100/s: the original design's own autoscaler."""
    assert run("lint", seed, "--arrival", "300/s", "--limit", "100/s", "--rtt", "200ms") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:6] == [
        f"{seed}:7: pods-past-the-limit",
        "  maxReplicas is 20, but ⌈100/s × 200ms / 10⌉ = 2 pods already use up the 100/s",
        "  of the workspace; 300/s arrive and 100/s can be sent, by any number of pods:",
        "  the queue grows by 200/s, to 720,000 jobs after 1h",
        "  → set maxReplicas to 2; send in batches, or through 4 workspaces, each with",
        "    workers of its own",
    ]
    assert lines[-1] == "5 findings in 1 autoscaler"
    assert max(len(line) for line in lines if not line.startswith(str(seed))) <= 80


def test_json(run: Run, seed: Path, capsys: Caught) -> None:
    """The same, for programs; without what arrives there is less to find."""
    assert run("lint", seed, "--json") == 1
    said = json.loads(capsys.readouterr().out)
    assert said["mistakes"] == []
    assert [(each["code"], each["line"]) for each in said["warnings"]] == [
        ("pods-past-the-limit", 7),
        ("pods-metric-of-a-shared-depth", 11),
        ("cpu-of-waiting-workers", 9),
        ("late-reaction", 14),
    ]


def test_what_is_taken_for_granted(run: Run, seed: Path, capsys: Caught) -> None:
    """Is said, apart from the findings; what was stated is not."""
    run("lint", seed, "--limit", "100", "--rtt", "1s")
    assert capsys.readouterr().err == "taken for granted, as nothing says otherwise: 1 workspace, 10 requests at once a pod\n"


def test_a_volume(run: Run, seed: Path, capsys: Caught) -> None:
    """Stands for what arrives at its peak."""
    run("lint", seed, "--daily", "25.92M", "--peak", "2", "--json")
    text = json.loads(capsys.readouterr().out)["warnings"][0]["arithmetic"]
    assert "600/s arrive and 100/s can be sent" in text


def test_no_findings(run: Run, tmp_path: Path, capsys: Caught) -> None:
    """What is planned and written here contradicts nothing."""
    assert run("k8s", "worker", "--image", "w:1", "--daily", "5M", "--live", "--out", tmp_path / "k") == 0
    capsys.readouterr()
    assert run("lint", *sorted((tmp_path / "k").glob("*.yaml")), "--daily", "5M", "--peak", "4") == 0
    assert capsys.readouterr().out == "no findings in 1 autoscaler\n"


def test_mistakes(run: Run, seed: Path, capsys: Caught) -> None:
    """One line each, with file and line, before everything else."""
    seed.write_text(seed.read_text(encoding="utf-8").replace("minReplicas: 2", "minReplicas: 30"), encoding="utf-8")
    assert run("lint", seed) == 1
    assert capsys.readouterr().out == (
        f"{seed}:6: spec.minReplicas: got 30; expected at most maxReplicas, 20; try maxReplicas: 30\n1 finding in 1 autoscaler\n"
    )


def test_mistakes_as_json(run: Run, seed: Path, capsys: Caught) -> None:
    """With their parts."""
    seed.write_text("kind: [", encoding="utf-8")
    assert run("lint", seed, "--json") == 1
    (mistake,) = json.loads(capsys.readouterr().out)["mistakes"]
    assert (mistake["file"], mistake["line"], mistake["expected"]) == (str(seed), 1, "a manifest in YAML")


def test_nothing_to_look_at(run: Run, seed: Path, capsys: Caught) -> None:
    """Is a mistake in the arguments."""
    seed.write_text("kind: Service\n---\nkind: Secret\n", encoding="utf-8")
    assert run("lint", seed) == 2
    expected = "got Secret, Service; expected a HorizontalPodAutoscaler, a ScaledObject or a Deployment; name the file that has it"
    assert expected in capsys.readouterr().err


def test_no_file(run: Run, tmp_path: Path, capsys: Caught) -> None:
    """Is a mistake in the arguments too."""
    assert run("lint", tmp_path / "none.yaml") == 2
    assert "none.yaml" in capsys.readouterr().err
