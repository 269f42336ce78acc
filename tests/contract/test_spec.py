"""A contract on one line."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.contract.contract import build, parse_spec
from pytest_cio_load.errors import ContractError


@pytest.mark.parametrize(
    ("text", "keywords"),
    [
        ("80/s,60s,p(95)<500", {"rate": "80/s", "duration": "60s", "thresholds": {"response": ["p(95)<500"]}}),
        (" 60s , 80/s ", {"rate": "80/s", "duration": "60s"}),
        ("errors:count<5,errors:rate<1%", {"thresholds": {"errors": ["count<5", "rate<1%"]}}),
        ("check:status is 200:rate>99%", {"thresholds": {"check:status is 200": ["rate>99%"]}}),
        ("count==5,avg<=3", {"thresholds": {"response": ["count==5", "avg<=3"]}}),
        ("max_in_flight=20,p95=500,p99=2s", {"max_in_flight": 20, "p95": 500, "p99": "2s"}),
        ("rate=0.5,duration = 60", {"rate": 0.5, "duration": 60}),
        ("abort_on_fail=true,errors=1%", {"abort_on_fail": True, "errors": "1%"}),
        ("latency=lognormal(p50=40ms,p99=180ms),seed=7", {"latency": "lognormal(p50=40ms,p99=180ms)", "seed": 7}),
    ],
)
def test_spec(text, keywords):
    """A contract on one line gives the keywords of a marker."""
    assert parse_spec(text) == keywords


def test_a_spec_builds():
    """What the one line gives is what build takes."""
    contract = build(parse_spec("80/s,60s,p(95)<500,errors:count<5"))
    assert contract.describe().startswith("80/s for 1m; response p(95)<500ms, errors count<5, dropped")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "--cio-load='': expected no empty item; write '80/s,60s,p(95)<500'"),
        ("80/s,,60s", "--cio-load='80/s,,60s': expected no empty item; leave out the extra comma"),
        ("80,60s", "--cio-load='80': expected a rate, a duration, a threshold, or keyword=value; did you mean '80/s' or '80s'?"),
        ("fast", "--cio-load='fast': expected a rate, a duration, a threshold, or keyword=value; such as '80/s,60s,p(95)<500'"),
        ("80/s,90/s", "--cio-load='90/s': expected one rate; rate is '80/s' already; leave one of them out"),
        ("60s,duration=5", "--cio-load duration='5': expected duration once; duration is '60s' already; leave one of them out"),
        ("60s,70s", "--cio-load='70s': expected one duration; duration is '60s' already; leave one of them out"),
        ("p59=500", "--cio-load p59='500': expected a keyword of cio_load, or a threshold; did you mean p95?"),
        ("stages=30s:50", "--cio-load stages='30s:50': expected a keyword that takes one value; use the marker"),
        ("thresholds=x", "--cio-load thresholds='x': expected a keyword that takes one value; write each as an item: 'identify:p(95)<500'"),
    ],
)
def test_bad_spec(text, line):
    """A spec that does not read says which item, what was expected, and the nearest fix."""
    with pytest.raises(ContractError) as caught:
        parse_spec(text)
    assert str(caught.value) == line


def test_a_spec_names_its_origin():
    """Problems name the place the text came from, and arrive together."""
    with pytest.raises(ContractError) as caught:
        parse_spec("80,p59=5", where="cio_load_patterns")
    assert [problem.where for problem in caught.value.problems] == ["cio_load_patterns", "cio_load_patterns p59"]


@given(st.text(alphabet="80/s,6p(95)<=>:rate errors{}%"))
def test_parse_spec_raises_nothing_but_contract_errors(text):
    """Whatever stands on the command line, the author gets keywords or all of the problems."""
    with contextlib.suppress(ContractError):
        assert isinstance(parse_spec(text), dict)
