"""The page: verdict first, whole without a network, in order for those who hear it, and within its size."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest

from pytest_cio_load.errors import DocumentError
from pytest_cio_load.reports.html import page as page_module
from pytest_cio_load.reports.html.markup import node_id
from pytest_cio_load.reports.html.page import MOST_BYTES, render, write_html

VERDICTS = {"kept": "Contract kept", "broken": "Contract broken", "inconclusive": "Inconclusive"}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_verdict_comes_first(full: Any, page: Any, verdict: str) -> None:
    """As a word and a sign, not as a colour alone, before all figures."""
    seen = page(render([full(verdict)]))
    assert [one["class"] for one in seen.with_class("banner")] == [f"banner {verdict}"]
    assert VERDICTS[verdict] in seen.text
    assert seen.text.index(VERDICTS[verdict]) < seen.text.index("promised")


def test_a_run_compared_shows_both(full: Any, page: Any) -> None:
    """Its table, and the baseline's curve beneath the run's."""
    one = {"metric": "response", "aggregation": "p(95)", "was": 50.0, "now": 57.5, "change": 0.15, "low": 0.1, "high": 0.2}
    one |= {"tolerance": "10%", "state": "worse", "why": "noise is ±2%", "unit": "ms", "baseline": full("broken")}
    seen = page(render([full()], comparisons=[one]))
    assert ["response p(95)", "✗worse", "50.0 ms", "57.5 ms", "+15.0%", "+10.0% to +20.0%", "10%", "noise is ±2%"] in seen.rows
    assert "baseline" in seen.specs()[0]["columns"]


def test_comparisons_in_a_document_are_shown(full: Any, page: Any) -> None:
    """With what the document says of its baseline, each sentence once."""
    told = {"metric": "response", "aggregation": "p(95)", "was": 50.0, "now": None, "change": None, "state": "cannot tell", "unit": "ms"}
    said = ["baseline of yesterday", "cannot tell: response p(95) no sample"]
    text = page(render([full(comparisons=[told], baseline=said)])).text
    assert "baseline of yesterday" in text
    assert said[1] not in text


def test_why_nothing_was_compared_is_said(full: Any, page: Any) -> None:
    """Never a silent comparison, nor a silent omission."""
    assert "not compared: another machine" in page(render([full(baseline=["not compared: another machine"])])).text


@pytest.mark.parametrize(("test", "tables"), [("tests/test_it.py::test_identify", 1), ("another", 0), (None, 1)])
def test_a_comparison_stands_with_its_run(full: Any, page: Any, test: str | None, tables: int) -> None:
    """Where there is one run, one without a test is that run's."""
    told = {"metric": "response", "was": 1.0, "now": 1.0, "change": 0.0, "state": "same"} | ({"test": test} if test else {})
    assert [row[0] for row in page(render([full()], comparisons=[told])).rows].count("response") == 1 + tables


def test_comparisons_of_no_run_stand_apart(full: Any, page: Any) -> None:
    """When there are several runs, and nothing says whose they are."""
    told = {"metric": "response", "was": 1.0, "now": 1.0, "change": 0.0, "state": "same"}
    seen = page(render([full(), full("broken")], comparisons=[told]))
    assert (2, "Compared with baselines") in seen.headings


def test_several_runs_have_an_index(full: Any, page: Any) -> None:
    """With their verdicts, those not kept first, each a link to its section."""
    seen = page(render([full(test="k"), full("broken", test="b"), full("inconclusive", test="i")]))
    assert [(row[0], row[1]) for row in seen.rows[1:4]] == [("✗broken", "b"), ("?inconclusive", "i"), ("✓kept", "k")]
    assert "3 runs: 1 broken, 1 inconclusive, 1 kept" in seen.text
    targets = {attributes["id"] for _, attributes in seen.tags if "id" in attributes}
    assert all(attributes["href"][1:] in targets for tag, attributes in seen.tags if tag == "a")


def test_no_run_is_said(page: Any) -> None:
    """A session without a contract has a page too."""
    assert "No contract was run." in page(render([])).text


