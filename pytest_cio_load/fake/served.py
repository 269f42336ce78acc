"""The fake in a process of its own, and what stands for it here: asked and arranged like the fake behind the mock."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from pytest_cio_load.fake.process import receive, send
from pytest_cio_load.fake.workspace import FakeWorkspace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

_PATIENCE = 10.0


class ServedFake:
    """A fake on loopback, served by a process of its own; a context manager.

    It has the questions and faults of `FakeWorkspace`: ``served.people``, ``served.applied("track")``, ``served.at("5s").fail(503)``, …

    Args:
        settings: keyword arguments of `FakeWorkspace`, for each workspace; one workspace with none by default.
        port: of HTTP; 0 for a free one.

    Attributes:
        url: where HTTP is served.
        workspaces: each workspace alone, where there are several.

    Raises:
        OSError: the port is taken.
        ValueError: the settings of a workspace make no sense.
    """

    def __init__(self, settings: Sequence[dict[str, Any]] = ({},), *, port: int = 0) -> None:
        self._lock = Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest_cio_load.fake.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        try:
            for each in settings:
                FakeWorkspace(**each)  # what makes no sense is best said here, not in the other process
            send(cast("BinaryIO", self._process.stdin), list(settings))
            self.url: str = self._tell("http", port)
        except BaseException:
            self.close()
            raise
        self.workspaces = tuple(_Part(self, number) for number in range(len(settings)))

    def __repr__(self) -> str:
        return f"ServedFake({self.url!r})"

    def __enter__(self) -> ServedFake:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def serve_https(self, *, port: int = 0) -> tuple[str, str]:
        """Serve HTTPS too: its URL, and the file with the authority that clients must trust (``REQUESTS_CA_BUNDLE``, ``SSL_CERT_FILE``).

        Raises:
            RuntimeError: trustme is not installed.
        """
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="cio-load-")
        ca_file = str(Path(self._folder.name) / "ca.pem")
        return self._tell("https", port, ca_file), ca_file

    def begin(self, now: float = 0.0) -> None:
        """The run begins now: faults count from here. *now* is ignored: the other process reads a clock of its own."""
        self._tell("begin")

    def at(self, time: str | float) -> _Moment:
        """The moment at which a fault begins, in every workspace."""
        return _Moment(self, None, time)

    def __getattr__(self, name: str) -> Any:
        return _remote(self, None, name)

    def close(self) -> None:
        """End the process."""
        process = self._process
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _tell(self, command: str, *arguments: Any) -> Any:
        with self._lock:
            send(cast("BinaryIO", self._process.stdin), (command, arguments))
            done, answer = receive(cast("BinaryIO", self._process.stdout))
        if not done:
            raise answer
        return answer


class _Part:
    """One workspace of several."""

    def __init__(self, served: ServedFake, number: int) -> None:
        self._served, self._number = served, number

    def at(self, time: str | float) -> _Moment:
        """The moment at which a fault begins, in this workspace alone."""
        return _Moment(self._served, self._number, time)

    def __getattr__(self, name: str) -> Any:
        return _remote(self._served, self._number, name)


class _Moment:
    def __init__(self, served: ServedFake, which: int | None, time: str | float) -> None:
        self._served, self._which, self._time = served, which, time

    def __getattr__(self, fault: str) -> Any:
        def arrange(*arguments: Any, **keywords: Any) -> ServedFake:
            self._served._tell("fault", self._which, self._time, fault, arguments, keywords)
            return self._served

        return arrange


def _remote(served: ServedFake, which: int | None, name: str) -> Any:
    kind = getattr(FakeWorkspace, name, None)
    if name.startswith("_") or kind is None:
        msg = f"the served fake has no {name!r}"
        raise AttributeError(msg)
    if isinstance(kind, property):
        return served._tell("ask", which, name, (), {})
    return lambda *arguments, **keywords: served._tell("ask", which, name, arguments, keywords)
