"""A contract from good keywords."""

from __future__ import annotations

import contextlib
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.contract.contract import Contract, Profile, build
from pytest_cio_load.contract.marker import KEYWORDS
from pytest_cio_load.errors import ContractError

FLAT: dict[str, object] = {"rate": 80, "duration": 60}
RAMP = {"start_rate": 10, "stages": [("30s", 50), {"duration": "60s", "target": "80/s"}, ["30s", 10]]}


def test_a_flat_contract():
    """rate and duration make a constant profile with the default contract."""
    contract = build({"rate": "4800/m", "duration": "1m"})
    assert contract.profile == Profile.flat(Fraction(80), Fraction(60))
    assert contract.profile.constant
    assert [(clause.metric, str(clause), clause.origin, clause.abort_on_fail) for clause in contract.thresholds] == [
        ("errors", "count==0", "default", False),
        ("dropped", "count==0", "default", False),
        ("on_time", "rate>=99%", "default", False),
    ]


def test_settings_have_defaults():
    """What the marker leaves out is left to the defaults."""
    contract = build(FLAT)
    assert (contract.arrivals, contract.on_saturation, contract.warmup, contract.graceful_stop) == ("even", "queue", 0, 30.0)
    assert (contract.max_in_flight, contract.timeout, contract.seed, contract.target, contract.clock, contract.latency) == (None,) * 6
    assert contract.declared == {}


def test_settings_are_read():
    """Every setting arrives in its own type and unit."""
    contract = build(
        FLAT
        | {
            "arrivals": "poisson",
            "max_in_flight": 20,
            "on_saturation": "drop",
            "warmup": "5s",
            "graceful_stop": 0,
            "timeout": "500ms",
            "seed": 0,
        }
        | {"target": " fake ", "clock": "wall", "latency": "lognormal(p50=40ms,p99=180ms)"}
    )
    assert (contract.arrivals, contract.max_in_flight, contract.on_saturation) == ("poisson", 20, "drop")
    assert (contract.warmup, contract.graceful_stop, contract.timeout) == (Fraction(5), 0.0, 0.5)
    assert (contract.seed, contract.target, contract.clock, contract.latency) == (0, "fake", "wall", "lognormal(p50=40ms,p99=180ms)")


@pytest.mark.parametrize(("value", "text"), [(40, "40ms"), (0, "0ms"), (0.5, "0.5ms"), (" 40ms ", "40ms")])
def test_latency_becomes_text(value, text):
    """A latency given as a number of ms is handed on as text."""
    assert build(FLAT | {"latency": value}).latency == text


@pytest.mark.parametrize("keyword", ["max_in_flight", "timeout", "seed", "target", "clock", "latency"])
def test_none_is_as_if_not_stated(keyword):
    """None takes back what an outer marker said, for settings whose default is None."""
    assert getattr(build(FLAT | {keyword: None}), keyword) is None


def test_a_contract_describes_itself():
    """One line holds all that was promised, and says what came by default."""
    contract = build(FLAT | {"p95": 500, "arrivals": "poisson", "max_in_flight": 20, "warmup": 5, "timeout": "2s", "errors": "1%"})
    assert contract.describe() == (
        "80/s for 1m; poisson arrivals; at most 20 in flight, then queue; warmup 5s; timeout 2s; "
        "response p(95)<500ms, errors rate<=1%, dropped count==0 (default), on_time rate>=99% (default)"
    )


def test_contracts_are_values():
    """Equal keywords give equal contracts, with equal hashes."""
    assert build(RAMP | {"metrics": {"x": "trend"}}) == build(RAMP | {"metrics": {"x": "trend"}})
    assert hash(build(RAMP)) == hash(build(RAMP))


@given(
    st.dictionaries(
        st.sampled_from(KEYWORDS), st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()))
    )
)
def test_build_raises_nothing_but_contract_errors(keywords):
    """Whatever stands in a marker, the author gets a contract or all of its problems."""
    with contextlib.suppress(ContractError):
        assert isinstance(build(keywords), Contract)
