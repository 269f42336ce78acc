"""``cio-load check``: how every rule of the guard stands, what the load will do, and the checklist. Nothing is written to the workspace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from pytest_cio_load.pipeline.commands.command import Said, json_option, subcommand
from pytest_cio_load.safety.guard import Caps, lines
from pytest_cio_load.staging.checklist import checklist, plan_lines, total
from pytest_cio_load.staging.preflight import stand


@subcommand(
    "check",
    exits={
        0: "every rule is met, and everything on the checklist is done",
        1: "a rule is not met, or something is not done",
        2: "a mistake in the arguments, or the tests cannot be collected",
    },
)
@click.option("--live", is_flag=True, help="Opt in, as CIO_LOAD_LIVE=1 does: without it Customer.io is not asked")
@json_option
@click.argument("tests", nargs=-1, metavar="[TESTS]...")
def command(said: Said) -> int:
    """Check that a load may go to the staging workspace, and what it will do there.

    TESTS are files, folders or node ids with marked tests, as pytest takes them. Each is tried once, on the mock, to count its calls.
    Customer.io is asked two questions at most: whose the credentials are, and what the workspace is called.
    """
    planned = _tried(said.tests)
    settings, tests = planned["settings"], planned["tests"]
    asked = stand(
        os.environ,
        Path(settings["allow_file"]),
        caps=Caps(**settings["caps"]),
        plan=total(tests),
        live=said.live,
        region=settings["region"],
    )
    listed = checklist(asked.standings, tests, root=Path(settings["root"]), ledgers=Path(settings["ledgers"]))
    if said.json:
        shown = {
            "rules": [asdict(standing) for standing in asked.standings],
            "plan": {**asdict(total(tests)), "tests": tests},
            "checklist": [asdict(line) for line in listed],
        }
        print(json.dumps(shown, ensure_ascii=False, indent=2))
    else:
        print("\n".join(["The guard", *(f"  {line}" for line in lines(asked.standings)), "", "The plan", *plan_lines(tests)]))
        print("\n".join(["", "The checklist", *(f"  {line.describe()}" for line in listed)]))
    return int(any(standing.state != "met" for standing in asked.standings) or not all(line.done for line in listed))


def _tried(tests: tuple[str, ...]) -> dict[str, Any]:
    """What the tests will do, as ``--cio-plan`` writes it. Raises ValueError when they cannot be collected."""
    with tempfile.TemporaryDirectory(prefix="cio-load-check-") as folder:
        file = Path(folder) / "plan.json"
        options = ["-q", "--no-header", "-p", "no:cacheprovider", "-m", "cio_load", f"--cio-plan={file}"]
        words = [sys.executable, "-m", "pytest", *options, *tests]
        ended = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if not file.exists():
            raise ValueError(f"tests: got none that pytest collects; expected marked tests; mend this first:\n{ended.stdout}{ended.stderr}")
        planned: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return planned
