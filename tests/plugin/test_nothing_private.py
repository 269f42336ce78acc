"""What pytest shows of a failure's frames: nothing of ours, whose locals hold keys and people's attributes."""

from __future__ import annotations

import pytest

QUIET = ("-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function")
SUITE = """
import pytest

PRIVATE = "-".join(["nobody", "may", "read", "this"])

async def test_refused(cio, cio_fake):
    cio_fake.at(0).unauthorized()
    await cio.identify("ada", email="ada@example.com", plan=PRIVATE)
"""


@pytest.mark.parametrize("style", ["long", "auto", "short", "native", "line"])
@pytest.mark.parametrize("how", [["--showlocals"], ["--showlocals", "--full-trace"]], ids=["locals", "full trace"])
def test_locals_of_our_frames_are_not_shown(pytester: pytest.Pytester, style: str, how: list[str]) -> None:
    """However much of a traceback is asked for; the author's own frames are shown as ever."""
    pytester.makepyfile(SUITE)
    result = pytester.runpytest(*QUIET, f"--tb={style}", *how, "--junitxml=junit.xml")
    result.assert_outcomes(failed=1)
    told = result.stdout.str() + (pytester.path / "junit.xml").read_text(encoding="utf-8")
    assert "identify" in told
    assert "nobody-may-read-this" not in told
    assert "cio-load-api-key" not in told
    if style == "long" and "--full-trace" in how:
        assert "not shown: they may hold keys" in told


def test_the_twin_shows_the_locals_of_others(pytester: pytest.Pytester) -> None:
    """Of a test that reaches no real workspace, the author's own are theirs to see."""
    pytester.makepyfile(SUITE.replace("    cio_fake", "    mine = 'my-own-local'\n    cio_fake", 1))
    result = pytester.runpytest(*QUIET, "--showlocals")
    assert "mine       = 'my-own-local'" in result.stdout.str()