def test_every_clause_has_a_row(full: Any, page: Any) -> None:
    """With bound, measured value, margin and samples."""
    rows = page(render([full("broken")])).rows
    assert ["response", "✗broken", "p(95)<500", "600.0 ms", "20% over", "100"] in rows
    assert ["dropped", "✓kept", "count==0 by default", "0", "–", "100"] in rows


def test_what_ended_a_run_and_recovered_is_told(full: Any, page: Any) -> None:
    """Iterations that were in flight count too, after which the bound may be kept: no margin is left over."""
    doc = full("broken")
    doc["thresholds"][0] |= {"aborted": True, "state": "broken", "value": 250.0, "shown": "250.0 ms"}
    rows = page(render([doc])).rows
    assert next(row for row in rows if row[0] == "response")[1:5] == [
        "✗broken",
        "p(95)<500",
        "250.0 ms at the end",
        "was broken, and ended the run",
    ]


def test_what_ended_a_run_is_told(full: Any, page: Any) -> None:
    """Beside the margin."""
    doc = full("broken")
    doc["thresholds"][0]["aborted"] = True
    assert next(row for row in page(render([doc])).rows if row[0] == "response")[4] == "20% over ended the run"


@pytest.mark.parametrize(("value", "beyond"), [(600.0, 0), (1100.0, 1)])
def test_a_bar_says_that_it_is_cut(full: Any, page: Any, value: float, beyond: int) -> None:
    """What is more than twice the bound ends in a point."""
    doc = full("broken")
    doc["thresholds"][0]["value"] = value
    assert len(page(render([doc])).with_class("beyond")) == beyond


def test_a_table_of_cards_is_still_heard_as_a_table(full: Any, page: Any) -> None:
    """Its layout is no table's on a narrow page: roles say what is, and every cell names its column."""
    seen = page(render([full("broken")]))
    assert seen.with_class("clauses")[0]["role"] == "table"
    cells = [attributes for _, attributes in seen.tags if attributes.get("role") in ("cell", "rowheader")]
    assert cells
    assert {attributes["data-name"] for attributes in cells} >= {"metric", "state", "promised", "measured", "margin", "samples"}


def test_a_test_s_name_breaks_where_its_parts_meet() -> None:
    """And nowhere else; nothing in it is markup."""
    assert node_id("a/b_c.py::test[x<1]") == "a/<wbr>b_<wbr>c.<wbr>py::<wbr>test<wbr>[x&lt;1]"


def test_reasons_have_their_remedies(full: Any, page: Any) -> None:
    """What the run cannot tell, and what to do about it."""
    doc = full("inconclusive")
    text = page(render([doc])).text
    for reason in doc["reasons"]:
        assert reason["what"] in text
        assert f"→ {reason['remedy']}" in text


def test_everything_a_verdict_rests_on_is_told(full: Any, page: Any) -> None:
    """Notes, delivery, cleanup, machine, workspace, every metric."""
    workspace = {"name": "Staging", "environment_id": 42, "region": "eu", "run": "20260203-1"}
    doc = full("broken", workspace=workspace)
    text = page(render([doc])).text
    for said in ("mind the gap", "100 sent, 99 applied", "5 noted, 5 deleted", doc["machine"]["started_at"], "workspace: name", "Staging"):
        assert said in text
    assert all(name in text for name in doc["metrics"])


def test_cleanup_that_failed_is_in_the_banner(full: Any, page: Any) -> None:
    """It fails the test on its own."""
    text = page(render([full(cleanup={"noted": 5, "deleted": 3, "left": 2, "verified": False})])).text
    assert text.index("cleanup failed: 2 of 5 made-up people are left") < text.index("promised")


def test_the_structure_can_be_heard(full: Any, page: Any) -> None:
    """Landmarks, a link over them, headings in order, tables with headings, everything closed."""
    seen = page(render([full("broken"), full()]))
    names = [tag for tag, _ in seen.tags]
    assert seen.open == []
    assert all(names.count(landmark) == 1 for landmark in ("header", "nav", "main", "footer", "h1"))
    assert ("a", {"href": "#main", "class": "skip"}) in seen.tags
    levels = [level for level, _ in seen.headings]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in seen.tags if tag == "th")
    assert names.count("caption") == names.count("table")


