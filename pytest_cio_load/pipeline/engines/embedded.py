"""A bundled Valkey with its append-only file on, started and stopped by us: a queue that survives, with nothing to install.

One folder has one server, whoever asks for it. Two locks see to that, both let go of by the system when a process dies:

* ``server.lock`` is held by the server itself, which inherits it: while it lives, nobody starts another one on the same file.
* ``users.lock`` is shared by everyone who uses it: the last one to leave stops it.

So a second ``Embedded`` on a folder attaches to the server that is there, and one whose starter was killed is found alive, with every job.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, TracebackType

from pytest_cio_load.errors import QueueUnavailable
from pytest_cio_load.pipeline.engines.embedded_binary import server_binary
from pytest_cio_load.pipeline.engines.embedded_folder import FOLDER, make_folder

_FIXED = {
    "bind": "127.0.0.1",
    "protected-mode": "yes",
    "daemonize": "yes",
    "save": '""',
    "appendonly": "yes",
    "appendfsync": "everysec",
    "aof-load-truncated": "yes",
    "maxmemory-policy": "noeviction",
    "loglevel": "notice",
    "logfile": "server.log",
    "pidfile": "server.pid",
    "dir": ".",
}
_LOOK_AGAIN = 0.02


class Embedded:
    """A Valkey of our own on a folder. Also a context manager.

    Args:
        folder: where it keeps its files; made, for this user only, when it is not there.
        port: of 127.0.0.1; None for the one it had before when that is free, else any.
        settings: lines of its configuration, beyond or instead of ours: ``{"appendfsync": "always"}``.
        patience: seconds it may take to be ready, loading its file, or to stop.
    """

    def __init__(
        self, folder: str | Path = FOLDER, *, port: int | None = None, settings: Mapping[str, str] | None = None, patience: float = 60.0
    ) -> None:
        self.folder = Path(folder).absolute()
        self._wanted, self._settings, self._patience = port, {**_FIXED, **(settings or {})}, patience
        self._users: int | None = None
        self._port = self._pid = 0

    @property
    def url(self) -> str:
        """For an engine. Raises QueueUnavailable before :meth:`start`."""
        if self._users is None:
            raise QueueUnavailable(f"embedded server in {self.folder}: got asked for its URL; expected start() before; call it")
        return f"redis://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Of the server's process; 0 before :meth:`start`."""
        return self._pid

    def start(self) -> None:
        """Start the server, or attach to the one that is there. Returns when it is ready.

        Raises:
            QueueUnavailable: there is no program to start, it stopped at once, or it did not get ready in time.
        """
        if self._users is not None and self._answers(self._port):
            return
        locks = _locks()
        make_folder(self.folder)
        end = time.monotonic() + self._patience
        if self._users is None:
            self._users = self._user(locks, end)
        try:
            while not self._attached() and not self._started(locks, end):
                if time.monotonic() > end:
                    got = f"no server that is ready after {self._patience:g} s"
                    raise QueueUnavailable(f"embedded server in {self.folder}: got {got}; expected one; look at server.log there")
                time.sleep(_LOOK_AGAIN)
        except BaseException:
            self._let_go()
            raise

    def stop(self) -> None:
        """Leave. The last one to leave stops the server, which writes everything down first."""
        if self._users is None:
            return
        try:
            locks = _locks()
            with contextlib.suppress(BlockingIOError):
                locks.flock(self._users, locks.LOCK_EX | locks.LOCK_NB)
                self._end(signal.SIGTERM)
        finally:
            self._let_go()

    def kill(self) -> None:
        """End the server at once, as a crash would. :meth:`start` starts it again."""
        self._end(signal.SIGKILL)

    def __enter__(self) -> Embedded:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _user(self, locks: ModuleType, end: float) -> int:
        users = os.open(self.folder / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
        while True:
            try:
                locks.flock(users, locks.LOCK_SH | locks.LOCK_NB)
                return users
            except BlockingIOError:
                # The last one is about to stop the server.
                if time.monotonic() > end:
                    os.close(users)
                    got = f"somebody who has been stopping it for {self._patience:g} s"
                    raise QueueUnavailable(f"embedded server in {self.folder}: got {got}; expected it to stop; end that process") from None
                time.sleep(_LOOK_AGAIN)

    def _let_go(self) -> None:
        if self._users is not None:
            os.close(self._users)
            self._users = None

    def _attached(self) -> bool:
        """Whether the server that the folder names answers, and is the folder's own."""
        port = self._noted()
        if not port or not self._answers(port):
            return False
        self._port = port
        return True

    def _noted(self) -> int:
        try:
            return int(json.loads((self.folder / "server.json").read_text("utf-8"))["port"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def _note(self, port: int, pid: int) -> None:
        made = self.folder / f"server.json.{os.getpid()}"
        made.write_text(json.dumps({"url": f"redis://127.0.0.1:{port}", "port": port, "pid": pid}), "utf-8")
        made.replace(self.folder / "server.json")

    def _answers(self, port: int) -> bool:
        """Whether the folder's own server is ready on *port*: another program may have got it since."""
        told = _asked(port)
        ours = told.get("config_file") and Path(told["config_file"]).resolve() == (self.folder / "server.conf").resolve()
        if not ours or told.get("loading") != "0":
            return False
        self._pid = int(told["process_id"])
        return True

    def _started(self, locks: ModuleType, end: float) -> bool:
        """Whether a server was started and is ready; False when there is one already, or its port was taken."""
        lock = os.open(self.folder / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            locks.flock(lock, locks.LOCK_EX | locks.LOCK_NB)
            port = self._wanted or _free(self._noted())
            lines = {**self._settings, "port": str(port)}
            (self.folder / "server.conf").write_text("".join(f"{key} {value}\n" for key, value in lines.items()), "utf-8")
            # Whoever finds the server alive and its starter dead needs to know the port.
            self._note(port, 0)
            # Or the number of one that was killed, which may be another program's by now, would be taken for its.
            (self.folder / "server.pid").unlink(missing_ok=True)
            said_before = self._log_size()
            command = [str(server_binary()), str(self.folder / "server.conf")]
            # It makes itself a daemon: Ctrl-C must not end it before the worker has settled what it took, nor the end of its starter.
            began = subprocess.run(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, pass_fds=(lock,), check=False
            )
        except BlockingIOError:
            return False
        finally:
            os.close(lock)
        return self._ready(port, end, said_before, began.stdout + began.stderr)

    def _ready(self, port: int, end: float, said_before: int, printed: str) -> bool:
        while not self._gone():
            if self._answers(port):
                self._port = port
                self._note(port, self._pid)
                return True
            if time.monotonic() > end:
                self._end(signal.SIGKILL)
                return False
            time.sleep(_LOOK_AGAIN)
        said = self._said(said_before) or printed.strip().splitlines()[-1:]
        if self._wanted is None and any("listening" in line for line in said):
            return False
        why = said[-1].strip()[:200] if said else "it said nothing"
        raise QueueUnavailable(f"embedded server in {self.folder}: got its end ({why}); expected it to run; look at server.log there")

    def _log_size(self) -> int:
        try:
            return (self.folder / "server.log").stat().st_size
        except OSError:
            return 0

    def _said(self, before: int) -> list[str]:
        """Warnings that the server has written into its log since it was *before* bytes long."""
        try:
            with (self.folder / "server.log").open("rb") as log:
                log.seek(before)
                text = log.read(65536).decode("utf-8", "replace")
        except OSError:
            return []
        return [line.partition(" # ")[2] for line in text.splitlines() if " # " in line]

    def _end(self, how: signal.Signals) -> None:
        """Signal the server, and wait until it is gone."""
        end = time.monotonic() + self._patience
        signalled = False
        while not self._gone():
            # While the lock is held the number is the server's; a moment after its start it has not written it yet.
            if not signalled and (pid := self._written_pid() or self._told_pid()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, how)
                signalled = True
            if time.monotonic() > end and how is not signal.SIGKILL:
                self._end(signal.SIGKILL)
                return
            time.sleep(_LOOK_AGAIN)

    def _written_pid(self) -> int:
        try:
            return int((self.folder / "server.pid").read_text("ascii"))
        except (OSError, ValueError):
            return 0

    def _told_pid(self) -> int:
        """As the server itself says, should its file have been deleted."""
        return self._pid if self._port and self._answers(self._port) else 0

    def _gone(self) -> bool:
        locks = _locks()
        lock = os.open(self.folder / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            locks.flock(lock, locks.LOCK_EX | locks.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(lock)
        return True


def _locks() -> ModuleType:
    """The module of file locks. Raises QueueUnavailable where the system has none."""
    try:
        import fcntl
    except ImportError:
        raise QueueUnavailable("embedded server: got a system without file locks; expected Linux or macOS; try a redis:// URL") from None
    return fcntl


def _free(before: int) -> int:
    """A port that nobody has now; *before* when it is one."""
    for port in (before, 0) if before else (0,):
        with socket.socket() as trial, contextlib.suppress(OSError):
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(("127.0.0.1", port))
            return int(trial.getsockname()[1])
    raise QueueUnavailable("embedded server: got no free port of 127.0.0.1; expected one; end what uses them")


def _asked(port: int) -> dict[str, str]:
    """What a server on *port* tells of itself; nothing when it does not answer as one."""
    answer = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2.0) as wire:
            wire.sendall(b"INFO\r\n")
            head = b""
            while not head.endswith(b"\r\n"):
                if not (byte := wire.recv(1)) or len(head) > 40:
                    return {}
                head += byte
            wanted = int(head[1:]) if head[:1] == b"$" else 0
            while len(answer) < wanted and (part := wire.recv(65536)):
                answer += part
    except (OSError, ValueError):
        return {}
    pairs = (line.partition(":") for line in answer.decode("utf-8", "replace").splitlines())
    return {key: value for key, colon, value in pairs if colon}
