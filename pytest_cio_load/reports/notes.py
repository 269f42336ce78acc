"""Sentences that a report must not leave out, because without them its figures mislead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_cio_load.metrics.buckets import bucket_of
from pytest_cio_load.metrics.measured import Trend
from pytest_cio_load.units import show_count, show_ms, show_rate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cio_load.load.pauses import Pauses
    from pytest_cio_load.metrics.summary import Summary

NOTICEABLE_GAP_MS = 10.0
NOTICEABLE_PACED_MS = 1.0
NOTICEABLE_SHARE = 0.1
NOTICEABLE_PAUSES = 0.01


def notes(summary: Summary, *, max_in_flight: int, pace: float | None, waited_for_sockets: float) -> Iterator[str]:
    """What to say about a run beside its numbers.

    Args:
        summary: what was measured.
        max_in_flight: the limit in force.
        pace: requests per second that our own limiter kept to, or None when the test made no call.
        waited_for_sockets: seconds of virtual time that were really waited, because the body had real connections open.
    """
    yield from _omission(summary)
    yield from _pacing(summary, pace)
    yield from _connections(summary)
    yield from _saturation(summary, max_in_flight)
    if waited_for_sockets:
        yield (
            f"real connections were open, so {waited_for_sockets:.1f} s of virtual time were really waited: "
            "figures hold, but can differ between runs"
        )
    if summary.warmup.iterations:
        ran = summary.warmup.iterations
        yield f"{show_count(ran)} iteration{'s' * (ran != 1)} of the warmup ran, and count for nothing above"


def pause_notes(pauses: Pauses | None, *, lasted: int, late: int) -> Iterator[str]:
    """What to say of garbage collections that came upon a run.

    Args:
        pauses: what they took, or None where that is unknown or costs nothing.
        lasted: microseconds of the run.
        late: microseconds; an iteration that begins later than this was not on time.
    """
    if pauses is not None and pauses.count and (pauses.longest >= late or pauses.total >= lasted * NOTICEABLE_PAUSES):
        times = f"{show_count(pauses.count)} time{'s' * (pauses.count != 1)}"
        yield (
            f"garbage collection stopped everything {times}, for {show_ms(pauses.longest / 1000)} at most and "
            f"{show_ms(pauses.total / 1000)} in all: what fell due meanwhile began late; let the body keep fewer objects from one "
            "iteration to the next, or switch it off in a fixture (gc.disable()) where memory allows"
        )


def _omission(summary: Summary) -> Iterator[str]:
    response, service = summary.read("response", "p", 95), summary.read("service", "p", 95)
    gap = response - service
    if gap > NOTICEABLE_GAP_MS and gap > NOTICEABLE_SHARE * service:
        yield (
            f"response p(95) is {show_ms(response)}, service p(95) {show_ms(service)}: whoever times requests from when they are sent, "
            f"as k6 does, would have seen only the second"
        )


def _pacing(summary: Summary, pace: float | None) -> Iterator[str]:
    paced = summary.read("paced", "p", 95)
    if pace is not None and paced > NOTICEABLE_PACED_MS:
        yield (
            f"calls waited for our own limiter of {show_rate(pace)} (p(95) {show_ms(paced)}): that is not Customer.io's time; "
            "raise cio_workspace_limit if the workspace allows more"
        )


def _connections(summary: Summary) -> Iterator[str]:
    waited = summary.read("pool_wait", "p", 95)
    if waited > NOTICEABLE_PACED_MS:
        longest = show_ms(summary.read("pool_wait", "max"))
        yield (
            f"requests waited for a free connection, as all were busy (p(95) {show_ms(waited)}, {longest} at most): that is not "
            "Customer.io's time; lower the rate, or spread the load over more processes"
        )
    made, requests = _not_zero(summary, "connecting"), summary.samples("connecting")
    at_once = max((summary.timeline or {}).get("in_flight", ()), default=0)
    # As many as run at once are needed; many more were made because others had ended.
    if made > requests * NOTICEABLE_SHARE and made > 2 * at_once:
        yield (
            f"connections did not last: {show_count(made)} of {show_count(requests)} requests had to make a new one "
            f"(p(95) {show_ms(summary.read('connecting', 'p', 95))}); look at the keep-alive of the server, and of what stands before it"
        )


def _not_zero(summary: Summary, name: str) -> int:
    """How many samples of a trend are not 0."""
    metric = summary.metrics.get(name)
    return metric.samples - metric.counts.get(bucket_of(0), 0) if isinstance(metric, Trend) else 0


def _saturation(summary: Summary, max_in_flight: int) -> Iterator[str]:
    dropped = round(summary.read("dropped", "count"))
    if summary.waited:
        longest = show_ms(summary.read("queued", "max"))
        waited = f"{show_count(summary.waited)} iterations waited for a slot, up to {longest}"
        yield f"max_in_flight={show_count(max_in_flight)} was reached: {waited}"
    if dropped:
        yield f"max_in_flight={show_count(max_in_flight)} was reached: {show_count(dropped)} iterations were dropped"
