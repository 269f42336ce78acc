"""``cio-load check``: the rules, the plan and the checklist, each line looked up by the tool; nothing is written to any workspace."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cio_load.safety import ledgers
from pytest_cio_load.safety.guard import Standing
from pytest_cio_load.safety.header import new_header
from pytest_cio_load.staging.checklist import checklist, plan_lines, total

if TYPE_CHECKING:
    from pathlib import Path

Stage = Any

SUITE = """
import pytest

pytestmark = pytest.mark.cio_load(target="staging")

@pytest.mark.cio_load(
    rate=20, duration=30, warmup_ramp=True, thresholds={"rate_limited": "count==0", "processing_lag": "p(95)<30s"}
)
async def test_ready(cio, cio_load):
    await cio.identify(cio_load.user.id, email=cio_load.user.email)
    await cio.track(cio_load.user.id, "opened")

@pytest.mark.cio_load(rate=5, duration=10)
async def test_not_ready(cio):
    await cio.account_region()
"""


def test_everything_is_looked_up(stage: Stage, pytester: pytest.Pytester) -> None:
    """Calls are counted by trying each test once, on the mock, whatever its marker says; Customer.io is asked its two questions."""
    stage.allow(pytester.path, "staging")
    pytester.makepyfile(test_it=SUITE)
    played = stage.command(pytester.path, "check", "--live", "test_it.py")
    assert played.code == 1, played.text
    assert (played.is_untouched, played.reads, played.secrets()) == (True, {"staging": 2}, [])
    assert played.text.count("  met        ") == 8
    assert "test_it.py::test_ready: 20/s for 30s after 2/s → 20/s in 10s, 709 iterations, 1,418 calls, 709 people" in played.text
    assert "test_it.py::test_not_ready: 5/s for 10s, 50 iterations, 50 calls, 0 people" in played.text
    assert "in all: 1,468 calls at up to 20/s iterations, 50s, 709 people" in played.text
    assert "cost: 709 profiles" in played.text
    lines = played.text.partition("The checklist\n")[2].splitlines()
    assert [line.split("  ")[1].strip() for line in lines] == ["done", "not done", "not done", "not done", "done", "not done"]
    assert "start at 10 % of the rate: not in test_it.py::test_not_ready; add warmup_ramp=True to the marker" in played.text


def test_as_json(stage: Stage, pytester: pytest.Pytester) -> None:
    """One document; what is not met is told with its remedy, and Customer.io is asked nothing without the opt-in."""
    pytester.makepyfile(test_it=SUITE)
    played = stage.command(pytester.path, "check", "--json", "test_it.py::test_ready", CIO_LOAD_LIVE=None)
    assert played.code == 1
    told = json.loads(played.text)
    assert [rule["state"] for rule in told["rules"]] == ["not met", "met", "met", "not met", "met", "not asked", "not asked", "not asked"]
    assert told["plan"]["people"] == 709
    assert (played.reads, played.tunnels) == ({}, [])


def test_caps_of_the_ini_file(stage: Stage, pytester: pytest.Pytester) -> None:
    """What the tests would be refused for is refused here."""
    stage.allow(pytester.path, "staging")
    pytester.makepyfile(test_it=SUITE)
    pytester.makeini("[pytest]\ncio_max_people = 700\n")
    played = stage.command(pytester.path, "check", "--live", "test_it.py")
    assert played.code == 1
    assert "cio_max_people" in played.text
    assert played.reads == {}


@pytest.mark.parametrize(("name", "says"), [("test_none.py", "not found"), ("test_broken.py", "SyntaxError")])
def test_tests_that_cannot_be_collected(stage: Stage, pytester: pytest.Pytester, name: str, says: str) -> None:
    """Got, expected, and what pytest says."""
    pytester.makepyfile(test_broken="def (")
    played = stage.command(pytester.path, "check", name)
    assert played.code == 2
    assert "expected marked tests; mend this first" in played.text
    assert says in played.text


# The lines themselves.

TEST = {"test": "a.py::t", "profile": "20/s for 1m", "iterations": 1200, "rate": 20.0, "seconds": 60.0, "people": 1200}
READY = {**TEST, "calls": 2, "passed": True, "ramps_up": True, "bounds": ["processing_lag", "rate_limited"]}
MET = [Standing("opt-in", "met", "")]


def _done(tests: list[dict[str, Any]], root: Path, standings: list[Standing] = MET) -> dict[str, bool]:
    return {line.what: line.done for line in checklist(standings, tests, root=root, ledgers=root / "ledger")}


def test_all_is_done_but_the_baseline(tmp_path: Path) -> None:
    """Which needs a file of its own."""
    assert [what for what, done in _done([READY], tmp_path).items() if not done] == ["keep the baseline"]


def test_a_baseline_is_recognised_by_its_test(tmp_path: Path) -> None:
    """Wherever it lies; what is none, or cannot be read, is passed over."""
    folder = tmp_path / ".cio-load" / "baselines" / "machine"
    folder.mkdir(parents=True)
    for name, content in (("damaged", "{"), ("list", "[]"), ("other", '{"test": "b.py::t"}')):
        (folder / f"{name}.json").write_text(content, encoding="utf-8")
    assert not _done([READY], tmp_path)["keep the baseline"]
    (folder / "it.json").write_text('{"document": {"test": "a.py::t"}}', encoding="utf-8")
    assert _done([READY], tmp_path)["keep the baseline"]


@pytest.mark.parametrize(
    ("otherwise", "what"),
    [
        ({"ramps_up": False}, "start at 10 % of the rate"),
        ({"bounds": ["processing_lag"]}, "watch 429s"),
        ({"bounds": ["rate_limited"]}, "watch processing lag"),
    ],
)
def test_one_test_that_does_not_is_enough(tmp_path: Path, otherwise: dict[str, Any], what: str) -> None:
    """Of several."""
    assert not _done([READY, {**READY, **otherwise}], tmp_path)[what]


def test_people_left_behind(tmp_path: Path) -> None:
    """Of an earlier run that was not cleaned up."""
    ledgers.begin(tmp_path / "ledger", new_header(test="t", site="0" * 64, environment_id=1, region="us")).close()
    (line,) = (line for line in checklist(MET, [READY], root=tmp_path, ledgers=tmp_path / "ledger") if line.what == "clean up and verify")
    assert not line.done
    assert line.remedy == "run: cio-load cleanup"


@pytest.mark.parametrize("left", [False, True])
def test_a_run_that_goes_on(tmp_path: Path, left: bool) -> None:
    """Is not cleaned up yet, and that is said beside those that were left; once it has cleaned up, there is nothing to say."""
    folder = tmp_path / "ledger"

    def begin() -> Any:
        return ledgers.begin(folder, new_header(test="t", site="0" * 64, environment_id=1, region="us"))

    def told() -> Any:
        lines = checklist(MET, [READY], root=tmp_path, ledgers=folder)
        return next(line for line in lines if line.what == "clean up and verify")

    made = begin()
    try:
        run = made.journal.path.stem
        if left:
            other = begin()
            other.close()
            said, remedy = f"people may be left of {other.journal.path.stem}; run {run} goes on", "run: cio-load cleanup"
        else:
            said, remedy = f"run {run} goes on", "wait until it has ended and cleaned up"
        assert (told().done, told().said, told().remedy) == (False, said, remedy)
        made.cleaned({"left": 0, "verified": True})
        assert told().done is not left
    finally:
        made.close()


def test_no_test_at_all(tmp_path: Path) -> None:
    """Is never done."""
    assert not any(done for what, done in _done([], tmp_path).items() if what not in ("staging, not production", "clean up and verify"))


def test_a_test_that_failed_when_it_was_tried() -> None:
    """Counts with a call an iteration, and that is said."""
    tests = [{**READY, "calls": None, "passed": False}]
    assert total(tests).calls == 1200
    assert "its calls are not known" in next(iter(plan_lines(tests)))
