"""The contract: what a marked test promises, checked and ready to be run and judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from pytest_cio_load.contract.clauses import read_clauses, read_metrics
from pytest_cio_load.contract.marker import CONSTANT_SHAPE, OPTIONAL, RAMP_SHAPE, Problems, check_names, merge, text, whole, word
from pytest_cio_load.contract.profile import Profile, Stage, read_profile
from pytest_cio_load.contract.ramp import iterations, read_ramp
from pytest_cio_load.contract.spec import parse_spec
from pytest_cio_load.contract.threshold import Threshold
from pytest_cio_load.units import UnitError, duration, exactly, latency, show_count, show_duration, show_number, show_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_cio_load.metrics.kinds import Metric

__all__ = ["Arrivals", "Clock", "Contract", "OnSaturation", "Profile", "Stage", "Threshold", "build", "merge", "parse_spec"]

Arrivals = Literal["even", "poisson"]
OnSaturation = Literal["queue", "drop"]
Clock = Literal["wall", "virtual"]


@dataclass(frozen=True, slots=True)
class Contract:
    """A performance contract.

    Attributes:
        profile: iterations due per second, over time.
        arrivals: evenly spaced, or a seeded Poisson process of the same rate.
        thresholds: every clause, the default ones included.
        max_in_flight: iterations running at once at most; None for the driver's own stop.
        on_saturation: what becomes of an iteration due while max_in_flight are running.
        warmup: seconds from the start that the verdict leaves out; with a warmup ramp, those of the ramp.
        graceful_stop: seconds that running iterations have after the last one fell due.
        timeout: seconds that one iteration may take; None for no end.
        seed: of everything random in the run; None for a fresh one.
        target, clock, latency: override what the command line and ini say; None leaves it to them. *latency* is the fake's
            latency model as text (``40ms``), read by the fake.
        declared: custom metrics by name.
        regress: how much worse than its baseline the run may be, as the author wrote it; read by `baseline.grammar`.
    """

    profile: Profile
    arrivals: Arrivals = "even"
    thresholds: tuple[Threshold, ...] = ()
    max_in_flight: int | None = None
    on_saturation: OnSaturation = "queue"
    warmup: Fraction = Fraction(0)
    graceful_stop: float = 30.0
    timeout: float | None = None
    seed: int | None = None
    target: str | None = None
    clock: Clock | None = None
    latency: str | None = None
    declared: Mapping[str, Metric] = field(default_factory=dict, hash=False)
    regress: object = field(default=None, hash=False)

    @property
    def warmup_ramp(self) -> bool:
        """Whether a ramp from 10 % of the first rate runs in front of what is promised."""
        return self.profile.ramp is not None

    def describe(self) -> str:
        """One line: ``80/s for 1m; at most 20 in flight, then queue; response p(95)<500ms, errors count==0 (default)``."""
        parts = [self.profile.describe()]
        if self.arrivals != "even":
            parts.append(f"{self.arrivals} arrivals")
        if self.max_in_flight is not None:
            parts.append(f"at most {self.max_in_flight} in flight, then {self.on_saturation}")
        if self.profile.ramp is not None:
            warm = iterations(self.profile.ramp)
            about = "about " if self.arrivals == "poisson" else ""
            parts.append(f"warmup ramp of {about}{show_count(warm)} iteration{'s' * (warm != 1)}, not measured")
        elif self.warmup:
            parts.append(f"warmup {show_duration(self.warmup)}")
        if self.timeout is not None:
            parts.append(f"timeout {show_duration(self.timeout)}")
        clauses = (f"{clause.metric} {clause}{' (default)' if clause.origin == 'default' else ''}" for clause in self.thresholds)
        return "; ".join([*parts, ", ".join(clauses)])


def build(
    keywords: Mapping[str, object],
    *,
    found: Mapping[str, Metric] | None = None,
    positional: Sequence[object] = (),
) -> Contract:
    """The contract that the marker's *keywords* (see `merge`) state.

    *found* are the custom metrics discovered in the test's code; *positional* are the marker's positional arguments, which it
    has none of. Raises `ContractError` with every problem at once.
    """
    problems = Problems()
    check_names(keywords, positional, problems)
    stated = {keyword: value for keyword, value in keywords.items() if value is not None or keyword not in OPTIONAL}
    if not any(keyword in stated for keyword in (*CONSTANT_SHAPE, *RAMP_SHAPE)):
        # Taken for what they were meant as, or the author would also be told that rate and duration are missing.
        stated |= dict(zip(CONSTANT_SHAPE, positional, strict=False))
    profile = read_profile(stated, problems)
    custom = read_metrics(stated, found or {}, problems)
    thresholds = read_clauses(stated, custom, problems)
    settings: dict[str, Any] = {}
    for keyword, reader in _SETTINGS.items():
        if keyword in stated:
            settings[keyword] = problems.read(keyword, stated[keyword], reader)
    warmup = settings.get("warmup")
    profile = read_ramp(stated, profile, warmup, problems)
    if profile is not None and profile.ramp is not None:
        settings["warmup"] = profile.ramp.duration
    elif profile is not None and warmup is not None and warmup >= profile.duration:
        whole_run = show_duration(profile.duration)
        problems.add(
            "warmup", show_value(stated["warmup"]), f"less than the whole duration, {whole_run}", "shorten it, or lengthen the run"
        )
    problems.raise_all()
    return Contract(cast("Profile", profile), thresholds=thresholds, declared=custom, regress=stated.get("regress"), **settings)


def _seconds(value: object, *, zero: bool) -> float:
    return float(duration(value, zero=zero))


def _latency_model(value: object) -> str:
    expected = "a latency such as '40ms', 'lognormal(p50=40ms,p99=180ms)', or a number of ms"
    if isinstance(value, str):
        return text(value, expected)
    if exactly(value) is None:
        raise UnitError(value, expected)
    return f"{show_number(latency(value))}ms"


_SETTINGS: dict[str, Callable[[object], object]] = {
    "arrivals": partial(word, choices=("even", "poisson")),
    "max_in_flight": partial(whole, least=1),
    "on_saturation": partial(word, choices=("queue", "drop")),
    "warmup": duration,
    "graceful_stop": partial(_seconds, zero=True),
    "timeout": partial(_seconds, zero=False),
    "seed": partial(whole, least=0),
    "target": partial(text, noun="a target such as 'mock', 'fake' or 'staging'"),
    "clock": partial(word, choices=("wall", "virtual")),
    "latency": _latency_model,
}
"""Keywords that stand alone: how each is read into the field of that name. One left unstated keeps the field's default."""
