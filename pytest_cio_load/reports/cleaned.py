"""What became of the made-up people in a real workspace, in words. It is told apart from the verdict, and fails the test on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_cio_load.units import show_count

if TYPE_CHECKING:
    from collections.abc import Mapping


def failed_cleanup(cleanup: Mapping[str, Any]) -> bool:
    """Whether people may be left in a real workspace. Of other targets, which forget everybody anyway, nothing is demanded."""
    return "verified" in cleanup and not (cleanup["verified"] and not cleanup.get("left"))


def cleanup_text(cleanup: Mapping[str, Any]) -> str:
    """One paragraph: what failed, and the nearest fix."""
    left, noted, run = cleanup.get("left", 0), cleanup.get("noted", 0), cleanup.get("run", "RUN")
    got = f"{show_count(left)} of {show_count(noted)} made-up people are left" if left else "it could not be verified that nobody is left"
    why = f" ({cleanup['reason']})" if cleanup.get("reason") else ""
    return f"cleanup failed: {got}{why}; expected nobody, seen through the App API; run: cio-load cleanup {run}"
