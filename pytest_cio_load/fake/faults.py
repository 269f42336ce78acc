"""What goes wrong with the fake, and when, on iteration time: seconds since the run began.

Pure arithmetic and seeded chance: the script says what becomes of a request and when its answer is ready, and never waits for it.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from pytest_cio_load import units
from pytest_cio_load.customerio.pacing import Bucket
from pytest_cio_load.fake.fault import Fault, checked_factor, checked_ratio, checked_retry_after, checked_status

if TYPE_CHECKING:
    from fractions import Fraction


class Faults:
    """The script of what goes wrong.

    ``Faults().at("20s").freeze("10s").at("1m").fail(503, ratio=0.1, lasting="10s")``

    Where several faults would strike one request, the one arranged first does. Slowness multiplies, and freezes always hold.

    Args:
        seed: of the chance by which a share of requests is struck; every fault draws from its own, so that adding one changes no other.

    Attributes:
        over: True once the run has ended, when nothing goes wrong any more.
    """

    def __init__(self, seed: int = 0) -> None:
        # Whole microseconds: in floats, a request due to finish just as a freeze begins would be frozen or not by a rounding error.
        # Replaced whole on every change, so that a reader in another thread sees either the old script or the new.
        self._frozen: tuple[tuple[int, int], ...] = ()
        self._armed: tuple[_Armed, ...] = ()
        self._slow: tuple[Fault, ...] = ()
        self._seed = seed
        self.over = False

    def __repr__(self) -> str:
        return f"Faults({'; '.join(self.describe())})"

    def at(self, time: str | float) -> Moment:
        """The moment a fault begins.

        Args:
            time: since the run began; a number of seconds, or text such as "20s" or "1m30s".

        Raises:
            UnitError: no time, or a negative one.
        """
        return Moment(self, units.duration(time))

    @property
    def frozen(self) -> tuple[tuple[float, float], ...]:
        """When the server is frozen: (from, until) in seconds since the run began, in order, not overlapping."""
        return tuple((start / 1e6, end / 1e6) for start, end in self._frozen)

    @property
    def arranged(self) -> tuple[Fault, ...]:
        """Every fault but the freezes: those that strike in the order arranged, then those that slow."""
        return (*(armed.fault for armed in self._armed), *self._slow)

    def script(self) -> tuple[tuple[float, str], ...]:
        """When each fault begins, in seconds, and a line on it; in order."""
        lines = [(start, f"from {_show(start)} to {_show(end)}: frozen") for start, end in self._frozen]
        lines += [(fault.start, fault.describe()) for fault in self.arranged]
        return tuple((start / 1e6, line) for start, line in sorted(lines, key=lambda line: line[0]))

    def describe(self) -> tuple[str, ...]:
        """A line for every fault, by when it begins."""
        return tuple(line for _, line in self.script())

    def strike(self, arrived: float) -> Fault | None:
        """The fault that strikes a request, or None. Draws chance: ask once a request.

        Args:
            arrived: seconds since the run began.
        """
        if not self._armed or self.over:
            return None
        at, struck = _micros(arrived), None
        # Every active fault draws, whichever strikes: what one does must not depend on what another did.
        for armed in self._armed:
            if armed.strikes(at) and struck is None:
                struck = armed.fault
        return struck

    def finish(self, arrived: float, service: float) -> float:
        """When the answer to a request is ready.

        A slow server takes longer over what arrives while it is slow. A frozen one makes no progress: what is in service when a freeze
        begins finishes what is left of it after the thaw, and what arrives during a freeze is served after it.

        Args:
            arrived: seconds since the run began.
            service: seconds of work the request takes.

        Returns:
            Seconds since the run began, a whole number of microseconds.
        """
        at = _micros(arrived)
        if self.over:
            return (at + _micros(service)) / 1e6
        for fault in self._slow:
            if _active(fault, at):
                service *= fault.factor
        left = _micros(service)
        for start, end in self._frozen:
            if end <= at:
                continue
            if at < start:
                if at + left <= start:
                    break
                left -= start - at
            at = end
        return (at + left) / 1e6

    def add_freeze(self, start: float, length: float) -> None:
        """Freeze from *start* for *length*, both in seconds; freezes that touch become one."""
        merged: list[tuple[int, int]] = []
        for begin, end in sorted((*self._frozen, (_micros(start), _micros(start + length)))):
            if merged and begin <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((begin, end))
        self._frozen = tuple(merged)

    def add(self, fault: Fault) -> None:
        """Arrange one more."""
        if fault.kind == "slow":
            self._slow = (*self._slow, fault)
        else:
            self._armed = (*self._armed, _Armed(fault, f"{self._seed}/fault/{len(self._armed)}"))


class Moment:
    """A moment of the run at which a fault begins. Each method adds one and gives the script back, to go on with.

    Arguments that several of them take:

    - *lasting*: how long, a number of seconds or text such as "10s"; to the end of the run by default.
    - *ratio*: the share of requests struck, above 0 and up to 1, or text such as "10%"; by seeded chance.
    - *applied*: True when the request is applied and only its answer is lost or wrong, which is when a retry sends something twice.
      False by default.

    Each raises UnitError for an argument that makes no sense.
    """

    def __init__(self, faults: Faults, time: float | Fraction) -> None:
        self._faults = faults
        self._time = float(time)

    def freeze(self, length: str | float) -> Faults:
        """The server accepts requests but makes no progress.

        Args:
            length: a number of seconds, or text such as "10s".

        Raises:
            UnitError: no duration, or none above 0.
        """
        self._faults.add_freeze(self._time, float(units.duration(length, zero=False)))
        return self._faults

    def fail(
        self,
        status: int = 503,
        *,
        ratio: float | str = 1.0,
        lasting: str | float | None = None,
        retry_after: str | float | None = None,
        applied: bool = False,
    ) -> Faults:
        """Requests are answered with an error.

        Args:
            status: from 400 to 599.
            ratio: the share of requests.
            lasting: how long.
            retry_after: whole seconds for the answer's Retry-After; no such header by default.
            applied: whether the request is applied all the same.
        """
        made = checked_status(status), checked_retry_after(retry_after)
        return self._add(Fault("fail", *self._span(lasting), checked_ratio(ratio), *made, applied=applied))

    def reset_connections(self, *, ratio: float | str = 1.0, lasting: str | float | None = None, applied: bool = False) -> Faults:
        """Connections are reset before an answer: at once, or when the answer would have come if the request is *applied*."""
        return self._add(Fault("reset", *self._span(lasting), checked_ratio(ratio), applied=applied))

    def times_out(self, *, ratio: float | str = 1.0, lasting: str | float | None = None, applied: bool = False) -> Faults:
        """Requests that arrive meanwhile are never answered; the client's time-out has to end them."""
        return self._add(Fault("never", *self._span(lasting), checked_ratio(ratio), applied=applied))

    def slow(self, factor: float, *, lasting: str | float | None = None) -> Faults:
        """Answers to what arrives meanwhile take *factor* times as long, a number above 0."""
        return self._add(Fault("slow", *self._span(lasting), factor=checked_factor(factor)))

    def drop(self, *, ratio: float | str = 1.0, lasting: str | float | None = None) -> Faults:
        """Requests that would have been accepted are answered with 200 and not applied; nothing tells the client."""
        return self._add(Fault("drop", *self._span(lasting), checked_ratio(ratio)))

    def unauthorized(self, *, lasting: str | float | None = None) -> Faults:
        """Every request is answered with 401, as when a key was revoked."""
        return self._add(Fault("unauthorized", *self._span(lasting)))

    def rate_limit(self, rps: str | float, *, lasting: str | float | None = None, retry_after: str | float | None = 1) -> Faults:
        """Requests beyond a rate are answered with 429 and use up none of it.

        Args:
            rps: requests per second that pass, a number or text such as "50/s". A tenth of a second's worth (at least 8) may come at once.
            lasting: how long.
            retry_after: whole seconds for the answer's Retry-After; None for no such header.
        """
        rate, asks = float(units.rate(rps, zero=False)), checked_retry_after(retry_after)
        return self._add(Fault("rate_limit", *self._span(lasting), rps=rate, retry_after=asks, status=429))

    def _span(self, lasting: str | float | None) -> tuple[int, int | None]:
        start = _micros(self._time)
        return start, None if lasting is None else start + max(1, _micros(float(units.duration(lasting, zero=False))))

    def _add(self, fault: Fault) -> Faults:
        self._faults.add(fault)
        return self._faults


class _Armed:
    """A fault with what it needs to decide: its own chance, its own bucket."""

    __slots__ = ("_bucket", "_rng", "fault")

    def __init__(self, fault: Fault, seed: str) -> None:
        self.fault = fault
        self._rng = Random(seed)
        self._bucket = Bucket(fault.rps, burst=max(8, round(fault.rps / 10))) if fault.kind == "rate_limit" else None

    def strikes(self, at: int) -> bool:
        fault = self.fault
        if not _active(fault, at):
            return False
        if self._bucket is None:
            return fault.ratio >= 1 or self._rng.random() < fault.ratio
        wait = self._bucket.reserve(at / 1e6)
        if wait:
            self._bucket.cancel(at / 1e6 + wait)
        return wait > 0


def _active(fault: Fault, at: int) -> bool:
    return fault.start <= at and (fault.end is None or at < fault.end)


def _micros(seconds: float) -> int:
    return round(seconds * 1e6)


def _show(micros: int) -> str:
    return units.show_duration(micros / 1e6)
