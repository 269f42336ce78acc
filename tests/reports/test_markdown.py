"""Markdown for a pull request: verdict first, margins, nothing that an author wrote can break it, and never too long."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pytest_cio_load.reports.markdown import MOST_BYTES, escaped, margin, markdown, write_step_summary

RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
TAGS = {
    *("h2", "h3", "code", "p", "strong", "table", "thead", "tbody", "tr", "th", "td"),
    *("details", "summary", "pre", "ul", "li", "blockquote", "br"),
}
NASTY = "a|b</code><script>alert(1)</script> **x** `y` [z](http://evil.example) @everyone #1 www.x.y \\ ~~n~~ ![i](j) &lt; $m$"


class Page(HTMLParser):
    """Which tags a page has, and what is read on it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.rows: list[list[str]] = []
        self._in_cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Note it."""
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        """Note the end of a cell."""
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        """Note it, in its cell too."""
        self.text += data
        if self._in_cell:
            self.rows[-1][-1] += data


def page(text: str) -> Page:
    """What GitHub would show."""
    return Page(RENDERER.render(text))


def seen(text: str) -> str:
    """A line as a reader sees it."""
    return page(text).text.replace("\u200b", "").strip()


def test_the_verdict_comes_first(runs: Any) -> None:
    """Of all runs; then the contracts that were not kept."""
    docs = [runs.document(test="k"), runs.document(test="b", failed=1), runs.document(test="i", late=50)]
    text = markdown(docs)
    assert text.splitlines()[0] == "## ❌ cio-load: 1 broken, 1 inconclusive, 1 kept"
    assert re.findall(r"^### (.) <code>(.)</code>", text, re.MULTILINE) == [("❌", "b"), ("❔", "i"), ("✅", "k")]


@pytest.mark.parametrize(
    ("docs", "headline"),
    [
        ([], "## cio-load: no contract was run"),
        ([{}], "## ✅ cio-load: 1 kept"),
        ([{"late": 50}, {}], "## ❔ cio-load: 1 inconclusive, 1 kept"),
    ],
)
def test_the_headline_is_the_worst(runs: Any, docs: list[dict[str, Any]], headline: str) -> None:
    """Inconclusive is not kept."""
    assert markdown([runs.document(**how) for how in docs]).splitlines()[0] == headline


def test_every_clause_has_a_row(runs: Any) -> None:
    """With what was promised, measured, and how far apart they are."""
    rows = page(markdown([runs.document(100, 600)])).rows
    assert rows[0] == ["", "metric", "promised", "measured", "margin", "samples"]
    assert rows[1] == ["❌", "response", "p(95)<500", "600.0 ms", "20% over", "100"]
    assert rows[2] == ["✅", "errors", "count==0 (default)", "0", "–", "100"]


@pytest.mark.parametrize(
    ("clause", "value", "bound", "said"),
    [
        ("p(95)<500ms", 440.0, 500.0, "12% left"),
        ("p(95)<=500ms", 500.0, 500.0, "0% left"),
        ("p(95)<500ms", 610.0, 500.0, "22% over"),
        ("p(95)<500ms", 500.4, 500.0, "0.08% over"),
        ("rate>=99%", 0.995, 0.99, "0.51% left"),
        ("rate>10", 5.0, 10.0, "50% short"),
        ("value>-5", -6.0, -5.0, "20% short"),
        ("count==0", 3.0, 0.0, "–"),
        ("count!=3", 3.0, 3.0, "–"),
        ("count<0", 3.0, 0.0, "–"),
        ("p(95)<500ms", None, 500.0, "–"),
    ],
)
def test_a_margin_is_a_share_of_the_bound(clause: str, value: float | None, bound: float, said: str) -> None:
    """Where there is one."""
    assert margin({"clause": clause, "value": value, "bound": bound}) == said


def test_circumstances_reasons_and_notes_are_told(runs: Any) -> None:
    """All that figures need to be understood."""
    text = seen(markdown([runs.document(late=50, notes=("mind the gap",))]))
    for said in (
        "100/s for 1s, 100 planned, virtual clock, target mock, seed 7",
        "100 iterations measured",
        "saturated",
        "→ what was",
        "mind the gap",
    ):
        assert said in text


def test_failures_are_folded_away(runs: Any) -> None:
    """With how many, where, and the first one's text."""
    text = markdown([runs.document(failed=3)])
    assert "<details><summary>3 failures</summary>" in text
    assert text.count("<details>") == text.count("</details>") == 1
    assert "3 × ValueError" in seen(text)
    assert "no such person" in seen(text)


def test_comparisons_are_a_table(runs: Any) -> None:
    """When there are any; values in their unit."""
    told = [
        {
            "test": "t.py::a",
            "metric": "p95",
            "was": 50.0,
            "now": 57.5,
            "change": 0.15,
            "state": "worse",
            "why": "beyond noise",
            "unit": "ms",
        },
        {"metric": "rate", "was": None, "now": 80.0, "change": -0.02, "state": "same", "unit": "/s"},
        {"metric": "x", "was": "1|2", "now": 1, "change": "n/a", "state": "cannot tell"},
    ]
    rows = page(markdown([runs.document()], told)).rows
    assert rows[-4:] == [
        ["test", "metric", "was", "now", "change", ""],
        ["t.py::a", "p95", "50.0 ms", "57.5 ms", "+15.0%", "worse: beyond noise"],
        ["", "rate", "–", "80", "−2.0%", "same"],
        ["", "x", "1|2", "1.00 ms", "n/a", "cannot tell"],
    ]


