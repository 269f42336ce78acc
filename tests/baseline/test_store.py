"""Baselines on disk: kept whole, found again, and refused where they do not belong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.baseline.noise import Noise, Spread
from pytest_cio_load.baseline.refusals import (
    BaselineError,
    BaselineUnreadable,
    NoBaseline,
    NotSaved,
    NotWritten,
    OnlyElsewhere,
    OtherContract,
)
from pytest_cio_load.baseline.store import Store, differences, machine_id, safe_name
from pytest_cio_load.errors import DocumentError

NOISE = Noise("", 10, (Spread("response", "95", 28.0, 0.02, 0.6),))


@pytest.fixture(scope="module")
def doc(documents: Any) -> Any:
    """A run on the wall clock."""
    return documents.lognormal(1, samples=100)


@pytest.fixture(scope="module")
def virtual(documents: Any) -> Any:
    """The same test in virtual time."""
    return documents.lognormal(1, samples=100, clock="virtual")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty one."""
    return Store(tmp_path / "baselines")


def elsewhere(doc: Any, **changed: Any) -> Any:
    """The run as another machine would have made it."""
    return {**doc, "machine": {**doc["machine"], "fingerprint": {**doc["machine"]["fingerprint"], **changed}}}


def refused(kind: type[BaselineError], call: Callable[[], object]) -> str:
    """What it says."""
    with pytest.raises(kind) as error:
        call()
    assert type(error.value) is kind
    return str(error.value)


def test_what_was_kept_is_found(store: Store, doc: Any) -> None:
    """As it was, with when and at which commit."""
    store.save(doc)
    kept = store.load(doc)
    assert kept.document == doc
    assert (kept.name, kept.noise, len(kept.saved_at)) == ("baseline", None, 25)
    assert kept.describe().startswith("compared with 'baseline' of 20")


def test_a_new_one_takes_the_place_of_the_old(store: Store, doc: Any, documents: Any, tmp_path: Path) -> None:
    """Of the same name; others stay, and nothing else is left behind."""
    store.save(doc, "release-1")
    store.save(doc)
    newer = documents.lognormal(2, samples=100)
    store.save(newer)
    assert store.load(doc).document == newer
    assert store.load(doc, "release-1").document == doc
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == 2


def test_its_place(store: Store, doc: Any, virtual: Any) -> None:
    """By machine and test; virtual time is of no machine."""
    place = safe_name("tests/test_it.py::test_identify")
    assert store.save(doc) == f"{machine_id(doc)}/{place}/baseline.json"
    assert store.save(virtual, "main") == f"virtual/{place}/main.json"
    assert place.startswith("tests-test_it.py-test_identify-")


@pytest.mark.parametrize("verdict", ["broken", "inconclusive"])
def test_only_what_kept_its_contract_is_kept(store: Store, doc: Any, verdict: str) -> None:
    """A broken run when it is forced; an inconclusive one never."""
    run = {**doc, "verdict": verdict}
    said = refused(NotSaved, lambda: store.save(run))
    assert said == (
        f"the run: got one that is {verdict}; expected one that kept its contract, for others to be held against; mend that, and save then"
    )
    if verdict == "broken":
        store.save(run, force=True)
        assert store.load(doc).document["verdict"] == "broken"
    else:
        refused(NotSaved, lambda: store.save(run, force=True))


@pytest.mark.parametrize(
    ("name", "nearest"), [("a/b", "a-b"), ("../x", "x"), ("", "baseline"), ("noise", "baseline"), ("x y", "x-y"), ("a" * 99, "a" * 80)]
)
def test_a_name_that_is_none(store: Store, doc: Any, name: str, nearest: str) -> None:
    """Says what would be."""
    for call in (lambda: store.save(doc, name), lambda: store.load(doc, name)):
        said = refused(NotSaved, call)
        expected = "letters, digits, '.', '_' and '-', and not 'noise', which is kept beside them"
        assert said == f"name: got {name[:80]!r}; expected {expected}; try {nearest!r}"


def test_there_is_none(store: Store, doc: Any) -> None:
    """And what is there instead."""
    said = refused(NoBaseline, lambda: store.load(doc))
    assert said == "baseline 'baseline': got none for this test; expected one to compare with; save one with --cio-save"
    store.save(doc, "main")
    assert refused(NoBaseline, lambda: store.load(doc, "mian")).endswith("did you mean main?")


@pytest.mark.parametrize("changed", [{"cpu": "Other"}, {"cpus": 8}, {"platform": "Windows-11"}])
def test_a_baseline_of_another_machine_is_not_compared(store: Store, doc: Any, changed: dict[str, object]) -> None:
    """It is said whose there is."""
    other = elsewhere(doc, **changed)
    store.save(other)
    said = refused(OnlyElsewhere, lambda: store.load(doc))
    assert said == (
        f"baseline 'baseline': got one of another machine ({machine_id(other)}) only; expected one of this machine and clock; "
        "save one here with --cio-save"
    )


