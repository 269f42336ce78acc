"""A target that freezes, refuses, throttles or loses is told from one that does not, the same in every run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


FREEZE = """
    import pytest

    @pytest.fixture(autouse=True)
    def frozen(cio_fake):
        cio_fake.at("20s").freeze("10s")

    @pytest.mark.cio_workspace(limit="1000/s", timeout="30s")
    @pytest.mark.cio_load(rate=80, duration=60, latency="50ms", p95=500{more})
    async def test_it(cio, cio_load):
        await cio.identify(cio_load.user.id, email=cio_load.user.email)
"""


@pytest.mark.parametrize(
    ("more", "response_p95", "response_p99", "service_p95", "dropped"),
    [
        ("", 7087.5, 9487.5, 7087.5, 0),
        (', max_in_flight=20, on_saturation="queue"', 7650, 9587.5, 50, 0),
        (', max_in_flight=100, on_saturation="drop"', 50, 9587.5, 50, 705),
    ],
    ids=["nothing capped", "20 then queue", "100 then drop"],
)
def test_a_target_that_freezes(
    pytester: pytest.Pytester,
    runs: Callable[..., dict[str, Any]],
    more: str,
    response_p95: float,
    response_p99: float,
    service_p95: float,
    dropped: int,
) -> None:
    """10 s of a minute: broken however many may be in flight, with the truth of an exact simulation to HDR precision."""
    pytester.makepyfile(FREEZE.format(more=more))
    document = runs()["test_it"]
    response, service = document["metrics"]["response"], document["metrics"]["service"]
    assert document["verdict"] == "broken"
    assert response["p(95)"] == pytest.approx(response_p95, rel=0.001)
    assert response["p(99)"] == pytest.approx(response_p99, rel=0.001)
    assert service["p(95)"] == pytest.approx(service_p95, rel=0.001)
    assert document["iterations"]["dropped"] == dropped


def test_the_twin_that_does_not_freeze(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """The same load on the same target without the fault is kept."""
    pytester.makepyfile(FREEZE.format(more="").replace('cio_fake.at("20s").freeze("10s")', "pass"))
    document = runs()["test_it"]
    assert document["verdict"] == "kept"
    assert document["metrics"]["response"]["max"] == 50


@pytest.mark.parametrize(
    ("over_budget", "verdict", "sign"),
    [
        ("accept", "kept", lambda document: document["delivery"]["applied"] == 600),
        ("reject", "broken", lambda document: document["delivery"]["rejected"] > 0),
        ("throttle", "broken", lambda document: document["metrics"]["response"]["max"] > 500),
        ("drop", "broken", lambda document: document["delivery"]["dropped"] > 0),
    ],
)
def test_over_the_budget(
    pytester: pytest.Pytester,
    runs: Callable[..., dict[str, Any]],
    over_budget: str,
    verdict: str,
    sign: Callable[[dict[str, Any]], bool],
) -> None:
    """The mock's four answers to 120/s on a budget of 100/s, when nothing of ours paces the calls."""
    pytester.makepyfile(f"""
        import pytest

        @pytest.mark.cio_workspace(limit="100/s", pace="1000/s", over_budget="{over_budget}")
        @pytest.mark.cio_load(rate=120, duration=5, max=200)
        async def test_it(cio, cio_load):
            await cio.track(cio_load.user.id, "opened")
    """)
    document = runs()["test_it"]
    assert document["verdict"] == verdict
    assert sign(document)
    delivery = document["delivery"]
    assert delivery["received"] == delivery["applied"] + delivery["rejected"] + delivery["dropped"] + delivery["duplicates"]


def test_our_own_limiter_is_not_blamed_on_customerio(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """Its wait is part of response time, and said apart."""
    pytester.makepyfile("""
        import pytest

        @pytest.mark.cio_load(rate=120, duration=10, p95=200)
        async def test_it(cio, cio_load):
            await cio.track(cio_load.user.id, "opened")
    """)
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["  • calls waited for our own limiter of 100/s (p(95) *"])