def test_ids_are_used_once(full: Any, page: Any) -> None:
    """Every label and link finds its own."""
    seen = page(render([full("broken"), full()]))
    ids = [attributes["id"] for _, attributes in seen.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {attributes["for"] for tag, attributes in seen.tags if tag == "label"} <= set(ids)


def test_every_chart_is_told_in_words_and_figures(full: Any, page: Any) -> None:
    """A sentence below it, and a table that opens."""
    seen = page(render([full("broken")]))
    names = [tag for tag, _ in seen.tags]
    assert names.count("figure") == names.count("figcaption") == len(seen.specs()) > 8
    assert all(seen.text.count(f"The {each} figures") == 1 for each in ("curves'", "timeline's", "histogram's"))


def test_nothing_is_loaded(full: Any, page: Any) -> None:
    """No address in any attribute that loads, and a policy that forbids it."""
    seen = page(render([full("broken")]))
    assert not [attributes for _, attributes in seen.tags if {"src", "srcset", "data", "action"} & set(attributes)]
    assert all(attributes["href"].startswith("#") for _, attributes in seen.tags if "href" in attributes)
    assert not re.search(r"@import|url\(", page_module._own("style.css"))
    policy = next(attributes["content"] for _, attributes in seen.tags if attributes.get("http-equiv"))
    assert policy.startswith("default-src 'none';")
    assert len(re.findall("'sha256-", policy)) == len(seen.scripts) == 2


def test_a_page_is_small(full: Any) -> None:
    """The library, and little for each run."""
    one, two = (len(render([full()] * number).encode()) for number in (1, 2))
    assert one < 1_500_000
    assert two - one < 150_000


@pytest.mark.parametrize(("room", "charts", "said"), [(400_000, 1, "without charts"), (32_000, 0, "Only the verdict is told")])
def test_what_is_too_much_is_told_in_fewer_words(
    full: Any, page: Any, monkeypatch: pytest.MonkeyPatch, room: int, charts: int, said: str
) -> None:
    """Kept runs first; every run keeps its verdict, and the page its limit."""
    most = len(render([]).encode()) + len(page_module.library()) + room
    monkeypatch.setattr(page_module, "MOST_BYTES", most)
    whole = render([full(test=f"t{number}") for number in range(20)] + [full("broken", test="b")])
    seen = page(whole)
    assert len(whole.encode()) <= most
    assert said in seen.text
    assert sum(level == 2 for level, _ in seen.headings) == 22
    assert len(seen.specs()) >= charts


def test_the_limit_is_what_was_promised() -> None:
    """6 MB."""
    assert MOST_BYTES == 6_000_000


def test_a_document_without_samples_has_a_page(full: Any, runs: Any, page: Any) -> None:
    """Nothing is drawn of nothing."""
    doc = runs.document(0)
    text = page(render([doc])).text
    assert "No response time was measured." in text
    assert "This document holds no timeline" in text


def test_a_damaged_histogram_is_an_error(full: Any) -> None:
    """It names where."""
    doc = full()
    doc["metrics"]["response"]["histogram"] = "nonsense"
    with pytest.raises(DocumentError, match=r"tests/test_it.py::test_identify: metrics.response: got .*; expected .*; the run document"):
        render([doc])


def test_writing_replaces_the_file_whole(full: Any, tmp_path: Any) -> None:
    """Nothing else is left beside it."""
    path = tmp_path / "deep" / "runs.html"
    write_html(path, [])
    write_html(path, [full()], title="Nightly")
    assert "<title>Nightly</title>" in path.read_text(encoding="utf-8")
    assert [each.name for each in path.parent.iterdir()] == ["runs.html"]


def test_what_cannot_be_written_is_a_clear_error(full: Any, tmp_path: Any) -> None:
    """Which file, why, and what to try."""
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "runs.html"
    with pytest.raises(OSError, match=r"the HTML report '.*runs.html': got .*; expected a file that can be written; try another folder"):
        write_html(path, [])


def test_a_full_disk_leaves_what_was_there(full: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says so."""
    path = tmp_path / "runs.html"
    path.write_text("before")

    def full_disk(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="got No space left on device"):
        write_html(path, [])
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["runs.html"]
