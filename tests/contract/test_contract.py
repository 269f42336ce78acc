"""From keywords that make no sense to every problem at once."""

from __future__ import annotations

import re

import pytest

from pytest_cio_load.contract.contract import build
from pytest_cio_load.errors import ContractError
from pytest_cio_load.metrics.kinds import Kind, Metric

FLAT: dict[str, object] = {"rate": 80, "duration": 60}
RATE = "expected a rate above 0 such as 80 (per second), '80/s' or '4800/m'"
LENGTH = "expected a duration above 0 such as 60 (seconds), '500ms' or '1m30s'"
LENGTH_OR_0 = "expected a duration of at least 0 such as 60 (seconds), '500ms' or '1m30s'"
UNITS = "the units are h, m, s, ms and us"
PAIR = "expected a (duration, rate) pair such as ('30s', 50)"
PAIRS = "expected a list of (duration, rate) pairs such as [('30s', 50), ('1m', 80)]"
TIME = "expected a time above 0 such as 500 (ms), '500ms' or '2s'"
AMOUNT = "expected a count such as 5, or a share such as '1%'"
THRESHOLD = "expected a threshold such as 'p(95)<500' or 'avg<100'"
KIND = "expected 'trend', 'counter', 'rate' or 'gauge' ('trend:ms' and 'gauge:ms' for times)"


def on(metric: str, stated: object) -> dict[str, object]:
    """A good contract with one author's threshold."""
    return FLAT | {"thresholds": {metric: stated}}


