"""Nothing that an author, a target or a file says becomes markup, ends a script, or breaks a page."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_cio_load.reports.html.markup import data, element, table, text
from pytest_cio_load.reports.html.page import render
from pytest_cio_load.reports.html.vega import embeddable, library

NASTY = "</script><img src=x onerror=alert(1)>\" onload='x' <!-- &lt; ]]> \u2028 </code></title></style>"
PIECES = st.sampled_from(["<", ">", "&", '"', "'", "</script>", "<!--", "a", "\0", "\u202e", "\ud800"])
TEXTS = st.one_of(st.text(), st.lists(PIECES).map("".join))
FREE = {
    *("test", "headline", "what", "remedy", "message", "where", "trace", "text"),
    *("shown", "target", "reason", "profile", "operation", "system"),
}


def nasty(value: Any, word: str) -> Any:
    """*value* with *word* in place of every text that is free in a document."""
    if isinstance(value, dict):
        return {key: _nasty(key, inner, word) for key, inner in value.items()}
    return [nasty(inner, word) for inner in value] if isinstance(value, list) else value


def _nasty(key: str, inner: Any, word: str) -> Any:
    # A mark without an encoding is a damaged document, which is told apart.
    if key == "marks":
        return inner
    return word if key in FREE and isinstance(inner, str) else nasty(inner, word)


@pytest.fixture(scope="module")
def crowded(full: Any) -> Any:
    """A document with a text in every place that can have one."""
    doc = full("broken")
    call = {"operation": "identify", "request": "PUT /x", "status": 429, "attempts": 2, "reason": "no"}
    doc["failures"][0]["samples"] = [{"index": 1, "due": 0.1, "ended": 0.2, "message": "m", "trace": "", "call": call}]
    doc["reasons"] = [{"what": "w", "remedy": "r"}]
    doc["timeline"]["marks"] = [{"at": 1.0, "kind": "fault", "text": NASTY}]
    workspace = dict.fromkeys(("name", "environment_id", "region", "run", NASTY), NASTY)
    return doc | {"notes": [NASTY], "workspace": workspace, "baseline": [NASTY]}


def test_a_page_full_of_markup_has_none_of_it(crowded: Any, page: Any) -> None:
    """In no place; all of it is read as it is."""
    told = dict.fromkeys(("metric", "aggregation", "was", "now", "change", "state", "why", "tolerance"), NASTY)
    clean = page(render([crowded], comparisons=[dict.fromkeys(told, "a")]))
    seen = page(render([nasty(crowded, NASTY)], comparisons=[told], title=NASTY))
    assert {tag for tag, _ in seen.tags} == {tag for tag, _ in clean.tags}
    assert not [attributes for _, attributes in seen.tags if {"onerror", "onload", "src"} & set(attributes)]
    assert seen.scripts == clean.scripts
    assert seen.text.count("</script><img src=x onerror=alert(1)>") > 20


@given(word=TEXTS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_leaves_the_structure(crowded: Any, page: Any, word: str) -> None:
    """Whatever it is; and the page can be written as UTF-8."""
    whole = render([nasty(crowded, word)]).encode().decode()
    seen = page(whole.replace(library(), "", 1))
    assert seen.open == []
    assert len(seen.scripts) == 1


@given(said=TEXTS)
def test_text_is_read_as_it_was(page: Any, said: str) -> None:
    """But for what is no character of a page."""
    seen = page(element("p", text(said)))
    assert [tag for tag, _ in seen.tags] == ["p"]
    assert len(seen.text.replace("\r", "\n")) == len(said.replace("\r", "\n"))


@given(said=TEXTS)
def test_an_attribute_stays_one(page: Any, said: str) -> None:
    """No quote ends it."""
    (tag, attributes) = page(element("p", title=said)).tags[0]
    assert (tag, list(attributes)) == ("p", ["title"])


@given(value=st.recursive(st.none() | st.booleans() | st.integers() | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)))
def test_data_reads_back(page: Any, value: Any) -> None:
    """Nothing in it ends its element."""
    assert page(data(value)).data == [value]


@given(st.lists(st.sampled_from(["</script>", "</SCRIPT ", "<!--", "<script", "a<b", "</p>"])).map("".join))
def test_a_script_cannot_end_its_element(script: str) -> None:
    """In texts of JavaScript, an escape means the same."""
    made = embeddable(script)
    assert not any(end in made.lower() for end in ("</script", "<!--", "<script"))
    assert made.replace("\\x3c", "<") == script


def test_attributes_can_be_left_out() -> None:
    """None and False leave one out, True writes it alone."""
    assert element("p", hidden=True, title=None, open=False, class_="a", aria_label="b") == '<p hidden class="a" aria-label="b"></p>'


def test_the_heading_of_a_row_can_be_any_column(page: Any) -> None:
    """Numbers stand to the right."""
    seen = page(table(["a", "b"], [["1", "2"]], name="n", numbers=(1,), heading=1))
    assert seen.tags[-2:] == [("td", {}), ("th", {"scope": "row", "class": "n"})]
