"""What the tests of sending share: the command as it is registered, and a served fake to send to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_cio_load import cli
from pytest_cio_load.fake.served import ServedFake

START = "import sys; from pytest_cio_load import cli; sys.exit(cli.main(['send', *sys.argv[1:]]))"
ENVIRONMENT = {"CIO_SITE_ID": "fake-site-id", "CIO_TRACK_API_KEY": "fake-api-key"}


@pytest.fixture(scope="session")
def one() -> Iterator[ServedFake]:
    """One fake for all tests of a worker."""
    with ServedFake([{"limit": 100_000, "latency": "0ms"}]) as fake:
        yield fake


@pytest.fixture
def fake(one: ServedFake) -> ServedFake:
    """As new."""
    one.reset()
    return one


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """``cio-load send`` in this process, with the fake's credentials: the exit code."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return lambda *arguments: cli.main(["send", *map(str, arguments)])


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """``cio-load send`` in a process of its own; whatever still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", START, *map(str, arguments)],
            env={**os.environ, **ENVIRONMENT, "PYTHONPATH": str(Path(__file__).parents[3])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes objects as JSON lines."""

    def written(*lines: object, name: str = "lines.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines), encoding="utf-8")
        return path

    return written
