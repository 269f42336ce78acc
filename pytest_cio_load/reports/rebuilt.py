"""Metrics of run documents, made to count again: each as it was at the end of its run, and those of one name added up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pytest_cio_load.errors import DocumentError
from pytest_cio_load.metrics.kinds import Kind
from pytest_cio_load.metrics.measured import Counter, Delivery, Gauge, Rate, Trend
from pytest_cio_load.reports.histograms import trend_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_cio_load.reports.document import Document

Rebuilt = Trend | Counter | Rate | Gauge | Delivery


def metrics_of(doc: Document) -> dict[str, Rebuilt]:
    """Every metric of *doc* by name, as it was when the run ended. Raises DocumentError when a histogram is damaged."""
    return {name: _rebuilt(metric, f"{doc['test']}: metrics.{name}") for name, metric in doc["metrics"].items()}


def added(metrics: Sequence[Rebuilt]) -> Rebuilt:
    """*metrics* of one name, in the order of their runs, as one: as if a single run had seen all their samples.

    Histograms and counters add up, rates are pooled, a gauge keeps its least and greatest and the latest value.

    Raises:
        DocumentError: they are of several kinds.
    """
    kinds = {metric.kind.value for metric in metrics}
    if len(kinds) > 1:
        msg = f"got metrics of one name that are {' and '.join(sorted(kinds))}; expected one kind for one name; merge runs of one test"
        raise DocumentError(msg)
    first = metrics[0]
    if isinstance(first, Trend):
        whole = Trend()
        for each in cast("Sequence[Trend]", metrics):
            whole.merge(each)
        return whole
    if isinstance(first, Counter):
        return _counters(cast("Sequence[Counter]", metrics))
    if isinstance(first, Rate):
        return _rates(cast("Sequence[Rate]", metrics))
    if isinstance(first, Gauge):
        return _gauges(cast("Sequence[Gauge]", metrics))
    return _deliveries(cast("Sequence[Delivery]", metrics))


def _rebuilt(metric: Mapping[str, Any], where: str) -> Rebuilt:
    match Kind(metric["kind"]):
        case Kind.TREND:
            return trend_of(metric, where)
        case Kind.COUNTER:
            counter = Counter()
            counter.total, counter.samples = _whole(metric["count"]), metric["samples"]
            return counter
        case Kind.RATE:
            rate = Rate()
            rate.samples, rate.hits = metric["samples"], round(metric["count"])
            # "true" is exact; the share, kept to six decimals, is up to a million samples.
            rate.true = int(metric.get("true", round(metric["rate"] * rate.samples)))
            return rate
        case Kind.GAUGE:
            gauge = Gauge()
            gauge.last, gauge.lowest, gauge.highest = (float(metric[name]) for name in ("value", "min", "max"))
            gauge.samples = metric["samples"]
            return gauge
        case Kind.DELIVERY:
            return Delivery(metric["samples"], **{name: round(metric[name]) for name in ("lost", "duplicates", "out_of_order")})


def _whole(number: float) -> float:
    return int(number) if number == int(number) else number


def _counters(counters: Sequence[Counter]) -> Counter:
    whole = Counter()
    whole.total = sum(each.total for each in counters)
    whole.samples = sum(each.samples for each in counters)
    return whole


def _rates(rates: Sequence[Rate]) -> Rate:
    whole = Rate()
    whole.samples = sum(each.samples for each in rates)
    whole.true = sum(each.true for each in rates)
    whole.hits = sum(each.hits for each in rates)
    return whole


def _gauges(gauges: Sequence[Gauge]) -> Gauge:
    whole = Gauge()
    set_once = [each for each in gauges if each.samples]
    if set_once:
        whole.last = set_once[-1].last
        whole.lowest = min(each.lowest for each in set_once)
        whole.highest = max(each.highest for each in set_once)
        whole.samples = sum(each.samples for each in set_once)
    return whole


def _deliveries(deliveries: Sequence[Delivery]) -> Delivery:
    names = ("lost", "duplicates", "out_of_order")
    return Delivery(
        sum(each.samples for each in deliveries),
        **{name: sum(each.counts[name] for each in deliveries) for name in names},
    )
