"""The kinds of metric, what may be asked of each, and the metrics every run has."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a metric holds, and so which aggregations it has."""

    TREND = "trend"
    COUNTER = "counter"
    RATE = "rate"
    GAUGE = "gauge"
    DELIVERY = "delivery"


AGGREGATIONS: dict[Kind, tuple[str, ...]] = {
    Kind.TREND: ("avg", "min", "max", "med", "p", "count"),
    Kind.COUNTER: ("count", "rate"),
    Kind.RATE: ("rate", "count"),
    Kind.GAUGE: ("value", "min", "max"),
    Kind.DELIVERY: ("lost", "duplicates", "out_of_order"),
}
"""Aggregations by kind. ``p`` takes a percentile: ``p(95)``. A counter's ``rate`` is per second; a rate's is a share of 1."""


OPERATIONS = (
    *("identify", "delete", "suppress", "unsuppress", "merge_customers"),
    *("track", "page", "screen", "track_anonymous"),
    *("add_device", "delete_device", "add_customers_to_segment", "remove_customers_from_segment"),
    *("report_metric", "report_push", "unsubscribe", "submit_form", "account_region", "auth", "entity", "batch"),
    *("customers_by_email", "customer_attributes", "customers_attributes", "customer_activities"),
    *("activities", "customers_by_filter", "workspaces"),
)
"""Customer.io operations; each is a metric. A test holds this list against what the client can do."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's declaration.

    Attributes:
        kind: trend, counter, rate or gauge.
        unit: ``ms`` for times, "" for plain numbers. Only an ``ms`` metric takes bounds with a unit.
        meaning: one phrase for error messages and reports.
    """

    kind: Kind
    unit: str = ""
    meaning: str = ""


BUILTIN: dict[str, Metric] = {
    "response": Metric(Kind.TREND, "ms", "due to ended: what a user feels"),
    "service": Metric(Kind.TREND, "ms", "began to ended"),
    "lag": Metric(Kind.TREND, "ms", "how late the load generator itself was"),
    "queued": Metric(Kind.TREND, "ms", "waited for one of max_in_flight slots"),
    "paced": Metric(Kind.TREND, "ms", "a call's wait for our own rate limiter"),
    "attempts": Metric(Kind.TREND, "", "requests on the wire per call"),
    "pool_wait": Metric(Kind.TREND, "ms", "an attempt's wait for a free connection, 0 where it had none"),
    "connecting": Metric(Kind.TREND, "ms", "an attempt's making of a connection, 0 where one was open"),
    "tls_handshaking": Metric(Kind.TREND, "ms", "an attempt's handshake on a new connection, 0 where one was open"),
    **{name: Metric(Kind.TREND, "ms", f"latency of {name} calls") for name in OPERATIONS},
    "http": Metric(Kind.TREND, "ms", "latency of other requests of instrumented clients"),
    "iterations": Metric(Kind.COUNTER, "", "iterations begun"),
    "calls": Metric(Kind.COUNTER, "", "Customer.io calls made"),
    "rate_limited": Metric(Kind.COUNTER, "", "answers 429 to the requests of calls, repeated ones included"),
    "interrupted": Metric(Kind.COUNTER, "", "iterations unfinished when graceful_stop ran out"),
    "timed_out": Metric(Kind.COUNTER, "", "iterations that exceeded timeout"),
    "delivery": Metric(Kind.DELIVERY, "", "what the fake applied, against what the client says it delivered"),
    "amplification": Metric(Kind.GAUGE, "", "requests on the wire per call: 1 when nothing was sent again"),
    "enqueue": Metric(Kind.TREND, "ms", "latency of enqueueing into cio_queue"),
    "queue_latency": Metric(Kind.TREND, "ms", "a job's way: enqueued to accepted by Customer.io"),
    "queue_depth": Metric(Kind.GAUGE, "", "jobs that are not settled, looked at every second"),
    "queue_age": Metric(Kind.GAUGE, "ms", "since the oldest waiting job was enqueued"),
    "drain_time": Metric(Kind.GAUGE, "ms", "last iteration to the last job settled"),
    "retried": Metric(Kind.COUNTER, "", "tries of jobs that failed, counted, and were repeated"),
    "redelivered": Metric(Kind.COUNTER, "", "jobs taken again because their worker was killed"),
    "dead_letters": Metric(Kind.COUNTER, "", "jobs given up"),
    "lost": Metric(Kind.COUNTER, "", "jobs enqueued, and neither sent nor a dead letter at the end"),
    "duplicates": Metric(Kind.COUNTER, "", "events that Customer.io had when they arrived, and ignored"),
    "processing_lag": Metric(Kind.TREND, "ms", "a canary's way: accepted by Customer.io to seen through the App API"),
    "applied": Metric(Kind.COUNTER, "", "canaries seen through the App API"),
    "unseen": Metric(Kind.COUNTER, "", "canaries accepted, and not seen for as long as was waited"),
    "failed_attribute_change": Metric(Kind.COUNTER, "", "changes of made-up people that were accepted and could not be applied"),
    "failed_event": Metric(Kind.COUNTER, "", "events of made-up people that were accepted and could not be applied"),
    "failed_batch_update": Metric(Kind.COUNTER, "", "batch updates of made-up people that were accepted and could not be applied"),
    "skipped_update": Metric(Kind.COUNTER, "", "updates of made-up people that were accepted and changed nothing"),
    "errors": Metric(Kind.RATE, "", "failed iterations and failed calls"),
    "dropped": Metric(Kind.RATE, "", "iterations that fell due with no slot free"),
    "on_time": Metric(Kind.RATE, "", "planned iterations that the generator began on time"),
    "checks": Metric(Kind.RATE, "", "cio_load.check() that held"),
}
"""Metrics that every run has, by name. ``check:NAME`` (rate) and ``group:NAME`` (trend, ms) join them as the body uses them."""

CONNECTION_WAITS = ("pool_wait", "connecting", "tls_handshaking")
"""What an attempt may have waited for before it was sent, in that order. As with ``paced`` and ``queued``, an attempt that did not have to
wait is a sample too, of 0: so percentiles are those of all attempts, and a bound is kept when nobody waited. Of what the engine does not
tell there is no sample, and nothing can be said of a bound."""
