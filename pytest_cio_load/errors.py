"""What can go wrong, as a tree.

    CioLoadError
    ├── ContractError      the marker makes no sense; found at collection, before any load (also a ValueError)
    ├── ContractBroken     a promise was not kept (also an AssertionError: it fails the test)
    ├── Inconclusive       the run cannot tell whether the promise was kept; never a pass
    ├── SafetyError        something that keeps a real workspace safe did not hold
    │   ├── GuardRefused       a rule of the guard is not met: nothing was sent
    │   ├── LedgerError        made-up people cannot be journalled, so they are not made
    │   └── CleanupFailed      made-up people may be left
    ├── DocumentError      a file that was to be read back is damaged, foreign or too new (also a ValueError)
    ├── QueueError         the queue did not do what was asked of it
    │   ├── QueueUnavailable   it cannot be reached (also a ConnectionError)
    │   ├── QueueFull          it holds as much as it may
    │   ├── QueueReadOnly      the server is a replica
    │   └── QueueMismatch      another form of queue is there already
    └── CustomerIOError    a call to Customer.io failed
        ├── InvalidOperation   refused here, before anything was sent (also a ValueError)
        ├── Unreachable        no answer: refused connection, reset, time-out
        ├── Unauthorized       401
        ├── Refused            400 and every other 4xx that a retry cannot mend
        ├── RateLimited        429
        └── ServerFailed       5xx

Every message says what was got, what was expected, and the nearest fix.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a contract.

    Attributes:
        where: the marker keyword, with its place inside when it is a list: ``thresholds['identify'][1]``.
        got: what the author wrote, as ``repr``.
        expected: what would have been right, as a phrase: "a rate such as 80, '80/s' or '4800/m'".
        nearest: the fix that is closest to what was written, or "" when there is none.
    """

    where: str
    got: str
    expected: str
    nearest: str = ""

    def describe(self) -> str:
        """One line: ``p59=500: expected a keyword of cio_load; did you mean p95?``"""
        got = f"={self.got}" if self.got else ""
        hint = f"; {self.nearest}" if self.nearest else ""
        return f"{self.where}{got}: expected {self.expected}{hint}"


def near_miss(word: str, known: Iterable[str]) -> str:
    """``did you mean p95?`` when one of *known* is close to *word*, else an empty string."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else ""


class CioLoadError(Exception):
    """Root of everything this package raises on purpose."""


class ContractError(CioLoadError, ValueError):
    """The contract makes no sense. Holds every problem, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problem.describe() for problem in self.problems))


class ContractBroken(CioLoadError, AssertionError):
    """At least one clause of the contract was not kept. The text is the whole finding."""


class Inconclusive(CioLoadError):
    """The run cannot tell whether the contract was kept; the text names the reason and the remedy."""


class SafetyError(CioLoadError):
    """Something that keeps a real workspace safe did not hold."""


class GuardRefused(SafetyError):
    """A rule of the guard is not met, so nothing may reach Customer.io. The text names the rule and the remedy, and no secret."""


class LedgerError(SafetyError):
    """The ledger of made-up people cannot be written or read."""


class CleanupFailed(SafetyError):
    """Made-up people may be left in the workspace; the text says how to try again."""


class DocumentError(CioLoadError, ValueError):
    """What was to be read back is no run document, a damaged one, or one of a newer version; or documents do not belong together."""


class QueueError(CioLoadError):
    """The queue did not do what was asked of it. The text names no job's content."""


class QueueUnavailable(QueueError, ConnectionError):
    """The queue cannot be reached."""


class QueueFull(QueueError):
    """The queue holds as much as it may: its depth as declared, or its server's memory."""


class QueueReadOnly(QueueError):
    """The server takes no writes: it is a replica."""


class QueueMismatch(QueueError, ValueError):
    """The queue that is there was made with other settings than the ones asked for."""


class CustomerIOError(CioLoadError):
    """A call to Customer.io failed.

    Never holds a person's attributes, an event's data or a key: only what is safe to log.

    Attributes:
        operation: ``identify``, ``track``, …
        status: the HTTP status of the last answer, or None when there was none.
        attempts: how many requests went out.
        retry_after: seconds the last answer asked to wait, or None.
        reason: Customer.io's own words, or the network's.
    """

    def __init__(
        self,
        operation: str,
        reason: str,
        *,
        status: int | None = None,
        attempts: int = 0,
        retry_after: float | None = None,
    ) -> None:
        self.operation = operation
        self.status = status
        self.attempts = attempts
        self.retry_after = retry_after
        self.reason = reason
        super().__init__(self._text())

    def _text(self) -> str:
        answered = f"{self.status} " if self.status is not None else ""
        tries = f" after {self.attempts} attempts" if self.attempts > 1 else ""
        return f"{self.operation}: {answered}{self.reason}{tries}"


class InvalidOperation(CustomerIOError, ValueError):
    """Customer.io would refuse this operation, so it was not sent."""


class Unreachable(CustomerIOError):
    """No answer came back: the connection was refused, reset, or timed out."""


class Unauthorized(CustomerIOError):
    """401: the site id and API key are not those of a workspace."""


class Refused(CustomerIOError):
    """A 4xx that another try cannot mend."""


class RateLimited(CustomerIOError):
    """429 to the last attempt: the workspace's budget is spent."""


class ServerFailed(CustomerIOError):
    """5xx to the last attempt."""
