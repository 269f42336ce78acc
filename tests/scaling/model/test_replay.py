"""Traffic, an autoscaler and a pipeline together; each expectation worked by hand."""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cio_load.scaling.hpa.spec import ExternalMetric, Hpa, ResourceMetric, Target, TargetKind
from pytest_cio_load.scaling.model.pipeline import Pipeline
from pytest_cio_load.scaling.model.replay import replay

Make = Callable[..., Hpa]

ROOMY = Pipeline(workspaces=100, per_pod=10.0, start=10, grace=0, scrape=0, adapter=0)
"""Pods that do 10/s, with nothing else in the way, whose figures are seen at once."""


def test_nothing_waits_while_there_are_pods_enough(external: Make) -> None:
    """Two pods of 10/s, 15/s arriving."""
    run = replay(external(low=2), "1m:15", ROOMY)
    assert (run.max_depth, run.drain_time, run.max_age, run.left) == (0, 0, 0, 0)
    assert run.throughput == pytest.approx(15)
    assert run.latency == pytest.approx(0.12)
    assert run.seconds == 60


def test_depth_age_and_drain_time(external: Make) -> None:
    """One pod of 10/s, a minute of 20/s: 600 wait, the last for 60 s; a minute later nothing does."""
    run = replay(external(high=1), "1m:20", ROOMY)
    assert run.max_depth == 600
    assert run.drain_time == 60
    assert run.max_age == pytest.approx(60, abs=0.5)
    assert run.throughput == pytest.approx(10)
    assert run.seconds == 120
    assert run.growing


def test_the_workspaces_are_what_holds_everybody_up(external: Make) -> None:
    """100 pods of 10/s may send 200/s: 100/s of 300/s wait."""
    run = replay(external(low=100, high=100), "1m:300", Pipeline(workspaces=2, per_pod=10.0))
    assert run.max_depth == 6_000


def test_batches_multiply_what_a_workspace_takes(external: Make) -> None:
    """100 requests of 50 operations are 5,000/s."""
    run = replay(external(low=100, high=100), "1m:5000", Pipeline(batch=50, per_pod=100.0))
    assert run.max_depth == 0


def test_pods_are_added_when_the_depth_asks_for_them(external: Make) -> None:
    """1,000 for each pod, 100 a second too many: at 15 s 1,500 wait, which asks for two; 10 s later the second one works."""
    run = replay(external(target=1_000, high=2), "1m:110", ROOMY)
    first = run.changes[0]
    assert (first.at, first.desired) == (15, 2)
    assert "1500, target 1000" in first.reason
    assert list(run.samples.ready[23:27]) == [1, 1, 2, 2]
    assert list(run.samples.wanted[14:16]) == [1, 2]


@pytest.mark.parametrize(("scrape", "adapter", "at"), [(0, 0, 15), (15, 0, 30), (15, 15, 45), (7, 8, 30), (20, 0, 45)])
def test_what_is_seen_late_is_acted_on_late(external: Make, scrape: float, adapter: float, at: float) -> None:
    """1,500 wait at 15 s; one scrape and one look of the adapter later the controller can see it, at its next sync."""
    pipeline = Pipeline(workspaces=100, per_pod=10.0, scrape=scrape, adapter=adapter)
    assert replay(external(target=1_000), "2m:110", pipeline).changes[0].at == at


def test_each_pod_reports_the_whole_of_a_shared_depth(original: Hpa) -> None:
    """The known fault: the mean of the same number is that number, however many pods there are."""
    run = replay(original, "1h:300")
    assert run.max_pods == 20
    assert run.growing
    assert run.max_depth == 720_000
    assert [change.desired for change in run.changes[:5]] == [6, 10, 14, 18, 20]
    assert run.drain_time == 7_200


def test_the_warnings_say_why(original: Hpa) -> None:
    """The planner's own rules, with this traffic and this pipeline."""
    run = replay(original, "1h:300")
    codes = [warning.code for warning in run.warnings]
    assert {"pods-past-the-limit", "pods-metric-of-a-shared-depth", "cpu-of-waiting-workers"} <= set(codes)
    assert "300/s arrive and 100/s can be sent, by any number of pods" in run.warnings[0].arithmetic


def test_an_external_metric_divides_the_depth(external: Make) -> None:
    """Where the Pods form goes to its maximum, this one goes to what there is to do."""
    run = replay(external(target=500, low=2, high=20), "10m:20,5m:100,10m:20", ROOMY)
    assert 10 <= run.max_pods < 20


