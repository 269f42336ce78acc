"""The command as a person runs it: what is sent, what is said, what is written down, and the exit code."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_cio_load.customerio.lanes import IN_FLIGHT
from pytest_cio_load.customerio.workspaces import Workspace
from pytest_cio_load.fake.served import ServedFake
from pytest_cio_load.pipeline.sending.journal import Unkept
from pytest_cio_load.pipeline.sending.run import How
from pytest_cio_load.pipeline.sending.run import Run as Sending
from pytest_cio_load.pipeline.sending.sources import open_source
from pytest_cio_load.pipeline.sending.tracker import Place, Tracker

Run = Callable[..., int]
Write = Callable[..., Path]
U1 = {"id": "u1"}
GOOD = [
    {"type": "person", "action": "identify", "identifiers": U1, "attributes": {"plan": "free"}},
    {"type": "track", "userId": "u1", "name": "bought", "data": {"n": 1}},
    {"type": "identify", "userId": "u1", "data": {"plan": "pro"}},
]
BAD = [
    "{oops",
    {"type": "person", "action": "add_device", "identifiers": U1, "device": {"token": "tok", "platform": "nokia"}},
    {"type": "trak", "userId": "u1", "name": "x"},
]
PLATFORM = "device platform must be ios or android"
"""The fake's words."""


def failed(path: Path) -> list[dict[str, Any]]:
    """What was written down, in order."""
    return [json.loads(line) for line in (Path(f"{path}.cio-load") / "failed.jsonl").read_text().splitlines()]