# Keywords, and the whole line that the author reads ("…" stands for text that another row has in full).
BAD: list[tuple[dict[str, object], str]] = [
    (FLAT | {"p59": 500}, "p59=500: expected a keyword of cio_load; did you mean p95?"),
    (FLAT | {"p_95": 500}, "p_95=500: expected a keyword of cio_load; did you mean p95?"),
    (FLAT | {"p91": 500}, "p91=500: expected a keyword of cio_load; did you mean thresholds={'response': 'p(91)<…'}?"),
    (FLAT | {"threshold": {}}, "threshold={}: expected a keyword of cio_load; did you mean thresholds?"),
    (FLAT | {"startRate": 5}, "startRate=5: expected a keyword of cio_load; did you mean start_rate?"),
    (FLAT | {"maxVUs": 5}, "maxVUs=5: expected a keyword of cio_load; did you mean max_in_flight?"),
    (FLAT | {"zzz": 5}, "zzz=5: expected a keyword of cio_load"),
    ({}, "cio_load without rate and without stages: expected rate with duration, or stages; add rate='80/s', duration='60s'"),
    ({"rate": 80}, "rate=80 without duration: expected both; add duration='60s'"),
    ({"duration": 60}, "duration=60 without rate: expected both; add rate='80/s'"),
    (
        {"rate": 80, "stages": [("30s", 50)]},
        "rate=80 with stages=[('30s', 50)]: expected one of the two; leave out rate (start_rate is where a ramp begins), or stages",
    ),
    (
        {"duration": 60, "stages": [("30s", 50)]},
        "duration=60 with stages=[('30s', 50)]: expected none, because each stage has its own; leave out duration",
    ),
    ({"start_rate": 5}, "start_rate=5 without stages: expected stages to go with it; add stages=[('30s', 50)], or write rate="),
    (FLAT | {"start_rate": 5}, "start_rate=5 without stages: expected stages to go with it; add stages=[('30s', 50)], or write rate="),
    ({"rate": 0, "duration": 60}, f"rate=0: {RATE}"),
    ({"rate": -5, "duration": 60}, f"rate=-5: {RATE}; did you mean 5?"),
    ({"rate": float("nan"), "duration": 60}, f"rate=nan: {RATE}"),
    ({"rate": True, "duration": 60}, f"rate=True: {RATE}"),
    ({"rate": None, "duration": 60}, f"rate=None: {RATE}"),
    ({"rate": "fast", "duration": 60}, f"rate='fast': {RATE}; the units are /s, /m and /h"),
    ({"rate": "80rps", "duration": 60}, f"rate='80rps': {RATE}; did you mean '80/s'?"),
    ({"rate": 80, "duration": 0}, f"duration=0: {LENGTH}"),
    ({"rate": 80, "duration": "1x"}, f"duration='1x': {LENGTH}; {UNITS}"),
    ({"rate": 80, "duration": "60"}, f"duration='60': {LENGTH}; did you mean '60s'?"),
    ({"rate": 80, "duration": float("inf")}, f"duration=inf: {LENGTH}"),
    ({"stages": []}, "stages=[]: expected at least one (duration, rate) pair; add one such as ('30s', 50)"),
    ({"stages": "30s"}, f"stages='30s': {PAIRS}"),
    ({"stages": None}, f"stages=None: {PAIRS}"),
    ({"stages": ("30s", 50)}, f"stages=('30s', 50): {PAIRS}; did you mean stages=[('30s', 50)]?"),
    (
        {"stages": {"duration": "30s", "target": 50}},
        f"stages={{'duration': '30s', 'target': 50}}: {PAIRS}; did you mean stages=[{{'duration': '30s', 'target': 50}}]?",
    ),
    ({"stages": [(50, "30s")]}, f"stages[0]=(50, '30s'): {PAIR}; the duration comes first: did you mean ('30s', 50)?"),
    ({"stages": [("1m", 5), ("30s",)]}, f"stages[1]=('30s',): {PAIR}"),
    (
        {"stages": [("30s", "x")]},
        f"stages[0]=('30s', 'x'): {PAIR}: a rate of at least 0 such as 80 (per second), '80/s' or '4800/m' instead of 'x'; …",
    ),
    ({"stages": [("30s", -1)]}, f"stages[0]=('30s', -1): {PAIR}: a rate of at least 0 … instead of -1; did you mean 1?"),
    (
        {"stages": [("0s", 50)]},
        "stages=[('0s', 50)]: expected more than 0 s in all; a stage of 0 s is a step; follow it with one that lasts",
    ),
    (
        {"stages": [("30s", 0)]},
        "stages=[('30s', 0)]: expected a rate above 0 for some of the time; did you mean rates after the durations: ('30s', 50)?",
    ),
    ({"stages": [("30s", 0), ("0s", 80)]}, "stages=[('30s', 0), ('0s', 80)]: expected a rate above 0 for some of the time; …"),
    ({"start_rate": "x", "stages": [("30s", 5)]}, "start_rate='x': expected a rate of at least 0 …; the units are /s, /m and /h"),
    (
        {"stages": [{"duraton": "3s", "target": 5, "duration": 3}]},
        "stages[0]['duraton']='3s': expected 'duration' or 'target'; did you mean duration?",
    ),
    (
        {"stages": [{"duration": 3}]},
        "stages[0]={'duration': 3}: expected both 'duration' and 'target', but there is no 'target'; add 'target'",
    ),
    ({"stages": [{"duration": "3", "target": 5}]}, f"stages[0]['duration']='3': {LENGTH_OR_0}; did you mean '3s'?"),
    (FLAT | {"p95": 0}, f"p95=0: {TIME}"),
    (FLAT | {"p95": "500"}, f"p95='500': {TIME}; did you mean '500ms'?"),
    (FLAT | {"p95": None}, f"p95=None: {TIME}"),
    (FLAT | {"mean": float("nan")}, f"mean=nan: {TIME}"),
    (FLAT | {"max": True}, f"max=True: {TIME}"),
    (FLAT | {"errors": 0.01}, f"errors=0.01: {AMOUNT}; did you mean '1%'?"),
    (FLAT | {"errors": "5"}, f"errors='5': {AMOUNT}; did you mean 5 or '5%'?"),
    (FLAT | {"dropped": -1}, f"dropped=-1: {AMOUNT}; did you mean 1?"),
    (FLAT | {"dropped": "101%"}, "dropped='101%': expected a share of at most '100%'"),
    (
        on("response", "p(101)<500"),
        "thresholds['response']='p(101)<500': expected a percentile from 0 to 100, such as p(95); the highest is p(100), …",
    ),
    (on("response", "p95<500"), f"thresholds['response']='p95<500': {THRESHOLD}; did you mean 'p(95)<500'?"),
    (on("response", ["max<900", "p(95)500"]), f"thresholds['response'][1]='p(95)500': {THRESHOLD}; did you mean 'p(95)<500'?"),
    (
        on("response", "p(95)<5%"),
        f"thresholds['response']='p(95)<5%': expected a time of at least 0 as the bound, such as 500, 500ms or 2s; {UNITS}",
    ),
    (
        on("response", "value<5"),
        "thresholds['response']='value<5': expected an aggregation that response, a trend, has: avg, min, max, med, p(N) or count",
    ),
    (on("errors", "p(95)<5"), "thresholds['errors']='p(95)<5': expected an aggregation that errors, a rate, has: rate or count"),
    (
        on("errors", "rate<5"),
        "thresholds['errors']='rate<5': expected a share as the bound, from 0% to 100% (or from 0 to 1); did you mean 'rate<5%'?",
    ),
    (
        on("attempts", "avg<5ms"),
        "thresholds['attempts']='avg<5ms': expected a plain number, because avg of attempts has no unit; did you mean 'avg<5'?",
    ),
    (
        on("respnse", "avg<5"),
        "thresholds['respnse']='avg<5': expected a metric (…); did you mean response? or declare it: metrics={'respnse': 'trend'}",
    ),
    (on("http_req_duration", "avg<5"), "…; did you mean response? or declare it: metrics={'http_req_duration': 'trend'}"),
    (on("payload", "avg<5"), "thresholds['payload']='avg<5': expected a metric (response, …); declare it: metrics={'payload': 'trend'}"),
    (on("check:fine", "rate>99%"), "…declare it: metrics={'check:fine': 'rate'}"),
    (on("group:sign up", "avg<5"), "…declare it: metrics={'group:sign up': 'trend:ms'}"),
    (on("response", []), "thresholds['response']=[]: expected at least one threshold; add one, or leave the metric out"),
    (on("response", 500), "thresholds['response']=500: expected a threshold as text such as 'p(95)<500', or {'threshold': 'p(95)<500', …}"),
    (
        FLAT | {"thresholds": "p(95)<500"},
        "thresholds='p(95)<500': expected a dict of metrics such as {'response': ['p(95)<500']}; "
        "did you mean thresholds={'response': 'p(95)<500'}?",
    ),
    (
        on("response", ["p(95)<500", "p(95)<400"]),
        "thresholds['response'][1]='p(95)<400': expected each threshold once; "
        "response p(95)< is already bounded by thresholds['response'][0]; leave one of them out",
    ),
    (
        on("response", "p(95)<500") | {"p95": 400},
        "p95=400: expected each threshold once; response p(95)< is already bounded by thresholds['response']; …",
    ),
    (
        on("errors", "count<=3") | {"errors": 4},
        "errors=4: expected each threshold once; errors count<= is already bounded by thresholds['errors']; …",
    ),
    (
        on("response", {"treshold": "p(95)<5"}),
        "thresholds['response']['treshold']='p(95)<5': expected 'threshold', 'abortOnFail' or 'delayAbortEval'; did you mean threshold?",
    ),
    (
        on("response", {"abortOnFail": True}),
        "thresholds['response']={'abortOnFail': True}: expected a 'threshold' in it; add 'threshold': 'p(95)<500'",
    ),
    (on("response", {"threshold": "p95<5"}), f"thresholds['response']['threshold']='p95<5': {THRESHOLD}; did you mean 'p(95)<5'?"),
    (
        on("response", {"threshold": "avg<5", "abortOnFail": 1}),
        "thresholds['response']['abortOnFail']=1: expected True or False; did you mean True?",
    ),
    (
        on("response", [{"threshold": "avg<5", "delayAbortEval": "x"}]),
        f"thresholds['response'][0]['delayAbortEval']='x': {LENGTH_OR_0}; {UNITS}",
    ),
    (
        on("response", {"threshold": "avg<5", "abortOnFail": True, "abort_on_fail": False}),
        "thresholds['response']['abort_on_fail']=False: expected one spelling of it; leave out the other",
    ),
    (FLAT | {"abort_on_fail": "true"}, "abort_on_fail='true': expected True or False; did you mean True?"),
    (FLAT | {"delay_abort": -1}, f"delay_abort=-1: {LENGTH_OR_0}; did you mean 1?"),
    (FLAT | {"max_in_flight": 0}, "max_in_flight=0: expected a whole number of at least 1"),
    (FLAT | {"max_in_flight": "20"}, "max_in_flight='20': expected a whole number of at least 1; did you mean 20?"),
    (FLAT | {"max_in_flight": 20.0}, "max_in_flight=20.0: expected a whole number of at least 1; did you mean 20?"),
    (FLAT | {"max_in_flight": True}, "max_in_flight=True: expected a whole number of at least 1"),
    (FLAT | {"seed": -1}, "seed=-1: expected a whole number of at least 0"),
    (FLAT | {"on_saturation": "dorp"}, "on_saturation='dorp': expected 'queue' or 'drop'; did you mean drop?"),
    (FLAT | {"arrivals": "poison"}, "arrivals='poison': expected 'even' or 'poisson'; did you mean poisson?"),
    (FLAT | {"arrivals": 5}, "arrivals=5: expected 'even' or 'poisson'"),
    (FLAT | {"clock": "Virtual"}, "clock='Virtual': expected 'wall' or 'virtual'; did you mean 'virtual'?"),
    (FLAT | {"warmup": 60}, "warmup=60: expected less than the whole duration, 1m; shorten it, or lengthen the run"),
    (FLAT | {"warmup": "5"}, f"warmup='5': {LENGTH_OR_0}; did you mean '5s'?"),
    (FLAT | {"graceful_stop": -1}, f"graceful_stop=-1: {LENGTH_OR_0}; did you mean 1?"),
    (FLAT | {"timeout": 0}, f"timeout=0: {LENGTH}"),
    (FLAT | {"target": " "}, "target=' ': expected a target such as 'mock', 'fake' or 'staging'"),
    (FLAT | {"latency": ""}, "latency='': expected a latency such as '40ms', 'lognormal(p50=40ms,p99=180ms)', or a number of ms"),
    (FLAT | {"latency": True}, "latency=True: expected a latency such as '40ms', …"),
    (FLAT | {"latency": -4}, "latency=-4: expected a time of at least 0 such as 500 (ms), '500ms' or '2s'; did you mean 4?"),
    (FLAT | {"metrics": ["x"]}, "metrics=['x']: expected a dict of names and kinds such as {'my_trend': 'trend'}"),
    (FLAT | {"metrics": {"x": "trnd"}}, f"metrics['x']='trnd': {KIND}; did you mean trend?"),
    (FLAT | {"metrics": {"x": "counter:ms"}}, f"metrics['x']='counter:ms': {KIND}; did you mean 'counter'?"),
    (FLAT | {"metrics": {"x": 5}}, f"metrics['x']=5: {KIND}"),
    (
        FLAT | {"metrics": {"response": "trend"}},
        "metrics['response']='trend': expected a name of its own, because every run has response; did you mean 'my_response'?",
    ),
    (FLAT | {"metrics": {"a<b": "trend"}}, "metrics['a<b']='trend': expected a name without < > = ! or a comma; did you mean 'my_trend'?"),
    (
        FLAT | {"metrics": {"seen": "gauge"}},
        "metrics['seen']='gauge': expected 'counter', because the test uses it as one; did you mean 'counter'?",
    ),
]
FOUND = {"seen": Metric(Kind.COUNTER)}


