"""The bundled Valkey: one server on a folder, whoever asks for it, and every job there after a crash."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_cio_load.errors import QueueUnavailable
from pytest_cio_load.pipeline.engines import embedded
from pytest_cio_load.pipeline.engines.embedded import FOLDER, Embedded

_OWNER = """
import sys, time
from pytest_cio_load.pipeline.engines.embedded import Embedded
server = Embedded(sys.argv[1])
server.start()
print(server.url, server.pid, flush=True)
sys.stdin.readline()
server.stop()
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder that is not there yet."""
    return tmp_path / "deep" / "queue folder"


@pytest.fixture
def opened(folder) -> Iterator[Callable[..., Embedded]]:
    """Starts servers on the folder; stops them all."""
    made: list[Embedded] = []

    def start(where: Path | None = None, **settings: object) -> Embedded:
        made.append(Embedded(where or folder, **settings))
        made[-1].start()
        return made[-1]

    yield start
    for each in made:
        each.stop()


@pytest.fixture
def owner(folder) -> Iterator[Callable[[], tuple[subprocess.Popen[str], str, int]]]:
    """Starts processes that start, or attach to, the folder's server; gives each with its URL and the server's pid."""
    made: list[subprocess.Popen[str]] = []

    def start() -> tuple[subprocess.Popen[str], str, int]:
        made.append(subprocess.Popen([sys.executable, "-c", _OWNER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        url, pid = made[-1].stdout.readline().split()
        return made[-1], url, int(pid)

    yield start
    for process in made:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def say(url: str, *words: str) -> str:
    """One command; the first line of the answer."""
    host, port = url.removeprefix("redis://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as wire:
        wire.sendall(f"*{len(words)}\r\n".encode() + b"".join(f"${len(word)}\r\n{word}\r\n".encode() for word in words))
        return wire.makefile("r").readline().strip()


def answers(url: str) -> bool:
    """Whether anybody is there."""
    try:
        return say(url, "PING") == "+PONG"
    except OSError:
        return False


def test_it_starts_and_stops(opened, folder):
    """Ready when start returns; on loopback; for this user only; everything on disk; nothing thrown away."""
    server = opened()
    assert say(server.url, "PING") == "+PONG"
    assert server.url.startswith("redis://127.0.0.1:")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    told = (folder / "server.conf").read_text()
    for line in ("appendonly yes", "appendfsync everysec", "maxmemory-policy noeviction", 'save ""', "bind 127.0.0.1"):
        assert f"{line}\n" in told
    assert json.loads((folder / "server.json").read_text()) == {
        "url": server.url,
        "port": int(server.url.rpartition(":")[2]),
        "pid": server.pid,
    }
    url = server.url
    server.stop()
    server.stop()
    assert not answers(url)


def test_starting_twice_changes_nothing(opened):
    """The second time it is there."""
    server = opened()
    pid = server.pid
    server.start()
    assert server.pid == pid


def test_it_keeps_what_it_has(folder):
    """Over a stop and over a kill, at the same URL."""
    with Embedded(folder, settings={"appendfsync": "always"}) as server:
        url = server.url
        assert say(url, "SET", "a", "1") == "+OK"
        server.kill()
        assert not answers(url)
        server.start()
        assert server.url == url
        assert say(url, "INCR", "a") == ":2"
    with Embedded(folder) as server:
        assert server.url == url
        assert say(url, "INCR", "a") == ":3"


def test_a_file_that_was_cut_short_is_loaded(folder):
    """As far as it goes: the end of the last command is missing after a crash."""
    with Embedded(folder) as server:
        say(server.url, "SET", "whole", "1")
        say(server.url, "SET", "cut", "2")
    [file] = folder.rglob("*.incr.aof")
    file.write_bytes(file.read_bytes()[:-3])
    with Embedded(folder) as server:
        assert say(server.url, "EXISTS", "whole", "cut") == ":1"


def test_a_second_one_attaches(opened):
    """It is the same server, and it lives until both have left."""
    first, second = opened(), opened()
    assert (second.url, second.pid) == (first.url, first.pid)
    second.stop()
    assert answers(first.url)
    third = opened()
    url = first.url
    first.stop()
    assert answers(url)
    third.stop()
    assert not answers(url)


def test_many_at_once_have_one_server(owner):
    """Processes that start in the same moment."""
    found = [owner() for _ in range(3)]
    assert len({(url, pid) for _, url, pid in found}) == 1


def test_a_server_whose_starter_was_killed_is_found(opened, owner):
    """It lives on with every job, is attached to, and stopped by the last one to leave."""
    process, url, pid = owner()
    say(url, "SET", "a", "1")
    process.kill()
    process.wait()
    assert answers(url)
    server = opened()
    assert (server.url, server.pid) == (url, pid)
    assert say(server.url, "GET", "a") == "$1"
    server.stop()
    assert not answers(url)


def test_a_server_that_died_with_its_starter_is_started_again(opened, owner):
    """What its file says of itself is not believed."""
    process, _, pid = owner()
    process.kill()
    process.wait()
    os.kill(pid, signal.SIGKILL)
    server = opened()
    assert server.pid != pid
    assert answers(server.url)


def test_an_attached_one_starts_it_again_after_a_crash(opened, owner):
    """Whoever asks first does."""
    _, url, pid = owner()
    server = opened()
    server.kill()
    server.start()
    assert server.url == url
    assert server.pid != pid


@pytest.mark.parametrize("text", ["", "{", "[]", '{"port": "x"}', '{"port": 1}'])
def test_a_note_that_is_wrong_is_written_again(opened, folder, text):
    """Broken, or of a port that nobody listens on."""
    folder.mkdir(parents=True)
    (folder / "server.json").write_text(text)
    assert answers(opened().url)


def test_somebody_elses_server_on_the_noted_port_is_not_ours(opened, folder, tmp_path):
    """Another folder's server may have got the port since."""
    other = opened(tmp_path / "other")
    folder.mkdir(parents=True)
    (folder / "server.json").write_text(json.dumps({"port": int(other.url.rpartition(":")[2])}))
    mine = opened()
    assert mine.url != other.url
    assert mine.pid != other.pid


