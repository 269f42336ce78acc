"""The one way to go right: allowed by the command, past the guard, kept, and nobody left behind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    Stage = Any

RIGHT = """
    import pytest

    PLAN = "-".join(("nobody", "may", "read", "this"))

    PROMISED = {"processing_lag": "max<60s", "rate_limited": "count==0"}

    @pytest.mark.cio_load(rate=20, duration=3, warmup="1s", warmup_ramp=True, thresholds=PROMISED)
    async def test_identify(cio, cio_load):
        await cio.identify(cio_load.user.id, email=cio_load.user.email, plan=PLAN)
        await cio.track(cio_load.user.id, "opened")
"""


def test_the_way_to_go_right(slow_stage: Stage, pytester: pytest.Pytester) -> None:
    """Allowed by the command, kept, processing lag seen, everybody deleted again and that verified, and no secret anywhere."""
    stage = slow_stage
    stage.settle("staging", "ada-lovelace")
    allowed = stage.command(pytester.path, "allow", "--environment-id", "1001", "--name", "staging")
    assert allowed.code == 0, allowed.text
    assert (allowed.tunnels, allowed.lookups) == ([], [])
    pytester.makepyfile(RIGHT)
    played = stage.pytest(pytester, "--cio-json=runs.json", "--junitxml=junit.xml")
    assert played.code == 0, played.text
    assert "1 passed" in played.text
    staging = stage.workspace("staging")
    assert staging.people == {"ada-lovelace": {"id": "ada-lovelace", "plan": "pro"}}
    assert (staging.received(person="ada-lovelace"), set(played.writes), set(played.reads)) == (1, {"staging"}, {"staging"})
    assert staging.received("identify") >= 60
    assert {event.name for event in staging.events} >= {"opened", "cio_load_canary"}
    (document,) = json.loads(played.written["runs.json"])["runs"]
    assert document["verdict"] == "kept"
    assert document["metrics"]["processing_lag"]["min"] >= 1000
    assert document["metrics"]["applied"]["count"] >= 1
    cleanup = document["cleanup"]
    assert (cleanup["left"], cleanup["verified"], cleanup["deleted"]) == (0, True, cleanup["noted"])
    assert cleanup["noted"] >= 70
    assert played.secrets() == []


WORDS = """
    import pytest
    from pytest_cio_load.customerio.operations.people import identify

    @pytest.mark.cio_load(rate=10, duration=1)
    async def test_words(cio, cio_load):
        await cio.identify(cio_load.user.id, plan="kept", clock="wall", kind="trend", state="ok")

    @pytest.mark.cio_load(rate=10, duration=1)
    async def test_batches(cio_batch, cio_load):
        [_ async for _ in cio_batch.send([identify(cio_load.user.id, {})])]
        raise ValueError("cannot identify that person")
"""


def test_attributes_that_are_words_of_the_report(stage: Stage, pytester: pytest.Pytester) -> None:
    """What was sent is hidden in what tests say, not in what we say: verdicts, clocks, kinds and names of operations stay."""
    pytester.makepyfile(WORDS)
    stage.allow(pytester.path, "staging")
    played = stage.pytest(pytester, "--cio-json=runs.json")
    assert played.code == 1, played.text
    assert "1 failed, 1 passed" in played.text
    assert "cannot identify that person" in played.text
    runs = {run["test"].rpartition("::")[2]: run for run in json.loads(played.written["runs.json"])["runs"]}
    assert (runs["test_words"]["verdict"], runs["test_words"]["clock"]) == ("kept", "wall")
    assert "[hidden]" not in json.dumps(runs)


IN_WORKERS = """
    import pytest

    @pytest.mark.parametrize("number", range(3))
    @pytest.mark.cio_load(rate=20, duration=1)
    async def test_identify(cio, cio_load, number):
        await cio.identify(cio_load.user.id, number=number)
"""


def test_in_workers(stage: Stage, pytester: pytest.Pytester) -> None:
    """Tests in several processes keep out of each other's way: every one has people of its own, and deletes no other's."""
    pytester.makepyfile(IN_WORKERS)
    stage.allow(pytester.path, "staging")
    played = stage.pytest(pytester, "-n", "2", "--cio-json=runs.json")
    assert played.code == 0, played.text
    assert "3 passed" in played.text
    runs = json.loads(played.written["runs.json"])["runs"]
    assert len({run["cleanup"]["run"] for run in runs}) == 3
    assert [run["cleanup"]["left"] for run in runs] == [0, 0, 0]
    assert stage.workspace("staging").people == {}