def test_cpu_of_workers_that_wait_asks_for_nothing() -> None:
    """0.36 ms of CPU a job are 30 of 250 thousandths of a core at 83/s, 12 %: the queue grows, and nobody comes."""
    cpu = ResourceMetric("cpu", Target(TargetKind.UTILIZATION, Fraction(70)))
    run = replay(Hpa(10, 1, (cpu,)), "20m:90", Pipeline(workspaces=10))
    assert not run.changes
    assert run.max_depth == pytest.approx(8_000, abs=1)
    assert "12 %, target 70 %" in run.decisions[-1].reason


def test_cpu_of_workers_that_compute_does() -> None:
    """20 ms a job at 20/s are 160 % of a quarter core."""
    cpu = ResourceMetric("cpu", Target(TargetKind.UTILIZATION, Fraction(70)))
    run = replay(Hpa(10, 1, (cpu,)), "20m:20", Pipeline(per_pod=20.0, cpu_per_job=0.02))
    assert run.changes[0].desired == 3


@pytest.mark.parametrize("container", ["", "worker"])
def test_memory_hardly_changes(container: str) -> None:
    """A metric of it is valid, and asks for no change: 39 % against 39 %."""
    memory = ResourceMetric("memory", Target(TargetKind.UTILIZATION, Fraction(39)), container)
    run = replay(Hpa(10, 3, (memory,)), "10m:20", ROOMY)
    assert not run.changes
    assert all(decision.conditions["ScalingActive"] == "ValidMetricFound" for decision in run.decisions)


def test_a_metric_of_the_age(external: Make) -> None:
    """One pod for each 10 s that the oldest job has waited."""
    run = replay(external(target=10, name="cio_queue_oldest_age"), "5m:30", ROOMY)
    assert run.max_pods >= 3
    assert run.max_age < 60


def test_a_metric_of_the_age_in_milliseconds(external: Make) -> None:
    """Its name says so; it comes to the same."""
    seconds = replay(external(target=10, name="cio_queue_age"), "5m:30", ROOMY)
    millis = replay(external(target=10_000, name="cio_queue_age_ms"), "5m:30", ROOMY)
    assert millis.samples == seconds.samples


def test_from_zero_and_back(external: Make) -> None:
    """An External metric may do that: nobody works until the first jobs are seen."""
    run = replay(external(target=100, low=0, high=3), "1m:0,2m:20,10m:0", ROOMY, replicas=1)
    assert run.samples.ready[0] == 1
    assert run.max_depth > 0
    assert run.left == 0
    assert run.samples.wanted[-1] == 0


def test_a_pods_metric_of_what_each_pod_serves() -> None:
    """Its share of the whole: 30/s by three pods are 10/s each, twice the target."""
    from pytest_cio_load.scaling.hpa.spec import PodsMetric

    metric = PodsMetric("jobs_per_second", Target(TargetKind.AVERAGE_VALUE, Fraction(5)))
    run = replay(Hpa(20, 3, (metric,)), "2m:30", ROOMY)
    assert run.changes[0].desired == 6


def test_a_name_that_says_nothing_is_refused(external: Make) -> None:
    """A guess would be a replay of something else."""
    said = r"metric external/foo: got a name that says nothing here; expected .*; say what it means: foo=depth"
    with pytest.raises(ValueError, match=said):
        replay(external(name="foo"), "1m:1")


def test_a_name_that_somebody_explained(external: Make) -> None:
    """Then it is what they say."""
    assert replay(external(name="foo", target=100), "1m:110", ROOMY, meanings={"foo": "depth"}).max_pods > 1


def test_a_meaning_that_there_is_not(external: Make) -> None:
    """With a near miss."""
    with pytest.raises(ValueError, match="meaning of metric foo: got 'dept'; expected one of depth, age, served; did you mean depth"):
        replay(external(name="foo"), "1m:1", meanings={"foo": "dept"})


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"sync": 0}, "sync: got 0; expected at least 1 s; try 15"),
        ({"sync": math.inf}, "sync: got inf"),
        ({"after": -1}, "after: got -1; expected seconds, at least 0; try 21600"),
    ],
)
def test_times_out_of_range(external: Make, how: dict[str, float], said: str) -> None:
    """Each by its name."""
    with pytest.raises(ValueError) as caught:
        replay(external(), "1m:1", **how)  # type: ignore[arg-type]
    assert said in str(caught.value)


def test_what_is_no_autoscaler() -> None:
    """A path is not read here."""
    with pytest.raises(ValueError, match="autoscaler: got str; expected an Hpa or a ScaledObject; try read_scaler"):
        replay("hpa.yaml", "1m:1")  # type: ignore[arg-type]