def test_everything_is_accepted(fake: ServedFake, run: Run, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0, one line of summary, an empty file of failures, and the workspace as the last line of each person says."""
    path = write(*GOOD)
    assert run(path, "--url", fake.url) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{path}: 3 lines, 3 accepted, 0 failed; ")
    assert (out.count("\n"), err) == (1, "")
    assert (fake.people["u1"]["plan"], fake.applied("track"), fake.requests, failed(path)) == ("pro", 1, 1, [])


def test_a_summary_for_programs(fake: ServedFake, run: Run, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """One JSON object, whether it was sent now, was done before, or was only checked."""
    path = write(*GOOD[:2], *BAD, GOOD[2])

    def said(*arguments: str) -> dict[str, Any]:
        assert run(path, "--url", fake.url, "--json", "--quiet", *arguments) == 1
        found = json.loads(capsys.readouterr().out)
        assert isinstance(found, dict)
        assert found.pop("file") == str(path)
        found.pop("seconds", None)
        return found

    whole = {"lines": 6, "accepted": 3, "failed": 3, "ended_early": None}
    # One of the bad lines is found only by Customer.io.
    assert said("--check") == said("--strict") == {"lines": 6, "bad": 2}
    assert said() == {**whole, "sent": 6}
    assert said("--resume") == {**whole, "sent": 0}


def test_progress_where_nobody_looks(
    fake: ServedFake, run: Run, write: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines on standard error, with an ETA from the first line on; none when it is quiet."""
    monkeypatch.setattr("pytest_cio_load.pipeline.sending.display.PLAIN_EVERY", 0.05)
    path = write(*({"type": "identify", "userId": f"u{n}"} for n in range(3_000)))
    assert run(path, "--url", fake.url, "--batch", "100", "--rate", "20/s") == 0
    shown = capsys.readouterr().err.splitlines()
    assert all(re.fullmatch(r"[\d,]+ lines  [\d,]+ lines/s  (ETA \S+  )?0 failed", line) for line in shown)
    assert any("ETA" in line for line in shown)
    assert run(path, "--url", fake.url, "--restart", "--quiet") == 0
    assert capsys.readouterr().err == ""


def test_progress_of_a_resumed_run(fake: ServedFake, run: Run, write: Write) -> None:
    """Its pace is its own: what lay before its first line is left out."""
    lines = open_source(str(write(*GOOD)))
    notes = Unkept(lines, "w")
    begun = list(lines.lines())[2]
    notes.keep(Place(begun.number, begun.offset, 2), 2)
    workspace = Workspace("fake-site-id", "fake-api-key", url=fake.url)
    sending = Sending(lines, notes, How(workspace, 10, 1, 60))
    asyncio.run(sending.send())
    assert (sending.begun, sending.accepted, fake.applied()) == (begun.offset, 3, 1)


def test_an_empty_file(fake: ServedFake, run: Run, write: Write) -> None:
    """Nothing to do is no mistake."""
    assert run(write(), "--url", fake.url) == 0
    assert fake.requests == 0


def test_some_lines_fail(fake: ServedFake, run: Run, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1; the file says which ones, what they asked for, why, and the part at fault, and nothing of what they hold."""
    path = write(*GOOD[:2], *BAD, GOOD[2])
    assert run(path, "--url", fake.url) == 1
    out, err = capsys.readouterr()
    assert out.startswith(f"{path}: 6 lines, 3 accepted, 3 failed; ")
    assert err == f"which ones failed, and why: {path}.cio-load/failed.jsonl\n"
    assert [(each["line"], each["operation"], each["field"], each["reason"].split("; ")[0]) for each in failed(path)] == [
        (3, "line", "", "got text that is no JSON"),
        (5, "line", "", "type: got 'trak'"),
        (4, "add_device", "device.platform", PLATFORM),
    ]
    assert all(set(each) == {"line", "operation", "reason", "field"} for each in failed(path))
    assert fake.people["u1"]["plan"] == "pro"


def test_failed_lines_themselves(fake: ServedFake, run: Run, write: Write) -> None:
    """Only where they are asked for."""
    path = write(*BAD)
    assert run(path, "--url", fake.url, "--keep-lines") == 1
    assert {each["line"]: each["content"] for each in failed(path)} == {1: BAD[0], 2: json.dumps(BAD[1]), 3: json.dumps(BAD[2])}


def test_a_batch_refused_as_a_whole(fake: ServedFake, run: Run, write: Write) -> None:
    """Its lines failed; the ones of other batches did not."""
    fake.at(0).fail(400, ratio=0.5)
    path = write(*({"type": "identify", "userId": f"u{n}"} for n in range(400)))
    assert run(path, "--url", fake.url, "--batch", "10") == 1
    assert len(failed(path)) == fake.rejected() > 0
    assert fake.applied() == 400 - len(failed(path)) > 0
    assert "expected 2xx; mend the operation" in failed(path)[0]["reason"]


def test_a_check(fake: ServedFake, run: Run, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """Says what is wrong as far as can be told here; sends nothing, writes nothing, and needs no workspace."""
    path = write(*GOOD, *BAD)
    assert run(path, "--check") == 1
    out, err = capsys.readouterr()
    assert out == f"{path}: 6 lines, 2 bad; nothing was sent, as --check asks\n"
    assert [line.split(" got ")[0] for line in err.splitlines()] == [f"{path}:4: line:", f"{path}:6: line: type:"]
    assert run(write(*GOOD), "--check") == 0
    assert capsys.readouterr().out == f"{path}: 3 lines, 0 bad; nothing was sent, as --check asks\n"
    assert (fake.requests, list(path.parent.iterdir())) == (0, [path])


def test_a_check_of_many_bad_lines(run: Run, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """The first ones, and how many more."""
    assert run(write(*["{"] * 1_500), "--check") == 1
    err = capsys.readouterr().err.splitlines()
    assert (len(err), err[-1]) == (21, "… and 1,480 more")


def test_a_line_too_large_for_a_batch_is_found_by_a_check(run: Run, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own form would be taken."""
    path = write({"type": "track", "userId": "u1", "name": "x", "data": {"a": "x" * 40_000}})
    assert run(path, "--check") == 1
    assert "track: operation in a batch cannot be larger than 32000 bytes: got" in capsys.readouterr().err


def test_strict(fake: ServedFake, run: Run, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """One bad line, and nothing is sent nor written; none, and it is sent as ever."""
    path = write(*GOOD, "{oops")
    assert run(path, "--url", fake.url, "--strict") == 1
    assert capsys.readouterr().out == f"{path}: 4 lines, 1 bad; nothing was sent, as --strict asks\n"
    assert (fake.requests, list(path.parent.iterdir())) == (0, [path])
    assert run(write(*GOOD), "--url", fake.url, "--strict") == 0
    assert capsys.readouterr().out.startswith(f"{path}: 3 lines, 0 bad; all are sound\n{path}: 3 lines, 3 accepted")


def test_a_file_that_was_sent(fake: ServedFake, run: Run, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """Not again by mistake; to go on changes nothing; anew by choice, with new events."""
    path = write(*GOOD, "{oops")
    assert run(path, "--url", fake.url) == 1
    capsys.readouterr()
    assert run(path, "--url", fake.url) == 2
    assert "cio-load send: journal: got one of a run that finished (3 lines accepted, 1 failed) in" in capsys.readouterr().err
    assert run(path, "--url", fake.url, "--resume") == 1
    assert capsys.readouterr().out == f"{path}: every line had its outcome before: 3 accepted, 1 failed\n"
    assert (fake.applied("track"), fake.requests) == (1, 1)
    assert run(path, "--url", fake.url, "--restart") == 1
    assert (fake.applied("track"), fake.duplicates(), len(failed(path))) == (2, 0, 1)


def test_what_was_sent_and_not_noted(fake: ServedFake, run: Run, write: Write) -> None:
    """It is sent again, as after a kill, and does nothing twice: events are recognised by their ids, and people end as they were."""
    path = write(*({"type": "track", "userId": f"u{n}", "name": "bought"} for n in range(500)), *GOOD)
    journal = Path(f"{path}.cio-load") / "progress.json"
    assert run(path, "--url", fake.url) == 0
    noted = json.loads(journal.read_text())
    noted.update(place={"number": 1, "offset": 0, "last": 0, "open": []}, accepted=0, finished=False)
    journal.write_text(json.dumps(noted))
    before = fake.people
    assert run(path, "--url", fake.url, "--resume") == 0
    assert (fake.applied("track"), fake.duplicates()) == (501, 501)
    assert fake.people == before


def test_an_outage_fails_nothing(fake: ServedFake, run: Run, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """It is given up after a while, exit code 3, and gone on with later."""
    path = write(*GOOD, "{oops")
    fake.at(0).fail(503)
    assert run(path, "--url", fake.url, "--give-up-after", "1ms") == 3
    out, err = capsys.readouterr()
    assert out.startswith(f"{path}: 1 lines, 0 accepted, 1 failed; ")
    assert "it ended before the last line: gave up after 1ms without an acceptance: batch: 503" in err
    assert err.endswith("go on with the same command and --resume\n")
    fake.reset()
    assert run(path, "--url", fake.url, "--resume") == 1
    assert (fake.applied(), len(failed(path))) == (3, 1)


def test_an_outage_that_passes(fake: ServedFake, run: Run, write: Write) -> None:
    """It is waited for."""
    path = write(*GOOD)
    fake.at(0).fail(503, lasting="2s")
    assert run(path, "--url", fake.url) == 0
    assert fake.applied() == 3


def test_a_wrong_key(fake: ServedFake, run: Run, write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One request is enough to know; no line has failed, and the key is not shown."""
    path = write(*GOOD)
    monkeypatch.setenv("CIO_TRACK_API_KEY", "sekrit")
    assert run(path, "--url", fake.url) == 3
    out, err = capsys.readouterr()
    assert out.startswith(f"{path}: 0 lines, 0 accepted, 0 failed; ")
    assert "batch: 401" in err
    assert "sekrit" not in err
    assert (fake.requests, failed(path)) == (1, [])


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_csv(fake: ServedFake, run: Run, tmp_path: Path, suffix: str) -> None:
    """Plain or compressed; people and events in one file."""
    content = b"type,id,email,name,plan,n:int\n,u1,a@example.com,Ann,pro,\ntrack,u1,,bought,,7\ntrack,u1,,bought,,seven\n"
    path = tmp_path / f"rows.csv{suffix}"
    path.write_bytes(gzip.compress(content) if suffix else content)
    assert run(path, "--url", fake.url) == 1
    assert {key: fake.people["u1"][key] for key in ("email", "name", "plan")} == {"email": "a@example.com", "name": "Ann", "plan": "pro"}
    assert [(event.name, event.data) for event in fake.events] == [("bought", {"n": 7})]
    assert [each["line"] for each in failed(path)] == [4]


def test_parquet(fake: ServedFake, run: Run, tmp_path: Path) -> None:
    """Numbers stay numbers."""
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table({"id": ["u1", "u2"], "n": [1, None]}), path)
    assert run(path, "--url", fake.url) == 0
    assert fake.people["u1"]["n"] == 1
    assert "n" not in fake.people["u2"]


def test_damage_in_the_middle(fake: ServedFake, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was sound has been sent and noted; exit code 2."""
    path = tmp_path / "lines.jsonl.gz"
    whole = gzip.compress(b"".join(b'{"type": "identify", "userId": "u%d"}\n' % n for n in range(30_000)))
    path.write_bytes(whole[: len(whole) // 2])
    assert run(path, "--url", fake.url) == 2
    out, err = capsys.readouterr()
    assert "file: got gzip content that is damaged or cut off" in err
    assert fake.applied() > 0
    assert f": {fake.applied():,} lines, {fake.applied():,} accepted, 0 failed; " in out


def test_what_is_held_does_not_grow(fake: ServedFake, run: Run, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most two batches for each that may be under way, whatever the file's length."""
    most, hold = 0, Tracker.hold

    def watched(self: Tracker, key: int, line: Any) -> None:
        nonlocal most
        hold(self, key, line)
        most = max(most, len(self))

    monkeypatch.setattr(Tracker, "hold", watched)
    path = write(*({"type": "identify", "userId": f"u{n % 700}", "data": {"n": n}} for n in range(8_000)))
    assert run(path, "--url", fake.url, "--batch", "50") == 0
    assert 50 <= most <= 2 * 50 * IN_FLIGHT + 1
    assert {person["n"] for person in fake.people.values()} == set(range(7_300, 8_000))


def test_the_pace(fake: ServedFake, run: Run, write: Write) -> None:
    """The workspace's bucket paces requests, whatever is in them."""
    path = write(*({"type": "identify", "userId": f"u{n}"} for n in range(10)))
    assert run(path, "--url", fake.url, "--batch", "1", "--rate", "600/m", "--in-flight", "2") == 0
    assert fake.requests == 10


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--batch", "0"], "cio-load send: --batch: got '0', expected a whole number from 1 to 100000; try 4 or 1000"),
        (["--in-flight", "x"], "cio-load send: --in-flight: got 'x', expected a whole number from 1 to 100000; try 4 or 1000"),
        (["--rate", "5x"], "cio-load send: --rate: got '5x', expected a rate above 0"),
        (["--give-up-after", "soon"], "cio-load send: --give-up-after: got 'soon', expected a duration"),
        (["--format", "xml"], "cio-load send: --format: got 'xml', expected jsonl or csv or parquet"),
    ],
)
def test_arguments_that_make_no_sense(run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    """Exit code 2, and which one."""
    assert run("x.jsonl", *arguments) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["x", "--resume", "--restart"],
            "--resume: got --restart too; expected one of them; leave out --restart to keep what was done",
        ),
        (
            ["-", "--strict"],
            "--strict: got standard input, which can be read only once; expected a file; save it first, or leave out --strict",
        ),
        (
            ["-", "--resume"],
            "--resume: got standard input and no journal; expected that of the earlier run; pass its --journal PATH",
        ),
    ],
)
def test_arguments_that_do_not_go_together(run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    """Said before anything is opened."""
    assert run(*arguments) == 2
    assert capsys.readouterr().err == f"cio-load send: {said}\n"


def test_nobody_real_by_default(run: Run, write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    """And no journal is begun."""
    path = write(*GOOD)
    assert run(path) == 2
    assert capsys.readouterr().err.startswith("cio-load send: url: got none, without --live; expected")
    assert list(path.parent.iterdir()) == [path]
