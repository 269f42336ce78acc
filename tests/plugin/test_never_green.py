"""Ways in which nothing might be measured and the test pass all the same: none of them does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_decorator_that_hides_a_coroutine(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """Nobody would await it, so it is refused as soon as it shows, in every mode."""
    pytester.makepyfile("""
        import functools
        import pytest

        def hiding(function):
            @functools.wraps(function)
            def wrapper(**arguments):
                return function(**arguments)
            return wrapper

        @pytest.mark.cio_load(rate=20, duration=1, errors="100%")
        @hiding
        async def test_it(cio_load):
            open("iterated", "w")
    """)
    result = run("-W", "error")
    result.assert_outcomes(errors=1)
    told = "test_it: expected a plain function, not one that returns a coroutine; let its decorator return an async def"
    assert told in result.stdout.str()
    once = run("--cio-load-mode=once")
    once.assert_outcomes(failed=1)
    assert told in once.stdout.str()
    assert not (pytester.path / "iterated").exists()


def test_decorators_that_hide_nothing(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """Async wrappers and patches are driven like any test."""
    pytester.makepyfile("""
        import asyncio
        import functools
        from unittest import mock
        import pytest

        def open_about_it(function):
            @functools.wraps(function)
            async def wrapper(**arguments):
                return await function(**arguments)
            return wrapper

        pytestmark = pytest.mark.cio_load(rate=20, duration=1, max=500)

        @open_about_it
        async def test_wrapped(cio, cio_load):
            await cio.track(cio_load.user.id, "opened")

        @mock.patch("os.getcwd")
        async def test_patched(getcwd, cio, cio_load):
            await cio.track(cio_load.user.id, "opened")
    """)
    documents = runs()
    assert {document["metrics"]["track"]["samples"] for document in documents.values()} == {20}
    assert {document["verdict"] for document in documents.values()} == {"kept"}


def test_a_plugin_that_does_not_call_the_test(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """A test that nobody ran is inconclusive."""
    pytester.makeconftest("""
        import pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_pyfunc_call(pyfuncitem):
            return True
    """)
    pytester.makepyfile("""
        import pytest

        @pytest.mark.cio_load(rate=20, duration=1)
        def test_it():
            pass
    """)
    result = run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "inconclusive: no load was made: a plugin took the test without calling it, expected a call" in result.stdout.str()


def test_unittest_cases(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """Methods of unittest.TestCase are driven too, sync and async, and fail as other tests do."""
    pytester.makepyfile("""
        import asyncio
        import unittest
        import pytest

        @pytest.mark.cio_load(rate=20, duration=1, max="10s")
        class TestSync(unittest.TestCase):
            ran = 0

            def test_counted(self):
                type(self).ran += 1

            def test_failing(self):
                self.assertEqual(1, 2)

            @classmethod
            def tearDownClass(cls):
                assert cls.ran == 20

        @pytest.mark.cio_load(rate=20, duration=1, max="10s")
        class TestAsync(unittest.IsolatedAsyncioTestCase):
            ran = 0

            async def test_counted(self):
                await asyncio.sleep(0.001)
                type(self).ran += 1

            @classmethod
            def tearDownClass(cls):
                assert cls.ran == 20

        @pytest.mark.cio_load(rate=20, duration=1, max="10s")
        class TestUnready(unittest.TestCase):
            def setUp(self):
                raise LookupError("not ready")

            def test_unready(self):
                pass
    """)
    result = run()
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["contract broken: errors count was 20, promised count==0"])
    result.stdout.fnmatch_lines(["E*LookupError: not ready"])
    result.stdout.no_fnmatch_line("*no load was made*")


ENDINGS = {
    "an exit": ('pytest.exit("enough", returncode=7)', 7, "Exit: enough"),
    "an interrupt": ("raise KeyboardInterrupt", 2, "inconclusive: the run was cut short: Ctrl-C"),
    "a system exit": ("raise SystemExit(3)", 1, "SystemExit: 3"),
    "a failure": ('pytest.fail("no good")', 1, "contract broken: errors count was 20, promised count==0"),
    "an expected failure": ('pytest.xfail("known")', 0, "*1 xfailed*"),
}


@pytest.mark.parametrize("kind", ["async", "sync"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_bodies_that_end_more_than_themselves(
    pytester: pytest.Pytester, run: Callable[..., pytest.RunResult], ending: str, kind: str
) -> None:
    """What a body raises beside exceptions does what it does in any test; fixtures are torn down, and nothing passes."""
    body, code, told = ENDINGS[ending]
    pytester.makepyfile(f"""
        import asyncio
        import pytest

        @pytest.fixture
        def torn_down():
            yield
            open("torn_down", "w").close()

        @pytest.mark.cio_load(rate=20, duration=1, max="10s")
        {"async " if kind == "async" else ""}def test_it(torn_down):
            {body}
    """)
    result = run(apart=True)
    assert result.ret == code
    result.stdout.fnmatch_lines([f"*{told}*"])
    assert code != 1 or "INCONCLUSIVE " in result.stdout.str() or "FAILED " in result.stdout.str()
    assert "1 passed" not in result.stdout.str()
    assert (pytester.path / "torn_down").exists()


def test_a_body_that_cancels_everything(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """Whoever cancels the run itself gets no verdict."""
    pytester.makepyfile("""
        import asyncio
        import pytest

        @pytest.mark.cio_load(rate=20, duration=5, clock="virtual")
        async def test_it(cio_load):
            if cio_load.index == 50:
                for task in asyncio.all_tasks():
                    task.cancel()
            await asyncio.sleep(0.01)
    """)
    result = run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["inconclusive *::test_it *"])


def test_a_test_that_is_run_again(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """Plugins that repeat a test get a new run each time: its own fake, its own figures, and one set of properties."""
    pytester.makeconftest("""
        import pytest
        from _pytest.runner import runtestprotocol

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_protocol(item, nextitem):
            for again in (False, True):
                if again:
                    item._initrequest()
                for report in runtestprotocol(item, nextitem=nextitem, log=False):
                    if again:
                        item.ihook.pytest_runtest_logreport(report=report)
            return True
    """)
    pytester.makepyfile("""
        import pytest

        fakes = []

        @pytest.fixture(autouse=True)
        def fresh(cio_fake):
            assert cio_fake.received() == 0
            assert not any(cio_fake is other for other in fakes)
            fakes.append(cio_fake)

        @pytest.mark.cio_load(rate=20, duration=1, max=500)
        async def test_it(cio, cio_load):
            await cio.track(cio_load.user.id, "opened")
            assert len(fakes) == 2 or cio_load.index % 2
    """)
    (document,) = runs("--junitxml=junit.xml").values()
    assert document["verdict"] == "kept"
    assert document["delivery"]["received"] == document["iterations"]["measured"] == 20
    assert (pytester.path / "junit.xml").read_text().count('name="cio_load.verdict"') == 1
