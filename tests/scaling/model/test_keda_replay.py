"""A ScaledObject, as a value, replayed; its file is replayed in `test_keda_files`."""

from __future__ import annotations

import pytest

from pytest_cio_load.scaling.hpa.keda import Move, ScaledObject
from pytest_cio_load.scaling.hpa.triggers import KafkaTrigger, PrometheusTrigger, RedisTrigger
from pytest_cio_load.scaling.model.pipeline import Pipeline
from pytest_cio_load.scaling.model.replay import replay

ROOMY = Pipeline(workspaces=100, per_pod=10.0, start=10, grace=0, scrape=0, adapter=0)
"""Pods that do 10/s, with nothing else in the way, whose figures are seen at once."""


def test_keda_wakes_what_sleeps() -> None:
    """A poll finds the first jobs, the autoscaler does the rest; after the cooldown it sleeps again."""
    scaled = ScaledObject((PrometheusTrigger(100),), max_replica_count=5, cooldown_period=60, name="worker")
    run = replay(scaled, "2m:0,3m:30,10m:0", ROOMY)
    moves = [poll.move for poll in run.polls if poll.rescaled]
    assert moves == [Move.ACTIVATED, Move.DEACTIVATED]
    assert run.max_pods > 1
    assert run.samples.ready[-1] == 0
    assert run.hpa.name == "keda-hpa-worker"
    assert [change.at for change in run.changes] == sorted(change.at for change in run.changes)


def test_keda_and_its_autoscaler_have_their_own_clocks() -> None:
    """One polls every 40 s here, the other syncs every 15."""
    scaled = ScaledObject((RedisTrigger(10),), min_replica_count=1, polling_interval=40)
    run = replay(scaled, "2m:1", ROOMY)
    assert [poll.at for poll in run.polls] == [0, 40, 80]
    assert [decision.at for decision in run.decisions] == list(range(0, 120, 15))


@pytest.mark.parametrize(
    ("trigger", "most"),
    [(RedisTrigger(10), 20), (KafkaTrigger(10), 4), (KafkaTrigger(10, allow_idle_consumers=True), 20), (PrometheusTrigger(10), 20)],
)
def test_triggers_see_the_depth(trigger: RedisTrigger | KafkaTrigger | PrometheusTrigger, most: int) -> None:
    """Kafka's never asks for more pods than partitions, unless it may."""
    scaled = ScaledObject((trigger,), min_replica_count=1, max_replica_count=20)
    pipeline = Pipeline(workspaces=100, per_pod=10.0, partitions=4)
    assert replay(scaled, "10m:100,10m:1", pipeline).max_pods == most
