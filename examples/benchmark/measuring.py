"""One run of one tool: server up, tool run, log read, figures made."""

from __future__ import annotations

import tempfile
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Thread
from typing import Self

from examples.benchmark.arrivals import by_percentile, complaints, deviations, kept, percentile, truth
from examples.benchmark.children import Cost, run
from examples.benchmark.plan import Freeze, Outcome, Plan, Seen, Told
from examples.benchmark.server import Server
from examples.benchmark.tools import Tool, environment, only_start

_PATIENCE = 90.0
_LOOK = 0.005
_SOUND = (0, 1, 99)
"""How a tool may end: pytest with 1 and k6 with 99 when a promise was not kept, which is for their users to judge."""


@dataclass(slots=True)
class Bench:
    """The machine, and what is known of the tools on it.

    Attributes:
        client: the core for tools, or None for any.
        server: the core for the server, or None for any.
        kind: of the server: "nginx" or "own".
    """

    client: int | None
    server: int | None
    kind: str
    _starts: dict[tuple[str, int], float] = field(default_factory=dict)

    def measure(self, tool: Tool, plan: Plan, number: int = 0) -> Outcome:
        """Run *tool* once by *plan*; *number* is the round."""
        start = self._start_of(tool, plan)
        cost, seen, told, froze, server_cpu = self._run(tool, plan)
        arrivals = [each.arrived for each in seen]
        lags = deviations(arrivals, plan.rate, plan.planned)
        calls = max(1, len(seen))
        found = list(complaints(seen, plan, server_cpu=server_cpu / plan.seconds, failed=told.failed if told else 0))
        if cost.code not in _SOUND:
            found.append(f"{tool.name} ended with code {cost.code}: {cost.said[-300:]}")
        if told is None:
            found.append(f"{tool.name} wrote no report that can be read")
        if self.client is None:
            found.append("client and server shared a core")
        return Outcome(
            tool.name,
            number,
            plan,
            kept=kept(arrivals, plan),
            cpu_us=max(0.0, cost.cpu - start) / calls * 1e6,
            cpu_all_us=cost.cpu / calls * 1e6,
            megabytes=cost.megabytes,
            lag_ms={
                "p50": percentile(lags, 0.5) * 1e3,
                "p99": percentile(lags, 0.99) * 1e3,
                "max": max(lags, default=0.0) * 1e3,
            },
            truth_ms=by_percentile(truth(seen, plan, froze, from_due=told is not None and told.from_due), 1e3),
            told=told,
            complaints=tuple(found),
        )

    def _run(self, tool: Tool, plan: Plan) -> tuple[Cost, list[Seen], Told | None, Freeze | None, float]:
        with tempfile.TemporaryDirectory() as name, Server(plan, Path(name), self.server, self.kind) as server:
            folder = Path(name)
            before = server.cpu()
            freezing = _Freezing(server, plan.freeze) if plan.freeze is not None else None
            held: AbstractContextManager[object] = freezing if freezing is not None else nullcontext()
            with held:
                cost = run(tool.started(folder), self.client, plan.seconds + _PATIENCE, more=environment(plan, server.url, folder))
            used = server.cpu() - before
            server.stop()
            seen, told = server.seen(), tool.told(folder)
        first = min((each.arrived for each in seen), default=0.0)
        froze = None
        if freezing is not None and freezing.was is not None:
            froze = replace(freezing.was, at=freezing.was.at - first)
        return cost, seen, told, froze, used

    def _start_of(self, tool: Tool, plan: Plan) -> float:
        """Seconds of CPU that starting *tool* takes; measured once for each rate, since k6 makes its users at the start."""
        known = (tool.name, plan.rate)
        if known not in self._starts:
            with tempfile.TemporaryDirectory() as name, Server(replace(plan, delay=0.0), Path(name), self.server, self.kind) as server:
                folder = Path(name)
                said = only_start(environment(plan, server.url, folder))
                self._starts[known] = run(tool.started(folder), self.client, _PATIENCE, more=said).cpu
        return self._starts[known]


class _Freezing:
    """Freezes a server for a while, counted from when somebody connects.

    Attributes:
        was: when it really stood still, on the monotonic clock; None before.
    """

    def __init__(self, server: Server, freeze: Freeze) -> None:
        self._server, self._freeze = server, freeze
        self._over = Event()
        self._thread = Thread(target=self._work)
        self.was: Freeze | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._server.has_company():
            if self._over.wait(_LOOK):
                return
        if self._over.wait(self._freeze.at):
            return
        began = self._server.freeze()
        self._over.wait(self._freeze.seconds)
        ended = self._server.thaw()
        self.was = Freeze(began, ended - began)


def settle(seconds: float) -> None:
    """Wait between two runs, so that what one left behind does not disturb the next."""
    time.sleep(seconds)
