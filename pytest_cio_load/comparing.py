"""``--cio-save``, ``--cio-compare``, ``--cio-compare-fail`` and the marker's ``regress``: a run beside the baseline of its test.

A run that is worse than its baseline, by more than what was let pass and by more than noise, fails its own test: so ``--lf``, ``-x`` and
JUnit know. Whatever is wrong with a baseline is told, and leaves the run's own verdict alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pytest_cio_load.baseline.gate import compare
from pytest_cio_load.baseline.grammar import Gate, read_gates, read_regress
from pytest_cio_load.baseline.refusals import BaselineError
from pytest_cio_load.baseline.store import DEFAULT_NAME, Store
from pytest_cio_load.contract.marker import Problems
from pytest_cio_load.errors import ContractError, DocumentError
from pytest_cio_load.metrics.kinds import BUILTIN
from pytest_cio_load.units import show_ms

if TYPE_CHECKING:
    from pytest_cio_load.baseline.comparison import Comparison
    from pytest_cio_load.contract.contract import Contract
    from pytest_cio_load.reports.document import Document

_SHOWN = "p50:10%,p95:10%,p99:10%,mean:10%,rate:1%"
"""What is compared when nobody said what may not get worse: it is shown, and fails nothing."""

_OVERLAID = ("response", "service")


@dataclass(frozen=True, slots=True)
class Comparing:
    """What a session does with baselines.

    Attributes:
        store: where they are.
        save: the name to save runs under, or None.
        against: the name to compare runs with, or None for none but where a marker asks.
        gates: of the command line.
    """

    store: Store
    save: str | None
    against: str | None
    gates: tuple[Gate, ...]

    @classmethod
    def of(cls, config: pytest.Config) -> Comparing:
        """As the options have it.

        Raises:
            pytest.UsageError: a gate that makes no sense.
        """
        asked = config.getoption("cio_compare_fail")
        problems = Problems()
        gates = read_gates(asked, "--cio-compare-fail", problems) if asked is not None else ()
        try:
            problems.raise_all()
        except ContractError as error:
            raise pytest.UsageError(str(error)) from None
        against = config.getoption("cio_compare")
        if asked is not None and against is None:
            against = DEFAULT_NAME
        return cls(Store(config.rootpath / ".cio-load" / "baselines"), config.getoption("cio_save"), against, gates)

    def hold(self, doc: Document, contract: Contract) -> None:
        """Hold a run against its baseline, if that is asked for: what comes of it is added to the document.

        ``comparisons`` are every figure beside that of the baseline; ``baseline`` is what is to be said of it. A run that kept its contract
        and is worse becomes one that broke it.
        """
        own = read_regress(contract.regress, Problems(), {**BUILTIN, **contract.declared}) if contract.regress is not None else ()
        if self.against is None and not own:
            return
        stated = {(gate.metric, gate.percentile) for gate in own}
        gates = (*own, *(gate for gate in self.gates if (gate.metric, gate.percentile) not in stated))
        try:
            kept = self.store.load(doc, self.against or DEFAULT_NAME)
            found = compare(kept.document, doc, gates or read_gates(_SHOWN, "", Problems()), noise=kept.noise)
        except (BaselineError, DocumentError) as error:
            doc["baseline"] = [f"not compared: {error}"]
            return
        doc["comparisons"] = [each.plain() for each in found]
        if doc["comparisons"]:
            doc["comparisons"][0]["baseline"] = _overlay(kept.document)
        doc["baseline"] = [kept.describe(), *(_line(each) for each in found)]
        worse = [each for each in found if each.state == "worse"] if gates else []
        if worse and doc["verdict"] == "kept":
            doc["verdict"] = "broken"
            doc["headline"] = f"contract broken: {_told(worse[0])}"

    def keep(self, doc: Document) -> None:
        """Save a run as the baseline of its test, if that is asked for; only one that kept its contract will do."""
        if self.save is None:
            return
        try:
            said = f"saved as {self.store.save(doc, self.save)}"
        except BaselineError as error:
            said = f"not saved: {error}"
        doc["baseline"] = [*doc.get("baseline", ()), said]


def _told(each: Comparison) -> str:
    change = "" if each.change is None else f", {abs(each.change):.1%} {'less' if each.change < 0 else 'more'}"
    return f"{each.label} was {_shown(each, each.now)}{change} than its baseline's {_shown(each, each.was)}; {each.tolerance} was let pass"


def _line(each: Comparison) -> str:
    """One comparison in one line."""
    figures = f"{_shown(each, each.was)} → {_shown(each, each.now)}"
    change = "" if each.change is None else f" ({each.change:+.1%})"
    return f"{each.state}: {each.label} {figures}{change}, {each.tolerance} let pass: {each.why}"


def _shown(each: Comparison, value: float | None) -> str:
    if value is None:
        return "no sample"
    return show_ms(value) if each.unit == "ms" else f"{value:,.4g}{each.unit}"


def _overlay(doc: Document) -> Document:
    """What a report needs of a baseline to draw it beneath the run."""
    kept = ("schema", "test", "verdict", "headline", "clock", "target", "machine")
    shown = {name: doc[name] for name in kept if name in doc}
    shown["metrics"] = {name: doc["metrics"][name] for name in _OVERLAID if name in doc["metrics"]}
    return shown
