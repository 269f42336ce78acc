"""The autoscaler of a plan is the one that the planner's manifest holds."""

from __future__ import annotations

from dataclasses import replace
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
    from pytest_cio_load.scaling.manifests.reading import read_scaler
    from pytest_cio_load.scaling.manifests.worker import SecretKey, WorkerSpec

    made = plan(5_000_000, **how)  # type: ignore[arg-type]
    keys = (SecretKey("queue", "url"), SecretKey("keys", "site-id"), SecretKey("keys", "api-key"))
    spec = WorkerSpec("cio-worker", "example.com/worker:1.0", *keys, made.min_replicas, made.max_replicas, made.depth_per_pod)
    file = tmp_path / "hpa.yaml"
    file.write_text(as_yaml(spec)["hpa.yaml"], encoding="utf-8")
    assert planned_hpa(made) == read_scaler(file)


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


@pytest.mark.parametrize(("daily", "peak", "batch"), [(6_480_000, 4, 1), (50_000_000, 10, 50), (20_000_000, 3, 2)])
def test_pods_without_flaps(daily: int, peak: float, batch: int) -> None:
    """As many as the plan says, always running, need nobody beside them in a peak; with one fewer, pods come and go."""
    made = plan(daily, peak=peak, batch=batch)
    mean = daily / 86_400
    hpa, traffic = planned_hpa(made), [("20m", mean), ("2h", mean * peak), ("1h", mean)]
    steady = made.steady_replicas
    assert steady > made.min_replicas
    runs = [replay(replace(hpa, min_replicas=low), traffic, planned_pipeline(made)) for low in (made.min_replicas, steady - 1, steady)]
    assert runs[0].flaps > 0
    assert len(runs[1].changes) >= 2
    assert (runs[2].flaps, runs[2].max_depth, len(runs[2].changes)) == (0, 0, 0)
