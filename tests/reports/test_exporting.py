"""What is told of a run while it goes on, and that telling it harms nobody."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio.exchange import CallRecord
from pytest_cio_load.errors import CustomerIOError, RateLimited, Unreachable
from pytest_cio_load.load.run import Outcome, Sample
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.reports.exporting import Exporters, open_exporters
from pytest_cio_load.reports.instruments import INSTRUMENTS, OF_RUN, Facts, Kind, Observation, outcome_of

MS = 1_000
FACTS = Facts("tests/test_it.py::test_identify", "mock", "wall", planned=10, warmup=100 * MS, now=lambda: 0)
RUN = {"test": "tests/test_it.py::test_identify", "target": "mock", "clock": "wall"}


class Puts:
    """Keeps what instruments were given."""

    def __init__(self) -> None:
        self.given: list[tuple[str, float, dict[str, str]]] = []

    def by_name(self) -> dict[str, Any]:
        """What an observation wants."""
        return {each.name: lambda value, labels, name=each.name: self.given.append((name, value, dict(labels))) for each in INSTRUMENTS}

    def of(self, name: str) -> list[tuple[float, dict[str, str]]]:
        """What one instrument was given, without the run's own attributes."""
        return [(value, {k: v for k, v in labels.items() if k not in OF_RUN}) for each, value, labels in self.given if each == name]

    def total(self, name: str) -> float:
        """The sum of it."""
        return sum(value for value, _ in self.of(name))


@pytest.fixture
def puts() -> Puts:
    """Nothing was given yet."""
    return Puts()


def sample(index: int = 0, due: int = 200 * MS, outcome: Outcome = Outcome.OK, error: BaseException | None = None) -> Sample:
    """Begun 2 ms late, 50 ms long."""
    return Sample(Arrival(index, due), due + 2 * MS, due + 52 * MS, 0, outcome, error)


def record(error: CustomerIOError | None = None, **how: Any) -> CallRecord:
    """An identify of 40 ms."""
    return CallRecord(**{"operation": "identify", "began": 1.0, "ended": 1.04, "paced": 0.0, "attempts": 1, "error": error} | how)


def everything(observation: Observation) -> None:
    """Every kind of thing that can be told."""
    observation.began(Arrival(0, 0))
    for outcome in Outcome:
        observation.iteration(sample(outcome=outcome))
    observation.dropped(Arrival(9, 0))
    observation.call(record(RateLimited("identify", "slow down"), paced=0.5, throttled=2), 0)
    observation.end({"verdict": "kept"})


@pytest.mark.parametrize(("name", "value"), [("response", 0.052), ("service", 0.05), ("lag", 0.002)])
def test_times(puts: Puts, name: str, value: float) -> None:
    """In seconds: from due, from began, and how late the generator was."""
    Observation(FACTS, puts.by_name()).iteration(sample())
    assert puts.of(name) == [(pytest.approx(value), {"phase": "measured"})]


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize(("due", "phase"), [(0, "warmup"), (100 * MS - 1, "warmup"), (100 * MS, "measured")])
def test_outcomes(puts: Puts, outcome: Outcome, due: int, phase: str) -> None:
    """Iterations are counted by outcome, and those of the warmup apart."""
    Observation(FACTS, puts.by_name()).iteration(sample(due=due, outcome=outcome))
    assert puts.of("iterations") == [(1, {"phase": phase, "outcome": outcome.value})]


def test_dropped(puts: Puts) -> None:
    """A dropped iteration is an outcome without times."""
    Observation(FACTS, puts.by_name()).dropped(Arrival(3, 0))
    assert puts.of("iterations") == [(1, {"phase": "warmup", "outcome": "dropped"})]
    assert puts.of("response") == []


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "ok"),
        (RateLimited("identify", "slow down"), "RateLimited"),
        (Unreachable("identify", "refused"), "Unreachable"),
        (CustomerIOError("identify", "cancelled"), "cancelled"),
        (CustomerIOError("identify", "stopped by KeyError"), "CustomerIOError"),
    ],
)
def test_outcomes_of_calls(error: CustomerIOError | None, outcome: str) -> None:
    """Few, and none that a server could make more of."""
    assert outcome_of(error) == outcome


def test_calls(puts: Puts) -> None:
    """By operation: latency, outcome, requests on the wire, answers 429, and the wait for our own limiter."""
    error = RateLimited("identify", "slow down")
    Observation(FACTS, puts.by_name()).call(record(error, attempts=4, throttled=3, paced=0.25), 500 * MS)
    labels = {"phase": "measured", "operation": "identify"}
    assert puts.of("call") == [(pytest.approx(0.04), labels)]
    assert puts.of("calls") == [(1, labels | {"outcome": "RateLimited"})]
    assert [puts.of(name) for name in ("attempts", "rate_limited", "paced")] == [[(4, labels)], [(3, labels)], [(0.25, labels)]]


def test_planned(puts: Puts) -> None:
    """What is planned is told first, so that progress can be shown."""
    Observation(FACTS, puts.by_name())
    assert puts.given == [("planned", 10, RUN)]


@pytest.mark.parametrize(("document", "counted"), [({"verdict": "broken"}, [(1, {"verdict": "broken"})]), (None, [])])
def test_verdict(puts: Puts, document: dict[str, str] | None, counted: list[object]) -> None:
    """A run is counted by its verdict, if it has one."""
    Observation(FACTS, puts.by_name()).end(document)
    assert puts.of("runs") == counted


