"""The command cio-load."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import httpx
import pytest

from pytest_cio_load import __version__
from pytest_cio_load.cli import main

COMMAND = [sys.executable, "-m", "pytest_cio_load.cli"]


def test_a_fake_for_a_moment(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """It says where it is and whom to trust, ends by itself, and tells what arrived."""
    ca_file = tmp_path / "ca.pem"
    assert main(["fake", "--for", "10ms", "--site-id", "my-site", "--https", "--ca-file", str(ca_file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"a fake Customer\.io workspace: http://127\.0\.0\.1:\d+  \(site id my-site\)", lines[0])
    assert re.fullmatch(rf"with TLS: https://127\.0\.0\.1:\d+  \(trust {ca_file}: SSL_CERT_FILE, REQUESTS_CA_BUNDLE\)", lines[1])
    assert lines[2:] == [
        "It ends by itself after 10ms.",
        "",
        "0 requests; operations: 0 received, 0 applied, 0 rejected, 0 dropped, 0 duplicates",
    ]
    assert ca_file.read_text(encoding="ascii").startswith("-----BEGIN CERTIFICATE-----")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_fake_until_it_is_stopped(how: signal.Signals) -> None:
    """It serves meanwhile, with the settings it was given; the counts come at the end, whatever ended it."""
    options = ["--limit", "1/s", "--over-budget", "reject", "--latency", "0ms", "--api-key", "my-key", "--port", "0"]
    process = subprocess.Popen([*COMMAND, "fake", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().split()[4]
    assert process.stdout.readline() == "Ctrl-C ends it.\n"
    authorization = {"authorization": "Basic " + b64encode(b"fake-site-id:my-key").decode()}
    with httpx.Client(base_url=url, trust_env=False, headers=authorization) as client:
        statuses = [client.put(f"/api/v1/customers/u{number}", json={}).status_code for number in range(9)]
    process.send_signal(how)
    rest, complaints = process.communicate(timeout=30)
    assert statuses == [200] * 8 + [429]
    assert rest == "\n9 requests; operations: 9 received, 8 applied, 1 rejected, 0 dropped, 0 duplicates\n"
    assert (process.returncode, complaints) == (0, "")


def test_an_outage_by_hand() -> None:
    """What is to fail is said, and does from the beginning on, whenever the first request comes; a bare limit is per second."""
    options = ["--fail", "503@0s+1h", "--fail", "400@2h+1m:10%", "--limit", "1000", "--latency", "0ms"]
    process = subprocess.Popen([*COMMAND, "fake", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(4)]
    authorization = {"authorization": "Basic " + b64encode(b"fake-site-id:fake-api-key").decode()}
    with httpx.Client(base_url=lines[0].split()[4], trust_env=False, headers=authorization) as client:
        status = client.put("/api/v1/customers/u1", json={}).status_code
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=30)
    assert lines[1:] == [
        "from 0s to 1h: every request answered 503\n",
        "from 2h to 2h1m: 10% of requests answered 400\n",
        "Ctrl-C ends it.\n",
    ]
    assert (status, process.returncode, complaints) == (503, 0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["fak"], "invalid choice: 'fak'"),
        (["fake", "--limit", "5x"], "argument --limit: got '5x', expected a rate above 0 such as 80 (per second)"),
        (["fake", "--latency", "4q"], "argument --latency: got '4q', expected a latency such as '40ms'"),
        (["fake", "--processing-lag", "x"], "argument --processing-lag: got 'x', expected a duration"),
        (["fake", "--limit", "-5"], "argument --limit: got '-5', expected a rate above 0"),
        (
            ["fake", "--fail", "503"],
            "argument --fail: got '503', expected a status, when and for how long, such as 503@20s+10s, or 400@0s+1m:10% for a share",
        ),
        (["fake", "--fail", "200@0s+1s"], "argument --fail: got 200, expected a status from 400 to 599 such as 503"),
        (["fake", "--fail", "503@soon+1s"], "argument --fail: got 'soon', expected a duration"),
        (["fake", "--fail", "503@0s+0s"], "argument --fail: got '0s', expected a duration above 0"),
        (["fake", "--fail", "503@0s+1s:200%"], "argument --fail: got '200%', expected a share above 0 and up to 1"),
        (["fake", "--for", "x"], "argument --for: got 'x', expected a duration"),
        (["fake", "--port", "x"], "argument --port: invalid int value: 'x'"),
    ],
)
def test_arguments_that_make_no_sense(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    """Exit code 2, and the argument is named."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--over-budget", "rejct"],
            "cio-load fake: over_budget: got 'rejct'; expected 'accept', 'reject', 'throttle' or 'drop'; did you mean reject?",
        ),
        (["--port", "70000"], "cio-load fake: port: got 70000; expected a whole number from 0 to 65535; use 0 for a free one"),
    ],
)
def test_settings_that_make_no_sense(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    """The same, without a traceback."""
    assert main(["fake", *arguments]) == 2
    assert capsys.readouterr().err == message + "\n"


def test_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    """That of the package."""
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"pytest-cio-load {__version__}\n"


def test_a_password_behind_a_mistyped_option_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    """argparse repeats what it does not know; a URL may hold a secret."""
    with pytest.raises(SystemExit) as ended:
        main(["top", "--quue-url", "redis://:secret@127.0.0.1:6379"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "secret" not in said
    assert "redis://…@127.0.0.1:6379" in said
