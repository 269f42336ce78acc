"""The page in a browser: charts are drawn, nothing is complained of or asked for, and everything works by key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from pytest_cio_load.reports.html.page import write_html

pytestmark = pytest.mark.asyncio(loop_scope="module")

NASTY = "</script><img src=http://127.0.0.1:9/x onerror=window.broken=1><script>window.broken=1</script>"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pages(full: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files: one of each verdict, one compared, one of them all."""
    folder = tmp_path_factory.mktemp("pages")
    documents = {verdict: full(verdict, test=f"{verdict}.py::{NASTY}") for verdict in ("kept", "broken", "inconclusive")}
    told = {"metric": "response", "was": 50.0, "now": 57.5, "change": 0.15, "state": "worse", "baseline": full("broken")}
    for name, doc in documents.items():
        write_html(folder / f"{name}.html", [doc])
    write_html(folder / "compared.html", [documents["kept"]], comparisons=[told])
    write_html(folder / "all.html", list(documents.values()))
    return {path.stem: path for path in folder.iterdir()}


@pytest.mark.parametrize("width", [400, 1280, 1920])
@pytest.mark.parametrize("name", ["kept", "broken", "inconclusive", "compared", "all"])
async def test_a_page_is_drawn_without_complaint(tab: Any, pages: dict[str, Path], name: str, width: int) -> None:
    """It asks for nothing but itself, runs nothing that a document says, draws all charts, and is no wider than the window."""
    await tab.open(pages[name], width=width, scheme="dark" if width == 1280 else "light")
    assert tab.complaints == []
    assert tab.asked == [pages[name].resolve().as_uri()]
    assert await tab.read("window.broken === undefined")
    assert await tab.read("document.querySelectorAll('figure').length === document.querySelectorAll('.plot svg').length")
    assert await tab.read("document.documentElement.scrollWidth <= window.innerWidth")


async def test_a_slider_reads_all_charts_by_key(tab: Any, pages: dict[str, Path]) -> None:
    """Every key shows its values, the slider says them, and the cursor stands in each chart."""
    await tab.open(pages["kept"])
    await tab.read("document.getElementById('run-1-time').focus()")
    await tab.press("ArrowRight", 39)
    await tab.until("document.getElementById('run-1-time').value === '1'")
    said = await tab.read("document.getElementById('run-1-time').getAttribute('aria-valuetext')")
    assert said.startswith("500ms to 1s: due 80/s, done 80/s")
    assert "p(95) 2.00 ms" in said
    assert await tab.read("document.querySelector('[data-column=response_p95]').textContent") == "2.00 ms"


async def test_a_chart_is_read_by_pointer(tab: Any, pages: dict[str, Path]) -> None:
    """Where it points, in every chart of the group."""
    await tab.open(pages["kept"])
    await tab.read(
        """(() => {
          const plot = document.querySelector('#run-1-time').closest('.group').querySelector('.plot');
          const box = plot.getBoundingClientRect();
          plot.dispatchEvent(new PointerEvent('pointermove', {clientX: box.right - 20, clientY: box.top + 50, bubbles: true}));
        })()"""
    )
    await tab.until("Number(document.getElementById('run-1-time').value) > 100")
    assert await tab.read("document.querySelector('[data-column=queue_depth]').textContent") == "7"


async def test_the_theme_is_changed_by_key(tab: Any, pages: dict[str, Path]) -> None:
    """From what the system says to the other, with the colours of the charts."""
    await tab.open(pages["kept"], scheme="dark")
    colours = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('.plot svg text')).fill].join()"
    dark = await tab.read(colours)
    await tab.read("document.getElementById('theme').focus()")
    await tab.press("Enter", 13)
    await tab.until("document.documentElement.dataset.theme === 'light'")
    light = await tab.read(colours)
    assert light.startswith("rgb(255, 255, 255)")
    assert all(one != other for one, other in zip(dark.split("),"), light.split("),"), strict=True))
    assert await tab.read("document.getElementById('theme').textContent") == "Dark page"


async def test_without_scripts_figures_are_in_tables(tab: Any, pages: dict[str, Path]) -> None:
    """And what cannot work is not shown."""
    await tab.open(pages["broken"], scripts=False)
    await tab.tell("Emulation.setScriptExecutionDisabled", value=False)
    assert await tab.read("document.querySelector('.plot').textContent.includes('figures are in the tables')")
    assert await tab.read("document.getElementById('theme').hidden && document.querySelector('.reader').hidden")


async def test_the_first_tab_skips_to_the_findings(tab: Any, pages: dict[str, Path]) -> None:
    """A link that is seen once it has the focus."""
    await tab.open(pages["kept"])
    await tab.press("Tab", 9)
    assert await tab.read("document.activeElement.className") == "skip"
    assert await tab.read("document.activeElement.getBoundingClientRect().top >= 0")


@pytest.mark.parametrize("name", ["broken", "compared"])
async def test_clauses_and_comparisons_are_whole_on_a_narrow_page(tab: Any, pages: dict[str, Path], name: str) -> None:
    """They do not scroll: each row is a block, in which every value has its name before it."""
    await tab.open(pages[name], width=400)
    assert await tab.read("[...document.querySelectorAll('.cards')].every(each => each.scrollWidth <= each.parentElement.clientWidth)")
    before = "getComputedStyle(document.querySelector('.clauses td[data-name=margin]'), '::before').content"
    assert "margin" in await tab.read(before)
    await tab.open(pages[name], width=1280)
    assert await tab.read(before) == "none"


@pytest.mark.parametrize(("width", "stops"), [(400, "true"), (1920, "false")])
async def test_only_what_scrolls_is_a_stop_of_the_tab_key(tab: Any, pages: dict[str, Path], width: int, stops: str) -> None:
    """The table of times, where it is wider than the page."""
    await tab.open(pages["kept"], width=width)
    box = "document.querySelector('[aria-label^=\"Times and other\"]')"
    await tab.until(f"{box}.hasAttribute('tabindex') === {stops}")
    assert await tab.read("!document.querySelector('.clauses').parentElement.hasAttribute('tabindex')")


@pytest.mark.parametrize("width", [400, 1280, 1920])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_text_of_a_chart_hides_another(tab: Any, pages: dict[str, Path], width: int, scheme: str) -> None:
    """Labels of axes, bounds and marks stand apart, at every width, and none is cut off."""
    await tab.open(pages["broken"], width=width, scheme=scheme)
    found = await tab.read(
        """[...document.querySelectorAll('.plot svg')].flatMap(svg => {
          const frame = svg.getBoundingClientRect();
          const boxes = [...svg.querySelectorAll('text')].filter(each => each.textContent && getComputedStyle(each).opacity !== '0')
            .map(each => [each.textContent, each.getBoundingClientRect()]);
          const cut = boxes.filter(([, box]) => box.left < frame.left - 1 || box.right > frame.right + 1).map(([said]) => said);
          const touch = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
            && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
          const hidden = boxes.flatMap(([one, a], at) => boxes.slice(at + 1)
            .filter(([, b]) => touch(a, b)).map(([other]) => `${one} and ${other}`));
          return [...cut, ...hidden];
        })"""
    )
    assert found == []
