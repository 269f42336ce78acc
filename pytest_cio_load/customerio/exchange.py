"""The core of the client: one call from its beginning to its record, without a clock, a socket or a sleep of its own.

It is a generator. It yields a number of seconds to sleep or a request to send, and is sent the answer, or thrown what went wrong; it
returns what was read out of the answer.
Pacing, retry, errors and records exist here once; the shells in :mod:`pytest_cio_load.customerio.client` only sleep and send.
"""

from __future__ import annotations

import time
from asyncio import CancelledError
from collections.abc import Callable, Generator
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeAlias, TypeVar

from pytest_cio_load.customerio.answers import failure, unreadable
from pytest_cio_load.customerio.buckets import WALL, bucket_for
from pytest_cio_load.customerio.operations.operation import Operation, Ulids
from pytest_cio_load.customerio.pacing import Bucket, Retry
from pytest_cio_load.customerio.replies import Unreadable
from pytest_cio_load.customerio.wire import Answer, NoAnswer, Request
from pytest_cio_load.customerio.workspaces import Access
from pytest_cio_load.errors import CustomerIOError, GuardRefused

T = TypeVar("T")

Admit: TypeAlias = Callable[[Operation], tuple[Operation, Callable[[], bool]]]
"""Looks at an operation before it is sent: gives it, or another in its place, and tells whether it may go out yet. May refuse it by raising
InvalidOperation."""

Exchange: TypeAlias = Generator[float | Request, Answer | None, T]
"""Yields seconds to sleep or a request to send; is sent None or the answer; returns what was asked for."""

_A_MOMENT = 0.001
"""Seconds between two looks at whether an operation may go out."""

AccessT = TypeVar("AccessT", bound=Access)
WireT = TypeVar("WireT")


@dataclass(slots=True, unsafe_hash=True)  # one of each call, and a frozen one takes four times as long to make
class CallRecord:
    """How one call went; never changed.

    Attributes:
        operation: its name: ``identify``, ``track``, …
        began: on the client's clock, in seconds.
        ended: likewise.
        paced: seconds it waited for our own rate limiter, over all attempts.
        attempts: requests on the wire.
        error: what it failed with, or None when Customer.io accepted it.
        throttled: how many of the attempts were answered 429.
    """

    operation: str
    began: float
    ended: float
    paced: float
    attempts: int
    error: CustomerIOError | None
    throttled: int = 0


class _Tally:
    """What a call in progress has come to."""

    __slots__ = ("attempts", "began", "paced", "throttled")

    def __init__(self, began: float) -> None:
        self.began = began
        self.attempts = self.throttled = 0
        self.paced = 0.0


class Core(Generic[AccessT, WireT]):
    """Everything a client has but the waiting.

    Args:
        workspace: credentials, region and rates.
        wire: how requests travel.
        bucket: the rate limiter. When not given it is the one that all clients of the workspace share in this process; with a clock of
            one's own, a new one, since nobody else reads that clock.
        retry: when to send again.
        on_call: is given the record of every call once it has ended, whatever its end.
        rng: makes jitter and event ids; seeded, the same ones at the same times.
        now: seconds on a monotonic clock, the one the bucket is read by; None for the client's own.
        today: unix seconds, for event ids and Retry-After dates.
        admit: is shown every operation before it is sent; see `Admit`.
    """

    def __init__(
        self,
        workspace: AccessT,
        wire: WireT,
        *,
        bucket: Bucket | None = None,
        retry: Retry | None = None,
        on_call: Callable[[CallRecord], None] | None = None,
        rng: Random | None = None,
        now: Callable[[], float] | None = None,
        today: Callable[[], float] = time.time,
        admit: Admit | None = None,
    ) -> None:
        self.workspace = workspace
        self._admit = admit
        self._bucket = Bucket(workspace.rate, workspace.burst) if bucket is None and now is not None else bucket
        self._wire = wire
        self._retry = retry or Retry()
        self._on_call = on_call
        self._rng = rng or Random()
        self._now = now
        self._today = today
        self._new_id: Callable[[], str] = Ulids(self._rng, today)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.workspace!r})"

    @property
    def bucket(self) -> Bucket:
        """The rate limiter; it may be replaced between calls."""
        return bucket_for(self.workspace, self._axis()) if self._bucket is None else self._bucket

    @bucket.setter
    def bucket(self, bucket: Bucket) -> None:
        """Replace the rate limiter."""
        self._bucket = bucket

    def home_of(self, operation: Operation) -> int:
        """Which of the clients behind this one makes a call: 0, itself."""
        return 0

    def _axis(self) -> object:
        """What the clock of a client without one of its own is shared by."""
        return WALL

    def _exchange(self, now: Callable[[], float], name: str, build: Callable[[], Operation], read: Callable[[Answer], T]) -> Exchange[T]:
        """One call: build the operation, deliver it, and report how it went."""
        tally = _Tally(now())
        error: CustomerIOError | None = None
        try:
            operation = build()
            if self._admit is not None:
                operation, may_go = self._admit(operation)
                while not may_go():
                    yield _A_MOMENT
            answer = yield from self._deliver(now, operation, tally)
            return self._read(operation, answer, read, tally)
        except CustomerIOError as raised:
            error = raised
            raise
        except BaseException as raised:
            why = "cancelled" if isinstance(raised, (CancelledError, GeneratorExit)) else f"stopped by {type(raised).__name__}"
            error = CustomerIOError(name, why, attempts=tally.attempts)
            raise
        finally:
            if self._on_call is not None:
                self._on_call(CallRecord(name, tally.began, now(), round(tally.paced, 6), tally.attempts, error, tally.throttled))

    @staticmethod
    def _read(operation: Operation, answer: Answer, read: Callable[[Answer], T], tally: _Tally) -> T:
        try:
            return read(answer)
        except Unreadable as error:
            why = str(error)
        raise unreadable(operation, answer, why, tally.attempts)

    def _deliver(self, now: Callable[[], float], operation: Operation, tally: _Tally) -> Exchange[Answer]:
        """Reserve, wait, send, read the answer; then done, or wait and again."""
        request = Request(operation.method, operation.path, operation.body)
        while True:
            asked = tally.began if self._admit is None and not tally.attempts else now()
            bucket = self.bucket
            until_free = bucket.reserve(asked)
            if until_free:
                yield from self._turn(now, tally, bucket, asked, until_free)
            tally.attempts += 1
            answer: Answer | None = None
            lost = ""
            try:
                answer = yield request
            except NoAnswer as error:
                lost = error.reason
            except GuardRefused:
                tally.attempts -= 1  # it never went out
                raise
            if answer is not None:
                if 200 <= answer.status < 300:
                    return answer
                tally.throttled += answer.status == 429
            spent = now() - tally.began - tally.paced
            wait = self._retry.after(tally.attempts, answer, spent, self._rng, repeatable=operation.repeatable, today=self._today())
            if wait is None:
                raise failure(self.workspace, operation, answer, lost, tally.attempts, self._today())
            if wait:
                yield wait

    @staticmethod
    def _turn(now: Callable[[], float], tally: _Tally, bucket: Bucket, asked: float, wait: float) -> Exchange[None]:
        """Wait for a reserved slot. What counts is the time that passed, so that a late wake-up is not put down to Customer.io."""
        try:
            yield wait
        except BaseException:
            bucket.cancel(asked + wait)
            raise
        finally:
            tally.paced += now() - asked
