"""What happened since the recorder last looked, in columns: whole columns are counted several times as fast as row by row."""

from __future__ import annotations

from itertools import compress
from operator import sub
from typing import TYPE_CHECKING, TypeAlias

from pytest_cio_load.metrics.buckets import buckets_of

if TYPE_CHECKING:
    from collections.abc import Sequence

IterationRow: TypeAlias = tuple[int, int, int, int, str, int]
"""An iteration that ended: due, began, ended, queued, outcome, failures. Times are microseconds."""

CallRow: TypeAlias = tuple[str, int, int, int, int, int, int, int]
"""A call that ended: operation, due, ended, latency, paced, attempts, throttled, watched. Times are microseconds, *due* that of its
iteration; *watched* are those of its attempts of which it is told what they waited for."""

WaitRow: TypeAlias = tuple[str, int, int]
"""What an attempt waited for: the metric, when its iteration was due, and how long, in microseconds."""


class Iterations:
    """Iterations that ended, at least one. Times are microseconds.

    Attributes:
        due, began, ended, queued, outcome, failures: as in a row.
        response, service, lag: what `load.run.Sample` says of each.
        response_buckets, service_buckets: where those are counted.
    """

    __slots__ = (
        *("due", "began", "ended", "queued", "outcome", "failures"),
        *("response", "service", "lag", "response_buckets", "service_buckets"),
    )

    due: Sequence[int]
    began: Sequence[int]
    ended: Sequence[int]
    queued: Sequence[int]
    outcome: Sequence[str]
    failures: Sequence[int]
    response: Sequence[int]
    service: Sequence[int]
    lag: Sequence[int]
    response_buckets: Sequence[int]
    service_buckets: Sequence[int]

    @classmethod
    def of(cls, rows: Sequence[IterationRow]) -> Iterations:
        """The columns of *rows*."""
        made = cls()
        made.due, made.began, made.ended, made.queued, made.outcome, made.failures = zip(*rows, strict=True)
        made.response = list(map(sub, made.ended, made.due))
        made.service = list(map(sub, made.ended, made.began))
        late = map(sub, map(sub, made.began, made.due), made.queued)
        made.lag = [one if one > 0 else 0 for one in late]
        made.response_buckets, made.service_buckets = buckets_of(made.response), buckets_of(made.service)
        return made

    def since(self, moment: int) -> Iterations:
        """Those due from *moment* on."""
        if min(self.due) >= moment:
            return self
        kept, made = [due >= moment for due in self.due], Iterations()
        for name in self.__slots__:
            setattr(made, name, list(compress(getattr(self, name), kept)))
        return made

    def __len__(self) -> int:
        return len(self.due)


class Calls:
    """Calls that ended, at least one: the columns of their rows. Times are microseconds."""

    __slots__ = ("attempts", "due", "ended", "latency", "operation", "paced", "rows", "throttled", "watched")

    def __init__(self, rows: Sequence[CallRow]) -> None:
        self.rows = rows
        columns = zip(*rows, strict=True)
        self.operation, self.due, self.ended, self.latency, self.paced, self.attempts, self.throttled, self.watched = columns

    def rows_since(self, moment: int) -> Sequence[CallRow]:
        """The rows of iterations due from *moment* on."""
        return self.rows if min(self.due) >= moment else [row for row in self.rows if row[1] >= moment]
