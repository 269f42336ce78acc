"""The fake as a process, several workspaces, delivery as a contract, clients of others: as a suite uses them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("wire", ["auto", "pyreqwest", "aiohttp", "httpx"])
def test_the_fake_as_target(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]], wire: str) -> None:
    """Served by a process of its own on the wall clock; asked and arranged as behind the mock; gone afterwards."""
    pytester.makepyfile("""
        import os
        import pytest

        @pytest.fixture
        def afterwards(cio_fake):
            cio_fake.at("0s").fail(503, ratio=0.2)
            with open("pid", "w") as file:
                file.write(str(cio_fake._process.pid))
            yield
            assert cio_fake.applied("identify") == 20
            assert cio_fake.people == {}

        @pytest.mark.cio_load(rate=20, duration=1, target="fake", latency="1ms", max="60s", thresholds={"amplification": "value>1"})
        async def test_it(cio, cio_load, afterwards):
            await cio.identify(cio_load.user.id, email=cio_load.user.email)
    """)
    document = runs(f"--cio-wire={wire}")["test_it"]
    assert (document["verdict"], document["clock"], document["target"]) == ("kept", "wall", "fake")
    assert document["delivery"]["applied"] == 20
    with pytest.raises(ProcessLookupError):
        os.kill(int((pytester.path / "pid").read_text()), 0)


def test_the_fake_and_a_sync_test(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]]) -> None:
    """The blocking client reaches it too."""
    pytester.makepyfile("""
        import pytest

        @pytest.mark.cio_load(rate=20, duration=1, target="fake", latency="1ms", max="60s")
        def test_it(cio_sync, cio_load):
            cio_sync.track(cio_load.user.id, "opened")
    """)
    assert runs()["test_it"]["delivery"]["applied"] == 20


def test_virtual_time_needs_the_mock(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """A process has a clock of its own."""
    pytester.makepyfile("""
        import pytest

        @pytest.mark.cio_load(rate=20, duration=1, target="fake", clock="virtual")
        async def test_it(cio): pass
    """)
    assert "clock='virtual': expected the mock as target" in run().stdout.str()


@pytest.mark.parametrize("target", ["mock", "fake"])
def test_several_workspaces(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]], target: str) -> None:
    """A person always belongs to the same one; each has a budget of its own; the test is written as for one."""
    pytester.makepyfile(f"""
        import pytest

        @pytest.fixture
        def afterwards(cio_fake):
            yield
            applied = [workspace.applied("track") for workspace in cio_fake.workspaces]
            assert sum(applied) == cio_fake.applied("track") == 100
            assert all(applied)
            for workspace in cio_fake.workspaces:
                for person in {{event.person for event in workspace.events}}:
                    assert len(workspace.events_of(person)) == 10

        @pytest.mark.cio_workspace(workspaces=3, limit="50/s")
        @pytest.mark.cio_load(rate=100, duration=1, target="{target}", latency="1ms", max="60s")
        async def test_it(cio, cio_load, afterwards):
            await cio.track(f"person-{{cio_load.index % 10}}", "opened")
    """)
    document = runs()["test_it"]
    assert document["verdict"] == "kept"
    assert document["delivery"]["applied"] == 100


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("pass", {"lost": "ok", "duplicates": "ok"}),
        ('cio_fake.at("1s").drop(lasting="2s")', {"lost": "broken", "duplicates": "ok"}),
        ('cio_fake.at("1s").reset_connections(lasting="500ms", applied=True)', {"lost": "ok", "duplicates": "broken"}),
        ('cio_fake.at("1s").reset_connections(lasting="500ms")', {"lost": "ok", "duplicates": "ok"}),
        ('cio_fake.at("1s").fail(503, lasting="2s")', {"lost": "ok", "duplicates": "ok"}),
    ],
)
def test_delivery_as_a_contract(
    pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]], fault: str, state: dict[str, str]
) -> None:
    """What the client says it delivered, against what the workspace applied."""
    pytester.makepyfile(f"""
        import pytest

        @pytest.fixture
        def fault(cio_fake):
            {fault}

        @pytest.mark.cio_load(rate=20, duration=4, thresholds={{"delivery": ["lost==0", "duplicates==0", "out_of_order==0"]}})
        async def test_it(cio, cio_load, fault):
            await cio.track(cio_load.user.id, "opened")
    """)
    found = {clause["label"]: clause["state"] for clause in runs()["test_it"]["thresholds"] if clause["metric"] == "delivery"}
    assert found == {**state, "out_of_order": "ok"}


@pytest.mark.parametrize("library", ["httpx", "httpx2", "requests"])
def test_instrumented_clients(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]], library: str) -> None:
    """Blocking clients of three libraries: each request is a call of its operation, others are ``http``."""
    client = {"httpx": "httpx.Client()", "httpx2": "httpx2.Client()", "requests": "requests.Session()"}[library]
    pytester.makepyfile(f"""
        import {library}
        import pytest

        @pytest.fixture
        def client():
            with {client} as client:
                yield client

        @pytest.mark.cio_load(rate=20, duration=1, target="fake", latency="1ms", thresholds={{"track": "count==20", "http": "count==20"}})
        def test_it(client, cio_fake, cio_load):
            assert cio_load.instrument(client) is client
            cio_load.instrument(client).post(cio_fake.url + "/api/v1/customers/ada/events", json={{"name": "opened"}})
            client.get(cio_fake.url + "/elsewhere")
    """)
    document = runs("-W", "ignore")["test_it"]
    assert {clause["text"]: clause["state"] for clause in document["thresholds"] if clause["origin"] == "author"} == {"count==20": "ok"}
    assert document["metrics"]["track"]["samples"] == document["metrics"]["http"]["samples"] == 20


def test_what_cannot_be_instrumented(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> None:
    """It says what can."""
    pytester.makepyfile("""
        import pytest

        @pytest.mark.cio_load(rate=20, duration=1, max="60s")
        def test_it(cio_load):
            cio_load.instrument(object())
    """)
    told = " ".join(line.strip() for line in run().outlines)
    assert "TypeError: instrument: got object, expected an httpx, httpx2 or requests client; pass the client or session itself" in told


@pytest.mark.parametrize("target", ["mock", "fake"])
def test_reading_through_the_app_api(pytester: pytest.Pytester, runs: Callable[..., dict[str, Any]], target: str) -> None:
    """Within its own budget; a change shows once the processing lag is over, and reads are calls of the contract too."""
    pytester.makepyfile(f"""
        import asyncio
        import pytest

        @pytest.mark.cio_workspace(processing_lag="300ms", limit="1000/s")
        @pytest.mark.cio_load(rate=4, duration=2, target="{target}", latency="1ms", max="60s",
                              thresholds={{"customers_by_email": "count==16", "delivery": "lost==0"}})
        async def test_it(cio, cio_app, cio_load):
            user = cio_load.user
            await cio.identify(user.id, email=user.email)
            cio_load.check("not yet", not await cio_app.customers_by_email(user.email))
            await asyncio.sleep(0.4)
            found = await cio_app.customers_by_email(user.email)
            assert [customer.id for customer in found] == [user.id]
    """)
    document = runs()["test_it"]
    assert document["verdict"] == "kept", document["headline"]
    assert document["metrics"]["checks"]["rate"] == 1
