"""Arguments that several commands take."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable

import click
import pytest

from pytest_cio_load.errors import QueueFull, QueueUnavailable
from pytest_cio_load.pipeline.commands.command import Said, subcommand
from pytest_cio_load.pipeline.commands.connecting import (
    address_of,
    aim_options,
    in_loop,
    queue_options,
    rate_option,
    told,
    whole,
    workspaces_of,
)
from pytest_cio_load.pipeline.commands.mistakes import mistake
from pytest_cio_load.pipeline.opening import FOLDER, Kind

LOOPBACK = ["--url", "http://127.0.0.1:8080"]
ONE = {"CIO_SITE_ID": "a-site", "CIO_TRACK_API_KEY": "a-key"}


@subcommand("it", exits={})
@queue_options
@aim_options
@rate_option("How fast")
def command(said: Said) -> int:
    """Takes what several commands do."""
    return 0


def said(*arguments: str) -> Said:
    """What these arguments say."""
    with command.make_context("it", list(arguments)) as context:
        return Said(**context.params)


def wrong(*arguments: str) -> str:
    """What is said of these arguments."""
    with pytest.raises(click.UsageError) as raised:
        said(*arguments)
    return mistake(raised.value, "cio-load")


@pytest.mark.parametrize(
    ("arguments", "environment", "kind", "shown"),
    [
        ([], {}, Kind.EMBEDDED, f"embedded Valkey in {FOLDER.absolute()}"),
        ([], {"CIO_QUEUE_URL": "redis://:secret@a:1"}, Kind.REDIS, "Redis at a:1"),
        ([], {"CIO_QUEUE_URL": " "}, Kind.EMBEDDED, f"embedded Valkey in {FOLDER.absolute()}"),
        (["--queue-url", "kafka://b"], {"CIO_QUEUE_URL": "redis://a:1"}, Kind.KAFKA, "Kafka at b:9092"),
    ],
)
def test_which_queue(arguments: list[str], environment: dict[str, str], kind: Kind, shown: str) -> None:
    """The argument, the environment, or the embedded one."""
    address = address_of(said(*arguments), environment)
    assert (address.kind, address.shown) == (kind, shown)


@pytest.mark.parametrize("url", ["reddis://:secret@a", "redis://:secret@a:x", "kafka://u:secret@", "u:secret@a"])
def test_no_password_in_an_error(url: str) -> None:
    """Not even in click's own."""
    shown = wrong("--queue-url", url)
    assert "it: --queue-url: queue url: got" in shown
    assert "secret" not in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shards", "0"], "it: --shards: got '0', expected a whole number from 1 to 1024; try 10"),
        (["--rate", "80rps"], "it: --rate: got '80rps', expected a rate above 0"),
        (["--region", "uk"], "it: --region: got 'uk', expected us or eu; try us"),
    ],
)
def test_mistakes(arguments: list[str], message: str) -> None:
    """They are found before anything is opened."""
    assert message in wrong(*arguments)


def test_whole_numbers() -> None:
    """Within bounds."""
    assert whole(1, 5)("5") == 5


@pytest.mark.parametrize(("rate", "per_second"), [("80", 80.0), (" 0.5 ", 0.5), ("80/s", 80.0), ("4800/m", 80.0)])
def test_rates(rate: str, per_second: float) -> None:
    """A bare number is per second."""
    assert said("--rate", rate).rate == per_second


@pytest.mark.parametrize("rate", ["0", "0.0", "", ".", "80x", "1e3", "²"])
def test_no_rates(rate: str) -> None:
    """Other text is refused as ever."""
    assert "it: --rate: got '" in wrong("--rate", rate)


def test_a_workspace() -> None:
    """Its credentials stand in the environment, everything else in the arguments."""
    (workspace,) = workspaces_of(said(*LOOPBACK, "--rate", "80/s", "--region", "eu"), ONE)
    assert (workspace.site_id, workspace.api_key, workspace.region.value, workspace.rate) == ("a-site", "a-key", "eu", 80.0)


