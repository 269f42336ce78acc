"""What tests of the drivers and clocks share: a bench to run a load on, in virtual time or on threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from pytest_cio_load.load.clock import VirtualClock, WallClock
from pytest_cio_load.load.driver import Driver
from pytest_cio_load.load.run import Ending, Load, Sample
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.load.threads import ThreadDriver

SECOND = 1_000_000
Body = Callable[[Arrival], Awaitable[object]]


class Seen:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.drops: list[int] = []

    def finished(self, sample: Sample) -> None:
        self.samples.append(sample)

    def dropped(self, arrival: Arrival) -> None:
        self.drops.append(arrival.index)

    def by_index(self) -> list[Sample]:
        """The samples in the order they were due, whatever order they ended in."""
        return sorted(self.samples, key=lambda sample: sample.arrival.index)


class Bench:
    """Makes loads and drives them."""

    seen = Seen

    def load(self, *dues: float, duration: float = 10.0, **how: Any) -> Load:
        """A load whose arrivals are due at these seconds."""
        arrivals = [Arrival(index, round(due * SECOND)) for index, due in enumerate(dues)]
        how = {"max_in_flight": 1_000, "drop": False, "graceful_stop": 30 * SECOND, "timeout": None} | how
        return Load(arrivals, round(duration * SECOND), **how)

    def drive(self, made: Load, body: Body, sink: Any = None) -> tuple[Ending, Any]:
        """Drive *made* in virtual time on a loop of its own."""
        seen = sink if sink is not None else Seen()

        async def main(clock: VirtualClock) -> Ending:
            return await Driver(made, body, seen, clock).run()

        return self.virtually(main), seen

    def threads(self, made: Load, body: Callable[[Arrival], object], sink: Any = None) -> tuple[Ending, Any]:
        """Drive *made* on threads."""
        seen = sink if sink is not None else Seen()
        return ThreadDriver(made, body, seen, WallClock()).run(), seen

    def lasting(self, seconds: float) -> Body:
        """A body that takes so long."""

        async def body(_: Arrival) -> None:
            await asyncio.sleep(seconds)

        return body

    def after(self, calls: int, act: Callable[[], object]) -> Callable[[int], str | None]:
        """A watch that does *act* at the so-many-th time it is asked; a text that gives ends the run."""
        asked = iter(range(1, 1_000_000))

        def watch(_: int) -> str | None:
            reason = act() if next(asked) == calls else None
            return reason if isinstance(reason, str) else None

        return watch

    def virtually(self, body: Callable[[VirtualClock], Awaitable[Any]]) -> Any:
        """What *body* gives, run in virtual time on a loop of its own."""

        async def main() -> Any:
            with VirtualClock(asyncio.get_running_loop()) as clock:
                clock.start()
                return await body(clock)

        return asyncio.run(main())


@pytest.fixture(scope="session")
def bench() -> Bench:
    """It keeps nothing between tests."""
    return Bench()


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Bodies that wait for it never outlive their test."""
    event = threading.Event()
    yield event
    event.set()
