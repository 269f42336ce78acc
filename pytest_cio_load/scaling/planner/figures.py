"""A number with its name, its unit and its formula."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_cio_load.scaling.planner.volumes import show_volume
from pytest_cio_load.units import show_count, show_duration, show_rate

_SHORT_FROM = 10**6


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a plan.

    Attributes:
        name: what it is, as words: "peak rate".
        value: in *unit*; None when there is no such number: what never ends takes no number of seconds.
        unit: "/s" a rate per second, "s" seconds, "B" bytes, "cores", or a plural noun: "pods", "jobs".
        formula: how it came about, with the numbers put in.
    """

    name: str
    value: float | None
    unit: str
    formula: str

    def shown(self) -> str:
        """The value as people read it: ``57.87/s``, ``10m``, ``121 MB``, ``2 pods``, ``never``."""
        if self.value is None:
            return "never"
        if self.unit == "/s":
            return show_rate(self.value) if self.value < _SHORT_FROM else f"{show_volume(self.value)}/s"
        if self.unit == "s":
            return show_duration(round(self.value, 0 if self.value >= 60 else 1 if self.value >= 1 else 3))
        if self.unit == "cores":
            return f"{self.value:.2g} cores"
        if self.unit == "B":
            return show_bytes(self.value)
        number = show_count(self.value) if self.value < _SHORT_FROM else show_volume(self.value)
        return f"{number} {self.unit[:-1] if self.value == 1 else self.unit}"

    def plain(self) -> dict[str, object]:
        """For JSON."""
        return {"name": self.name, "value": self.value, "unit": self.unit, "formula": self.formula}


def show_bytes(size: float) -> str:
    """*size* in decimal units: ``875 B``, ``121 MB``, ``1.2 GB``."""
    for scale, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= scale:
            shown = size / scale
            return f"{shown:.1f} {unit}" if shown < 10 else f"{shown:,.0f} {unit}"
    return f"{size:.0f} B"
