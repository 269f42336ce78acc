"""Kept, broken, inconclusive: what each looks like to whoever runs the suite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

BROKEN = """
    import pytest

    @pytest.mark.cio_load(rate=20, duration=5, p95=10, p99="2s")
    async def test_it(cio, cio_load):
        await cio.track(cio_load.user.id, "opened")
"""


def test_broken(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """The test fails with every clause, what was measured, and the circumstances; no frame of ours is shown."""
    pytester.makepyfile(BROKEN)
    result = run("--cio-seed=7")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "contract broken: response p(95) was 40.0 ms, promised p(95)<10",
            "20/s for 5s, 100 planned, virtual clock, target mock, seed 7",
            "",
            "  ✗ response  p(95)<10      40.0 ms  100 samples",
            "  ✓ response  p(99)<2s      40.0 ms  100 samples",
            "  ✓ errors    count==0            0",
        ],
        consecutive=True,
    )
    result.stdout.fnmatch_lines(["broken *::test_it *100 iterations  p(95) 40.0 ms  virtual"])
    result.stdout.fnmatch_lines(["FAILED *::test_it - contract broken: *"])
    result.stdout.no_fnmatch_line("*pytest_cio_load/*")


@pytest.mark.parametrize(
    ("style", "expected"),
    [("line", "*test_broken_in_other_styles.py:3: contract broken: response*"), ("no", "FAILED *test_it - contract broken*")],
)
def test_broken_in_other_styles(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], style: str, expected: str) -> None:
    """--tb=line gives the test's line and the headline; --tb=no leaves the short summary."""
    pytester.makepyfile(BROKEN)
    run(f"--tb={style}").stdout.fnmatch_lines([expected])


