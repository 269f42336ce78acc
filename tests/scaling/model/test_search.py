"""The cheapest policy that keeps its promises."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_cio_load.scaling.hpa.spec import ExternalMetric, Hpa
from pytest_cio_load.scaling.model.moves import fields_for
from pytest_cio_load.scaling.model.pipeline import Pipeline
from pytest_cio_load.scaling.model.promises import broken, read_promises
from pytest_cio_load.scaling.model.replay import replay
from pytest_cio_load.scaling.model.search import NOTHING, Tuned, tune
from pytest_cio_load.scaling.model.traffic import read_traffic

Make = Callable[..., Hpa]

PEAK = "5m:50,5m:400,10m:50"
ROOMY = Pipeline(workspaces=5)


@pytest.fixture(scope="module")
def found() -> Tuned:
    """The original design's own, with workspaces enough."""
    from fractions import Fraction

    from pytest_cio_load.scaling.hpa.spec import Behavior, PodsMetric, Policy, PolicyKind, ScalingRules, Target, TargetKind

    metric = PodsMetric("cio_queue_depth", Target(TargetKind.AVERAGE_VALUE, Fraction(500)))
    up = ScalingRules.up(stabilization=60, policies=[Policy(PolicyKind.PODS, 4, 60)])
    down = ScalingRules.down(stabilization=300, policies=[Policy(PolicyKind.PODS, 2, 120)])
    hpa = Hpa(20, 2, (metric,), Behavior(up, down), "original")
    return tune(hpa, PEAK, read_promises("max_depth<40000,drain_time<10m,flaps==0"), ROOMY, tries=60)


def test_it_keeps_what_was_promised(found: Tuned) -> None:
    """And replaying it again says the same."""
    assert found.kept
    again = replay(found.scaler, PEAK, ROOMY)
    assert not broken(found.promises, again)
    assert again == found.run


def test_it_is_cheaper(found: Tuned) -> None:
    """Twenty pods for a metric that cannot fall are a waste."""
    assert found.run.pod_hours < found.before.pod_hours / 2
    assert isinstance(found.scaler, Hpa)
    assert isinstance(found.scaler.metrics[0], ExternalMetric)


def test_no_pod_past_what_the_workspaces_take(found: Tuned) -> None:
    """500/s are six pods."""
    assert found.scaler.max_replicas <= 6


def test_each_change_is_explained(found: Tuned) -> None:
    """By its place in the manifest, and by what happens without it."""
    paths = [change.path for change in found.changes]
    assert "spec.maxReplicas" in paths
    assert all(change.before != change.after for change in found.changes)
    assert all(change.why.startswith(("without it ", "the others need it")) for change in found.changes)


def test_what_saves_next_to_nothing_is_left_as_it_is(found: Tuned) -> None:
    """A change is worth a hundredth of the pod hours, or keeps a promise."""
    saved = [float(change.why.split()[2]) for change in found.changes if change.why.endswith("pod hours more")]
    assert all(hours > found.run.pod_hours * NOTHING - 0.005 for hours in saved)
    assert "spec.behavior.scaleUp.stabilizationWindowSeconds" not in [change.path for change in found.changes]


