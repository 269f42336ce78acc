"""What a test may do behind the guard's back, by mistake or not: none of it leaves anybody behind, and none of it is green."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_cio_load.customerio.pacing import BURST

Stage = Any


def test_bodies_that_run_on(stage: Stage, pytester: pytest.Pytester) -> None:
    """Threads cannot be stopped: what they send after their time is refused, and the cleaning up is true."""
    pytester.makepyfile(
        """
        import time, pytest

        @pytest.mark.cio_load(rate=5, duration=1, timeout="500ms", errors="100%")
        def test_slow(cio_sync, cio_load):
            time.sleep(1.5 if cio_load.index else 0)
            for number in range(3):
                cio_sync.track(f"{cio_load.user.id}-{number}", "opened")
                time.sleep(0.2)
        """
    )
    stage.allow(pytester.path, "staging")
    played = stage.pytest(pytester, "--cio-json=runs.json")
    assert stage.workspace("staging").people == {}, played.text
    (run,) = json.loads(played.written["runs.json"])["runs"]
    assert (run["cleanup"]["left"], run["cleanup"]["verified"]) == (0, True)


def test_a_task_that_nobody_awaits(stage: Stage, pytester: pytest.Pytester) -> None:
    """Likewise."""
    pytester.makepyfile(
        """
        import asyncio, pytest

        TASKS = []

        @pytest.mark.cio_load(rate=5, duration=1)
        async def test_it(cio, cio_load):
            async def later():
                for number in range(20):
                    await asyncio.sleep(0.2)
                    await cio.track(f"{cio_load.user.id}-{number}", "opened")
            TASKS.append(asyncio.create_task(later()))
            await cio.identify(cio_load.user.id)
        """
    )
    stage.allow(pytester.path, "staging")
    played = stage.pytest(pytester)
    assert stage.workspace("staging").people == {}, played.text


@pytest.mark.parametrize("wire", ["direct", "pyreqwest", "httpx"])
def test_a_client_kept_from_an_earlier_test(stage: Stage, pytester: pytest.Pytester, wire: str) -> None:
    """Its permit ended with its test."""
    pytester.makepyfile(
        """
        KEPT = {}

        async def test_a(cio, cio_load):
            KEPT["cio"], KEPT["id"] = cio, cio_load.user.id
            await cio.identify(KEPT["id"])

        async def test_b(cio, cio_load):
            await cio.identify(cio_load.user.id)
            await KEPT["cio"].track(KEPT["id"], "again")
        """
    )
    stage.allow(pytester.path, "staging")
    played = stage.pytest(pytester, f"--cio-wire={wire}")
    assert played.code == 1, played.text
    assert "1 failed, 1 passed" in played.text
    assert stage.workspace("staging").people == {}


BY_HAND = """
    import os
    import pytest
    from pytest_cio_load.customerio.client import Client
    from pytest_cio_load.customerio.engines import make_wire
    from pytest_cio_load.customerio.wire import Request
    from pytest_cio_load.customerio.workspaces import AppAccess, Workspace

    @pytest.mark.cio_load(rate=5, duration=1)
    async def test_by_hand(cio, cio_load):
        await cio.identify(cio_load.user.id)
        workspace = Workspace(os.environ["CIO_LOAD_SITE_ID"], os.environ["CIO_LOAD_API_KEY"])
        access = AppAccess(os.environ["CIO_LOAD_APP_KEY"])
        {act}
