"""Whoever installed us pays nothing until a test is marked."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ("httpx", "respx", "hdrh", "rich", "pytest_cio_load.session", "pytest_cio_load.case", "pytest_cio_load.collecting")

WATCH = f"""
import atexit
import sys


def tell():
    loaded = [name for name in {HEAVY!r} if name in sys.modules]
    with open("loaded", "a") as file:
        print(loaded, file=file)


atexit.register(tell)
"""
# respx and anyio bring pytest plugins of their own; respx's imports httpx in every run, whoever installed it.
WITHOUT_OTHERS = ["-p", "no:respx", "-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function"]


@pytest.fixture
def unmarked(tmp_path: Path) -> Path:
    """A suite that knows nothing of us, and tells at exit what was imported."""
    (tmp_path / "conftest.py").write_text(WATCH, encoding="utf-8")
    (tmp_path / "test_plain.py").write_text(
        "import pytest\n\ndef test_passes(): pass\n\ndef test_fails(): assert False\n\n"
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_n(n): pass\n",
        encoding="utf-8",
    )
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [[], ["-n", "2"], ["--junitxml=junit.xml"], ["-x"], ["--collect-only"], ["-m", "not cio_load"], ["--durations=1", "-vv"]],
    ids=" ".join,
)
def test_an_unmarked_suite_imports_nothing(unmarked: Path, arguments: list[str]) -> None:
    """Looked at when the interpreter exits, after every hook has run."""
    command = [sys.executable, "-m", "pytest", *WITHOUT_OTHERS, *arguments]
    done = subprocess.run(command, cwd=unmarked, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    loaded = (unmarked / "loaded").read_text(encoding="utf-8").split()
    assert loaded
    assert set(loaded) == {"[]"}


def test_the_twin_with_a_marked_test(unmarked: Path) -> None:
    """The same look does see what a marked test imports."""
    (unmarked / "test_marked.py").write_text(
        "import pytest\n\n@pytest.mark.cio_load(rate=20, duration=1)\nasync def test_it(cio):\n    await cio.track('ada', 'opened')\n",
        encoding="utf-8",
    )
    subprocess.run([sys.executable, "-m", "pytest", *WITHOUT_OTHERS], cwd=unmarked, capture_output=True, check=False)
    loaded = (unmarked / "loaded").read_text(encoding="utf-8")
    for name in ("hdrh", "pytest_cio_load.session"):
        assert repr(name) in loaded
    # The mock needs no HTTP library either.
    for name in ("httpx", "respx"):
        assert repr(name) not in loaded
