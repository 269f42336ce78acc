"""The machine that a run was measured on, as far as its figures depend on it."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path
from typing import Any

_MODELS = ("model name", "Model", "Hardware", "cpu model", "Processor", "cpu")
"""How Linux names the processor's model, on one architecture and another."""


@cache
def _fingerprint(cpu_info: str) -> tuple[tuple[str, Any], ...]:
    from pytest_cio_load import __version__

    return (
        ("cpu", cpu_model(cpu_info)),
        ("cpus", os.cpu_count() or 1),
        ("platform", platform.platform()),
        ("python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("plugin", __version__),
    )


def fingerprint(cpu_info: str = "/proc/cpuinfo") -> dict[str, Any]:
    """Model and number of (logical) processors, the operating system, Python, and our version.

    Args:
        cpu_info: where Linux tells of its processors.
    """
    return dict(_fingerprint(cpu_info))


def cpu_model(cpu_info: str) -> str:
    """The processor's model, as the file *cpu_info* or else the operating system names it; "unknown" when neither does."""
    try:
        lines = Path(cpu_info).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in reversed(lines))}
    named = next((told[name] for name in _MODELS if told.get(name)), "")
    return named or platform.processor() or platform.machine() or "unknown"
