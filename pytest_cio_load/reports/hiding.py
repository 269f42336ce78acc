"""Test reports without secrets: what pytest shows of a failure's frames holds keys, and what was sent about people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_cio_load.reports.document import Document
    from pytest_cio_load.safety.secrets import Secrets

_OURS = Path(__file__).resolve().parents[1].name
_NOT_SHOWN = "(not shown: they may hold keys and people's attributes)"


def hide(report: Any, secrets: Secrets | None) -> None:
    """Take out of a test report, in place, what must not be told.

    Locals and arguments of this package's own frames are never shown. Of a test against a real workspace no frame's are, and whatever was
    sent there is hidden in every text: tracebacks, captured output and logs, properties.

    Args:
        report: pytest's.
        secrets: of the test; None for one that reaches no real workspace.
    """
    for entry in _entries(report.longrepr):
        path = getattr(getattr(entry, "reprfileloc", None), "path", "")
        if secrets is not None or _OURS in Path(path).parts:
            if entry.reprlocals is not None:
                entry.reprlocals.lines = [_NOT_SHOWN]
            entry.reprfuncargs = None
    if secrets is None:
        return
    if isinstance(report.longrepr, str):
        report.longrepr = secrets.hide(report.longrepr)
    elif isinstance(report.longrepr, tuple):  # of a skip: path, line, reason
        report.longrepr = secrets.hide_in(report.longrepr)
    for entry in _entries(report.longrepr):
        entry.lines = [secrets.hide(line) for line in entry.lines]
    for crash in _crashes(report.longrepr):
        crash.message = secrets.hide(crash.message)
    report.sections = [(title, secrets.hide_in(text, keys_only="cio-load" in title)) for title, text in report.sections]
    told = report.user_properties
    report.user_properties = [(name, secrets.hide_in(value, keys_only=name.startswith("cio_load."))) for name, value in told]


def hide_in_document(doc: Document, secrets: Secrets) -> Document:
    """A copy of *doc* in which keys are hidden everywhere, and what was sent in what was raised."""
    hidden: Document = secrets.hide_in(doc, keys_only=True)
    hidden["failures"] = _raised(doc["failures"], secrets)
    hidden["warmup"] = {**hidden["warmup"], "failures": _raised(doc["warmup"]["failures"], secrets)}
    return hidden


def _raised(groups: list[Document], secrets: Secrets) -> list[Document]:
    """Failures without what was sent; their kinds and places are names of code, and stay."""
    kept = ("kind", "where", "call")
    return [{**secrets.hide_in(group), **{name: group[name] for name in kept if name in group}} for group in groups]


def _tracebacks(shown: Any) -> Iterator[Any]:
    """Every link of the chain of exceptions that *shown* tells, or itself when it tells one."""
    chain = getattr(shown, "chain", None) or [(getattr(shown, "reprtraceback", None), getattr(shown, "reprcrash", None))]
    yield from ((link[0], link[1]) for link in chain)


def _entries(shown: Any) -> Iterator[Any]:
    for trace, _ in _tracebacks(shown):
        yield from (_with_all(entry) for entry in getattr(trace, "reprentries", ()))


def _crashes(shown: Any) -> Iterator[Any]:
    if not hasattr(shown, "reprtraceback"):  # told in our own words
        return
    seen = [crash for _, crash in _tracebacks(shown)] + [getattr(shown, "reprcrash", None)]
    yield from {id(crash): crash for crash in seen if hasattr(crash, "message")}.values()


def _with_all(entry: Any) -> Any:
    """*entry*, with the parts that pytest's native style leaves out."""
    for name in ("reprlocals", "reprfuncargs"):
        if not hasattr(entry, name):
            setattr(entry, name, None)
    return entry
