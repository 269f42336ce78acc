"""``cio-load from-k6``: k6's options in, a marked test file out, with everything that could not be carried over.

One scenario becomes one test. What each iteration does stands in k6's script, not in its options, so that the body of a test is one call
that is to be replaced.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_cio_load.contract.contract import build
from pytest_cio_load.contract.marker import Problems
from pytest_cio_load.errors import ContractError, DocumentError, Problem
from pytest_cio_load.k6.leftover import Leftover, Leftovers
from pytest_cio_load.k6.scenarios import CLOSED, INSTEAD, Scenario, read_scenario
from pytest_cio_load.k6.shortcuts import leave_the_rest, scenarios_of
from pytest_cio_load.k6.thresholds import MEANING, Promises, read_thresholds
from pytest_cio_load.k6.writing import MarkedTest, write_tests
from pytest_cio_load.metrics.kinds import OPERATIONS
from pytest_cio_load.units import show_value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

_EXPECTED = "k6's options as JSON: what `k6 inspect script.js` prints"
_STRICTER = (
    "Beside the thresholds below, every contract demands more than k6 does: no failed and no dropped iteration, and a load generator that "
    "kept to its schedule. Loosen with errors='1%' and dropped='1%'."
)


@dataclass(frozen=True, slots=True)
class Imported:
    """A test file made of k6's options.

    Attributes:
        text: the file.
        leftovers: what is not in it, and why. They stand in the file too, as comments.
    """

    text: str
    leftovers: tuple[Leftover, ...]


def from_k6_file(path: str | Path, *, iteration: Fraction | None = None) -> Imported:
    """`from_k6` of the file at *path*.

    Raises:
        DocumentError: it cannot be read.
        ContractError: as `from_k6` does.
    """
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _unreadable(show_value(str(path)), reason, "name a file that can be read") from None
    return from_k6(data, Path(path).name, iteration=iteration)


def from_k6(data: bytes, source: str, *, iteration: Fraction | None = None) -> Imported:
    """A test file of k6's options.

    Args:
        data: the options, as JSON.
        source: what to call them.
        iteration: seconds that one iteration takes. With it, scenarios of VUs become VUs / iteration per second; without, they are left
            out.

    Raises:
        DocumentError: *data* is no JSON object.
        ContractError: an option makes no sense, or no scenario could be carried over; holds every problem.
    """
    options = _options(data, source)
    problems, left = Problems(), Leftovers()
    scenarios = _scenarios(options, problems, left, iteration)
    problems.raise_all()
    names = [scenario.name for scenario in scenarios]
    wanted = options.get("thresholds") or {}
    promises = read_thresholds({} if options.get("noThresholds") is True else wanted, names, left)
    leave_the_rest(options, left)
    if not scenarios:
        raise _nothing(source, left.all())
    tests = [_test(scenario, promises[scenario.name]) for scenario in scenarios]
    return Imported(write_tests(tests, "Performance contracts carried over from k6's options.", _header(source, left.all())), left.all())


def _options(data: bytes, source: str) -> Mapping[str, Any]:
    try:
        value = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise _unreadable(source, "bytes that are no UTF-8", "save it as UTF-8") from None
    except json.JSONDecodeError as error:
        script = b"export" in data or b"import" in data
        nearest = "this is a script: `k6 inspect` it, and name what that prints" if script else "mend it"
        raise _unreadable(source, f"no JSON in line {error.lineno} ({error.msg})", nearest) from None
    except (ValueError, RecursionError) as error:
        raise _unreadable(source, f"no JSON ({error})", "mend it") from None
    if not isinstance(value, Mapping):
        raise _unreadable(source, show_value(value), "name the object with 'scenarios' in it")
    if isinstance(value.get("root_group"), Mapping) and isinstance(value.get("metrics"), Mapping):
        raise _unreadable(source, "a summary of k6's", "`k6 inspect` its script, and name what that prints")
    return value


def _scenarios(options: Mapping[str, Any], problems: Problems, left: Leftovers, iteration: Fraction | None) -> list[Scenario]:
    stated, where = scenarios_of(options, left)
    if options.get("scenarios") is not None and not isinstance(options["scenarios"], Mapping):
        problems.add("scenarios", show_value(options["scenarios"]), "an object of scenarios by their names")
    read = (read_scenario(name, value, problems, left, iteration=iteration, where=where) for name, value in stated.items())
    return [scenario for scenario in read if scenario is not None]


def _test(scenario: Scenario, promises: Promises) -> MarkedTest:
    keywords = dict(scenario.keywords)
    if promises.thresholds:
        keywords["thresholds"] = {name: stated[0] if len(stated) == 1 else stated for name, stated in promises.thresholds.items()}
    if promises.metrics:
        keywords["metrics"] = promises.metrics
    try:
        build(keywords)
    except ContractError as error:
        where = f"scenarios[{scenario.name!r}]"
        told = [Problem(f"{where}: {each.where}", each.got, each.expected, each.nearest) for each in error.problems]
        raise ContractError(told) from None
    comments = tuple(f"{name} → {ours}: {_told(ours, name, promises)}." for ours, name in promises.came_from.items())
    own = f" Record {', '.join(promises.metrics)} in it." if promises.metrics else ""
    about = f"Scenario {show_value(scenario.name)} of k6's options."
    return MarkedTest(scenario.name, about, keywords, comments, f"What {show_value(scenario.function)} of the script did goes here.{own}")


def _told(ours: str, theirs: str, promises: Promises) -> str:
    kind, colon, name = ours.partition(":")
    if colon and kind in ("group", "check"):
        return f"what cio_load.{kind}({show_value(name)}) in the body records"
    if ours in promises.metrics:
        return f"a metric of the script's own, which the body is to record as {ours}"
    return f"the latency of {ours} calls" if ours in OPERATIONS else MEANING[theirs]


def _header(source: str, leftovers: Sequence[Leftover]) -> list[str]:
    lines = [f"Made of {source}.", _STRICTER]
    if leftovers:
        lines += ["Not carried over:", *(f"- {each}" for each in leftovers)]
    return lines


def _nothing(source: str, leftovers: Sequence[Leftover]) -> ContractError:
    unfit = [each for each in leftovers if INSTEAD in each.why]
    users = any(each.why.startswith(CLOSED) for each in unfit)
    nearest = "say how long one iteration takes: --iteration 200ms" if users else "write one of the executor constant-arrival-rate"
    told = [Problem(each.where, each.got, f"a scenario with an arrival rate; got {each.why}") for each in unfit]
    return ContractError([Problem(source, "", "at least one scenario that can be carried over", nearest), *told])


def _unreadable(source: str, got: str, nearest: str) -> DocumentError:
    return DocumentError(f"{source}: got {got}; expected {_EXPECTED}; {nearest}")
