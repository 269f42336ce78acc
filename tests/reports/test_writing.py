"""Terminal text on its way out: styles, a failure as pytest asks for it, the closing of a session."""

from __future__ import annotations

from typing import Any

from pytest_cio_load.reports.closing import summarize
from pytest_cio_load.reports.terminal import STYLES, Line, Telling, failure, plain, write


class Paper:
    """A terminal writer, as far as one is needed; it keeps what was written, and with which markup."""

    def __init__(self, width: int = 80) -> None:
        self.fullwidth = width
        self.text = ""
        self.marked: list[tuple[str, dict[str, bool]]] = []

    def write(self, msg: str, **markup: bool) -> None:
        self.text += msg
        if markup:
            self.marked.append((msg, markup))


def text_of(line: Line) -> str:
    """Without styles."""
    return "".join(text for text, _ in line)


def test_lines_are_written_with_their_styles(runs: Any) -> None:
    """Colour or none is the writer's decision; the text is the same."""
    doc, paper = runs.document(ms=7_088), Paper()
    write(failure(doc), paper)
    assert paper.text == "".join(text_of(line) + "\n" for line in failure(doc))
    assert ("contract broken: response p(95) was 7,088 ms, promised p(95)<500", STYLES["broken"]) in paper.marked
    assert ("  ✗ ", STYLES["broken"]) in paper.marked
    assert ("  ✓ ", STYLES["kept"]) in paper.marked


def test_a_failure_tells_itself_to_pytest(runs: Any) -> None:
    """In full, at the terminal's width; in one line, with path and line number."""
    doc, paper = runs.document(ms=7_088), Paper(width=50)
    telling = Telling(doc)
    telling.toterminal(paper)
    assert str(telling) == plain(failure(doc))
    assert paper.text.startswith("contract broken: response p(95) was 7,088 ms,\n")
    crash = telling.reprcrash
    assert (crash.path, crash.lineno) == ("tests/test_it.py", 12)
    assert str(crash) == f"tests/test_it.py:12: {doc['headline']}"


class Reporter:
    """pytest's terminal reporter, as far as the closing needs one."""

    def __init__(self) -> None:
        self._tw = Paper()

    def write_sep(self, character: str, title: str) -> None:
        self._tw.write(f"{character} {title} {character}\n")

    def write_line(self, line: str) -> None:
        self._tw.write(line + "\n")


def test_the_closing_has_a_line_per_contract_in_the_order_they_ran(runs: Any) -> None:
    """Whatever order they came home in from the workers."""
    reporter = Reporter()
    later = runs.document(test="later", started_at="2026-02-03T05:00:00.000+00:00")
    summarize(reporter, [later, runs.document(test="earlier")], [])
    lines = reporter._tw.text.splitlines()
    assert lines[0] == "= cio-load ="
    assert [line.split()[:2] for line in lines[1:]] == [["kept", "earlier"], ["kept", "later"]]


def test_the_closing_tells_an_interrupted_run_in_full(runs: Any) -> None:
    """Its test never got a report of its own."""
    reporter = Reporter()
    doc = runs.document(summary={"end": "cut short", "reason": "Ctrl-C"})
    summarize(reporter, [doc], [doc])
    assert plain(failure(doc)) in "\n".join(line.rstrip() for line in reporter._tw.text.splitlines())
    assert reporter._tw.text.splitlines()[-1].startswith("inconclusive")
