"""Real processes, killed and stopped: every line is applied once, and what is said about going on is right."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_cio_load.fake.served import ServedFake

Start = Callable[..., "subprocess.Popen[str]"]
Run = Callable[..., int]
Write = Callable[..., Path]
LINES = 6_000
PEOPLE = 900
SLOW = ("--batch", "40", "--in-flight", "3", "--rate", "20/s", "--quiet")
"""So that 6,000 lines take seconds, on any machine: the pace is the limit."""
QUICK = ("--batch", "500", "--quiet")


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for a condition, for as long as the process runs; two minutes are enough anywhere."""
    ends = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < ends
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


def lines() -> list[dict[str, object]]:
    """Events and identifies by turns, of people who come back all over the file; two of the lines are bad."""
    made: list[dict[str, object]] = []
    for number in range(LINES):
        person = f"u{number * 7 % PEOPLE}"
        if number in (1_000, 4_000):
            made.append({"type": "nonsense", "userId": person})
        elif number % 2:
            made.append({"type": "track", "userId": person, "name": "bought", "data": {"n": number}})
        else:
            made.append({"type": "identify", "userId": person, "data": {"n": number}})
    return made


def check(fake: ServedFake, path: Path) -> None:
    """Each event once, in order per person; everybody as their last line says; each bad line once."""
    events = fake.events
    assert sorted(event.data["n"] for event in events) == list(range(1, LINES, 2))
    latest: dict[str, int] = {}
    for event in events:
        assert latest.get(event.person, -1) < event.data["n"]
        latest[event.person] = event.data["n"]
    last = {str(line["userId"]): number for number, line in enumerate(lines()) if line["type"] == "identify"}
    assert {person: attributes["n"] for person, attributes in fake.people.items() if "n" in attributes} == last
    failed = [json.loads(line)["line"] for line in (Path(f"{path}.cio-load") / "failed.jsonl").read_text().splitlines()]
    assert sorted(failed) == [1_001, 4_001]


def test_killed_three_times(fake: ServedFake, start: Start, run: Run, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """What was sent and not noted is sent again, and recognised."""
    path = write(*lines())
    for number, until in enumerate((10, 45, 90)):
        process = start(path, "--url", fake.url, *SLOW, *["--resume"] * (number > 0))
        wait_until(lambda until=until: fake.requests >= until, process)  # type: ignore[misc]
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert run(path, "--url", fake.url, *QUICK, "--resume") == 1
    assert capsys.readouterr().out.startswith(f"{path}: 6,000 lines, 5,998 accepted, 2 failed; ")
    check(fake, path)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_stopped_in_order(fake: ServedFake, start: Start, run: Run, write: Write, how: signal.Signals) -> None:
    """What is under way is finished and noted, so that nothing at all is sent twice; exit code 3, and how to go on."""
    path = write(*lines())
    process = start(path, "--url", fake.url, *SLOW)
    wait_until(lambda: fake.requests >= 40, process)
    process.send_signal(how)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 3
    assert err == (
        "finishing what is under way; once more ends it at once\n"
        f"which ones failed, and why: {path}.cio-load/failed.jsonl\n"
        f"it ended before the last line: stopped by {how.name}; go on with the same command and --resume\n"
    )
    assert f" {fake.applied():,} accepted, " in out
    assert run(path, "--url", fake.url, *QUICK, "--resume") == 1
    assert (fake.duplicates(), fake.received()) == (0, LINES - 2)
    check(fake, path)


def test_stopped_at_once(fake: ServedFake, start: Start, run: Run, write: Write) -> None:
    """A second time, nothing is waited for; what had no answer is sent again."""
    path = write(*lines())
    fake.at(0).freeze("1h")
    process = start(path, "--url", fake.url, *SLOW)
    wait_until(lambda: fake.requests >= 3, process)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert process.stderr.readline() == "finishing what is under way; once more ends it at once\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 3
    assert " 0 accepted, " in out
    assert "it ended before the last line: stopped by SIGINT; go on" in err
    fake.reset()
    assert run(path, "--url", fake.url, *QUICK, "--resume") == 1
    check(fake, path)


def test_two_at_once(fake: ServedFake, start: Start, run: Run, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """The second one is refused."""
    path = write(*lines())
    process = start(path, "--url", fake.url, *SLOW)
    wait_until(lambda: fake.requests > 0, process)
    assert run(path, "--url", fake.url, "--resume") == 2
    assert "journal: got one that another run is writing" in capsys.readouterr().err


def test_standard_input(fake: ServedFake, start: Start, tmp_path: Path) -> None:
    """Piped in again with its journal, lines that are done are passed over by their number."""
    text = "".join(json.dumps(line) + "\n" for line in lines())
    arguments = ("-", "--url", fake.url, "--journal", tmp_path / "x.cio-load")
    process = start(*arguments, *SLOW)
    assert process.stdin is not None
    process.stdin.write(text[: len(text) // 2])
    process.stdin.flush()
    wait_until(lambda: fake.requests >= 20, process)
    process.kill()
    process.wait()
    again = start(*arguments, *QUICK, "--resume")
    out, _ = again.communicate(text, timeout=120)
    assert again.returncode == 1
    assert out.startswith("-: 6,000 lines, 5,998 accepted, 2 failed; ")
    check(fake, tmp_path / "x")


def test_standard_input_without_a_journal(fake: ServedFake, start: Start, tmp_path: Path) -> None:
    """Failed lines are said, nothing is written; Ctrl-C is heard while the pipe says nothing, and what came is sent before."""
    process = start("-", "--url", fake.url, "--format", "csv", "--batch", "2", "--quiet")
    assert process.stdin is not None
    process.stdin.write("id,n:int\n" + "u1,x\n" * 100 + "".join(f"u{number},{number}\n" for number in range(950)))
    process.stdin.flush()
    wait_until(lambda: fake.applied() >= 400, process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=120) == 3
    out, err = process.communicate()
    assert err.count("got text that is no int") == 100
    assert f"-: {fake.applied() + 100:,} lines, {fake.applied()} accepted, 100 failed" in out
    assert "failed, and why: standard error\n" in err
    assert err.endswith("stopped by SIGINT; a run of standard input needs --journal PATH to be resumed\n")
    assert list(tmp_path.iterdir()) == []