def test_a_policy_that_keeps_them_is_left_alone_when_savings_count_for_nothing(original: Hpa, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every change that only saves is undone then."""
    monkeypatch.setattr("pytest_cio_load.scaling.model.search.NOTHING", 100.0)
    assert not tune(original, PEAK, read_promises("max_depth<40000"), ROOMY, tries=30).changes


def test_the_values_that_are_tried(original: Hpa) -> None:
    """Of pods: as many as the mean and the peak keep busy, never past what the workspaces take, never fewer than asked for."""
    fields = {each.path: each for each in fields_for(original, read_traffic(PEAK), ROOMY, fewest=2, meanings={})}
    assert fields["spec.minReplicas"].values == (2, 3, 4, 5)
    assert fields["spec.maxReplicas"].values == (3, 5, 6)
    assert [float(one.target.value) for (one,) in fields["spec.metrics"].values] == [417, 833, 1_667, 2_500, 5_000, 10_000, 25_000]


def test_the_metric_of_the_depth_is_kept(external: Make) -> None:
    """Only its target changes; one that is no number of the whole queue gives way."""
    fields = fields_for(external(name="my_backlog"), read_traffic(PEAK), ROOMY, fewest=2, meanings={})
    assert {one.name for (one,) in fields[0].values} == {"my_backlog"}
    fields = fields_for(external(name="cio_queue_age"), read_traffic(PEAK), ROOMY, fewest=2, meanings={})
    assert {one.name for (one,) in fields[0].values} == {"cio_queue_backlog"}


def test_it_is_bounded(found: Tuned) -> None:
    """By the tries it was given, and a few more for the explanation: two a field at most."""
    assert found.tried <= 60 + 2 * 7


@pytest.mark.parametrize(("tries", "most"), [(1, 1), (2, 4)])
def test_few_tries_are_few(original: Hpa, tries: int, most: int) -> None:
    """The first is the policy as it is; one change may be undone and be told."""
    assert tune(original, "2m:50", read_promises("flaps==0"), ROOMY, tries=tries).tried <= most


def test_it_also_starts_elsewhere(external: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """From policies drawn at random, as long as there are tries left."""
    arguments = (external(), "1m:50,2m:200,3m:50", read_promises("max_depth<9000"), ROOMY)
    more = tune(*arguments, tries=400)
    monkeypatch.setattr("pytest_cio_load.scaling.model.search._RESTARTS", 0)
    assert tune(*arguments, tries=400).tried < more.tried


def test_the_same_seed_gives_the_same_answer(external: Make) -> None:
    """Whatever is drawn at random is drawn again."""
    promises = read_promises("max_depth<9000,drain_time<10m")
    first, second = (tune(external(), "2m:50,2m:200,5m:50", promises, ROOMY, tries=40, seed=3) for _ in range(2))
    assert first.scaler == second.scaler
    assert first.changes == second.changes


def test_what_needs_no_change(external: Make) -> None:
    """A policy that costs no more than it must is left as it is."""
    found = tune(external(low=2, high=2), "5m:10", read_promises("max_depth<100"), ROOMY, tries=40)
    assert not found.changes
    assert found.kept


def test_why_there_is_none(original: Hpa) -> None:
    """300/s do not go through 100/s, and more pods do not help."""
    found = tune(original, "20m:300", read_promises("drain_time<10m"), tries=30)
    assert not found.kept
    assert "drain_time<10m: got 40m" in found.reason
    assert "even 2 pods all the time do not keep them" in found.reason
    assert "300/s arrive at the peak and 100/s can be sent, by any number of pods" in found.reason


def test_when_only_the_cost_is_too_high(original: Hpa) -> None:
    """Then it is not the pipeline's fault, and the tries are told."""
    found = tune(original, "5m:300", read_promises("max_depth<30000,pod_hours<0.01"), ROOMY, tries=30)
    assert "pod_hours<0.01: got" in found.reason
    assert "30 may be" in found.reason


def test_the_fewest_pods_stay(external: Make) -> None:
    """As many as somebody asked for, whatever would be cheaper."""
    found = tune(external(low=3, high=6), "5m:1", read_promises("max_depth<1000"), ROOMY, fewest=3, tries=40)
    assert found.scaler.min_replicas == 3


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"promises": ()}, "promises: got none; expected at least one to keep; try max_depth<20000"),
        ({"tries": 0}, "tries: got 0; expected at least 1; try 200"),
        ({"fewest": 0}, "fewest: got 0; expected at least 1 pod; try 2"),
        ({"traffic": "soon"}, "traffic: got 'soon'; expected"),
    ],
)
def test_what_is_refused(external: Make, how: dict[str, object], said: str) -> None:
    """Before anything is replayed."""
    arguments = {"traffic": "1m:1", "promises": read_promises("flaps==0"), **how}
    with pytest.raises(ValueError) as caught:
        tune(external(), **arguments)  # type: ignore[arg-type]
    assert said in str(caught.value)


def test_what_is_no_autoscaler_is_not_searched() -> None:
    """A path is not read here."""
    with pytest.raises(ValueError, match=r"autoscaler: got str; expected an Hpa or a ScaledObject; try read_scaler"):
        tune("hpa.yaml", "1m:1", read_promises("flaps==0"))  # type: ignore[arg-type]


def test_fewer_pods_than_have_to_run_are_not_proposed(external: Make) -> None:
    """Even where the policy as it is has fewer."""
    found = tune(external(low=1, high=6), "5m:1", read_promises("max_depth<1000"), ROOMY, fewest=3, tries=40)
    assert isinstance(found.scaler, Hpa)
    assert found.scaler.min_replicas == 3
    assert ("spec.minReplicas", "1", "3") in [(change.path, change.before, change.after) for change in found.changes]
    assert next(change.why for change in found.changes if change.path == "spec.minReplicas").endswith("or the 3 that always run")
