"""The autoscaler of a plan is the one that the planner's manifest holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_cio_load.scaling.model.planned import planned_hpa, planned_pipeline
from pytest_cio_load.scaling.model.replay import replay
from pytest_cio_load.scaling.planner.plan import plan


@pytest.mark.parametrize("how", [{}, {"batch": 1}, {"peak": 1.0}])
def test_as_the_manifest_has_it(how: dict[str, float], tmp_path: Path) -> None:
    """Written as YAML, and read again."""
    pytest.importorskip("yaml", reason="reading YAML needs pip install 'pytest-cio-load[k8s]'")
    from pytest_cio_load.scaling.manifests.documents import as_yaml
    from pytest_cio_load.scaling.manifests.reading import read_hpa
    from pytest_cio_load.scaling.manifests.worker import SecretKey, WorkerSpec

    made = plan(5_000_000, **how)  # type: ignore[arg-type]
    keys = (SecretKey("queue", "url"), SecretKey("keys", "site-id"), SecretKey("keys", "api-key"))
    spec = WorkerSpec("cio-worker", "example.com/worker:1.0", *keys, made.min_replicas, made.max_replicas, made.depth_per_pod)
    file = tmp_path / "hpa.yaml"
    file.write_text(as_yaml(spec)["hpa.yaml"], encoding="utf-8")
    assert planned_hpa(made) == read_hpa(file)


def test_a_plan_for_a_constant_load_holds() -> None:
    """300/s without batches: four workspaces, and nothing waits."""
    made = plan(300 * 86_400, peak=1, batch=1)
    run = replay(planned_hpa(made), "1h:300", planned_pipeline(made))
    assert made.workspaces == 4
    assert (run.max_depth, run.flaps, run.warnings) == (0, 0, ())


def test_a_plan_for_a_peak_holds() -> None:
    """Four times the mean for an hour, after which nothing is left."""
    made = plan(300 * 86_400 / 4, peak=4, batch=1)
    run = replay(planned_hpa(made), "10m:75,1h:300,30m:75", planned_pipeline(made))
    assert run.max_depth < 300 * 120
    assert run.left == 0
    assert not run.growing
