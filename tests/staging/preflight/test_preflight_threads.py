"""The preflight from wherever it is called: inside of a loop, with a loop, and by one thread after the other."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_cio_load
from pytest_cio_load.fake.served import ServedFake
from pytest_cio_load.safety.allowlist import Entry
from pytest_cio_load.staging.preflight import Approved, Way, approve, ask

KEYS = {"CIO_LOAD_SITE_ID": "5f1c0aa7d2b94e38", "CIO_LOAD_API_KEY": "9be27d416f0c53aa", "CIO_LOAD_APP_KEY": "e0d4b7719c2f4a6b8d35"}
ENVIRONMENT = {**KEYS, "CIO_LOAD_LIVE": "1"}
PATIENCE = 60.0

OVER_AND_OVER = """
import sys
from pathlib import Path
from pytest_cio_load.staging.preflight import Way, approve
engine, url, listed, *pairs = sys.argv[1:]
environment = dict(pair.split("=") for pair in pairs)
for _ in range(20):
    print(approve(environment, Path(listed), way=Way(engine=engine, track_url=url, app_url=url)).workspace_name)
"""


async def _inside(fake: ServedFake, listed: Path) -> Approved:
    return approve(ENVIRONMENT, listed, way=Way(track_url=fake.url, app_url=fake.url))


def test_inside_of_a_running_loop(fake: ServedFake, listed: Path, entry: Entry) -> None:
    """A fixture may stand in one."""
    assert asyncio.run(_inside(fake, listed)).entry == entry


def test_awaited(fake: ServedFake, listed: Path, entry: Entry) -> None:
    """By those who have a loop of their own."""
    asked = asyncio.run(ask(ENVIRONMENT, listed, way=Way(track_url=fake.url, app_url=fake.url)))
    assert asked.approved.entry == entry


@pytest.mark.parametrize("engine", ["auto", "pyreqwest", "aiohttp", "httpx"])
def test_over_and_over_in_a_new_process(fake: ServedFake, listed: Path, engine: str) -> None:
    """Each time in a thread that ends: an engine that is imported there first must not bring the process down later."""
    home = str(Path(pytest_cio_load.__file__).parents[1])
    pairs = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
    words = [sys.executable, "-c", f"import sys; sys.path.insert(0, {home!r})\n{OVER_AND_OVER}", engine, fake.url, str(listed), *pairs]
    ended = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split("\n") == [*["Acme Staging"] * 20, ""]
