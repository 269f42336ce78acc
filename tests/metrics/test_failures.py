"""Failed iterations, grouped by what was raised and where, each group with its first traceback."""

from __future__ import annotations

import sys
import textwrap
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

import pytest_cio_load
from pytest_cio_load.errors import CustomerIOError, Refused, Unreachable
from pytest_cio_load.metrics.failures import MOST_SAMPLES, FailedCall, Failure, Failures, FailureSample, failure_of, joined

OURS = Path(pytest_cio_load.__file__).resolve().parent
HOME = "/suite/tests/test_signup.py"
HERE = Path(__file__).name


def compiled(source: str, file: str) -> dict[str, Any]:
    """The names that *source*, as if it were *file*, defines."""
    code: CodeType = compile(textwrap.dedent(source), file, "exec")
    names: dict[str, Any] = {}
    exec(code, names)
    return names


def raised(act: Callable[[], object]) -> BaseException:
    """What *act* raises, traceback and all."""
    try:
        act()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


BODY = compiled(
    """
    def value(text):
        raise ValueError(text)

    def key(text):
        raise KeyError(text)

    def both(text):
        value(text) if text else key(text)

    def through(act):
        act()
    """,
    HOME,
)


def groups(*errors: BaseException) -> tuple[Failure, ...]:
    """The groups of these, in iterations 0, 1, 2, … of which one falls due each second."""
    failures = Failures(HOME)
    for index, error in enumerate(errors):
        failures.add(error, index, index * 1_000_000, index * 1_000_000 + 50_000)
    return failures.groups()


def test_failures_are_grouped_by_exception_and_line() -> None:
    """Same exception at the same line is one group, whatever its text; the largest comes first."""
    found = groups(*(raised(lambda text=text: BODY["value"](text)) for text in "abc"), raised(lambda: BODY["key"]("d")))
    assert [(group.kind, group.where, group.count) for group in found] == [
        ("ValueError", "test_signup.py:3", 3),
        ("KeyError", "test_signup.py:6", 1),
    ]


def test_a_group_tells_of_its_first() -> None:
    """Its message, its iteration, when that was due, in seconds, and its traceback."""
    failures = Failures(HOME)
    failures.add(raised(lambda: BODY["value"]("first")), 7, 87_500, 90_000)
    failures.add(raised(lambda: BODY["value"]("second")), 3, 37_500, 91_000)
    (group,) = failures.groups()
    assert (group.message, group.first_index, group.first_due) == ("first", 7, 0.0875)
    assert "ValueError: first" in group.trace
    assert "second" not in group.trace


def test_the_same_exception_at_two_lines_is_two_groups() -> None:
    """A failure here is not a failure there."""

    def here() -> None:
        raise ValueError

    assert [group.where for group in groups(raised(here), raised(lambda: BODY["value"]("")))] == [
        f"{HERE}:{here.__code__.co_firstlineno + 1}",
        "test_signup.py:3",
    ]


def test_two_exceptions_at_one_line_are_two_groups() -> None:
    """A time-out and a refusal of one call are not the same."""
    source = compiled("def body(kind):\n    raise kind", HOME)
    found = groups(*(raised(lambda kind=kind: source["body"](kind)) for kind in (OSError, ValueError)))
    assert [(group.kind, group.where) for group in found] == [("OSError", "test_signup.py:2"), ("ValueError", "test_signup.py:2")]


def test_groups_of_one_size_come_in_a_fixed_order() -> None:
    """By name and line, so that two runs tell the same."""
    one, other = raised(lambda: BODY["value"]("")), raised(lambda: BODY["key"](""))
    assert groups(one, other)[0].kind == groups(other, one)[0].kind == "KeyError"


def test_the_line_is_the_deepest_of_the_tests_own_file() -> None:
    """Below it the author's helpers and libraries may go as deep as they like."""
    library = compiled("def send():\n    raise OSError('refused')", "/lib/client.py")
    (group,) = groups(raised(lambda: BODY["through"](library["send"])))
    assert group.where == "test_signup.py:12"


def test_without_a_line_of_the_tests_own_it_is_the_deepest_outside_this_package() -> None:
    """A body that was imported from elsewhere."""
    ours = compiled("def call(act):\n    act()\n    raise OSError", str(OURS / "customerio" / "client.py"))
    elsewhere = compiled("def body(call):\n    call(lambda: None)", "/suite/tests/steps.py")
    (group,) = groups(raised(lambda: elsewhere["body"](ours["call"])))
    assert group.where == "steps.py:2"


