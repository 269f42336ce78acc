"""Reports that are files: each format by its option, and what goes wrong with one leaves the others and the verdicts alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

QUIET = ("-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function")
SUITE = """
import pytest

@pytest.mark.cio_load(rate=20, duration=2, p95=500)
async def test_kept(cio, cio_load):
    await cio.identify(cio_load.user.id)

@pytest.mark.cio_load(rate=20, duration=2, p95=5)
async def test_broken(cio, cio_load):
    await cio.identify(cio_load.user.id)
"""
KINDS = {"json": '"schema"', "html": "<!doctype html>", "markdown": "cio-load", "csv": "test,", "hlog": "#[", "k6-summary": '"metrics"'}


def test_every_format(pytester: pytest.Pytester) -> None:
    """All of one session, and nothing half-written beside them."""
    pytester.makepyfile(SUITE)
    # In a process of its own: what draws can be imported once in a process, and pytester would have it imported again.
    result = pytester.runpytest_subprocess(*QUIET, *(f"--cio-{kind}=out/runs.{kind}" for kind in KINDS))
    result.assert_outcomes(passed=1, failed=1)
    assert {path.name for path in Path("out").iterdir()} == {f"runs.{kind}" for kind in KINDS}
    for kind, holds in KINDS.items():
        assert holds in Path(f"out/runs.{kind}").read_text(encoding="utf-8"), kind


def test_one_that_cannot_be_written(pytester: pytest.Pytester) -> None:
    """Got, expected, and the nearest place; the others are there, and the session ends with an error."""
    pytester.makepyfile(SUITE.partition("@pytest.mark.cio_load(rate=20, duration=2, p95=5)")[0])
    Path("folder.csv").mkdir()
    result = pytester.runpytest(*QUIET, "--cio-csv=folder.csv", "--cio-markdown=runs.md")
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["--cio-csv='folder.csv': got *, expected a file that can be written, such as 'runs.csv'"])
    assert Path("runs.md").exists()


def test_where_github_runs_the_tests(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step summary is added to, and the marker's line is annotated; elsewhere neither happens."""
    pytester.makepyfile(test_it=SUITE)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(pytester.path))
    result = pytester.runpytest(*QUIET)
    result.stdout.re_match_lines([r"::error file=test_it\.py,line=7,.*::"])
    assert "test&#95;broken" in Path("summary.md").read_text(encoding="utf-8")
    monkeypatch.delenv("GITHUB_ACTIONS")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    result = pytester.runpytest(*QUIET)
    result.stdout.no_fnmatch_line("*::error*")


def test_faults_are_on_the_timeline(pytester: pytest.Pytester) -> None:
    """When they were arranged for, and what they are."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.cio_load(rate=20, duration=4, errors="50%")
        async def test_outage(cio, cio_load, cio_fake, arranged):
            await cio.identify(cio_load.user.id)

        @pytest.fixture
        def arranged(cio_fake):
            cio_fake.at("1s").freeze("500ms")
            cio_fake.at("2s").fail(503, ratio=0.1, lasting="500ms")
        """
    )
    pytester.runpytest(*QUIET, "--cio-json=runs.json").assert_outcomes(passed=1)
    (run,) = json.loads(Path("runs.json").read_text(encoding="utf-8"))["runs"]
    marks = [(mark["at"], mark["text"]) for mark in run["timeline"]["marks"] if mark["kind"] == "fault"]
    assert [at for at, _ in marks] == [1.0, 2.0]
    assert "frozen" in marks[0][1]
    assert "503" in marks[1][1]


def test_a_run_is_seen_through_prometheus_while_it_goes_on(pytester: pytest.Pytester) -> None:
    """By whoever scrapes the port that the header names."""
    pytester.makepyfile(
        """
        import asyncio, re, urllib.request
        import pytest

        SEEN = []

        @pytest.mark.cio_load(rate=20, duration=1, clock="wall", errors=0)
        async def test_seen(cio, cio_load, where):
            await cio.identify(cio_load.user.id)
            if cio_load.index == 10:
                SEEN.append(await asyncio.to_thread(lambda: urllib.request.urlopen(where).read().decode()))
                assert "cio_load" in SEEN[0]

        @pytest.fixture
        def where(request):
            from pytest_cio_load.observing import where
            return where(request.config)
        """
    )
    result = pytester.runpytest_subprocess(*QUIET, "--cio-prometheus=0")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["cio-load: *observed at http://127.0.0.1:*"])


@pytest.mark.parametrize("port", ["x", "70000", ""])
def test_a_port_that_is_none(pytester: pytest.Pytester, port: str) -> None:
    """Is a usage error, before anything runs."""
    result = pytester.runpytest(*QUIET, f"--cio-prometheus={port}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*expected a port of 127.0.0.1*"])