@pytest.mark.parametrize("changed", [{"platform": "Linux-6.2-x86_64"}, {"python": "CPython 3.13.0"}, {"plugin": "2"}])
def test_an_update_makes_no_other_machine(store: Store, doc: Any, changed: dict[str, object]) -> None:
    """Of the operating system, of Python or of this plugin: what they change is to be seen."""
    store.save(doc)
    assert store.load(elsewhere(doc, **changed)).document == doc


def test_a_machine_that_is_not_named_is_none_that_is(doc: Any) -> None:
    """As in documents that are older than the fingerprint."""
    bare = {**doc, "machine": {name: value for name, value in doc["machine"].items() if name != "fingerprint"}}
    assert machine_id(doc).startswith("linux-4cpu-")
    assert machine_id(bare) != machine_id(doc)
    assert machine_id(bare) != machine_id({"machine": {"system": "Darwin arm64"}})


def test_a_baseline_of_the_other_clock_is_not_compared(store: Store, doc: Any, virtual: Any) -> None:
    """Neither way round."""
    store.save(virtual)
    assert "got one of virtual time only" in refused(OnlyElsewhere, lambda: store.load(doc))
    store.save(doc, "wall")
    refused(OnlyElsewhere, lambda: store.load(virtual, "wall"))


def test_virtual_time_is_the_same_on_every_machine(store: Store, virtual: Any) -> None:
    """So are its baselines."""
    store.save(virtual)
    assert store.load(elsewhere(virtual, cpu="Other")).document == virtual


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"profile": "10/s for 1s"}, "profile: 80/s for 1.25s then, 10/s for 1s now"),
        ({"arrivals": "poisson"}, "arrivals: even then, poisson now"),
        ({"max_in_flight": 5}, "max_in_flight: 100 then, 5 now"),
        ({"warmup": 3.0}, "warmup: 0.0 then, 3.0 now"),
    ],
)
def test_a_baseline_of_another_load(store: Store, doc: Any, changed: dict[str, object], what: str) -> None:
    """Says in what it differs."""
    store.save(doc)
    now = {**doc, "contract": {**doc["contract"], **changed}}
    said = f"baseline 'baseline': got one measured under another load ({what}); expected the same; save a new one with --cio-save"
    assert refused(OtherContract, lambda: store.load(now)) == said


def test_a_target_is_the_same_on_any_port(doc: Any) -> None:
    """A server that listens anew is no other one; the fake and a server are."""
    one, other, fake = ({**doc, "target": name} for name in ("http://127.0.0.1:4001", "http://127.0.0.1:4002", "fake"))
    assert differences(one, other) == []
    assert differences(one, fake) == ["target: http://127.0.0.1:4001 then, fake now"]


def test_another_promise_on_the_same_load_can_be_compared(store: Store, doc: Any) -> None:
    """A bound that is tightened does not change what is measured."""
    store.save(doc)
    assert store.load({**doc, "thresholds": doc["thresholds"][:1]}).document == doc