def test_two_runs_of_one_seed(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """Virtual time gives the same document twice, in other processes and with other hashing, but for ``machine``."""
    pytester.makepyfile("""
        import asyncio
        import pytest

        @pytest.mark.cio_workspace(over_budget="reject", pace="1000/s")
        @pytest.mark.cio_load(rate=150, duration=5, arrivals="poisson", seed=11, latency="lognormal(p50=40ms,p99=180ms)", max=1)
        async def test_it(cio, cio_load):
            await asyncio.sleep(cio_load.rng.uniform(0.001, 0.02))
            await cio.track(cio_load.user.id, "opened")
    """)
    documents = []
    for hashing in ("1", "2"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONHASHSEED", hashing)
            documents.append(runs(apart=True)["test_it"])
    for document in documents:
        document.pop("machine")
    assert documents[0] == documents[1]
    assert documents[0]["metrics"]["attempts"]["max"] > 1


WORKSPACES = {
    "the marker": ('limit="20/s", over_budget="reject", pace="1000/s"', [], "rejected"),
    "the command line": ('pace="1000/s"', ["--cio-workspace-limit=20/s", "--cio-over-budget=drop"], "dropped"),
    "the marker before the command line": ('limit=20, over_budget="reject", pace=1000', ["--cio-over-budget=drop"], "rejected"),
}


@pytest.mark.parametrize("case", WORKSPACES)
def test_who_declares_the_workspace(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]], case: str) -> None:
    """Its budget and what is done beyond it: the marker first, then the command line."""
    marker, arguments, sign = WORKSPACES[case]
    pytester.makepyfile(f"""
        import pytest

        @pytest.mark.cio_workspace({marker})
        @pytest.mark.cio_load(rate=60, duration=2, max="10s")
        async def test_it(cio, cio_load):
            await cio.track(cio_load.user.id, "opened")
    """)
    delivery = runs(*arguments)["test_it"]["delivery"]
    assert {name for name in ("rejected", "dropped") if delivery[name]} == {sign}


def test_pace_is_ours_and_limit_is_theirs(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """The closest marker's pace makes calls wait; the outer one's limit stays as it is."""
    pytester.makepyfile("""
        import pytest

        pytestmark = pytest.mark.cio_workspace(limit="1000/s", pace="500/s", over_budget="reject")

        @pytest.mark.cio_workspace(pace="20/s")
        @pytest.mark.cio_load(rate=30, duration=2, max="10s")
        async def test_it(cio, cio_load):
            assert (cio.workspace.limit, cio.workspace.rate) == (1000, 20)
            await cio.track(cio_load.user.id, "opened")
    """)
    document = runs()["test_it"]
    assert document["verdict"] == "kept"
    assert document["metrics"]["paced"]["max"] > 500
    assert document["delivery"]["rejected"] == 0


@pytest.mark.parametrize("over_budget", ["accept", "reject", "throttle", "drop"])
@pytest.mark.parametrize("kind", ["async", "sync"])
def test_nobody_is_left(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], kind: str, over_budget: str) -> None:
    """Whatever the workspace did during the run, and though iterations fail: the made-up people are deleted from it."""
    call, client = ("await cio.identify", "cio") if kind == "async" else ("cio_sync.identify", "cio_sync")
    pytester.makepyfile(f"""
        import pytest

        @pytest.fixture
        def afterwards(cio_fake):
            yield
            assert cio_fake.people == {{}}
            assert cio_fake.applied("delete") > 0

        @pytest.mark.cio_workspace(limit=20, pace=1000, over_budget="{over_budget}")
        @pytest.mark.cio_load(rate=40, duration=1, max=1, thresholds={{"on_time": "rate>=0%"}})
        {"async " if kind == "async" else ""}def test_it({client}, cio_load, afterwards):
            {call}(cio_load.user.id, email=cio_load.user.email)
            assert cio_load.index % 2
    """)
    run().assert_outcomes(failed=1)
