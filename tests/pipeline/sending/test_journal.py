"""The journal: never half written, bound to one file and workspace, held by one run, and exact about what failed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cio_load.pipeline.sending.journal import Journal, Unkept, difference, fingerprint
from pytest_cio_load.pipeline.sending.sources import Source, open_source
from pytest_cio_load.pipeline.sending.tracker import Place

PLACE = Place(3, 20, 9, ((3, 4), (7, 7)))
ODD = {"line": 2, "operation": "track", "reason": "a lone surrogate: \ud800", "field": ""}


@pytest.fixture
def source(write: Callable[..., Path]) -> Source:
    """Three lines."""
    return open_source(str(write({}, {}, {})))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "deep" / "journal"


def test_what_is_kept_is_read_again(folder: Path, source: Source) -> None:
    """Everything, and that it was resumed; the run keeps its name."""
    journal = Journal(folder, source, "w")
    begun = journal.progress
    assert (begun.place, begun.accepted, begun.resumed, len(begun.run)) == (Place(), 0, 0, 32)
    journal.fail(ODD)
    journal.keep(PLACE, 5)
    kept = journal.progress
    journal.close()
    again = Journal(folder, source, "w", resume=True)
    assert again.progress == replace(kept, resumed=1)
    assert again.progress == replace(begun, place=PLACE, accepted=5, failed=1, failed_bytes=kept.failed_bytes, resumed=1)
    again.close()


def test_it_is_there_before_anything_is_sent(folder: Path, source: Source) -> None:
    """Else a kill within the first second would give every event a new id."""
    journal = Journal(folder, source, "w")
    assert json.loads((folder / "progress.json").read_text())["run"] == journal.progress.run
    journal.close()


def test_failed_lines_that_were_not_kept_come_again(folder: Path, source: Source) -> None:
    """What a kill left behind the kept ones is cut off."""
    journal = Journal(folder, source, "w")
    journal.fail({"line": 1})
    journal.keep(PLACE, 0)
    journal.fail({"line": 2})
    journal.close()
    again = Journal(folder, source, "w", resume=True)
    again.fail({"line": 2})
    again.keep(PLACE, 0)
    again.close()
    assert [json.loads(line)["line"] for line in Path(again.failures).read_text().splitlines()] == [1, 2]
    assert again.progress.failed == 2
    assert again.progress.failed_bytes == Path(again.failures).stat().st_size


def test_to_begin_anew(folder: Path, source: Source) -> None:
    """Another run: another name, nothing done, nothing failed."""
    journal = Journal(folder, source, "w")
    journal.fail({"line": 1})
    journal.keep(PLACE, 5)
    journal.close()
    anew = Journal(folder, source, "other", restart=True)
    assert (anew.progress.place, anew.progress.failed, Path(anew.failures).read_bytes()) == (Place(), 0, b"")
    assert anew.progress.run != journal.progress.run
    anew.close()


def test_a_first_run_may_be_resumed(folder: Path, source: Source) -> None:
    """There is nothing to go on with, which is no mistake: the same command can be repeated until it is done."""
    journal = Journal(folder, source, "w", resume=True)
    assert journal.progress.resumed == 0
    journal.close()


@pytest.mark.parametrize(("finished", "state"), [(False, "was broken off"), (True, "finished")])
def test_a_choice_has_to_be_made(folder: Path, source: Source, finished: bool, state: str) -> None:
    """Both ways are named, with what has been done."""
    journal = Journal(folder, source, "w")
    journal.keep(PLACE, 1_234, finished=finished)
    journal.close()
    with pytest.raises(ValueError) as caught:
        Journal(folder, source, "w")
    assert str(caught.value) == (
        f"journal: got one of a run that {state} (1,234 lines accepted, 0 failed) in {str(folder)!r}; expected none; "
        "go on with --resume, or send every line again, as new, with --restart"
    )


def _longer(path: Path) -> None:
    path.write_text(path.read_text() + "{}\n", encoding="utf-8")


def _other_beginning(path: Path) -> None:
    path.write_text("[]\n{}\n{}\n", encoding="utf-8")


def _other_end(path: Path) -> None:
    path.write_text("{}\n{}\n[]\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (_longer, "12 bytes in place of 9"),
        (_other_beginning, "another content at its beginning or its end"),
        (_other_end, "another content at its beginning or its end"),
    ],
)
def test_a_file_that_has_changed(folder: Path, source: Source, change: Callable[[Path], None], what: str) -> None:
    """Its size, its beginning or its end: line numbers may mean other lines. What differs is said."""
    Journal(folder, source, "w").close()
    change(Path(source.path))
    with pytest.raises(ValueError) as caught:
        Journal(folder, source, "w", resume=True)
    assert str(caught.value) == (
        f"journal: got one of another state of {source.path!r}, which has {what}; expected the file as it was; put it back, or --restart"
    )


@pytest.mark.parametrize(
    ("known", "now", "what"),
    [
        (("csv", "9", "a"), ("jsonl", "9", "a"), "format jsonl in place of csv"),
        (("jsonl",), ("jsonl", "9", "a"), "a file in place of standard input"),
        (("jsonl", "9", "a"), ("jsonl",), "standard input in place of a file"),
        (("jsonl", "1200", "a"), ("jsonl", "9", "b"), "9 bytes in place of 1,200"),
    ],
)
def test_what_differs(known: tuple[str, ...], now: tuple[str, ...], what: str) -> None:
    """The plainest difference is the one that is named."""
    assert difference(known, now) == what


def test_a_file_that_was_touched(folder: Path, source: Source) -> None:
    """Copied, downloaded again or touched, it has the same lines: its time is nobody's business."""
    Journal(folder, source, "w").close()
    os.utime(source.path, (0, 0))
    journal = Journal(folder, source, "w", resume=True)
    assert journal.progress.resumed == 1
    journal.close()