def test_expected_to_break(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """xfail(raises=ContractBroken) means just that: an inconclusive run is still an error."""
    pytester.makepyfile("""
        import asyncio
        import pytest
        from pytest_cio_load import ContractBroken

        pytestmark = pytest.mark.xfail(raises=ContractBroken, strict=True)

        @pytest.mark.cio_load(rate=20, duration=1, max=10)
        async def test_breaks(cio, cio_load):
            await cio.track(cio_load.user.id, "opened")

        @pytest.mark.cio_load(rate=5, duration=1, p99=10)
        async def test_cannot_tell(cio, cio_load):
            await cio.track(cio_load.user.id, "opened")
    """)
    result = run()
    result.assert_outcomes(xfailed=1, errors=1)


INCONCLUSIVE = {
    "too few samples": (
        "rate=5, duration=1, p95=500",
        'await cio.track(cio_load.user.id, "opened")',
        "response p(95)<500: 5 samples cannot support p(95), which needs 20",
    ),
    "no samples": (
        'rate=20, duration=1, p95=500, thresholds={"identify": "max<500"}',
        'await cio.track(cio_load.user.id, "opened")',
        "identify max<500: no samples",
    ),
    "an own metric that recorded nothing": (
        'rate=20, duration=1, p95=500, thresholds={"payload": "max<500"}',
        'await cio.track(cio_load.user.id, "opened")\n    if cio_load.index > 99: cio_load.trend("payload").add(1)',
        "payload max<500: no samples",
    ),
    "all of it was warmup": (
        "rate=1, duration=5, max=500, warmup=4.5",
        'await cio.track(cio_load.user.id, "opened")',
        "no iteration was measured",
    ),
    "a call that was not awaited": (
        'rate=20, duration=1, p95="10s", clock="wall"',
        'cio.track(cio_load.user.id, "opened").close()',
        "no call to Customer.io was made, though the test holds the client",
    ),
    "nothing took any time": (
        'rate=20, duration=1, p95=500, clock="virtual", latency="0ms"',
        'await cio.track(cio_load.user.id, "opened")',
        "in virtual time every iteration took 0 ms",
    ),
    "nobody was there": (
        "start_rate=0, stages=[(1, 1)], max=500",
        'await cio.track(cio_load.user.id, "opened")',
        "no iteration was measured",
    ),
}


@pytest.mark.parametrize("case", INCONCLUSIVE)
def test_inconclusive(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], case: str) -> None:
    """It is an error, never a pass, and names the reason and the remedy."""
    contract, body, reason = INCONCLUSIVE[case]
    pytester.makepyfile(f"import pytest\n\n@pytest.mark.cio_load({contract})\nasync def test_it(cio, cio_load):\n    {body}\n")
    result = run()
    result.assert_outcomes(errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    told = " ".join(line.strip() for line in result.outlines)
    assert f"inconclusive: {reason}"[:60] in told
    assert " → " in told


def test_a_generator_that_burns_cpu(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """80/s × 30 ms of CPU cannot be made by one core: that is not a slow Customer.io."""
    pytester.makepyfile("""
        import time
        import pytest

        @pytest.mark.cio_load(rate=80, duration=2, p95=500, clock="wall")
        async def test_it():
            until = time.process_time() + 0.03
            while time.process_time() < until:
                pass
    """)
    result = run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["inconclusive: the load generator was saturated: *"])
    result.stdout.fnmatch_lines(["INCONCLUSIVE *::test_it*"])


def test_unfinished_iterations(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """What graceful_stop interrupts stays in the distribution, at the time waited, and counts as an error."""
    pytester.makepyfile("""
        import asyncio
        import pytest

        @pytest.mark.cio_load(rate=10, duration=2, clock="virtual", graceful_stop=3, mean="1h")
        async def test_it(cio_load):
            await asyncio.sleep(3600 if cio_load.index == 19 else 0.05)
    """)
    document = runs()["test_it"]
    assert document["verdict"] == "broken"
    assert document["iterations"]["interrupted"] == 1
    assert document["metrics"]["response"]["max"] == 3100
    assert [failure["kind"] for failure in document["failures"]] == ["Interrupted"]


def test_timeouts(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """So does what exceeds its timeout."""
    pytester.makepyfile("""
        import asyncio
        import pytest

        @pytest.mark.cio_load(rate=10, duration=2, clock="virtual", timeout="500ms", errors="50%", p50=500)
        async def test_it(cio_load):
            await asyncio.sleep(3600 if cio_load.index % 4 == 0 else 0.05)
    """)
    document = runs()["test_it"]
    assert document["verdict"] == "kept"
    assert document["iterations"]["timed_out"] == 5
    assert document["metrics"]["response"]["max"] == 500


def test_abort(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """A clause marked so ends the run as soon as it is broken; the verdict is broken, not inconclusive."""
    pytester.makepyfile("""
        import pytest

        @pytest.mark.cio_load(rate=20, duration="1h", errors=3, abort_on_fail=True, delay_abort="5s")
        async def test_it(cio, cio_load):
            await cio.track(cio_load.user.id, "opened")
            assert cio_load.index % 10, "every tenth"
    """)
    document = runs()["test_it"]
    assert document["verdict"] == "broken"
    assert document["iterations"]["ended"] == "aborted"
    assert 100 <= document["iterations"]["measured"] <= 110
    assert [clause["aborted"] for clause in document["thresholds"]] == [True, False, False, False]


def test_failures_are_grouped(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """By exception and line, each with its first traceback."""
    pytester.makepyfile("""
        import pytest

        @pytest.mark.cio_load(rate=30, duration=1, clock="virtual")
        async def test_it(cio, cio_load):
            await cio.track(cio_load.user.id, "opened")
            if cio_load.index % 3 == 0:
                raise LookupError(f"nobody {cio_load.index}")
            assert cio_load.index % 3 != 1
    """)
    first, second = runs()["test_it"]["failures"]
    assert (first["kind"], first["where"], first["count"]) == ("AssertionError", "test_failures_are_grouped.py:8", 10)
    assert (second["kind"], second["where"], second["count"], second["message"]) == (
        "LookupError",
        "test_failures_are_grouped.py:7",
        10,
        "nobody 0",
    )
    assert "assert (1 % 3) != 1" in first["trace"]
    assert "pytest_cio_load/" not in first["trace"]


def test_a_failed_call_counts_though_it_is_caught(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """And a call that fails its iteration is one error, not two."""
    pytester.makepyfile("""
        import pytest
        from pytest_cio_load import CustomerIOError

        @pytest.mark.cio_load(rate=20, duration=1, errors=20)
        async def test_caught(cio, cio_load):
            with pytest.raises(CustomerIOError):
                await cio.track(cio_load.user.id, "")

        @pytest.mark.cio_load(rate=20, duration=1, errors=20)
        async def test_raised(cio, cio_load):
            await cio.track(cio_load.user.id, "")
    """)
    documents = runs()
    for document in documents.values():
        assert (document["iterations"]["failed"], document["iterations"]["errors"]) == (20, 20)
        assert document["failures"][0]["kind"] == "InvalidOperation"