DAMAGE: list[tuple[Callable[[bytes], bytes], str]] = [
    (lambda data: b"", "got no JSON, or a part of it; expected a baseline"),
    (lambda data: data[: len(data) // 2], "got no JSON, or a part of it; expected a baseline"),
    (lambda data: b"\xff\xfe" + data, "got no JSON, or a part of it; expected a baseline"),
    (lambda data: b"[" * 100_000, "got no JSON, or a part of it; expected a baseline"),
    (lambda data: b"[]", "got JSON of something else; expected a baseline"),
    (lambda data: b'{"benchmarks": []}', "got JSON of something else; expected a baseline"),
    (lambda data: data.replace(b'"baseline": 1', b'"baseline": 2', 1), "got a baseline of version 2; expected 1 at most; update"),
    (lambda data: data.replace(b'"schema": 2', b'"schema": 99', 1), "got a damaged baseline"),
    (lambda data: data.replace(b'"samples": 100, "avg"', b'"samples": 101, "avg"', 1), "got a damaged baseline"),
    (lambda data: data.replace(b'"document"', b'"paper"', 1), "got a damaged baseline"),
    (lambda data: json.dumps({**json.loads(data), "document": {"runs": [], "schema": 2}}).encode(), "got a damaged baseline"),
    (lambda data: data.replace(b"test_identify", b"test_other", 1), "got a baseline of tests/test_it.py::test_other; expected one of "),
]


@pytest.mark.parametrize(("damage", "says"), DAMAGE)
def test_a_file_that_is_no_baseline(store: Store, doc: Any, tmp_path: Path, damage: Callable[[bytes], bytes], says: str) -> None:
    """Damaged, truncated, foreign, newer, of another test: each says so, and none is compared."""
    path = tmp_path / "baselines" / store.save(doc)
    path.write_bytes(damage(path.read_bytes()))
    assert says in refused(BaselineUnreadable, lambda: store.load(doc))
    with pytest.raises(DocumentError):
        store.load(doc)


def test_what_cannot_be_written(store: Store, doc: Any, tmp_path: Path) -> None:
    """Because a file is where the folder should be."""
    (tmp_path / "baselines").write_text("in the way", encoding="utf-8")
    said = refused(NotWritten, lambda: store.save(doc))
    assert "expected a file that can be written; free some space, or grant access" in said
    assert "got None" not in said
    refused(NotWritten, lambda: store.keep_noise(doc, NOISE))


FULL = """
import json, resource, sys
from pathlib import Path
from pytest_cio_load.baseline.refusals import NotWritten
from pytest_cio_load.baseline.store import Store

resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
try:
    Store(Path(sys.argv[1])).save(json.loads(sys.stdin.read()))
except NotWritten as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits to set")
def test_a_full_disk_leaves_what_was_there(store: Store, doc: Any, tmp_path: Path) -> None:
    """Whole, and no part of the new one."""
    place = tmp_path / "baselines"
    before = (place / store.save(doc)).read_bytes()
    asked = [sys.executable, "-c", FULL, str(place)]
    said = subprocess.run(asked, input=json.dumps(doc), capture_output=True, text=True, check=True, timeout=120)
    assert "got File too large; expected a file that can be written" in said.stdout
    (file,) = (path for path in place.rglob("*") if path.is_file())
    assert file.read_bytes() == before


def test_two_that_save_at_once(doc: Any, tmp_path: Path) -> None:
    """One of them is there afterwards, whole, and nothing half-written beside it."""
    code = (
        "import json, sys; from pathlib import Path; from pytest_cio_load.baseline.store import Store\n"
        "doc = json.loads(sys.stdin.read())\nfor _ in range(30): Store(Path(sys.argv[1])).save(doc)"
    )
    docs = [{**doc, "headline": str(number)} for number in range(2)]
    started = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, text=True) for _ in docs]
    for process, each in zip(started, docs, strict=True):
        assert process.stdin is not None
        process.stdin.write(json.dumps(each))
        process.stdin.close()
    assert [process.wait(120) for process in started] == [0, 0]
    assert Store(tmp_path).load(doc).document["headline"] in ("0", "1")
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == 1


def test_noise_is_kept_beside_them(store: Store, doc: Any, virtual: Any) -> None:
    """A test's own, else its machine's; virtual time has none."""
    assert store.noise_of(doc) is None
    store.keep_noise(doc, NOISE)
    assert store.noise_of(doc) == NOISE
    own = Noise(doc["test"], 5, NOISE.spreads)
    store.keep_noise(doc, own)
    store.save(doc)
    assert store.load(doc).noise == own
    assert store.noise_of({**doc, "test": "another"}) == NOISE
    assert store.noise_of(elsewhere(doc, cpu="Other")) is None
    assert store.noise_of(virtual) is None


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"test": "", "runs": 1, "spreads": []}', b"\xff"])
def test_noise_that_cannot_be_read_is_none(store: Store, doc: Any, content: bytes) -> None:
    """The gate does without, and says that it is not known."""
    store.keep_noise(doc, NOISE).write_bytes(content)
    assert store.noise_of(doc) is None


def test_a_list_of_them(store: Store, doc: Any, virtual: Any, tmp_path: Path) -> None:
    """What cannot be read is on it too, and whether each is of this machine."""
    here, other = store.save(doc), store.save(elsewhere(doc, cpu="Other"))
    everywhere = store.save(virtual)
    store.keep_noise(doc, NOISE)
    (tmp_path / "baselines" / "virtual" / "stray.json").write_text("{}", encoding="utf-8")
    found = {path.relative_to(tmp_path / "baselines").as_posix(): (kept is not None, here) for path, kept, here in (
        (each.path, each.kept, each.here) for each in Store(tmp_path / "baselines", machine_id(doc)).listed()
    )}
    assert found == {here: (True, True), other: (True, False), everywhere: (True, True), "virtual/stray.json": (False, False)}


@given(st.text(max_size=300), st.text(max_size=300))
def test_a_test_has_a_folder_of_its_own(one: str, other: str) -> None:
    """Whatever its node id, on any file system; also where upper and lower case are one."""
    name = safe_name(one.encode(errors="ignore").decode())
    assert name.isascii()
    assert 0 < len(name) <= 90
    assert not set(name) & set('/\\:*?"<>|')
    assert not name.startswith(".")
    if (first := one.encode(errors="ignore")) != (second := other.encode(errors="ignore")):
        assert safe_name(first.decode()).lower() != safe_name(second.decode()).lower()
