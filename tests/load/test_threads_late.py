"""A generator that is late all the time still hears when the run is to end."""

from __future__ import annotations

import time

from pytest_cio_load.load.clock import WallClock
from pytest_cio_load.load.run import End, Load
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.load.threads import ThreadDriver


class _Forgetful:
    def finished(self, sample: object) -> None:
        """Forget it."""

    def dropped(self, arrival: object) -> None:
        """Forget it."""


def test_the_watch_is_asked_while_catching_up() -> None:
    """Every arrival is due at once, and issuing them takes longer than a watch: the abort does not wait for the last one."""
    issued = []

    def slowly() -> object:
        for index in range(10_000):
            issued.append(index)
            time.sleep(0.001)
            yield Arrival(index, 0)

    load = Load(
        arrivals=slowly(),
        duration=0,
        max_in_flight=1,
        drop=True,
        graceful_stop=0,
        timeout=None,
        watch=lambda now: "enough" if len(issued) > 50 else None,
        watch_every=10_000,
    )
    ending = ThreadDriver(load, lambda arrival: None, _Forgetful(), WallClock()).run()
    assert (ending.end, ending.reason) == (End.ABORTED, "enough")
    assert len(issued) < 10_000
