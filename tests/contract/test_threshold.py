"""The threshold grammar."""

from __future__ import annotations

import contextlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.contract.threshold import Threshold, ThresholdError, aggregations_of, parse
from pytest_cio_load.metrics.kinds import AGGREGATIONS, Kind, Metric

MS = Metric(Kind.TREND, "ms")
PLAIN = Metric(Kind.TREND)
COUNTER = Metric(Kind.COUNTER)
RATE = Metric(Kind.RATE)
GAUGE = Metric(Kind.GAUGE)
TREND_HAS = "avg, min, max, med, p(N) or count"


@pytest.mark.parametrize(
    ("text", "metric", "aggregation", "percentile", "operator", "bound", "unit"),
    [
        ("p(95)<500", MS, "p", 95, "<", 500.0, "ms"),
        ("p(95)<500ms", MS, "p", 95, "<", 500.0, "ms"),
        ("p(95)<2s", MS, "p", 95, "<", 2000.0, "ms"),
        ("p(95)<500s", MS, "p", 95, "<", 500_000.0, "ms"),
        ("p(99.9)<=750us", MS, "p", Fraction(999, 10), "<=", 0.75, "ms"),
        ("max<1m30s", MS, "max", None, "<", 90_000.0, "ms"),
        ("max<1.5m", MS, "max", None, "<", 90_000.0, "ms"),
        ("avg<1e3", MS, "avg", None, "<", 1000.0, "ms"),
        ("avg<1.5e2 ms", MS, "avg", None, "<", 150.0, "ms"),
        ("  p( 95 )  <  500  ", MS, "p", 95, "<", 500.0, "ms"),
        ("p(0)>1", MS, "p", 0, ">", 1.0, "ms"),
        ("p(100)<1", MS, "p", 100, "<", 1.0, "ms"),
        ("count>100", MS, "count", None, ">", 100.0, ""),
        ("med<10", PLAIN, "med", None, "<", 10.0, ""),
        ("min>=-5.5", PLAIN, "min", None, ">=", -5.5, ""),
        ("count<50", COUNTER, "count", None, "<", 50.0, ""),
        ("rate>=0.5", COUNTER, "rate", None, ">=", 0.5, "/s"),
        ("rate<1%", RATE, "rate", None, "<", 0.01, "%"),
        ("rate<0.01", RATE, "rate", None, "<", 0.01, "%"),
        ("rate<=100%", RATE, "rate", None, "<=", 1.0, "%"),
        ("count===0", RATE, "count", None, "==", 0.0, ""),
        ("value!=3", GAUGE, "value", None, "!=", 3.0, ""),
        ("<3", GAUGE, "value", None, "<", 3.0, ""),
        ("<5m", Metric(Kind.GAUGE, "ms"), "value", None, "<", 300_000.0, "ms"),
        ("==0", COUNTER, "count", None, "==", 0.0, ""),
    ],
)
def test_grammar(text, metric, aggregation, percentile, operator, bound, unit):
    """Every form of the grammar reads as it means."""
    read = parse(text, "m", metric)
    assert (read.aggregation, read.percentile, read.operator, read.bound, read.unit) == (aggregation, percentile, operator, bound, unit)
    assert read.metric == "m"
    assert read.text == text.strip()


