"""The stage is what it seems to be: whoever calls Customer.io by name and over TLS reaches the fake, and nobody gets anywhere else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cio_load.fake.workspace import Reply

if TYPE_CHECKING:
    Stage = Any

OURS = """
import asyncio, sys
from pytest_cio_load.customerio.client import AppClient, Client, SyncAppClient, SyncClient
from pytest_cio_load.customerio.engines import make_sync_wire, make_wire
from pytest_cio_load.customerio.workspaces import AppAccess, Region, Workspace
from os import environ

def accesses(region):
    workspace = Workspace(environ["CIO_LOAD_SITE_ID"], environ["CIO_LOAD_API_KEY"], region)
    return workspace, AppAccess(environ["CIO_LOAD_APP_KEY"], region)

async def story(engine, region):
    track, app = accesses(region)
    async with Client(track, make_wire(track, engine)) as cio, AppClient(app, make_wire(app, engine)) as reads:
        print(await cio.account_region())
        await cio.identify(f"{engine}-1", plan="pro")
        print((await reads.customer_attributes(f"{engine}-1")).names.id)

def blocking_story(engine, region):
    track, app = accesses(region)
    with SyncClient(track, make_sync_wire(track, engine)) as cio, SyncAppClient(app, make_sync_wire(app, engine)) as reads:
        print(cio.account_region())
        cio.identify(f"{engine}-2", plan="pro")
        print(reads.customer_attributes(f"{engine}-2").names.id)

for engine in sys.argv[2:] or ("pyreqwest", "aiohttp", "httpx"):
    asyncio.run(story(engine, Region(sys.argv[1])))
    blocking_story(engine, Region(sys.argv[1]))
"""
OTHERS = """
import os, urllib.request
from customerio import CustomerIO, Regions

official = CustomerIO(os.environ["CIO_LOAD_SITE_ID"], os.environ["CIO_LOAD_API_KEY"], region=Regions.US)
official.identify(id="official", plan="pro")
official.http.close()
bearer = {"authorization": "Bearer " + os.environ["CIO_LOAD_APP_KEY"]}
print(urllib.request.urlopen(urllib.request.Request("https://api.customer.io/v1/workspaces", headers=bearer)).read().decode())
"""
PAST = """
import asyncio, os, socket
from async_customerio import AsyncCustomerIO

for look in (socket.getaddrinfo, lambda name, port: socket.gethostbyname(name)):
    try:
        look("track.customer.io", 443)
    except OSError as error:
        print(error)

async def story():
    try:
        await asyncio.open_connection("api.customer.io", 443)
    except OSError as error:
        print(error)
    async with AsyncCustomerIO(os.environ["CIO_LOAD_SITE_ID"], os.environ["CIO_LOAD_API_KEY"]) as cio:
        try:
            await cio.identify("asynchronous")
        except Exception as error:
            print(error)

asyncio.run(story())
print(socket.getaddrinfo("127.0.0.1", 443)[0][4], socket.getaddrinfo("localhost", 443) != [])
"""


@pytest.mark.parametrize(("whose", "region", "hosts"), [("staging", "us", ""), ("europe", "eu", "-eu")])
def test_every_engine_of_ours(stage: Stage, tmp_path: Path, whose: str, region: str, hosts: str) -> None:
    """By its own names, through TLS, blocking and not: reads and writes reach the workspace that the credentials are of, and no other."""
    played = stage.play(tmp_path, "-c", OURS, region, **stage.credentials(whose))
    assert played.code == 0, played.text
    people = {f"{engine}-{number}" for engine in ("pyreqwest", "aiohttp", "httpx") for number in (1, 2)}
    assert set(stage.workspace(whose).people) == people
    assert (played.writes, played.reads, played.lookups) == ({whose: 6}, {whose: 12}, [])
    assert set(played.tunnels) == {(f"track{hosts}.customer.io:443", True), (f"api{hosts}.customer.io:443", True)}
    assert played.text.count(f"https://track{hosts}.customer.io") == 6


def test_every_client_of_others(stage: Stage, tmp_path: Path) -> None:
    """The official one, and what has nothing but the standard library."""
    played = stage.play(tmp_path, "-c", OTHERS)
    assert played.code == 0, played.text
    assert '"name": "Staging"' in played.text
    assert set(stage.workspace("staging").people) == {"official"}
    assert (played.writes, played.reads, played.lookups) == ({"staging": 1}, {"staging": 1}, [])


def test_whoever_goes_past_the_proxy(stage: Stage, tmp_path: Path) -> None:
    """Finds no such name, and it is written down; one client of others does so whatever the environment says."""
    played = stage.play(tmp_path, "-c", PAST)
    assert played.text.count("no names are looked up on the stage") == 4
    assert "('127.0.0.1', 443) True" in played.text
    assert played.lookups == ["track.customer.io", "track.customer.io", "api.customer.io", "track.customer.io"]
    assert (played.tunnels, played.is_untouched) == ([], True)


def test_whoever_goes_elsewhere(stage: Stage, tmp_path: Path) -> None:
    """Is turned away by the proxy, and it is written down."""
    played = stage.play(tmp_path, "-c", "import requests; requests.get('https://cdp.customer.io/v1/batch')")
    assert played.code == 1
    assert "Tunnel connection failed: 403" in played.text
    assert (played.tunnels, played.lookups) == ([("cdp.customer.io:443", False)], [])


def test_the_environment_is_the_stages(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that this run or this machine has set gets into it; what a test says wins over all."""
    for name in ("CIO_LOAD_SITE_ID", "CIO_LOAD_LIVE", "CUSTOMERIO_SITE_ID", "https_proxy", "PYTEST_ADDOPTS", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "the machine's")
    monkeypatch.setenv("LANG", "C.UTF-8")
    found = stage.environment({"CIO_LOAD_LIVE": None, "CIO_LOAD_API_KEY": "", "MORE": "this"})
    assert "the machine's" not in found.values()
    assert (found["CIO_LOAD_SITE_ID"], found["LANG"]) == (stage.credentials("staging")["CIO_LOAD_SITE_ID"], "C.UTF-8")
    assert ("CIO_LOAD_LIVE" in found, found["CIO_LOAD_API_KEY"], found["MORE"]) == (False, "", "this")


