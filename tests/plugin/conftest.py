"""How the suites inside these tests are run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

QUIET = ("-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function")


@pytest.fixture
def run(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Run the suite in this folder with more arguments, in this process; ``apart=True`` runs it in one of its own."""

    def run(*arguments: str, apart: bool = False) -> pytest.RunResult:
        runner = pytester.runpytest_subprocess if apart else pytester.runpytest_inprocess
        return runner(*QUIET, *arguments)

    return run


@pytest.fixture
def runs(pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]) -> Callable[..., dict[str, Any]]:
    """Run the suite in this folder and give the run documents, by the test's name."""

    def documents(*arguments: str, apart: bool = False) -> dict[str, Any]:
        run("--cio-json", "runs.json", *arguments, apart=apart)
        written = json.loads((pytester.path / "runs.json").read_text(encoding="utf-8"))
        return {document["test"].split("::", 1)[1]: document for document in written["runs"]}

    return documents