def matches(text: str, line: str) -> bool:
    """Whether *text* is *line*, where "…" stands for anything."""
    return re.fullmatch(".*".join(re.escape(part) for part in line.split("…")), text) is not None


@pytest.mark.parametrize(("keywords", "line"), BAD, ids=[row[1][:50] for row in BAD])
def test_bad_input(keywords, line):
    """Each mistake is one line: where, what was got, what was expected, and the nearest fix."""
    with pytest.raises(ContractError) as caught:
        build(keywords, found=FOUND)
    lines = str(caught.value).splitlines()
    assert any(matches(text, line) for text in lines), "\n".join(lines)


def test_the_table_is_long_enough():
    """At least forty rows of bad input, or the table has been thinned out."""
    assert len(BAD) >= 40


def test_every_problem_arrives_together():
    """One error carries all of them, in the order of the contract, with no follow-on problems."""
    with pytest.raises(ContractError) as caught:
        build(
            {
                "rate": 0,
                "duration": "1x",
                "p59": 1,
                "thresholds": {"response": ["p95<5", "avg<1"], "nope": "avg<1"},
                "max_in_flight": 0,
                "clock": "moon",
            }
        )
    assert [problem.where for problem in caught.value.problems] == [
        "p59",
        "rate",
        "duration",
        "thresholds['response'][0]",
        "thresholds['nope']",
        "max_in_flight",
        "clock",
    ]


def test_positional_arguments_are_one_problem():
    """Positional arguments are named with the keywords they were meant as, and are not also called missing."""
    with pytest.raises(ContractError) as caught:
        build({"p95": 500}, positional=(80, "60s"))
    assert str(caught.value) == "cio_load(80, '60s'): expected keyword arguments only; did you mean cio_load(rate=80, duration='60s')?"


def test_a_bad_declaration_is_one_problem():
    """A metric declared wrongly does not make each threshold on it unknown as well."""
    with pytest.raises(ContractError) as caught:
        build(FLAT | {"metrics": {"x": "trnd"}, "thresholds": {"x": "avg<5"}})
    assert [problem.where for problem in caught.value.problems] == ["metrics['x']"]