def test_an_error_that_was_never_raised_has_no_line() -> None:
    """There is no traceback to look at."""
    (group,) = groups(ValueError("made, not raised"))
    assert (group.where, group.trace) == ("", "ValueError: made, not raised")


def test_a_failure_that_raised_nothing_is_grouped_by_its_kind() -> None:
    """A time-out has no line and no traceback, only a message."""
    failures = Failures(HOME)
    failures.add_plain("TimeoutError", "unfinished after 500 ms", 4, 2_000_000, 2_500_000)
    failures.add_plain("TimeoutError", "unfinished after 501 ms", 5, 2_500_000, 3_001_000)
    samples = (FailureSample(4, 2.0, 2.5, "unfinished after 500 ms"), FailureSample(5, 2.5, 3.001, "unfinished after 501 ms"))
    assert failures.groups() == (Failure("TimeoutError", "", "unfinished after 500 ms", 2, 4, 2.0, "", samples),)


def test_our_own_frames_are_left_out_of_the_traceback() -> None:
    """The author's lines stay, those of this package go."""
    ours = compiled("def drive(act):\n    act()", str(OURS / "load" / "driver.py"))
    (group,) = groups(raised(lambda: ours["drive"](lambda: BODY["both"]("no"))))
    assert "driver.py" not in group.trace
    assert group.trace.count("test_signup.py") == 2
    assert group.trace.endswith("ValueError: no")


def test_a_traceback_of_nothing_but_our_own_frames_is_kept() -> None:
    """An error of ours that no body had a part in must still say where it was."""
    ours = compiled("def drive():\n    raise ValueError('ours')", str(OURS / "load" / "driver.py"))
    try:
        ours["drive"]()
    except ValueError as error:
        error.__traceback__ = error.__traceback__.tb_next if error.__traceback__ else None
        (group,) = groups(error)
    assert "driver.py" in group.trace
    assert group.where == ""


def _cause() -> None:
    ours = compiled("def call():\n    raise OSError('refused')", str(OURS / "customerio" / "wire.py"))
    try:
        BODY["through"](ours["call"])
    except OSError as error:
        raise ValueError("wrapped") from error


def _context() -> None:
    ours = compiled("def call():\n    raise OSError('refused')", str(OURS / "customerio" / "wire.py"))
    try:
        BODY["through"](ours["call"])
    except OSError:
        _ = 1 // 0


@pytest.mark.parametrize("act", [_cause, _context])
def test_what_caused_it_is_told_without_our_frames_too(act: Callable[[], None]) -> None:
    """Through causes and contexts."""
    (group,) = groups(raised(act))
    assert "OSError: refused" in group.trace
    assert "test_signup.py" in group.trace
    assert "wire.py" not in group.trace


def test_exception_groups_are_trimmed_inside() -> None:
    """Each exception of a task group shows the author's lines alone."""
    ours = compiled("def drive(act):\n    act()", str(OURS / "load" / "driver.py"))
    inner = raised(lambda: ours["drive"](lambda: BODY["value"]("inner")))
    error = ExceptionGroup("several", [inner]) if isinstance(inner, Exception) else None
    assert error is not None
    (group,) = groups(error)
    assert "ValueError: inner" in group.trace
    assert "driver.py" not in group.trace


def test_a_chain_that_bites_its_tail_ends() -> None:
    """An exception whose context is, in the end, itself."""
    first, second = raised(lambda: BODY["value"]("first")), raised(lambda: BODY["key"]("second"))
    first.__context__, second.__context__ = second, first
    assert groups(first)[0].trace


def test_a_thousand_failures_format_one_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that refuses everything must not slow the generator: a group formats once."""
    formatted: list[object] = []
    real = traceback.TracebackException.from_exception
    monkeypatch.setattr(traceback.TracebackException, "from_exception", lambda error: formatted.append(error) or real(error))
    failures = Failures(HOME)
    for index in range(1_000):
        failures.add(raised(lambda: BODY["value"]("no")), index, 0, 0)
    assert (len(formatted), failures.groups()[0].count) == (1, 1_000)


def test_an_error_keeps_no_frame_alive() -> None:
    """What is kept is text: a group must not hold on to the locals of a thousand bodies."""

    class Large:
        pass

    large = Large()

    def body(thing: Large) -> None:
        raise ValueError

    failures = Failures(HOME)
    before = sys.getrefcount(large)
    failures.add(raised(lambda: body(large)), 0, 0, 0)
    assert sys.getrefcount(large) == before


def test_an_error_that_cannot_be_shown_is_grouped_all_the_same() -> None:
    """An author's own exception may raise in its __str__; the run must not end for that."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    def body() -> None:
        raise Mute

    (group,) = groups(raised(body))
    assert (group.kind, group.count, group.message) == ("Mute", 1, "<Mute without words>")


