"""What a person sees: the words, when they come, and the summary."""

from __future__ import annotations

import asyncio
import io

import pytest

from pytest_cio_load.pipeline.sending import display
from pytest_cio_load.pipeline.sending.display import View, shown, summary

VIEW = View(lines=412_000, failed=3, sent=400_000, done=500, total=1_000, begun=100, seconds=20)


@pytest.mark.parametrize(
    ("view", "text"),
    [
        (VIEW, "412,000 lines  20,000 lines/s  ETA 25s  3 failed"),
        (View(0, 0, 0, 0, 1_000, 0, 0.0), "0 lines  0 lines/s  0 failed"),
        (View(5, 0, 5, 5, None, 0, 1.0), "5 lines  5 lines/s  0 failed"),
        (View(5, 0, 5, 10, 10, 0, 1.0, 61.2), "5 lines  5 lines/s  ETA 0s  0 failed  no answer for 1m1s, trying again"),
    ],
)
def test_progress_in_words(view: View, text: str) -> None:
    """An ETA from this run's own pace; none before there is one, or where the end is not known."""
    assert view.text() == text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((1_000_000, 3, 41.2, 1_000_000, 0), "a: 1,000,000 lines, 999,997 accepted, 3 failed; 41.2s (24,272 lines/s)"),
        ((10, 0, 2.0, 4, 2), "a: 10 lines, 10 accepted, 0 failed; 2s (2 lines/s); resumed, 4 of them now"),
        ((0, 0, 0.0, 0, 0), "a: 0 lines, 0 accepted, 0 failed; 0s"),
    ],
)
def test_the_summary(arguments: tuple[int, int, float, int, int], text: str) -> None:
    """Counts of the file, time and pace of this run."""
    lines, failed, seconds, sent, resumed = arguments
    assert summary("a", lines, failed, seconds, sent=sent, resumed=resumed) == text


class Terminal(io.StringIO):
    """Somebody looks."""

    def isatty(self) -> bool:
        return True


def watch(stream: io.StringIO, *, quiet: bool = False, looks: int = 3, view: View = VIEW) -> str:
    """What is on *stream* after so many looks."""

    async def run() -> None:
        seen, enough = 0, asyncio.Event()

        def look() -> View:
            nonlocal seen
            seen += 1
            if seen >= looks:
                enough.set()
            return view

        async with shown(look, stream, quiet=quiet):
            if not quiet:
                await asyncio.wait_for(enough.wait(), 60)

    asyncio.run(run())
    return stream.getvalue()


def test_lines_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """One every so often, as a log needs."""
    monkeypatch.setattr(display, "PLAIN_EVERY", 0.001)
    assert watch(io.StringIO()).splitlines()[:2] == [VIEW.text()] * 2


@pytest.mark.parametrize("view", [VIEW, View(5, 0, 5, 5, None, 0, 1.0)])
def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, view: View) -> None:
    """With the same words, as far as there is room; it pulses where the end is not known, and is gone afterwards."""
    monkeypatch.setattr(display, "LIVE_EVERY", 0.001)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    seen = watch(Terminal(), view=view)
    assert view.text() in seen
    assert "━" in seen
    assert seen.endswith("\x1b[2K")


def test_a_terminal_that_cannot_move_its_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines, then."""
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(display, "PLAIN_EVERY", 0.001)
    assert "\x1b" not in watch(Terminal())


def test_nothing_when_it_is_not_wanted() -> None:
    """Not even where somebody looks."""
    assert watch(Terminal(), quiet=True) == ""
