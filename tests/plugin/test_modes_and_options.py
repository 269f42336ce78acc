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


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--cio-load=80/x,60s"], "*80/x*expected*rate*"),
        (["--cio-load=80/s"], "*duration*"),
    ],
)
def test_a_bad_command_line(
    pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], arguments: list[str], told: str
) -> None:
    """A contract on the command line is checked like any other."""
    pytester.makepyfile("def test_it(): pass")
    result = run(*arguments)
    assert result.ret != 0
    assert any(pytest_line_matches(line, told) for line in result.outlines + result.errlines)


def pytest_line_matches(line: str, pattern: str) -> bool:
    """Whether one line of output matches."""
    from fnmatch import fnmatch

    return fnmatch(line, pattern)
