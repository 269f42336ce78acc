"""The command cio-load."""

from __future__ import annotations

import ast
import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import click
import httpx
import pytest

from pytest_cio_load import __version__
from pytest_cio_load.cli import COMMANDS, ROOT, main

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
        ([], f"cio-load: command: got none; expected one of {', '.join(COMMANDS)}; try cio-load --help"),
        (["fak"], f"cio-load: command: got 'fak'; expected one of {', '.join(COMMANDS)}; did you mean fake?"),
        (["zzz"], f"cio-load: command: got 'zzz'; expected one of {', '.join(COMMANDS)}; try cio-load --help"),
        (["--versoin"], "cio-load: --versoin: got an option that it does not have; expected one of its own; did you mean --version?"),
        (["dead-letters"], "cio-load dead-letters: command: got none; expected one of list, replay, discard, export; try cio-load dead"),
        (
            ["dead-letters", "lst"],
            "cio-load dead-letters: command: got 'lst'; expected one of list, replay, discard, export; did you mean list",
        ),
        (
            ["fake", "--limt", "5"],
            "cio-load fake: --limt: got an option that it does not have; expected one of its own; did you mean --limit?",
        ),
        (
            ["fake", "--proc", "5s"],
            "cio-load fake: --proc: got an option that it does not have; expected one of its own; did you mean --proce",
        ),
        (["top", "-x"], "cio-load top: -x: got an option that it does not have; expected one of its own; try --help"),
        (["top", "--once=1"], "cio-load top: --once: got a value; expected none, it is on or off; try --once alone"),
        (["top", "--queue"], "cio-load top: --queue: got no value; expected NAME; write it after --queue"),
        (["worker", "--region"], "cio-load worker: --region: got no value; expected us or eu; write it after --region"),
        (["top", "--queue", "--shards", "2"], "cio-load top: --queue: got --shards in place of a value; expected NAME; write --queue=… if"),
        (["top", "--queue", "--shards=2"], "cio-load top: --queue: got --shards in place of a value; expected NAME; write --queue=… if"),
        (["top", "mine"], "cio-load top: arguments: got 'mine' too; expected options only; leave it out, or quote it"),
        (["send", "a b", "c"], "cio-load send: arguments: got 'c' too; expected nothing after FILE; leave it out, or quote it"),
        (["send"], "cio-load send: FILE: got none; expected JSON lines, CSV (either may be .gz) or Parquet; - for standard input; add it"),
        (["plan"], "cio-load plan: --daily: got none; expected NUMBER; add --daily"),
        (["completion", "bsh"], "cio-load completion: SHELL: got 'bsh', expected bash or zsh or fish; did you mean bash?"),
        (["worker", "--region", "uk"], "cio-load worker: --region: got 'uk', expected us or eu; try us"),
        (["fake", "--limit", "5x"], "cio-load fake: --limit: got '5x', expected a rate above 0 such as 80 (per second)"),
        (["fake", "--latency", "4q"], "cio-load fake: --latency: got '4q', expected a latency such as '40ms'"),
        (["fake", "--processing-lag", "x"], "cio-load fake: --processing-lag: got 'x', expected a duration"),
        (["fake", "--limit", "-5"], "cio-load fake: --limit: got '-5', expected a rate above 0"),
        (
            ["fake", "--fail", "503"],
            "cio-load fake: --fail: got '503', expected a status, when and for how long, such as 503@20s+10s, or 400@0s+1m:10% for a share",
        ),
        (["fake", "--fail", "200@0s+1s"], "cio-load fake: --fail: got 200, expected a status from 400 to 599 such as 503"),
        (["fake", "--fail", "503@soon+1s"], "cio-load fake: --fail: got 'soon', expected a duration"),
        (["fake", "--fail", "503@0s+0s"], "cio-load fake: --fail: got '0s', expected a duration above 0"),
        (["fake", "--fail", "503@0s+1s:200%"], "cio-load fake: --fail: got '200%', expected a share above 0 and up to 1"),
        (["fake", "--for", "x"], "cio-load fake: --for: got 'x', expected a duration"),
        (["fake", "--port", "x"], "cio-load fake: --port: got 'x'; expected a whole number from 0 to 65535; use 0 for a free one"),
        (["fake", "--port", "70000"], "cio-load fake: --port: got 70000; expected a whole number from 0 to 65535; use 0 for a free one"),
        (
            ["fake", "--https-port", "-1"],
            "cio-load fake: --https-port: got -1; expected a whole number from 0 to 65535; use 0 for a free one",
        ),
        (["fake", "--seed", "x"], "cio-load fake: --seed: got 'x', expected a whole number; try 0"),
        (
            ["fake", "--over-budget", "rejct"],
            "cio-load fake: --over-budget: got 'rejct', expected accept or reject or throttle or drop; did you mean reject?",
        ),
    ],
)
def test_arguments_that_make_no_sense(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    """Exit code 2; the argument is named, with the nearest fix, and where the help is."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert err.startswith(message)
    assert "--help" in err
    assert (out, "Traceback" in err) == ("", False)


def test_what_the_fake_needs_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a traceback."""
    monkeypatch.setattr("pytest_cio_load.fake.served.ServedFake.serve_https", _not_installed)
    assert main(["fake", "--https", "--for", "0s"]) == 2
    assert capsys.readouterr().err == "cio-load fake: it is not installed\n"


def _not_installed(*_: object, **__: object) -> None:
    raise RuntimeError("it is not installed")


def test_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    """That of the package."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"pytest-cio-load {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["top", "--quue-url", "redis://:secret@127.0.0.1:6379"],
        ["top", "--quue-url=redis://:secret@127.0.0.1:6379"],
        ["top", "redis://:secret@127.0.0.1:6379"],
        ["redis://:secret@127.0.0.1:6379"],
        ["top", f"redis://:{'secret' * 50}@127.0.0.1:6379"],
        ["top", "--shards", f"redis://:{'secret' * 50}@127.0.0.1:6379"],
        ["top", "--queue-url", "reddis://:secret@127.0.0.1:6379"],
        ["worker", "--region", f"redis://:{'secret' * 50}@127.0.0.1:6379"],
        ["worker", "--rate", f"redis://:{'secret' * 50}@127.0.0.1:6379"],
        ["worker", "--grace", "--redis://:secret@127.0.0.1:6379"],
        ["fake", "--fail", f"redis://:{'secret' * 50}@127.0.0.1:6379"],
        ["send", "x", "--batch", f"redis://:{'secret' * 50}@127.0.0.1:6379"],
        ["completion", f"redis://:{'secret' * 50}@127.0.0.1:6379"],
    ],
)
def test_a_password_in_a_wrong_place_is_not_repeated(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """Nor a part of it, where what was typed is cut short."""
    assert main(arguments) == 2
    assert "secre" not in "".join(capsys.readouterr())


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """With its purpose, and what exit codes say."""
    assert main(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for name, entry in COMMANDS.items():
        assert f" {name} {entry.purpose}" in shown
    assert " Exit codes: 0 done 1 a promise is broken" in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """It begins with the purpose that the list of commands tells, says what every argument and option is, and ends with exit codes."""
    command = ROOT.get_command(click.Context(ROOT), name)
    assert command is not None
    assert (command.help or "").split("\n\n")[0] == COMMANDS[name].purpose
    assert main([name, "-h"]) == 0
    shown = capsys.readouterr().out
    assert "\nExit codes:\n  0  " in shown
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert all(each.help for each in options)
    assert all(option in shown for each in options for option in each.opts)


IMPORTED = """
import sys
from pytest_cio_load.cli import COMMANDS, main
assert main({arguments!r}) == 0
print(sorted(name for name, each in COMMANDS.items() if "pytest_cio_load." + each.module in sys.modules))
print([name for name in ("rich", "httpx", "yaml", "redis", "bullmq") if name in sys.modules])
"""


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_no_command_imports_another(name: str) -> None:
    """Help of all of them imports none, and help of one imports that one and those whose options it has; nothing heavy."""
    code = IMPORTED.format(arguments=[*filter(None, [name]), "--help"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    commands, heavy = done.stdout.splitlines()[-2:]
    shared = {"tune": ["plan", "replay"], "replay": ["plan"], "k8s": ["plan"], "lint": ["plan"]}
    assert ast.literal_eval(commands) == sorted({"completion", *filter(None, [name]), *shared.get(name, [])})
    assert heavy == "[]"


@pytest.mark.parametrize(("shell", "part"), [("bash", "complete -o nosort"), ("zsh", "compdef"), ("fish", "complete --no-files")])
def test_a_script_for_a_shell(capsys: pytest.CaptureFixture[str], shell: str, part: str) -> None:
    """It asks the command itself, through a variable of its own."""
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert part in script
    assert f"_CIO_LOAD_COMPLETE={shell}_complete" in script


BASH = """
eval "$({command} completion bash)"
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_cio_load_completion cio-load
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("cio-load wor", ["worker"]),
        ("cio-load de", ["dead-letters"]),
        ("cio-load dead-letters re", ["replay"]),
        ("cio-load worker --until", ["--until-empty"]),
        ("cio-load worker --region ''", ["us", "eu"]),
        ("cio-load completion z", ["zsh"]),
    ],
)
def test_bash_completes(tmp_path: Path, words: str, found: list[str]) -> None:
    """Commands, options, and values that are one of some words, in a real shell."""
    command = tmp_path / "cio-load"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m pytest_cio_load.cli "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    script = BASH.format(command=shlex.quote(str(command)), words=words)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(Path(__file__).parents[1])}
    ended = subprocess.run(["bash", "--norc", "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.stdout.split() == found, ended.stderr


@pytest.mark.parametrize(("shell", "separator"), [("zsh", "\n"), ("fish", ",")])
def test_what_other_shells_are_answered(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, shell: str, separator: str
) -> None:
    """The name with its purpose; no command is imported for it."""
    monkeypatch.setenv("_CIO_LOAD_COMPLETE", f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", "cio-load wor" if shell == "zsh" else "cio-load")
    monkeypatch.setenv("COMP_CWORD", "1" if shell == "zsh" else "wor")
    assert main() == 0
    out = capsys.readouterr().out
    assert "worker" in out
    assert COMMANDS["worker"].purpose in out
    assert separator in out


README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", re.findall(r"^cio-load .*$", README, re.MULTILINE))
def test_the_readme_shows_what_is_taken(line: str) -> None:
    """Every command in it parses as it stands."""
    words = [word for word in shlex.split(line, comments=True) if word != "&"][1:]
    command: click.Command | None = ROOT
    with contextlib.ExitStack() as stack:
        context = None
        name: str | None = "cio-load"
        while command is not None:
            context = stack.enter_context(command.make_context(name, words, parent=context))
            if not isinstance(command, click.Group):
                break
            name, command, words = command.resolve_command(context, [*words])
    assert context is not None
    assert not context.args


def test_ctrl_c_before_a_command_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends it without a word, as it does later."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ROOT, "get_command", interrupted)
    assert main(["top"]) == 130
    assert "".join(capsys.readouterr()) == ""
