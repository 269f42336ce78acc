"""Asking again through trouble that passes: outages, time-outs, answers that say to come later. Clients try a few times; this goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pytest_cio_load.customerio.pacing import worth_another_try
from pytest_cio_load.errors import CustomerIOError, InvalidOperation, Refused, Unauthorized
from pytest_cio_load.units import show_duration

T = TypeVar("T")

_FIRST, _LONGEST = 0.5, 10.0
"""Seconds between two tries: the first time, and at most."""


class GaveUp(Exception):
    """Trouble did not pass, or is none that passes. The text says what it was, and shows nobody."""


class Patience:
    """Bears with one of Customer.io's APIs. Who did not answer for too long gets one try per question from then on.

    Args:
        whom: which API, for messages.
        seconds: how long trouble may last.
        now: seconds on a monotonic clock.
        sleep: waits for seconds of the same clock.
    """

    def __init__(self, whom: str, seconds: float, now: Callable[[], float], sleep: Callable[[float], Awaitable[object]]) -> None:
        self._whom, self._seconds = whom, seconds
        self._now, self._sleep = now, sleep
        self._is_over = False

    async def ask(self, question: Callable[[], Awaitable[T]]) -> T:
        """The answer to *question*, which is asked until there is one.

        Raises:
            GaveUp: there is none within the time, or asking again cannot help.
        """
        began, pause = self._now(), _FIRST
        while True:
            try:
                return await question()
            except CustomerIOError as error:
                failure = error
            if not passes(failure):
                raise GaveUp(f"{self._whom}: {failure}") from failure
            wait = min(max(pause, failure.retry_after or 0.0), _LONGEST)
            if self._is_over or self._now() + wait > began + self._seconds:
                self._is_over = True
                raise GaveUp(f"{self._whom} gave no good answer for {show_duration(round(self._now() - began))}: {failure}") from failure
            await self._sleep(wait)
            pause *= 2


def passes(error: CustomerIOError) -> bool:
    """Whether the same question may fare better later."""
    if error.status is not None and worth_another_try(error.status):
        return True
    return not isinstance(error, (InvalidOperation, Refused, Unauthorized))