def test_nothing_that_an_author_wrote_is_markup(runs: Any) -> None:
    """A node id, a headline, a metric, a note, a message and a comparison are read as they are."""
    doc = runs.document(failed=1, test=NASTY, notes=(NASTY,), target=NASTY) | {"headline": NASTY}
    doc["thresholds"][0] |= {"metric": NASTY, "text": NASTY, "shown": NASTY}
    doc["failures"][0] |= {"kind": NASTY, "where": NASTY, "trace": f"{NASTY}</pre>\n\n# no", "message": ""}
    doc["reasons"] = [{"what": NASTY, "remedy": NASTY}]
    shown = page(markdown([doc], [{"test": NASTY, "metric": NASTY, "why": NASTY}]))
    assert set(shown.tags) <= TAGS
    assert {len(row) for row in shown.rows} == {6}
    assert shown.text.replace("\u200b", "").count(NASTY) == 15


def test_nobody_is_called(runs: Any) -> None:
    """GitHub looks for names, numbers and addresses in what is read; in code it does not."""
    doc = runs.document(notes=(NASTY,))
    text = page(markdown([doc])).text
    assert not re.search(r"@everyone|#1|www\.|http://", text)


@given(st.text(max_size=80))
def test_any_text_reads_as_it_is(text: str) -> None:
    """In a line, and in a cell."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split()).replace("\u200b", "")
    assert seen(f"x {escaped(text)} x") == f"x {plain} x".replace("x  x", "x  x")
    (_, row) = page(f"| a | b |\n|--|--|\n| {escaped(text)} | c |").rows
    assert [cell.replace("\u200b", "") for cell in row] == [plain, "c"]
    assert seen(f"- {escaped(text)}") == plain


@given(st.integers(4096, 200_000), st.integers(0, 12), st.integers(0, 30_000))
def test_the_text_keeps_to_its_limit(runs: Any, limit: int, number: int, length: int) -> None:
    """Whatever there is to tell, with the verdict first."""
    docs = [runs.document(3, failed=index % 2, test=f"t{index}") for index in range(number)]
    for doc in docs:
        for failure in doc["failures"]:
            failure["trace"] = "größe\n" * length
    text = markdown(docs, [{"metric": "p95", "why": "w" * 300}] * (length // 100), limit=limit)
    assert len(text.encode()) <= limit
    assert text.startswith("## ")


def test_what_does_not_fit_is_told_in_fewer_words(runs: Any) -> None:
    """Tracebacks go first, then tables, and at last a contract is only counted."""
    docs = [runs.document(failed=1, test=f"t.py::test_{index}") for index in range(40)]
    for doc in docs:
        doc["failures"][0]["trace"] = "line\n" * 900
    text = markdown(docs, limit=30_000)
    assert 10_000 < len(text.encode()) <= 30_000
    found = re.search(r"(\d+) more contracts are not told here: the text would be too long", text)
    assert found is not None
    assert text.count("### ") + int(found[1]) == 40


def test_long_traces_keep_both_ends(runs: Any) -> None:
    """The cause stands at the end."""
    doc = runs.document(failed=1)
    doc["failures"][0]["trace"] = "\n".join(f"line {n}" for n in range(100))
    text = markdown([doc])
    assert all(said in text for said in ("line 0\n", "… 60 lines …", "line 99</pre>"))


def test_the_summary_of_a_step_is_appended(runs: Any, tmp_path: Path) -> None:
    """After what stands there, on lines of its own."""
    path = tmp_path / "summary.md"
    path.write_text("| before |", encoding="utf-8")
    assert write_step_summary([runs.document()], {"GITHUB_STEP_SUMMARY": str(path)})
    assert path.read_text(encoding="utf-8").startswith("| before |\n## ✅ cio-load: 1 kept\n")


@pytest.mark.parametrize("environment", [{}, {"GITHUB_STEP_SUMMARY": ""}])
def test_without_a_file_there_is_no_summary(runs: Any, environment: dict[str, str]) -> None:
    """Elsewhere than on GitHub nothing is written."""
    assert not write_step_summary([runs.document()], environment)


def test_without_runs_there_is_no_summary(tmp_path: Path) -> None:
    """A session without contracts has nothing to say."""
    assert not write_step_summary([], {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")})
    assert not (tmp_path / "summary.md").exists()


@pytest.mark.parametrize("taken", [MOST_BYTES - 6000, MOST_BYTES - 4000, MOST_BYTES])
def test_a_summary_has_the_room_that_is_left(runs: Any, tmp_path: Path, taken: int) -> None:
    """GitHub refuses more than 1 MiB of a step whole, with what others wrote."""
    path = tmp_path / "summary.md"
    path.write_bytes(b"x" * taken)
    docs = [runs.document(test=f"t{index}") for index in range(50)]
    assert write_step_summary(docs, {"GITHUB_STEP_SUMMARY": str(path)}) is (taken < MOST_BYTES - 4098)
    assert path.stat().st_size <= MOST_BYTES


def test_a_summary_that_cannot_be_written_says_so(runs: Any, tmp_path: Path) -> None:
    """To whoever asked for it."""
    with pytest.raises(OSError, match="directory"):
        write_step_summary([runs.document()], {"GITHUB_STEP_SUMMARY": str(tmp_path)})