def test_several_workspaces() -> None:
    """Apart by commas."""
    found = workspaces_of(said(*LOOPBACK), {"CIO_SITE_ID": "a, b,c", "CIO_TRACK_API_KEY": "x,y, z"})
    assert [(each.site_id, each.api_key) for each in found] == [("a", "x"), ("b", "y"), ("c", "z")]


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (LOOPBACK, {}, "site id: got none; expected"),
        (
            LOOPBACK,
            {"CIO_SITE_ID": "a,b", "CIO_TRACK_API_KEY": "secret"},
            "workspaces: got 2 in CIO_SITE_ID and 1 in CIO_TRACK_API_KEY; expected as many site ids as keys, apart by commas; check both",
        ),
        ([], ONE, "url: got none, without --live; expected to be told that real people are meant"),
        (["--url", "https://track.customer.io"], ONE, "url: got that of Customer.io, without --live"),
        (["--url", "https://u:secret@example.com"], ONE, "url: got another address; expected a server on loopback"),
    ],
)
def test_no_workspaces(arguments: list[str], environment: dict[str, str], message: str) -> None:
    """Nobody real is sent anything without being meant, and nothing is sent without a key."""
    with pytest.raises(ValueError, match=message) as raised:
        workspaces_of(said(*arguments), environment)
    assert "secret" not in str(raised.value)


def test_real_workspaces_when_told() -> None:
    """They are meant."""
    (workspace,) = workspaces_of(said("--live"), ONE)
    assert workspace.base_url == "https://track.customer.io"


def _raises(error: BaseException) -> Callable[[], int]:
    def work() -> int:
        raise error

    return work


@pytest.mark.parametrize(
    ("work", "code", "shown"),
    [
        (lambda: 1, 1, ""),
        (_raises(QueueUnavailable("it is gone")), 2, "cio-load top: it is gone\n"),
        (_raises(QueueFull("it is full")), 2, "cio-load top: it is full\n"),
        (_raises(ValueError("a mistake")), 2, "cio-load top: a mistake\n"),
        (_raises(ImportError("not there")), 2, "cio-load top: not there\n"),
        (_raises(KeyboardInterrupt()), 130, ""),
    ],
)
def test_exit_codes(capsys: pytest.CaptureFixture[str], work: Callable[[], int], code: int, shown: str) -> None:
    """What is raised on purpose is one line."""
    assert told("top", work) == code
    assert capsys.readouterr().err == shown


def test_what_is_not_raised_on_purpose_is_not_hidden() -> None:
    """It is a mistake of ours."""
    with pytest.raises(ZeroDivisionError):
        told("top", _raises(ZeroDivisionError()))


def test_a_loop_of_its_own() -> None:
    """The coroutine runs to its end in it."""

    async def work() -> str:
        return "done"

    assert in_loop(work) == "done"


def test_log_lines_go_to_standard_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With time and level."""
    from pytest_cio_load.pipeline.commands.connecting import log_to_stderr

    logger = logging.getLogger("pytest_cio_load")
    for name in ("handlers", "level", "propagate"):
        monkeypatch.setattr(logger, name, getattr(logger, name))
    log_to_stderr()
    logging.getLogger("pytest_cio_load.pipeline").info("so it goes")
    assert capsys.readouterr().err.endswith(" INFO so it goes\n")


PRINTS = """
import sys
from pytest_cio_load.pipeline.commands.connecting import told
def work():
    {work}
    return 0
sys.exit(told("it", work))
"""


@pytest.mark.parametrize("work", ["print('x' * 10_000_000)", "print('x')", "print('x', flush=True)", "print('x'); sys.exit(0)"])
@pytest.mark.parametrize("unbuffered", [False, True])
def test_nobody_reads_it(work: str, unbuffered: bool) -> None:
    """Much or little, at once or at the end: the command ends without a word, as others do that are piped into head."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, *(["-u"] if unbuffered else []), "-c", PRINTS.format(work=work)]
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    ("arguments", "codes", "told_there"),
    [
        (("plan", "--daily", "6M"), {141}, ""),
        (("--help",), {0, 141}, ""),
        (("plan", "--help"), {0, 141}, ""),
        (("plan", "--daily", "6M", "--peak", "0.5"), {2}, "cio-load plan: peak: got 0.5; expected a factor of at least 1; try 4\n"),
    ],
)
def test_no_command_minds(arguments: tuple[str, ...], codes: set[int], told_there: str) -> None:
    """Nor does help, which no command prints; mistakes are told elsewhere, and are told."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-m", "pytest_cio_load.cli", *arguments]
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    finally:
        os.close(writer)
    assert done.returncode in codes
    assert done.stderr == told_there


def test_a_pipe_to_somebody_else(capfd: pytest.CaptureFixture[str]) -> None:
    """That broke is an error like any other."""

    def work() -> int:
        raise BrokenPipeError(32, "Broken pipe")

    assert told("it", work) == 2
    assert capfd.readouterr().err == "cio-load it: [Errno 32] Broken pipe\n"