def test_a_queue_that_is_not_empty_in_time(external: Make) -> None:
    """It is watched for as long as was asked for, and the drain time has no end."""
    run = replay(external(high=1), "1m:20", ROOMY, after=30)
    assert math.isinf(run.drain_time)
    assert (run.left, run.seconds) == (300, 90)
    assert "never empty, 300 left" in repr(run)


def test_what_pods_cost(external: Make) -> None:
    """Two for an hour; one that starts or ends costs as well."""
    assert replay(external(low=2), "1h:1", ROOMY).pod_hours == 2
    run = replay(external(low=1, high=2), "10m:1", Pipeline(grace=60), replicas=2)
    gone = next(change.at for change in run.changes if change.desired == 1)
    assert run.pod_hours == pytest.approx((600 + gone + 60) / 3600)


def test_idle_time_is_no_throughput(external: Make) -> None:
    """A minute of 10/s and a minute of nothing are 10/s."""
    assert replay(external(), "1m:10,1m:0", ROOMY).throughput == pytest.approx(10)


def test_flaps_are_pods_added_again(external: Make) -> None:
    """A peak alone is none; a second one right after pods went away is."""
    hasty = external(target=100, high=2, scale_down=_down())
    assert replay(hasty, "1m:5,2m:20,20m:5", ROOMY).flaps == 0
    assert replay(hasty, "1m:5,2m:20,5m:1,2m:20,20m:5", ROOMY).flaps == 1
    assert replay(hasty, "1m:5,2m:20,20m:1,2m:20,20m:5", ROOMY).flaps == 0


def _down() -> object:
    from pytest_cio_load.scaling.hpa.spec import ScalingRules

    return ScalingRules.down(stabilization=15)


def test_the_latency_that_most_jobs_have(external: Make) -> None:
    """The last of 600 waits for a minute, 95 % for less: 57 s, and the request."""
    run = replay(external(high=1), "1m:20", ROOMY)
    assert run.latency == pytest.approx(57.12, abs=1)


def test_a_run_is_shown_short(external: Make) -> None:
    """As pytest shows it in an assertion that fails."""
    run = replay(external(high=1), "1m:20", ROOMY)
    assert repr(run) == "<Run of external: at most 600 jobs waiting, drained in 1m, 1 pod at most, 0.03 pod hours, 0 flaps>"


def test_a_run_as_plain_values(external: Make) -> None:
    """For JSON and for another process; what never ends is null."""
    import json

    run = replay(external(high=1), "1h:20", ROOMY, after=0)
    plain = json.loads(json.dumps(run.plain(), allow_nan=False))
    assert plain["figures"]["drain_time"] is None
    assert plain["figures"]["max_depth"] == 36_000
    assert len(plain["lines"]["depth"]) <= 400
    assert pickle.loads(pickle.dumps(run)) == run


def test_the_same_input_gives_the_same_run(original: Hpa) -> None:
    """There is no chance in it, and no clock."""
    assert replay(original, "5m:50,10m:50..400,5m:50") == replay(original, "5m:50,10m:50..400,5m:50")


def test_a_day_is_no_more_than_its_seconds(external: Make) -> None:
    """Ten times the traffic takes about ten times as long, and not a hundred times: nothing looks back at all of it."""

    def took(traffic: str) -> float:
        best = math.inf
        for _ in range(3):
            began = time.process_time()
            replay(external(target=1_000, high=20), traffic, ROOMY, after=0)
            best = min(best, time.process_time() - began)
        return best

    assert took("20000s:250") < 40 * took("2000s:250")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(10, 300), st.integers(0, 200)), min_size=1, max_size=5),
    st.integers(1, 3),
    st.integers(1, 12),
    st.integers(50, 5_000),
)
def test_every_run_is_sound(traffic: list[tuple[int, int]], low: int, more: int, target: int) -> None:
    """Within min and max, nothing lost, nothing faster than pods and workspaces are."""
    hpa = Hpa(low + more, low, (ExternalMetric("cio_queue_depth", Target(TargetKind.AVERAGE_VALUE, Fraction(target))),))
    run = replay(hpa, traffic, Pipeline(per_pod=10.0, start=7))
    samples = run.samples
    assert all(low <= wanted <= low + more for wanted in samples.wanted)
    assert all(ready <= there for ready, there in zip(samples.ready, samples.there, strict=True))
    assert all(served <= min(ready * 10, 100) + 1e-6 for ready, served in zip(samples.ready, samples.served, strict=True))
    assert math.isclose(math.fsum(samples.served) + samples.depth[-1], run.traffic.total, rel_tol=1e-6, abs_tol=1e-3)
    assert run.max_pods <= low + more