def test_no_failure_no_group() -> None:
    """An innocent run has none."""
    assert Failures(HOME).groups() == ()


# Samples.


def test_a_group_tells_of_its_first_few_one_by_one() -> None:
    """Each with its iteration, its times in seconds and its words; the first alone with a traceback."""
    (group,) = groups(*(raised(lambda text=text: BODY["value"](text)) for text in "abcdefg"))
    assert [(one.index, one.due, one.ended, one.message) for one in group.samples] == [
        (index, float(index), index + 0.05, "abcdefg"[index]) for index in range(MOST_SAMPLES)
    ]
    assert [bool(one.trace) for one in group.samples] == [True] + [False] * (MOST_SAMPLES - 1)
    assert group.samples[0].trace == group.trace


def test_samples_are_of_their_own_group() -> None:
    """One kind that fills its share leaves those of another theirs."""
    found = groups(*(raised(lambda: BODY["value"]("")) for _ in range(20)), raised(lambda: BODY["key"]("d")))
    assert [len(group.samples) for group in found] == [MOST_SAMPLES, 1]


def test_a_samples_words_are_cut() -> None:
    """A message may be as long as what was compared; the group's own stays whole."""
    (group,) = groups(ValueError("x" * 5_000))
    assert (len(group.samples[0].message), group.samples[0].message[-2:], len(group.message)) == (1000, "x…", 5_000)


def _during(error: BaseException, context: BaseException) -> BaseException:
    error.__context__ = context
    return error


REFUSED = Refused("identify", "no such thing; expected 2xx; mend the operation", status=400, attempts=2)


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (REFUSED, FailedCall("identify", 400, 2, "no such thing; expected 2xx; mend the operation")),
        (Unreachable("track", "no answer: reset", attempts=3), FailedCall("track", None, 3, "no answer: reset")),
        (_during(AssertionError("not so"), REFUSED), FailedCall("identify", 400, 2, "no such thing; expected 2xx; mend the operation")),
        (ExceptionGroup("two", [ValueError(), CustomerIOError("page", "cancelled")]), FailedCall("page", None, 0, "cancelled")),
        (ValueError("of the body's own"), None),
    ],
    ids=["refused", "no answer", "asserted after", "in a group", "no call"],
)
def test_a_sample_holds_the_call_that_failed(error: BaseException, call: FailedCall | None) -> None:
    """Also where the body raised something else because of it."""
    assert groups(error)[0].samples[0].call == call


def test_a_failure_that_raised_nothing_has_no_call() -> None:
    """There is nothing that was answered."""
    failures = Failures(HOME)
    failures.add_plain("Interrupted", "unfinished", 1, 0, 1)
    assert failures.groups()[0].samples[0].call is None


@pytest.mark.parametrize("error", [REFUSED, ValueError("no")])
def test_a_group_is_read_back_as_it_was(error: BaseException) -> None:
    """From what a document says of it; and from one that has no samples yet."""
    (group,) = groups(error, error)
    told = asdict(group)
    for sample in told["samples"][1:]:
        del sample["trace"]
    assert failure_of(told) == group
    del told["samples"]
    assert failure_of(told).samples == ()


def test_groups_of_several_parts_are_joined() -> None:
    """Told by the earliest that was due, and sampled by the earliest; a traceback stands with the first alone."""
    parts = []
    for first in (10, 0):
        failures = Failures(HOME)
        for index in range(first, first + 3):
            failures.add(raised(lambda index=index: BODY["value"](f"{index}")), index, index * 1_000_000, index * 1_000_000)
        parts += failures.groups()
    (group,) = joined(parts)
    assert (group.count, group.first_index, group.message) == (6, 0, "0")
    assert [one.index for one in group.samples] == [0, 1, 2, 10, 11]
    assert [bool(one.trace) for one in group.samples] == [True, False, False, False, False]


def test_groups_of_several_kinds_stay_apart_when_they_are_joined() -> None:
    """The largest first."""
    one, two = groups(raised(lambda: BODY["key"](""))), groups(*(raised(lambda: BODY["value"]("")) for _ in "ab"))
    assert joined([*one, *two]) == (*two, *one)