ERRORS = [
    ("p95<500", MS, "a threshold such as 'p(95)<500'", "did you mean 'p(95)<500'?"),
    ("p95 <= 2s", MS, "a threshold such as", "did you mean 'p(95)<=2s'?"),
    ("p999<5", MS, "a threshold such as", "did you mean 'p(99.9)<5'?"),
    ("p(95<500", MS, "a threshold such as", "did you mean 'p(95)<500'?"),
    ("p[95]<500", MS, "a threshold such as", "did you mean 'p(95)<500'?"),
    ("P(95)<500", MS, "a threshold such as", "did you mean 'p(95)<500'?"),
    ("p(95)500", MS, "a threshold such as", "did you mean 'p(95)<500'?"),
    ("p(95)=<500", MS, "a threshold such as", "did you mean 'p(95)<=500'?"),
    ("p(95)=500", MS, "a threshold such as", "did you mean 'p(95)<=500'?"),
    ("p(95)≤500", MS, "a threshold such as", "did you mean 'p(95)<=500'?"),
    ("count=0", RATE, "a threshold such as 'rate<1%'", "did you mean 'count==0'?"),
    ("p50", MS, "a threshold such as", "did you mean 'p(50)<500'?"),
    ("500>p(95)", MS, "a threshold such as", "did you mean 'p(95)<500'?"),
    ("percentile(95)<500", MS, f"an aggregation that m, a trend, has: {TREND_HAS}", "did you mean 'p(95)<500'?"),
    ("mean<5", MS, TREND_HAS, "did you mean 'avg<5'?"),
    ("avgg<5", MS, TREND_HAS, "did you mean 'avg<5'?"),
    ("value<5", MS, f"an aggregation that m, a trend, has: {TREND_HAS}", ""),
    ("p(95)<5", RATE, "an aggregation that m, a rate, has: rate or count", ""),
    ("avg<5", COUNTER, "an aggregation that m, a counter, has: count or rate", ""),
    ("count<5", GAUGE, "an aggregation that m, a gauge, has: value, min or max", ""),
    ("avg(95)<5", MS, "a percentile in parentheses after p", "did you mean 'p(95)<5'?"),
    ("p<5", MS, "a percentile in parentheses after p", ""),
    ("p()<5", MS, "a percentile from 0 to 100", "write p(95)"),
    ("p(x)<5", MS, "a percentile from 0 to 100", "write p(95)"),
    ("p(101)<5", MS, "a percentile from 0 to 100", "the highest is p(100), which is max"),
    ("p(999)<5", MS, "a percentile from 0 to 100", "did you mean p(99.9)?"),
    ("p(-1)<5", MS, "a percentile from 0 to 100", "the lowest is p(0), which is min"),
    ("p(0.95)<5", MS, "a percentile from 0 to 100, not a share of 1", "did you mean p(95)?"),
    ("p(95)<-5", MS, "a time of at least 0 as the bound", ""),
    ("p(95)<5%", MS, "a time of at least 0 as the bound", "the units are h, m, s, ms and us"),
    ("p(95)<5 parsecs", MS, "a time of at least 0 as the bound", "the units are h, m, s, ms and us"),
    ("p(95)<nan", MS, "a time of at least 0 as the bound", "the units are"),
    ("p(95)<inf", MS, "a time of at least 0 as the bound", "the units are"),
    ("p(95)<1e999", MS, "a finite number as the bound", ""),
    ("avg<nan", PLAIN, "a finite number as the bound", ""),
    ("avg<1e400", PLAIN, "a finite number as the bound", ""),
    (
        "p(95)<500ms",
        PLAIN,
        "a plain number, because a percentile of m has no unit",
        "did you mean 'p(95)<500'?, or declare it in ms: metrics={'m': 'trend:ms'}",
    ),
    (
        "value<500ms",
        GAUGE,
        "a plain number, because value of m has no unit",
        "did you mean 'value<500'?, or declare it in ms: metrics={'m': 'gauge:ms'}",
    ),
    ("count<5ms", MS, "a plain number, because count of m has no unit", "did you mean 'count<5'?"),
    ("rate>5/s", COUNTER, "a plain number, because rate of m has no unit", "did you mean 'rate>5'?"),
    ("count<1%", RATE, "a plain number, because count is not a share", "did you mean 'rate<1%'?"),
    ("rate<5", RATE, "a share as the bound, from 0% to 100%", "did you mean 'rate<5%'?"),
    ("rate<5ms", RATE, "a share as the bound", "did you mean 'rate<5%'?"),
    ("rate<101%", RATE, "a share as the bound", ""),
    ("rate<-1%", RATE, "a share as the bound", ""),
    ("p(95)<500 and p(99)<900", MS, "a threshold such as", "write a list, with one threshold each"),
    ("p(95)<500, p(99)<900", MS, "a threshold such as", "write a list, with one threshold each"),
    ("", MS, "a threshold such as", ""),
    ("<500", MS, "a threshold such as", ""),
    ("zzz<500", MS, TREND_HAS, ""),
]


