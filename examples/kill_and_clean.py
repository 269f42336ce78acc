"""Kill a run in the middle, with no chance to say goodbye, and clean up after it: again and again, at random moments.

    python examples/kill_and_clean.py --times 10

A fake Customer.io plays staging over HTTPS, by its real host names, on this machine alone. pytest drives a load of 80 people per second at
it past the guard, and is killed with SIGKILL. Whoever was made up until then is still there, and nobody but the ledger on disk knows about
them. Then ``cio-load cleanup`` reads it, and the fake is asked who is left. Exits with 1 when anybody is.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import NamedTuple

from pytest_cio_load.fake.served import ServedFake

KEYS = {"CIO_LOAD_SITE_ID": "made-up-site-id", "CIO_LOAD_API_KEY": "made-up-api-key", "CIO_LOAD_APP_KEY": "made-up-app-key"}
STAGING = {"site_id": KEYS["CIO_LOAD_SITE_ID"], "api_key": KEYS["CIO_LOAD_API_KEY"], "app_key": KEYS["CIO_LOAD_APP_KEY"]}
PATIENCE = 300.0

SUITE = """
import pytest

@pytest.mark.cio_load(rate={rate}, duration=60)
@pytest.mark.cio_workspace(limit="1000/s")
async def test_identify(cio, cio_load):
    await cio.identify(cio_load.user.id, email=cio_load.user.email)
    await cio.track(cio_load.user.id, "opened")
"""
COMMAND = "from pytest_cio_load.cli import main; raise SystemExit(main())"


class Told(NamedTuple):
    """One run that was killed: seconds into its load; people in the workspace before and after the cleanup; and how that ended."""

    after: float
    before: int
    left: int
    code: int
    said: str

    @property
    def is_clean(self) -> bool:
        """Whether somebody was there, nobody is any more, and the command says so."""
        return self.before > 0 and self.left == 0 and self.code == 0


def environment(fake: ServedFake) -> dict[str, str]:
    """Of the run: opted in, with staging's credentials, and led to the fake."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("CIO_", "PYTEST_")) and "proxy" not in name.lower()}
    _, ca_file = fake.serve_https()
    return {**ours, **KEYS, "CIO_LOAD_LIVE": "1", "HTTPS_PROXY": fake.serve_proxy(), "SSL_CERT_FILE": ca_file}


def killed(fake: ServedFake, folder: Path, *, rate: int, seconds: float) -> Told:
    """Drive a load, kill it so many seconds after its first person has arrived, and clean up."""
    fake.reset()
    known = environment(fake)

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        asked = [sys.executable, "-c", COMMAND, *words]
        return subprocess.run(asked, cwd=folder, env=known, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)

    (folder / "test_load.py").write_text(SUITE.format(rate=rate), encoding="utf-8")
    command("allow", "--environment-id", "1001").check_returncode()
    load = [sys.executable, "-m", "pytest", "-q", "--cio-target=staging", "--cio-max-rate=200"]
    load += ["--rootdir", ".", "-p", "no:cacheprovider", "test_load.py"]
    with (folder / "printed.txt").open("w+", encoding="utf-8") as printed:
        run = subprocess.Popen(load, cwd=folder, env=known, stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT)
        try:
            patience = time.monotonic() + PATIENCE
            while not fake.received("identify"):
                if run.poll() is not None or time.monotonic() > patience:
                    printed.seek(0)
                    raise RuntimeError(f"the run made nobody up:\n{printed.read()}")
                time.sleep(0.02)
            time.sleep(seconds)
        finally:
            run.kill()
            run.wait()
    before = len(fake.people)
    cleaned = command("cleanup")
    return Told(seconds, before, len(fake.people), cleaned.returncode, (cleaned.stdout + cleaned.stderr).strip())


def main() -> int:
    """Do it as often as is asked for, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10, help="how often (default: 10)")
    parser.add_argument("--rate", type=int, default=80, help="people per second (default: 80)")
    parser.add_argument("--within", type=float, default=8.0, help="killed within so many seconds of the first person (default: 8)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    asked = parser.parse_args()
    moments, told = Random(asked.seed), []
    # What was accepted just before the kill is applied after it, as Customer.io does it.
    with ServedFake([{**STAGING, "environment_id": 1001, "name": "Staging", "region": "us", "processing_lag": "1s"}]) as fake:
        for number in range(asked.times):
            with tempfile.TemporaryDirectory() as folder:
                told.append(killed(fake, Path(folder), rate=asked.rate, seconds=moments.uniform(0.0, asked.within)))
            line = "killed {0.after:.2f} s in, {0.before} people there; cleanup exits with {0.code}, {0.left} left".format(told[-1])
            print(f"{number + 1:>3}  {line}\n     {told[-1].said}", flush=True)
    clean = sum(each.is_clean for each in told)
    print(f"{clean} of {len(told)} clean")
    return 0 if clean == len(told) else 1


if __name__ == "__main__":
    sys.exit(main())
