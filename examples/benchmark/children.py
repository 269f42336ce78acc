"""Processes that are measured: pinned to a core, with what they cost."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process and its children cost.

    Attributes:
        cpu: seconds of CPU, user's and system's.
        megabytes: the most that was resident, of the largest of them.
        began: when it was started, on the monotonic clock.
        code: how it ended.
        said: the end of what it printed.
    """

    cpu: float
    megabytes: float
    began: float
    code: int
    said: str


def cores() -> tuple[int | None, int | None]:
    """A core for the client and one for the server: (None, None) where they cannot be told apart or there is only one."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[1]) if len(usable) > 1 else (None, None)


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """A process that is started within runs on *core* alone, from its first moment: it inherits that from the thread that starts it."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def run(command: Sequence[str], core: int | None, patience: float, more: Mapping[str, str] | None = None) -> Cost:
    """Run *command* to its end.

    Args:
        command: what.
        core: where, or None for anywhere.
        patience: seconds after which it is killed.
        more: added to the environment.
    """
    began = time.monotonic()
    with tempfile.TemporaryFile() as printed:
        environment = {**os.environ, **(more or {})}
        with on_core(core):
            process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT)
        guard = Timer(patience, process.kill)
        guard.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            guard.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        said = printed.read().decode(errors="replace")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, began, process.returncode, said[-3000:])


def cpu_of(pid: int) -> float:
    """Seconds of CPU that process *pid* has used; 0 where nobody can tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