def test_a_port_may_be_chosen(opened):
    """And is the one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert opened(port=port).url == f"redis://127.0.0.1:{port}"


def test_a_port_that_is_taken_is_said(folder):
    """Another one is not taken in its place."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        expected = r"in .*queue folder: got its end \(Failed listening on port .*\); expected it to run; look at server.log there"
        with pytest.raises(QueueUnavailable, match=expected):
            Embedded(folder, port=taken.getsockname()[1]).start()


def test_a_server_that_never_answers_is_not_left_behind(opened, folder):
    """One that wants a password, say: it was ours to start, and is ended."""
    with pytest.raises(QueueUnavailable, match=r"got no server that is ready after 1 s"):
        Embedded(folder, patience=1.0, settings={"requirepass": "x"}).start()
    assert answers(opened().url)


def test_a_setting_it_does_not_know_is_said(folder):
    """In the server's own words."""
    with pytest.raises(QueueUnavailable, match=r"got its end \(.*\); expected it to run"):
        Embedded(folder, settings={"no-such-setting": "1"}).start()


def test_a_server_that_does_not_get_ready_in_time_is_said(opened, folder):
    """It may be loading for long, or hang."""
    server = opened()
    os.kill(server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(QueueUnavailable, match=r"got no server that is ready after 0.5 s; expected one; look at server.log there"):
            Embedded(folder, patience=0.5).start()
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert answers(server.url)


def test_one_that_is_being_stopped_is_waited_for(folder, monkeypatch):
    """But not for ever."""
    folder.mkdir(parents=True)
    fcntl = pytest.importorskip("fcntl")
    with (folder / "users.lock").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        with pytest.raises(QueueUnavailable, match=r"got somebody who has been stopping it for 0.2 s; expected it to stop; end"):
            Embedded(folder, patience=0.2).start()


def test_no_url_before_the_start(folder):
    """There is none yet."""
    server = Embedded(folder)
    assert server.pid == 0
    with pytest.raises(QueueUnavailable, match=r"got asked for its URL; expected start\(\) before; call it"):
        _ = server.url


def test_the_folder_is_one_of_the_current_directory(tmp_path, monkeypatch):
    """Unless told otherwise."""
    monkeypatch.chdir(tmp_path)
    assert Embedded().folder == tmp_path / FOLDER


def test_a_system_without_file_locks(monkeypatch, folder):
    """Windows has none."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    expected = r"embedded server: got a system without file locks; expected Linux or macOS; try a redis:// URL"
    with pytest.raises(QueueUnavailable, match=expected):
        Embedded(folder).start()


def test_no_free_port(monkeypatch):
    """All are used."""

    class Full(socket.socket):
        def bind(self, _address: object) -> None:
            raise OSError("address in use")

    monkeypatch.setattr(embedded.socket, "socket", Full)
    with pytest.raises(QueueUnavailable, match=r"got no free port of 127.0.0.1; expected one; end what uses them"):
        embedded._free(0)