"""


@pytest.mark.parametrize(
    "act",
    [
        'await Client(workspace, make_wire(workspace, "httpx")).delete("ada-lovelace")',
        'await Client(workspace, make_wire(workspace, "direct")).identify("bob", email="bob@real.example.org")',
        'await make_wire(access, "httpx").send(Request("POST", "/v1/send/email", b"{}"))',
        'await make_wire(workspace).send(Request("GET", "/auth"))',
    ],
)
def test_staging_s_own_credentials_by_hand(stage: Stage, pytester: pytest.Pytester, act: str) -> None:
    """A wire that was not made under the permit reaches nobody, whatever its credentials."""
    stage.settle("staging", "ada-lovelace")
    pytester.makepyfile(BY_HAND.format(act=act))
    stage.allow(pytester.path, "staging")
    played = stage.pytest(pytester)
    assert played.code == 1, played.text
    assert " passed" not in played.words
    assert "the guard refuses" in played.words, played.text
    assert set(stage.workspace("staging").people) == {"ada-lovelace"}


def test_every_test_is_held_against_the_caps(stage: Stage, pytester: pytest.Pytester) -> None:
    """Not only the one that asked first, nor only those whose target the command line says."""
    pytester.makepyfile(
        """
        import pytest

        async def test_unmarked(cio, cio_load):
            await cio.identify(cio_load.user.id)

        @pytest.fixture
        def cio_target():
            return "staging"

        @pytest.mark.cio_load(rate=400, duration=3)
        async def test_fast(cio, cio_load):
            await cio.identify(cio_load.user.id)
        """
    )
    stage.allow(pytester.path, "staging")
    played = stage.pytest(pytester, "--cio-max-rate=10", target=None)
    assert "1 passed, 1 error" in played.text, played.text
    assert "rule 'caps': got 400" in played.words
    assert stage.workspace("staging").people == {}


def test_the_rate_cap_is_of_requests(stage: Stage, pytester: pytest.Pytester) -> None:
    """However many an iteration makes, and whatever the workspace's own limit is said to be."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.cio_load(rate=3, duration=1, errors="100%", max="1m")
        async def test_many(cio, cio_load):
            for _ in range(20):
                await cio.track(cio_load.user.id, "opened")
        """
    )
    stage.allow(pytester.path, "staging")
    stage.pytest(pytester, "--cio-max-rate=10", "--cio-workspace-limit=1000", "-o", "addopts=", "--cio-json=runs.json")
    sent = stage.workspace("staging").received("track")
    took = json.loads((pytester.path / "runs.json").read_text(encoding="utf-8"))["runs"][0]["machine"]["real_seconds"]
    assert sent >= 60  # the canaries' own come on top
    assert took >= (60 - BURST) / 10 - 0.1


def test_a_plan_makes_no_load(stage: Stage, pytester: pytest.Pytester) -> None:
    """Whatever a fixture says the target is."""
    pytester.makepyfile(
        test_it="""
        import pytest

        @pytest.fixture
        def cio_target():
            return "staging"

        @pytest.mark.cio_load(rate=5, duration=1)
        async def test_it(cio, cio_load):
            await cio.identify(cio_load.user.id)
        """
    )
    stage.allow(pytester.path, "staging")
    played = stage.command(pytester.path, "check", "test_it.py", CIO_LOAD_LIVE=None)
    assert (played.writes, played.tunnels) == ({}, [])


FAILED = """
    import pytest

    async def test_skips(cio, cio_load):
        await cio.identify(cio_load.user.id)
        pytest.skip("not today")

    @pytest.mark.xfail
    async def test_expected(cio, cio_load):
        await cio.identify(cio_load.user.id)
        assert False
"""


def test_a_failed_cleanup_is_told_whatever_became_of_the_test(stage: Stage, pytester: pytest.Pytester) -> None:
    """Skipped and expected failures have nothing else to tell it; the session is not green."""
    pytester.makepyfile(FAILED)
    stage.allow(pytester.path, "staging")
    pytester.makeconftest(
        """
        import pytest
        from pytest_cio_load.customerio.operations import reads

        @pytest.fixture(autouse=True)
        def broken(monkeypatch):
            from pytest_cio_load.errors import GuardRefused
            from pytest_cio_load.staging import workspace

            async def sweep(*arguments, **keywords):
                raise GuardRefused("the App API is gone; expected it; try again")

            monkeypatch.setattr(workspace, "sweep", sweep)
        """
    )
    played = stage.pytest(pytester)
    assert played.code == 1, played.text
    assert played.text.count("cleanup failed: 1 of 1 made-up people are left") >= 2
    assert "run: cio-load cleanup" in played.words


def test_what_the_app_api_tells_is_hidden(stage: Stage, pytester: pytest.Pytester) -> None:
    """Of real people too."""
    stage.settle("staging", "ada-lovelace")
    pytester.makepyfile(
        """
        async def test_reads(cio_app):
            (found,) = await cio_app.customers_attributes(["ada-lovelace"])
            assert found.attributes == {}
        """
    )
    stage.allow(pytester.path, "staging")
    played = stage.pytest(pytester, "-l", "--junitxml=junit.xml")
    assert played.code == 1, played.text
    assert "'pro'" not in played.text
    assert "'pro'" not in played.written["junit.xml"]


def test_warnings_and_fixtures_asked_for_late(stage: Stage, pytester: pytest.Pytester) -> None:
    """Neither shows what was sent."""
    pytester.makepyfile(
        """
        import os, warnings

        PLAN = "-".join(("nobody", "may", "read", "this"))

        def test_late(request):
            cio = request.getfixturevalue("cio_sync")
            load = request.getfixturevalue("cio_load")
            cio.identify(load.user.id, plan=PLAN)
            warnings.warn(f"{PLAN} {os.environ['CIO_LOAD_API_KEY']}")
            key = os.environ["CIO_LOAD_API_KEY"]
            assert PLAN == key
        """
    )
    stage.allow(pytester.path, "staging")
    played = stage.pytest(pytester, "-l", "-rA", "--junitxml=junit.xml")
    assert played.code == 1, played.text
    assert played.secrets() == []