def test_a_secret_is_found_wherever_it_stands(stage: Stage, tmp_path: Path) -> None:
    """In what was printed, and in every file that was written."""
    keys = stage.credentials("production")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "report.xml").write_text(f"<x>{keys['CIO_LOAD_API_KEY']}</x>", encoding="utf-8")
    played = stage.play(tmp_path, "-c", "import sys; print(sys.argv[1]); print('ada@', file=sys.stderr)", keys["CIO_LOAD_APP_KEY"])
    assert sorted(played.secrets("ada@")) == [
        "'ada@' in what it printed",
        "CIO_LOAD_API_KEY of production in deep/report.xml",
        "CIO_LOAD_APP_KEY of production in what it printed",
    ]
    assert stage.play(tmp_path / "deep", "-c", "").secrets() == ["CIO_LOAD_API_KEY of production in report.xml"]


@pytest.mark.skipif(os.name == "nt", reason="limits files as POSIX does")
def test_a_disk_that_is_full(stage: Stage, tmp_path: Path) -> None:
    """A file grows to so many bytes and no further."""
    program = "f = open('x', 'wb', 0); print(f.write(b'a' * 100)); f.write(b'a')"
    played = stage.play(tmp_path, "-c", program, STAGE_LARGEST_FILE="64")
    assert (played.code, "File too large" in played.text, len(played.written["x"])) == (1, True, 64)


def test_an_answer_by_hand(stage: Stage, tmp_path: Path) -> None:
    """Reaches whoever asks by name."""
    stage.fake.answer_by_hand("GET", "/api/v1/accounts/region", Reply(200, {"content-type": "text/html"}, b"<html>", 0.0))
    played = stage.play(tmp_path, "-c", OURS, "us", "aiohttp")
    assert played.code == 1
    assert "<html>" in played.text or "JSON" in played.text
    assert (played.writes, played.reads) == ({}, {})


def test_it_is_cleared(stage: Stage, tmp_path: Path) -> None:
    """Nothing is left of a play but the stage."""
    stage.play(tmp_path, "-c", OTHERS)
    stage.play(tmp_path, "-c", PAST)
    stage.clear()
    played = stage.play(tmp_path, "-c", "")
    assert (played.code, played.writes, played.reads, played.tunnels, played.lookups) == (0, {}, {}, [], [])
    assert stage.fake.people == {}


def test_pytest_on_the_stage(stage: Stage, pytester: pytest.Pytester) -> None:
    """Runs the suite of the folder with our plugin, once, from the package that runs here."""
    pytester.makepyfile("import pytest_cio_load\n\ndef test_it():\n    print(pytest_cio_load.__file__)\n")
    played = stage.pytest(pytester, "-s", target="mock")
    assert played.code == 0, played.text
    assert str(Path(__file__).parents[2] / "pytest_cio_load") in played.text
    assert "cio-load: mode=load" in played.text
