"""What the command line and the ini file decide, and what markers decide before them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def test_modes(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """``once`` runs a marked test as the functional test it also is, ``skip`` does not run it."""
    pytester.makepyfile("""
        import pytest

        @pytest.mark.cio_load(rate=1000, duration="1h", p95=1)
        async def test_it(cio, cio_load, record_property):
            assert cio_load.index == 0
            cio_load.check("held", True)
            with cio_load.group("part"):
                await cio.track(cio_load.user.id, "opened")
    """)
    once = run("--cio-load-mode=once")
    once.assert_outcomes(passed=1)
    once.stdout.no_fnmatch_line("*iterations planned*")
    run("--cio-load-mode=skip").assert_outcomes(skipped=1)


def test_once_fails_with_the_tests_own_traceback(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """As if the marker were not there."""
    pytester.makepyfile("""
        import pytest

        @pytest.mark.cio_load(rate=10, duration=1)
        async def test_it(cio_load):
            assert cio_load.index == 1
    """)
    result = run("--cio-load-mode=once")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert cio_load.index == 1", "E*assert 0 == 1*"])


def test_driving_unmarked_tests_from_the_command_line(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """``--cio-load`` drives tests that nobody edited, async ones without an ``asyncio`` mark too; markers stay as they are."""
    pytester.makepyfile("""
        import asyncio
        import pytest

        async def test_async():
            await asyncio.sleep(0.001)

        def test_sync():
            pass

        @pytest.mark.cio_load(rate=5, duration=1, max="10s")
        def test_marked():
            pass
    """)
    documents = runs("--cio-load=20/s,1s,p(95)<10s,max_in_flight=7", "-m", "cio_load")
    assert {name: document["iterations"]["planned"] for name, document in documents.items()} == {
        "test_async": 20,
        "test_sync": 20,
        "test_marked": 5,
    }
    assert documents["test_sync"]["contract"]["max_in_flight"] == 7


def test_driving_unmarked_tests_by_pattern(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """Lines of the ini file name tests by pattern."""
    pytester.makepyfile("def test_driven(): pass\n\ndef test_left(): pass")
    pytester.makeini("[pytest]\ncio_load =\n    *::test_driven = 10/s,1s,p(95)<10s\n")
    assert list(runs()) == ["test_driven"]


def test_patterns_drive_async_tests_and_the_first_match_counts(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """Without a further mark; a marked test keeps its own contract, and the command line comes before any pattern."""
    pytester.makepyfile("""
        import asyncio
        import pytest

        async def test_async():
            await asyncio.sleep(0.001)

        @pytest.mark.cio_load(rate=5, duration=1, max="10s")
        def test_marked():
            pass
    """)
    pytester.makeini("[pytest]\ncio_load =\n    *async = 10/s,1s,max<10s\n    * = 15/s,1s,max<10s\n")
    assert {name: document["iterations"]["measured"] for name, document in runs().items()} == {"test_async": 10, "test_marked": 5}
    assert runs("--cio-load=20/s,1s,max<10s", "-k", "async")["test_async"]["iterations"]["measured"] == 20


BAD_SPECS = {
    "a rate": (["--cio-load=80/x,60s"], pytest.ExitCode.INTERRUPTED, "rate='80/x': expected a rate above 0"),
    "no duration": (["--cio-load=80/s"], pytest.ExitCode.INTERRUPTED, "rate='80/s' without duration: expected both; add duration='60s'"),
    "a comma": (["--cio-load=80/s,,"], pytest.ExitCode.USAGE_ERROR, "'80/s,,': expected no empty item; leave out the extra comma"),
    "nothing": (["--cio-load="], pytest.ExitCode.USAGE_ERROR, "--cio-load='': expected no empty item; write '80/s,60s,p(95)<500'"),
    "a keyword": (["-o", "cio_load=* = 80/s,60s,p59=5"], pytest.ExitCode.USAGE_ERROR, "cio_load p59='5': expected a keyword of cio_load"),
    "no pattern": (["-o", "cio_load=80/s,60s"], pytest.ExitCode.USAGE_ERROR, "cio_load: got '80/s,60s', expected PATTERN = SPEC, such as"),
    "no spec": (["-o", "cio_load= = 80/s"], pytest.ExitCode.USAGE_ERROR, "cio_load: got '= 80/s', expected PATTERN = SPEC, such as"),
}


@pytest.mark.parametrize("case", BAD_SPECS)
def test_a_bad_spec(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], case: str) -> None:
    """A contract of the command line or the ini file is checked like any other, and nothing runs."""
    arguments, code, told = BAD_SPECS[case]
    pytester.makepyfile("def test_it(): open('iterated', 'w')")
    result = run(*arguments)
    assert result.ret == code
    assert told in result.stdout.str() + result.stderr.str()
    assert not (pytester.path / "iterated").exists()


def test_a_bad_spec_under_xdist(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """It is told before there are workers, which could not tell it."""
    pytester.makepyfile("def test_it(): pass")
    result = run("-n", "2", "-o", "cio_load=80/s", apart=True)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "cio_load: got '80/s', expected PATTERN = SPEC" in result.stderr.str()


def test_a_bad_mode(run: Callable[..., pytest.RunResult]) -> None:
    """As pytest says it of any option."""
    result = run("--cio-load-mode=twice", apart=True)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "invalid choice: 'twice'" in result.stderr.str()


WHO_DECIDES = {
    "nobody": ([], "", "", ("virtual", 40.0)),
    "the ini file": ([], "cio_latency = 50ms\ncio_clock = wall", "", ("wall", 50.0)),
    "the command line": (["--cio-latency=60ms", "--cio-clock=virtual"], "cio_latency = 50ms\ncio_clock = wall", "", ("virtual", 60.0)),
    "the marker": (
        ["--cio-latency=60ms", "--cio-clock=wall"],
        "cio_latency = 50ms\ncio_clock = wall",
        ", latency=70, clock='virtual'",
        ("virtual", 70.0),
    ),
    "a marker that leaves it open": (["--cio-latency=60ms"], "", ", latency=None, clock=None", ("virtual", 60.0)),
}


@pytest.mark.parametrize("case", WHO_DECIDES)
def test_who_decides(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]], case: str) -> None:
    """The marker before the command line before the ini file."""
    arguments, ini, marker, (clock, latency) = WHO_DECIDES[case]
    pytester.makeini(f"[pytest]\n{ini}\n")
    pytester.makepyfile(f"""
        import pytest

        @pytest.mark.cio_load(rate=10, duration=1, max="10s"{marker})
        async def test_it(cio, cio_load):
            await cio.track(cio_load.user.id, "opened")
    """)
    document = runs(*arguments)["test_it"]
    assert document["clock"] == clock
    assert document["metrics"]["response"]["min"] >= latency
    if clock == "virtual":
        assert document["metrics"]["response"]["max"] == latency


@pytest.mark.parametrize(("marker", "arguments", "seed"), [("", ["--cio-seed=5"], 5), (", seed=0", ["--cio-seed=5"], 0)])
def test_who_decides_the_seed(
    pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]], marker: str, arguments: list[str], seed: int
) -> None:
    """The marker before the command line, also with a seed of 0."""
    pytester.makepyfile(f"""
        import pytest

        @pytest.mark.cio_load(rate=10, duration=1, max="10s"{marker})
        async def test_it(cio, cio_load):
            await cio.track(cio_load.user.id, "opened")
    """)
    assert runs(*arguments)["test_it"]["contract"]["seed"] == seed


def test_the_seed_comes_from_the_name(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """Two tests differ, and one test is the same in every run."""
    pytester.makepyfile("""
        import pytest

        pytestmark = pytest.mark.cio_load(rate=10, duration=1, max="10s")

        @pytest.mark.parametrize("number", [1, 2])
        async def test_it(cio, cio_load, number):
            await cio.track(cio_load.user.id, "opened")
    """)
    first, second = runs(), runs()
    seeds = {name: document["contract"]["seed"] for name, document in first.items()}
    assert len(set(seeds.values())) == 2
    assert seeds == {name: document["contract"]["seed"] for name, document in second.items()}