@pytest.mark.parametrize(("text", "metric", "expected", "nearest"), ERRORS, ids=[row[0] or "empty" for row in ERRORS])
def test_no_threshold(text, metric, expected, nearest):
    """What does not read says what was got, what was expected, and the nearest fix."""
    with pytest.raises(ThresholdError) as caught:
        parse(text, "m", metric)
    assert caught.value.got == repr(text)
    assert expected in caught.value.expected
    assert caught.value.nearest.startswith(nearest)
    assert bool(caught.value.nearest) == bool(nearest)


@pytest.mark.parametrize(
    ("text", "metric"), [(row[0], row[1]) for row in ERRORS if row[3].startswith("did you mean '") and "declare" not in row[3]]
)
def test_what_is_suggested_reads(text, metric):
    """A suggestion is itself a threshold on that metric."""
    with pytest.raises(ThresholdError) as caught:
        parse(text, "m", metric)
    assert parse(caught.value.nearest.removeprefix("did you mean '").removesuffix("'?"), "m", metric)


def test_builtin_metrics_are_not_to_be_declared():
    """Nobody is told to declare a metric that every run has."""
    with pytest.raises(ThresholdError) as caught:
        parse("p(95)<5ms", "attempts", PLAIN)
    assert caught.value.nearest == "did you mean 'p(95)<5'?"


def test_threshold_error_is_a_value_error():
    """Callers may catch it as what it is: a wrong value."""
    with pytest.raises(ValueError, match=r"got 'p95<500', expected a threshold such as .*; did you mean 'p\(95\)<500'\?"):
        parse("p95<500", "response", MS)


BOUND = st.floats(min_value=0, max_value=1e300)
PERCENTILES = st.one_of(
    st.just(Fraction(0)), st.fractions(1, 100, max_denominator=1).map(Fraction), st.integers(1000, 100_000).map(lambda n: Fraction(n, 1000))
)


@st.composite
def thresholds(draw):
    """Any threshold that parse may return."""
    metric = draw(st.sampled_from([MS, PLAIN, COUNTER, RATE, GAUGE]))
    aggregation = draw(st.sampled_from(AGGREGATIONS[metric.kind]))
    label = f"p({float(draw(PERCENTILES))!r})" if aggregation == "p" else aggregation
    share = metric is RATE and aggregation == "rate"
    bound = draw(st.floats(min_value=0, max_value=1) if share else BOUND)
    operator = draw(st.sampled_from(["<", "<=", ">", ">=", "==", "===", "!="]))
    return parse(f"{label}{operator}{bound!r}", "m", metric), metric


@given(thresholds())
def test_canonical_text_reads_back(drawn):
    """parse(str(t)) == t, for every threshold."""
    threshold, metric = drawn
    assert parse(str(threshold), "m", metric) == threshold


@given(st.text(alphabet="pavgminxedcountrlus(){}[]0123456789.<>=!%e+- "), st.sampled_from([MS, PLAIN, COUNTER, RATE, GAUGE]))
def test_parse_raises_nothing_but_threshold_errors(text, metric):
    """Whatever the text, parse returns a threshold or says what is wrong."""
    with contextlib.suppress(ThresholdError):
        assert isinstance(parse(text, "m", metric), Threshold)


