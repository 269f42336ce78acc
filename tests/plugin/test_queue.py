"""A test that holds a queue: what it enqueues is sent by workers, and the verdict is about both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def suite(pytester: pytest.Pytester, contract: str, queue: str, *, body: str = "", fixture: str = "") -> None:
    """A suite of one test that enqueues; *fixture*: what is arranged before the run."""
    pytester.makepyfile(f"""
        import pytest

        @pytest.fixture
        def arranged(cio_queue, cio_fake):
            {fixture or 'pass'}

        @pytest.mark.cio_load({contract})
        @pytest.mark.cio_queue({queue})
        async def test_it(cio_queue, cio_load, arranged):
            {body or "await cio_queue.identify(cio_load.user.id, email=cio_load.user.email)"}
    """)


def test_all_is_sent(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """What is enqueued is applied, in virtual time, and every metric of the pipeline is there."""
    suite(pytester, "rate=20, duration=10, thresholds={'queue_latency': 'p(95)<1s', 'drain_time': '<5s'}", "workers=2")
    run = runs()["test_it"]
    assert run["verdict"] == "kept"
    assert run["clock"] == "virtual"
    metrics = run["metrics"]
    assert metrics["queue_latency"]["samples"] == 200
    assert metrics["enqueue"]["samples"] == 200
    zeros = ("lost", "dead_letters", "redelivered", "duplicates")
    assert [metrics[name]["count"] for name in zeros] == [0, 0, 0, 0]
    assert {"queue_depth", "queue_age", "drain_time"} <= set(metrics)
    assert run["delivery"]["applied"] == 200


def test_two_runs_are_equal(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """In virtual time the pipeline's figures are the same each time, kills and retries included."""
    fixture = "cio_queue.at('2s').kill(0); cio_fake.at('1s').fail(500, ratio=0.2, lasting='3s')"
    suite(pytester, "rate=20, duration=10, seed=3", "workers=2", fixture=fixture)
    first, second = runs()["test_it"], runs()["test_it"]
    assert first["metrics"] == second["metrics"]
    assert first["delivery"] == second["delivery"]
    assert first["metrics"]["redelivered"]["count"] > 0


