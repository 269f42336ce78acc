"""What in a design contradicts itself: every rule, asked in order."""

from __future__ import annotations

from pytest_cio_load.scaling.planner import autoscaling, rates, settings
from pytest_cio_load.scaling.planner.facts import Facts
from pytest_cio_load.scaling.planner.findings import Contradiction

RULES = (
    rates.pods_past_the_limit,
    rates.limiter_per_process,
    rates.double_burst,
    rates.volume_past_a_workspace,
    autoscaling.pods_metric_of_a_shared_depth,
    autoscaling.cpu_of_waiting_workers,
    settings.concurrency_out_of_reach,
    settings.retries_shorter_than_an_outage,
    autoscaling.late_reaction,
    settings.colon_in_the_queue_name,
    settings.killed_before_its_time,
    settings.order_not_kept,
    autoscaling.depth_summed_over_pods,
    autoscaling.asleep_for_good,
    autoscaling.list_without_some_jobs,
    rates.remedies_in_sum,
)
"""Each looks at the facts and gives what it finds, or None; a fact that nobody knows finds nothing."""


def contradictions(facts: Facts) -> tuple[Contradiction, ...]:
    """Everything that the rules find, in their order."""
    return tuple(found for rule in RULES if (found := rule(facts)) is not None)
