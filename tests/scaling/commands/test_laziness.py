"""The commands cost little until they are run."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("name", ["plan", "lint", "k8s", "replay", "tune"])
def test_arguments_import_nothing_heavy(name: str) -> None:
    """Whoever asks for help waits for no YAML, no HTTP and no event loop."""
    code = (
        f"import sys; from pytest_cio_load.cli import main; assert main(['{name}', '--help']) == 0; "
        "print([name for name in ('yaml', 'httpx', 'aiohttp', 'asyncio', 'rich') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.endswith("\n[]\n")
