"""What a rule finds."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_cio_load.scaling.planner.facts import Place


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Something in a design that cannot be meant.

    Attributes:
        code: tells it from every other: "pods-past-the-limit".
        arithmetic: why it cannot be, with the numbers put in.
        remedy: what to do instead.
        where: the line that says so; None when no manifest does.
    """

    code: str
    arithmetic: str
    remedy: str
    where: Place | None = None

    def plain(self) -> dict[str, object]:
        """For JSON."""
        where = {"file": self.where.file, "line": self.where.line} if self.where else {"file": None, "line": None}
        return {"code": self.code, "arithmetic": self.arithmetic, "remedy": self.remedy, **where}