@pytest.mark.parametrize(
    ("text", "metric", "canonical"),
    [
        ("p(95) < 0.5s", MS, "p(95)<500ms"),
        ("p(99.90)<500", MS, "p(99.9)<500ms"),
        ("avg<750us", MS, "avg<0.75ms"),
        ("rate < 0.01", RATE, "rate<1%"),
        ("rate<0.0025", RATE, "rate<0.25%"),
        ("rate>=1", RATE, "rate>=100%"),
        ("rate==0", RATE, "rate==0%"),
        ("count<50", RATE, "count<50"),
        ("count===0", COUNTER, "count==0"),
        ("med<10.5", PLAIN, "med<10.5"),
    ],
)
def test_canonical_text(text, metric, canonical):
    """One meaning, one text."""
    assert str(parse(text, "m", metric)) == canonical


@pytest.mark.parametrize(
    ("operator", "below", "equal", "above"),
    [
        ("<", True, False, False),
        ("<=", True, True, False),
        (">", False, False, True),
        (">=", False, True, True),
        ("==", False, True, False),
        ("===", False, True, False),
        ("!=", True, False, True),
    ],
)
def test_holds(operator, below, equal, above):
    """Each operator compares as it reads, and NaN holds for none."""
    threshold = parse(f"avg{operator}10", "m", PLAIN)
    assert [threshold.holds(9.0), threshold.holds(10.0), threshold.holds(11.0)] == [below, equal, above]
    assert not threshold.holds(float("nan"))


@pytest.mark.parametrize(
    ("text", "samples"),
    [
        ("p(95)<1", 20),
        ("p(99)<1", 100),
        ("p(99.9)<1", 1000),
        ("p(99.99)<1", 10_000),
        ("p(50)<1", 2),
        ("p(0)<1", 1),
        ("p(100)<1", 1),
        ("avg<1", 1),
        ("med<1", 1),
    ],
)
def test_minimum_samples(text, samples):
    """How many samples a percentile needs before it is more than the maximum."""
    assert parse(text, "m", MS).minimum_samples == samples


@pytest.mark.parametrize(("text", "label"), [("p(95)<1", "p(95)"), ("p(99.90)<1", "p(99.9)"), ("avg<1", "avg")])
def test_label(text, label):
    """The label is the aggregation as text."""
    assert parse(text, "m", MS).label == label


@pytest.mark.parametrize(
    ("text", "metric", "value", "shown"),
    [
        ("p(95)<1", MS, 7088.4, "7,088 ms"),
        ("count<1", MS, 6150.0, "6,150"),
        ("rate<1%", RATE, 0.0025, "0.25%"),
        ("rate<1", COUNTER, 79.98333, "79.98/s"),
        ("avg<1", PLAIN, 1.23456, "1.235"),
        ("avg<1", PLAIN, 123456.7, "123,457"),
    ],
)
def test_show(text, metric, value, shown):
    """A measured value prints in the threshold's own unit."""
    assert parse(text, "m", metric).show(value) == shown


def test_text_and_origin_take_no_part_in_equality():
    """Two spellings of one promise are equal; two that abort differently are not."""
    assert parse("p(95)<500", "m", MS) == parse(" p(95) < 0.5s", "m", MS, origin="default")
    assert parse("p(95)<500", "m", MS) != parse("p(95)<500", "m", MS, abort_on_fail=True)
    assert parse("p(95)<500", "m", MS, abort_on_fail=True, delay_abort=1.0).delay_abort == 1.0
    assert hash(parse("p(95)<500", "m", MS)) == hash(parse("p(95)<500ms", "m", MS))


def test_key_tells_one_promise_from_another():
    """The bound and its spelling are not part of what is promised twice; the operator is."""
    assert parse("count===1", "m", COUNTER).key == parse("count==2", "m", COUNTER).key
    assert parse("count<1", "m", COUNTER).key != parse("count<=1", "m", COUNTER).key


@pytest.mark.parametrize(("kind", "phrase"), [(Kind.TREND, TREND_HAS), (Kind.COUNTER, "count or rate"), (Kind.GAUGE, "value, min or max")])
def test_aggregations_as_a_phrase(kind, phrase):
    """Messages list what a kind of metric may be asked."""
    assert aggregations_of(kind) == phrase