@given(
    content=st.binary(min_size=1, max_size=300_000),
    where=st.one_of(st.integers(0, (1 << 16) - 1), st.integers(-(1 << 16), -1)),
)
@settings(max_examples=20, deadline=None)
def test_both_ends_count(content: bytes, where: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """One byte within 64 KiB of either end makes it another file; the same bytes elsewhere do not."""
    folder = tmp_path_factory.mktemp("ends")
    where = max(-len(content), min(where, len(content) - 1))
    changed = bytearray(content)
    changed[where] ^= 1
    prints = []
    for name, held in (("a", content), ("b", content), ("c", bytes(changed))):
        (folder / f"{name}.jsonl").write_bytes(held)
        prints.append(fingerprint(open_source(str(folder / f"{name}.jsonl"))))
    assert prints[0] == prints[1] != prints[2]


def test_another_workspace(folder: Path, source: Source) -> None:
    """Half a file in each would be nobody's wish."""
    Journal(folder, source, "w").close()
    with pytest.raises(ValueError) as caught:
        Journal(folder, source, "v", resume=True)
    assert str(caught.value) == (
        "journal: got one of another workspace; expected the site id and url of its first run; use them, or --restart"
    )


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"version": 1}', '{"version": 2, "place": {}}', '{"version": 2, "place": {"open": [1]}}']
)
def test_a_journal_that_cannot_be_read(folder: Path, source: Source, content: str) -> None:
    """Of another version, or damaged from outside."""
    folder.mkdir(parents=True)
    (folder / "progress.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError) as caught:
        Journal(folder, source, "w", resume=True)
    assert str(caught.value) == (
        f"journal: got one that this version cannot read, in {str(folder)!r}; "
        "expected version 2; finish it with what began it, or --restart"
    )
    Journal(folder, source, "w", restart=True).close()


def test_two_at_once(folder: Path, source: Source) -> None:
    """The second one is refused, and may come when the first one has let go."""
    first = Journal(folder, source, "w")
    with pytest.raises(ValueError) as caught:
        Journal(folder, source, "w", resume=True)
    assert str(caught.value) == (
        f"journal: got one that another run is writing, in {str(folder)!r}; expected one run of a file at a time; wait for it, or stop it"
    )
    first.close()
    Journal(folder, source, "w", resume=True).close()


def test_a_place_that_cannot_be_written(tmp_path: Path, source: Source) -> None:
    """Another one can be named."""
    (tmp_path / "file").touch()
    with pytest.raises(ValueError) as caught:
        Journal(tmp_path / "file" / "journal", source, "w")
    assert str(caught.value) == (
        f"journal: got {str(tmp_path / 'file' / 'journal')!r} (Not a directory); expected a folder to write in; try --journal PATH"
    )


def test_of_standard_input_only_the_format_is_known() -> None:
    """Its lines are taken as they come."""
    assert fingerprint(open_source("-")) == ("jsonl",)


def test_notes_that_are_not_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """They say the same, while the process lives; failed lines are said at once."""
    notes = Unkept(open_source("-"), "w")
    notes.fail({"line": 1})
    notes.keep(PLACE, 5, finished=True)
    notes.close()
    assert capsys.readouterr().err == '{"line": 1}\n'
    assert (notes.progress.failed, notes.progress.accepted, notes.progress.place, notes.progress.finished) == (1, 5, PLACE, True)
