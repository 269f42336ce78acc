"""The verdict of a run: what was found, in which circumstances, why it cannot tell, and every clause with its margin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_cio_load.reports.cleaned import cleanup_text, failed_cleanup
from pytest_cio_load.reports.html.bounds import used
from pytest_cio_load.reports.html.markup import element, table, text
from pytest_cio_load.reports.markdown import margin
from pytest_cio_load.reports.terminal import circumstances, counts
from pytest_cio_load.units import show_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cio_load.reports.document import Document

ICONS = {"kept": "✓", "broken": "✗", "inconclusive": "?"}
WORDS = {"kept": "Contract kept", "broken": "Contract broken", "inconclusive": "Inconclusive"}
_STATES = {
    "ok": ("✓", "kept", "kept"),
    "broken": ("✗", "broken", "broken"),
    "no samples": ("?", "inconclusive", "no samples"),
    "too few samples": ("?", "inconclusive", "too few samples"),
}
_BAR = 2
"""A margin's bar goes to twice the bound."""


def badge(verdict: str) -> str:
    """A verdict as a sign with its word: never as a colour alone."""
    return element("span", _sign(ICONS[verdict]), text(verdict), class_=f"badge {verdict}")


def banner(doc: Document) -> str:
    """What was found, and in which circumstances."""
    verdict = doc["verdict"]
    word = element("p", _sign(ICONS[verdict]), text(WORDS[verdict]), class_="word")
    lines = [element("p", text(finding(doc)), class_="headline")]
    if failed_cleanup(doc["cleanup"]):
        lines.append(element("p", text(cleanup_text(doc["cleanup"])), class_="headline"))
    lines.append(element("p", text(circumstances(doc))))
    lines.append(element("p", text(counts(doc))))
    return element("div", word, *lines, class_=f"banner {verdict}")


def finding(doc: Document) -> str:
    """The headline without the verdict, which stands beside it."""
    headline: str = doc["headline"]
    for beginning in (f"contract {doc['verdict']}: ", f"{doc['verdict']}: "):
        headline = headline.removeprefix(beginning)
    return headline


def reasons(doc: Document) -> str:
    """Why the run cannot tell, each with its remedy."""
    if not doc["reasons"]:
        return ""
    # The headline is the first reason: it is not said twice.
    said = (
        element("li", "" if one["what"] in doc["headline"] else text(one["what"]), element("p", text(f"→ {one['remedy']}")))
        for one in doc["reasons"]
    )
    return element("ul", *said, class_="reasons")


def clauses(doc: Document) -> str:
    """Every clause of the contract: what was promised, measured, and how far apart they are."""
    names = ["metric", "state", "promised", "measured", "margin", "samples"]
    return table(names, map(_clause, doc["thresholds"]), name="Clauses of the contract", numbers=(3, 5), class_="clauses", cards=True)


def _clause(one: Mapping[str, Any]) -> list[str]:
    return [text(one["metric"]), _state(one), _promised(one), _measured(one), _margin(one), show_count(one["samples"])]


def _sign(icon: str) -> str:
    return element("span", icon, class_="sign", aria_hidden="true")


def _state(clause: Mapping[str, Any]) -> str:
    icon, colour, word = _STATES[clause["state"]]
    return element("span", _sign(icon), text(word), class_=f"badge {colour}")


def _promised(clause: Mapping[str, Any]) -> str:
    default = element("small", " by default") if clause["origin"] == "default" else ""
    return text(clause["text"]) + default


def _measured(clause: Mapping[str, Any]) -> str:
    return text(clause["shown"]) + (element("small", " at the end") if _recovered(clause) else "")


def _margin(clause: Mapping[str, Any]) -> str:
    """How much is left, in words and as a bar on which the bound is a line."""
    share = used(clause)
    if _recovered(clause):
        return text("was broken, and ended the run")
    ended = element("small", " ended the run") if clause["aborted"] else ""
    if share is None:
        return text(margin(clause)) + ended
    _, colour, _ = _STATES[clause["state"]]
    beyond = " beyond" if share > _BAR else ""
    filled = element("span", style=f"width:{min(share / _BAR, 1) * 100:.1f}%", class_=f"filled {colour}{beyond}")
    return element("span", filled, class_="meter", aria_hidden="true") + element("span", text(margin(clause)), ended)


def _recovered(clause: Mapping[str, Any]) -> bool:
    """Whether what ended the run is within its bound now that the iterations which were in flight count too."""
    return bool(clause["aborted"]) and margin(clause).endswith("left")
