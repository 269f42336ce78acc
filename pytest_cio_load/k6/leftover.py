"""What could not be carried over, and why: collected while the options are read, told in the file and as warnings."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_cio_load.units import show_value


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing of the options that the test file does not have.

    Attributes:
        where: its place: ``scenarios['login'].env``, ``thresholds['http_req_duration'][0]``.
        got: its value, as a short ``repr``.
        why: the reason, and what to write in its place, as a phrase.
    """

    where: str
    got: str
    why: str

    def __str__(self) -> str:
        return f"{self.where}={self.got}: {self.why}"


class Leftovers:
    """Everything left over so far, in the order in which it was met."""

    def __init__(self) -> None:
        self._found: dict[Leftover, None] = {}

    def add(self, where: str, value: object, why: str, *, hidden: bool = False) -> None:
        """Note that *value* at *where* was left out; the same once. One that may be a secret is *hidden*."""
        self._found.setdefault(Leftover(where, "…" if hidden else show_value(value), why))

    def all(self) -> tuple[Leftover, ...]:
        """What was noted."""
        return tuple(self._found)