def test_an_outage_raises_the_depth_and_burns_nothing(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """Its twin without the outage never has more than a few jobs waiting."""
    contract = "rate=40, duration='1m', thresholds={'dead_letters': '==0', 'drain_time': '<2m'}"
    depths = []
    for fixture in ("cio_fake.at('20s').fail(503, lasting='30s')", ""):
        suite(pytester, contract, "workers=1", fixture=fixture)
        run = runs()["test_it"]
        assert run["verdict"] == "kept"
        assert run["delivery"]["applied"] == 2400
        depths.append(run["metrics"]["queue_depth"]["max"])
    assert depths[0] > 1000 > 50 > depths[1]


def test_what_cannot_succeed_is_a_dead_letter(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """And breaks the contract, though it asks for nothing; one that allows some is kept."""
    for more, verdict in (("", "broken"), (", thresholds={'dead_letters': 'count<1000'}", "kept")):
        suite(pytester, f"rate=20, duration=5{more}", "workers=1", fixture="cio_fake.at(0).fail(400, ratio=0.5)")
        run = runs()["test_it"]
        assert run["verdict"] == verdict
        assert run["metrics"]["dead_letters"]["count"] > 0
        assert run["metrics"]["lost"]["count"] == 0


def test_requests_that_are_sent_again_amplify(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """Requests at the fake for each operation enqueued; and the tries that were repeated are counted."""
    suite(pytester, "rate=50, duration=10, thresholds={'amplification': '<2'}", "workers=2", fixture="cio_fake.at(0).fail(500, ratio=0.2)")
    run = runs()["test_it"]
    assert run["metrics"]["amplification"]["value"] == run["delivery"]["requests"] / 500 > 1.05
    assert run["metrics"]["retried"]["count"] > 20


def test_without_workers_everything_is_lost(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """A queue that nobody empties never passes, though its contract asks for nothing."""
    suite(pytester, "rate=20, duration=5", "workers=0, drain='10s'")
    run = runs()["test_it"]
    assert run["verdict"] == "broken"
    assert run["metrics"]["lost"]["count"] == 100
    assert run["metrics"]["drain_time"]["value"] == 10_000


def test_a_full_queue_refuses(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """The iteration that was refused has failed; with shed it has not."""
    for when_full, verdict in (("refuse", "broken"), ("shed", "kept")):
        suite(pytester, "rate=200, duration=5", f"workers=1, max_depth=50, when_full={when_full!r}")
        run = runs()["test_it"]
        assert run["verdict"] == verdict
        assert run["metrics"]["queue_depth"]["max"] <= 60


def test_batches(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """Many operations a request."""
    suite(pytester, "rate=200, duration=5", "workers=1, batch=100")
    run = runs()["test_it"]
    assert run["verdict"] == "kept"
    assert run["delivery"]["applied"] == 1000
    assert run["delivery"]["requests"] < 200


def test_nothing_enqueued_is_inconclusive(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """A test that holds the queue and enqueues nothing has measured nothing."""
    suite(pytester, "rate=20, duration=5", "workers=1", body="pass")
    assert runs()["test_it"]["verdict"] == "inconclusive"


def test_an_unmarked_test_may_use_it(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """Its body runs once, with workers, on the wall clock."""
    pytester.makepyfile("""
        import asyncio
        import pytest
        from pytest_cio_load.customerio.operations import events

        @pytest.mark.asyncio
        async def test_it(cio_queue, cio_fake):
            await cio_queue.enqueue(events.track("ada", "signed_up"))
            await cio_queue.enqueue_many([events.track("ada", f"step {n}") for n in range(3)])
            while await cio_queue.depth():
                await asyncio.sleep(0.01)
            assert [event.name for event in cio_fake.events_of("ada")] == ["signed_up", "step 0", "step 1", "step 2"]
            assert (await cio_queue.totals()).done == 4
            assert await cio_queue.dead_letters() == []
    """)
    run().assert_outcomes(passed=1)


def test_the_batch_sender(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """The fixture cio_batch sends many operations in few requests, each with an outcome."""
    pytester.makepyfile("""
        import pytest
        from pytest_cio_load.customerio.calls import identify

        @pytest.mark.cio_load(rate=5, duration=4)
        async def test_it(cio_batch, cio_load):
            users = [f"{cio_load.user.id}-{number}" for number in range(50)]
            outcomes = [outcome async for outcome in cio_batch.send(identify(user, plan="pro") for user in users)]
            assert all(outcome.accepted for outcome in outcomes)
    """)
    found = runs()["test_it"]
    assert found["verdict"] == "kept"
    assert found["delivery"]["applied"] == 1000
    assert found["metrics"]["batch"]["samples"] == 20


REFUSED = {
    "engine='redsi'": "cio_queue(engine)='redsi': expected 'memory', 'embedded', or the URL of a Redis, Valkey or Kafka on loopback",
    "engine='redis://queue.example.com:6379'": "load goes to this machine only; try 'redis://127.0.0.1:6379'",
    "engine='redis://:secret@queue.example.com'": "cio_queue(engine)='…@…': expected",
    "workers=-1": "cio_queue(workers)=-1: expected a whole number from 0 up",
    "concurrency=0": "cio_queue(concurrency)=0: expected a whole number from 1 up",
    "processes='yes'": "cio_queue(processes)='yes': expected True or False",
    "processes=True": "cio_queue(processes)=True: expected an engine that other processes can reach, not memory; add engine='embedded'",
    "processes=True, engine='embedded'": "cio_queue(processes)=True: expected a target that other processes can reach, not the mock",
    "when_full='shred'": "did you mean shed?",
    "drain='soon'": "cio_queue(drain)='soon': expected",
    "worker=2": "cio_queue(worker)=2: expected one of engine, workers,",
}


@pytest.mark.parametrize("said", REFUSED)
def test_refused_at_collection(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], said: str) -> None:
    """A pipeline that cannot be made is a collection error, with the nearest fix."""
    suite(pytester, "rate=20, duration=5", said)
    result = run()
    result.assert_outcomes(errors=1)
    assert REFUSED[said] in result.stdout.str()
    assert "secret" not in result.stdout.str()


def test_a_server_cannot_skip_time(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """clock='virtual' with an engine that is a server is refused."""
    suite(pytester, "rate=20, duration=5, clock='virtual'", "engine='embedded'")
    assert "expected cio_queue(engine='memory'): a server answers in real time" in run().stdout.str()


@pytest.mark.parametrize("fixture", ["cio_queue", "cio_batch"])
def test_sync_tests_are_refused(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], fixture: str) -> None:
    """Neither can be awaited there."""
    pytester.makepyfile(f"""
        import pytest

        @pytest.mark.cio_load(rate=20, duration=1)
        def test_it({fixture}):
            pass
    """)
    assert f"{fixture}: expected an async test" in run().stdout.str()


@pytest.mark.parametrize(
    ("fault", "says"), [("", ""), ("unauthorized()", "got 1 dead letters and 0 jobs"), ("fail(400)", "got 1 dead letters")]
)
def test_once_means_sent_not_enqueued(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], fault: str, says: str) -> None:
    """A body that runs once passes when its jobs were sent."""
    arrange = f"cio_fake.at(0).{fault}" if fault else "pass"
    pytester.makepyfile(
        f"""
        async def test_once(cio_queue, cio_load, cio_fake):
            {arrange}
            await cio_queue.identify(cio_load.user.id)
        """
    )
    result = run()
    result.assert_outcomes(**({"failed": 1} if says else {"passed": 1}))
    if says:
        result.stdout.fnmatch_lines([f"*cio_queue: {says}*"])