def test_attributes_are_those_that_are_declared(puts: Puts) -> None:
    """In their order, and no others: no index, no person, no text of a body."""
    everything(Observation(FACTS, puts.by_name()))
    declared = {each.name: each.labels for each in INSTRUMENTS}
    assert {name for name, _, _ in puts.given} == set(declared)
    assert all(tuple(labels) == declared[name] for name, _, labels in puts.given)


@given(st.lists(st.tuples(st.sampled_from(["began", "iteration", "end"]), st.integers(0, 3)), max_size=30))
def test_in_flight(events: list[tuple[str, int]]) -> None:
    """In whatever order it is told, also by threads that are late: never below zero, and nothing when the run is over."""
    puts = Puts()
    observation = Observation(FACTS, puts.by_name())
    begun: set[int] = set()
    for what, index in events:
        if what == "began" and index not in begun:
            begun.add(index)
            observation.began(Arrival(index, 0))
        elif what == "iteration":
            observation.iteration(sample(index))
        elif what == "end":
            observation.end(None)
        assert puts.total("in_flight") >= 0
    observation.end(None)
    assert puts.total("in_flight") == 0


def test_histograms_have_bounds() -> None:
    """Ascending ones, and only they."""
    for each in INSTRUMENTS:
        assert bool(each.bounds) == (each.kind is Kind.HISTOGRAM)
        assert list(each.bounds) == sorted(set(each.bounds))


class Kept:
    """A sink, an observer and an exporter in one, that keeps what it was told, and may fail."""

    where = ""
    notes = ()

    def __init__(self, name: str = "kept", failing: str = "") -> None:
        self.name, self.failing = name, failing
        self.told: list[str] = []

    def _tell(self, what: str) -> None:
        self.told.append(what)
        if what == self.failing:
            raise KeyError("user@example.com")

    def __getattr__(self, what: str) -> Any:
        if what in ("began", "iteration", "finished", "dropped", "call", "end", "close"):
            return lambda *_: self._tell(what)
        raise AttributeError(what)

    def begin(self, facts: Facts) -> Kept:
        """It observes by itself."""
        self._tell("begin")
        return self


def run_of(exporters: Exporters, sink: Kept) -> None:
    """A short run."""
    with exporters:
        observed = exporters.begin(FACTS, sink)
        observed.began(Arrival(0, 0))
        observed.call(record(), 0)
        observed.finished(sample())
        observed.dropped(Arrival(1, 0))
        observed.finished(sample(2))
        observed.end(None)


def test_everybody_is_told() -> None:
    """The sink gets the samples, the observers everything."""
    sink, first, second = Kept(), Kept("first"), Kept("second")
    exporters = Exporters([first, second])
    run_of(exporters, sink)
    assert sink.told == ["finished", "dropped", "finished"]
    assert first.told == second.told == ["begin", "began", "call", "iteration", "dropped", "iteration", "end", "close"]
    assert exporters.notes == ()


@pytest.mark.parametrize("failing", ["begin", "began", "iteration", "dropped", "call", "end", "close"])
def test_whoever_fails_is_left_out(failing: str) -> None:
    """The run goes on, the others are told everything, and it is said once, without what the error says."""
    sink, bad, good = Kept(), Kept("bad", failing), Kept("good")
    exporters = Exporters([bad, good])
    run_of(exporters, sink)
    assert sink.told == ["finished", "dropped", "finished"]
    assert good.told == ["begin", "began", "call", "iteration", "dropped", "iteration", "end", "close"]
    assert bad.told.count(failing) == 1
    assert exporters.notes == (
        "bad: got KeyError from it while a run went on; expected it to take what it is told; no run was harmed, but what it shows is "
        "incomplete; look at how it is configured",
    )


def test_what_the_sink_raises_is_raised() -> None:
    """It is no observer: a run whose samples are not recorded must not go on."""
    observed = Exporters([]).begin(FACTS, Kept(failing="finished"))
    with pytest.raises(KeyError):
        observed.finished(sample())


@pytest.mark.parametrize(
    ("asked", "package", "modules", "extra"),
    [
        ({"otel": True, "prometheus": None}, "opentelemetry.exporter.otlp.proto.http.trace_exporter", ("otel", "otlp"), "otel"),
        ({"otel": True, "prometheus": None}, "opentelemetry.sdk.trace", ("otel", "otlp"), "otel"),
        ({"otel": False, "prometheus": 0}, "prometheus_client", ("prometheus",), "prometheus"),
    ],
)
def test_missing_packages(
    monkeypatch: pytest.MonkeyPatch, asked: Mapping[str, Any], package: str, modules: tuple[str, ...], extra: str
) -> None:
    """The error names the extra."""
    for module in modules:
        monkeypatch.delitem(sys.modules, f"pytest_cio_load.reports.{module}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError) as error:
        open_exporters(**asked)
    said = f"{package}: got no such package; expected it for --cio-{extra}; try pip install 'pytest-cio-load[{extra}]'"
    assert str(error.value) == said


def test_nothing_asked_for() -> None:
    """Then there is nobody to tell, and nothing to look at."""
    with open_exporters(otel=False, prometheus=None) as exporters:
        assert (exporters.where, exporters.notes) == ((), ())
