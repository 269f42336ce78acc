"""``cio-load cleanup``: which ledgers are taken up, past the guard, and what is said of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from pytest_cio_load.errors import GuardRefused, LedgerError
from pytest_cio_load.fake.served import ServedFake
from pytest_cio_load.safety import allowlist
from pytest_cio_load.safety.header import new_header
from pytest_cio_load.safety.ledger import DurableLedger
from pytest_cio_load.safety.ledgers import begin, ledgers_in, read
from pytest_cio_load.staging.commands import cleanup
from pytest_cio_load.staging.commands.cleanup import Cleaned, chosen, clean_up, command, table
from pytest_cio_load.staging.preflight import Way
from pytest_cio_load.staging.sweep import Pace, Swept

SITE, KEY, APP = "5f1c0aa7d2b94e38", "9be27d416f0c53aa", "e0d4b7719c2f4a6b8d35"
OTHER_SITE, OTHER_KEY, OTHER_APP = "aa51c0d7f2b94e38", "11e27d416f0c53aa", "ffd4b7719c2f4a6b8d35"
ENVIRONMENT = {"CIO_LOAD_SITE_ID": SITE, "CIO_LOAD_API_KEY": KEY, "CIO_LOAD_APP_KEY": APP}
QUICK = Pace(poll=0.02, apart=0.05, looks=6)


@pytest.fixture(scope="module")
def served() -> Iterator[ServedFake]:
    """Staging, and another workspace of the account."""
    shared = {"region": "us", "latency": "1ms", "app_limit": 1_000}
    staging = {"site_id": SITE, "api_key": KEY, "app_key": APP, "environment_id": 1001, "name": "Staging", **shared}
    other = {"site_id": OTHER_SITE, "api_key": OTHER_KEY, "app_key": OTHER_APP, "environment_id": 1001, "name": "Sandbox", **shared}
    with ServedFake([staging, other]) as fake:
        yield fake


@pytest.fixture
def fake(served: ServedFake) -> ServedFake:
    """Both of them, as new."""
    served.reset()
    return served


@pytest.fixture
def allow_file(tmp_path: Path) -> Path:
    """An allow-list with staging on it."""
    path = tmp_path / "allow.json"
    allowlist.write(path, [allowlist.Entry(allowlist.hash_of(SITE), 1001, "us", None, date(2026, 11, 24))])
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of the ledgers."""
    return tmp_path / "ledger"


def ledger(folder: Path, *, site: str = SITE, environment_id: int = 1001, region: str = "us") -> DurableLedger:
    header = new_header(test="t.py::test_it", site=allowlist.hash_of(site), environment_id=environment_id, region=region)
    return begin(folder, header, block=10)


def left_behind(folder: Path, fake: ServedFake, people: int = 3, **how: Any) -> Path:
    """A run that ended without cleaning up."""
    made = ledger(folder, **how)
    for index in range(people):
        path = f"{fake.url}/api/v1/customers/{made.user(index).id}"
        assert httpx.put(path, json={"cio_load_run": made.journal.path.stem}, auth=(SITE, KEY)).status_code == 200
    made.close()
    return made.journal.path


def cleaned(folder: Path, allow_file: Path, fake: ServedFake, *, run: str | None = None, **how: Any) -> list[Cleaned]:
    """What became of each."""
    way = Way(track_url=fake.url, app_url=fake.url)
    how = {"environment": ENVIRONMENT, "live": True, "pace": QUICK, "patience": 5.0, **how}
    environment = how.pop("environment")
    return list(clean_up(chosen(folder, run), environment, allow_file, way=way, **how))


def test_everyone_is_deleted_and_that_is_written_down(folder: Path, allow_file: Path, fake: ServedFake) -> None:
    """One run after the other, the oldest first."""
    paths = [left_behind(folder, fake), left_behind(folder, fake, 0)]
    done = cleaned(folder, allow_file, fake)
    assert [(each.run, each.state, each.exit_code) for each in done] == [(path.stem, "clean", 0) for path in paths]
    assert not fake.people
    assert all(read(path).is_cleaned for path in paths)


def test_twice(folder: Path, allow_file: Path, fake: ServedFake) -> None:
    """A run that was named is cleaned up again, whatever was written down of it."""
    path = left_behind(folder, fake)
    assert [cleaned(folder, allow_file, fake, run=path.stem)[0].state for _ in range(2)] == ["clean", "clean"]
    assert read(path).is_cleaned


def test_broken_off_and_taken_up_again(folder: Path, allow_file: Path, fake: ServedFake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle leaves the ledger one to clean up."""
    path = left_behind(folder, fake)
    real = asyncio.to_thread

    async def interrupted(*arguments: Any) -> Any:
        await real(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "to_thread", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cleaned(folder, allow_file, fake)
    assert not read(path).is_cleaned
    assert len(fake.people) == 3
    assert cleaned(folder, allow_file, fake)[0].state == "clean"
    assert not fake.people


def test_the_app_key_of_another_workspace(folder: Path, allow_file: Path, fake: ServedFake) -> None:
    """The guard cannot tell; the witness can. The ledger stays one to clean up."""
    path = left_behind(folder, fake)
    done = cleaned(folder, allow_file, fake, environment={**ENVIRONMENT, "CIO_LOAD_APP_KEY": OTHER_APP}, patience=0.5)
    assert [(each.state, each.exit_code) for each in done] == [("unverified", 1)]
    assert not read(path).is_cleaned
    assert not fake.people


@pytest.mark.parametrize(
    ("how", "got"),
    [
        ({"site": OTHER_SITE}, "got another site id; expected that of workspace 1001, region us, in which it made people up; set CIO_LOAD"),
        ({"environment_id": 7}, "got workspace 1001, region us; expected that of workspace 7, region us"),
        ({"region": "eu"}, "got workspace 1001, region us; expected that of workspace 1001, region eu"),
    ],
)
def test_a_ledger_of_another_workspace(how: dict[str, Any], got: str, folder: Path, allow_file: Path, fake: ServedFake) -> None:
    """Is refused, and no request is about it; those of this one are cleaned up all the same."""
    other, ours = left_behind(folder, fake, 0, **how), left_behind(folder, fake)
    done = {each.run: each for each in cleaned(folder, allow_file, fake)}
    assert (done[other.stem].state, done[other.stem].exit_code, done[ours.stem].state) == ("refused", 2, "clean")
    assert got in done[other.stem].describe()
    assert read(other).outcome is None


@pytest.mark.parametrize(
    ("environment", "live", "rule"),
    [
        (ENVIRONMENT, False, "opt-in"),
        ({}, True, "credentials"),
        ({**ENVIRONMENT, "CUSTOMERIO_SITE_ID": SITE}, True, "own credentials"),
        ({**ENVIRONMENT, "CIO_LOAD_SITE_ID": OTHER_SITE}, True, "allow-list"),
        ({**ENVIRONMENT, "CIO_LOAD_API_KEY": OTHER_KEY}, True, "region"),
        ({**ENVIRONMENT, "CIO_LOAD_APP_KEY": "wrong"}, True, "app key"),
    ],
)
def test_the_guard_is_passed_first(
    environment: dict[str, str], live: bool, rule: str, folder: Path, allow_file: Path, fake: ServedFake
) -> None:
    """The same as for a load; nothing is deleted."""
    left_behind(folder, fake)
    with pytest.raises(GuardRefused, match=f"rule '{rule}'"):
        cleaned(folder, allow_file, fake, environment=environment, live=live)
    assert len(fake.people) == 3
    assert fake.received("delete") == 0


def test_the_opt_in_of_the_environment(folder: Path, allow_file: Path, fake: ServedFake) -> None:
    """CIO_LOAD_LIVE=1 does."""
    left_behind(folder, fake, 1)
    assert cleaned(folder, allow_file, fake, environment={**ENVIRONMENT, "CIO_LOAD_LIVE": "1"}, live=False)[0].state == "clean"


def test_runs_that_live_are_left_alone(folder: Path, allow_file: Path, fake: ServedFake) -> None:
    """They clean up by themselves, named or not; but nobody may take it that nobody is left. Customer.io is not asked."""
    made = ledger(folder)
    try:
        for named in (None, made.journal.path.stem):
            done = cleaned(folder, allow_file, fake, run=named)
            assert [(each.state, each.exit_code) for each in done] == [("live", 1)]
            assert "live: its run goes on, or another process of it holds the ledger; it cleans up by itself" in done[0].describe()
    finally:
        made.close()
    assert fake.requests == 0


def test_a_run_that_lives_beside_one_that_ended(folder: Path, allow_file: Path, fake: ServedFake) -> None:
    """The one that ended is cleaned up all the same."""
    ended, made = left_behind(folder, fake), ledger(folder)
    try:
        done = {each.run: (each.state, each.exit_code) for each in cleaned(folder, allow_file, fake)}
    finally:
        made.close()
    assert done == {ended.stem: ("clean", 0), made.journal.path.stem: ("live", 1)}
    assert not fake.people


def test_a_ledger_that_is_damaged(folder: Path, allow_file: Path, fake: ServedFake) -> None:
    """People may be left: no other run's is kept from being cleaned up by it."""
    broken, sound = left_behind(folder, fake, 0), left_behind(folder, fake)
    broken.write_text(broken.read_text() + "{}\n")
    done = {each.run: each for each in cleaned(folder, allow_file, fake)}
    assert (done[broken.stem].state, done[broken.stem].exit_code, done[sound.stem].state) == ("unreadable", 1, "clean")
    assert "line 3" in done[broken.stem].describe()


def test_a_ledger_that_cannot_be_closed(folder: Path, allow_file: Path, fake: ServedFake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clean or not: what is not written down has to be looked at again."""
    def full(self: DurableLedger, outcome: object) -> None:
        raise LedgerError("ledger: got 'No space left on device'; expected …; make room")

    left_behind(folder, fake)
    monkeypatch.setattr(DurableLedger, "cleaned", full)
    done = cleaned(folder, allow_file, fake)
    assert [(each.state, each.exit_code) for each in done] == [("unverified", 1)]
    assert "clean: 10 of 10 made-up people deleted; and that cannot be written down: ledger: got 'No space left" in done[0].describe()


def test_a_run_without_a_ledger(folder: Path, fake: ServedFake) -> None:
    """Says the nearest that has one."""
    path = left_behind(folder, fake, 0)
    with pytest.raises(ValueError, match=rf"got one that has no ledger in .*; expected one of the 1 that have; did you mean {path.stem}"):
        chosen(folder, path.stem[:-1])
    with pytest.raises(ValueError, match="cio-load cleanup --list shows them"):
        chosen(folder, "?")


# The command itself.


def run(*arguments: str) -> int:
    """Its exit code."""
    code: int = command.main([*arguments], "cleanup", standalone_mode=False)
    return code


def test_nothing_to_clean_up(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Needs no credentials."""
    folder.mkdir()
    assert run("--folder", str(folder)) == 0
    assert capsys.readouterr().out == f"nothing to clean up in {folder}\n"
    assert run("--folder", str(folder), "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize("more", [[], ["--json"], ["--list"], ["some-run"]])
def test_a_folder_that_does_not_exist(folder: Path, more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Is a mistake: elsewhere there may be ledgers of people who are left."""
    assert run("--folder", str(folder), *more) == 2
    said = capsys.readouterr()
    assert f"--folder: got {folder}, which does not exist; expected the folder of the ledgers; run this where the load ran, or" in said.err
    assert "name the folder with --folder" in said.err
    assert not said.out


def test_a_run_that_lives_by_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, without credentials, whether it is named or not."""
    made = ledger(folder)
    try:
        for named in ([], [made.journal.path.stem]):
            assert run(*named, "--folder", str(folder)) == 1
            assert "its run goes on, or another process of it holds the ledger" in capsys.readouterr().out
    finally:
        made.close()


def test_without_the_opt_in(
    folder: Path, allow_file: Path, fake: ServedFake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused: exit code 2, the rule and its remedy, and no secret."""
    left_behind(folder, fake)
    for name in ("CIO_LOAD_LIVE", *ENVIRONMENT):
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert run("--folder", str(folder), "--allow-file", str(allow_file)) == 2
    said = capsys.readouterr()
    assert "rule 'opt-in'" in said.err
    assert not any(secret in said.err + said.out for secret in (SITE, KEY, APP))


def test_a_run_that_is_not_known(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake in the arguments."""
    ledger(folder).close()
    assert run("nothing", "--folder", str(folder)) == 2
    assert "RUN: got one that has no ledger" in capsys.readouterr().err


def test_the_list(folder: Path, fake: ServedFake, capsys: pytest.CaptureFixture[str]) -> None:
    """A line each: what is to clean up, what is clean, what lives, what is unreadable."""
    waiting, live, broken, clean = left_behind(folder, fake, 0), ledger(folder), left_behind(folder, fake, 0), ledger(folder)
    clean.cleaned({"left": 0, "verified": True})
    clean.close()
    broken.write_text(broken.read_text() + "{}\n")
    try:
        assert run("--folder", str(folder), "--list") == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split() == ["run", "state", "people", "workspace", "test"]
        states = {line.split()[0]: line for line in lines[1:]}
        assert "to clean up" in states[waiting.stem]
        assert "10" in states[waiting.stem]
        assert "1001 (us)  t.py::test_it" in states[waiting.stem]
        assert "live" in states[live.journal.path.stem]
        assert "unreadable" in states[broken.stem]
        assert "clean" in states[clean.journal.path.stem]
        assert run("--folder", str(folder), "--list", "--json") == 0
        listed = {each["run"]: each for each in json.loads(capsys.readouterr().out)}
    finally:
        live.close()
    assert (listed[waiting.stem]["state"], listed[waiting.stem]["people"]) == ("to_clean_up", 10)
    assert "line 3" in listed[broken.stem]["problem"]
    assert table([]) == "no ledgers"


@pytest.mark.parametrize(
    ("states", "code"),
    [
        (["clean", "live"], 1),
        (["live"], 1),
        (["clean"], 0),
        (["clean", "left"], 1),
        (["unverified", "clean"], 1),
        (["unreadable"], 1),
        (["refused", "left", "clean"], 2),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_exit_codes(
    states: list[Any], code: int, as_json: bool, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst that became of any run; a line for each, or one document."""
    ledger(folder).close()
    swept = {"clean": Swept(2, 2, 0, 0, True), "left": Swept(2, 1, 0, 1, False, "why"), "unverified": Swept(2, 2, 0, 0, False, "why")}
    made = [Cleaned(f"run-{number}", state, swept.get(state), "" if state in swept else "why") for number, state in enumerate(states)]
    monkeypatch.setattr(cleanup, "clean_up", lambda *_, **__: iter(made))
    assert run("--folder", str(folder), *["--json"] * as_json) == code
    out = capsys.readouterr().out
    if as_json:
        said = json.loads(out)
        assert [(each["run"], each["state"]) for each in said] == [(each.run, each.state) for each in made]
        assert all(each.get("reason") == "why" for each in said if each["state"] not in ("clean",))
    else:
        assert out.splitlines() == [each.describe() for each in made]


def test_those_that_are_cleaned_are_not_taken_up(folder: Path, fake: ServedFake, capsys: pytest.CaptureFixture[str]) -> None:
    """Unless they are named."""
    made = ledger(folder)
    made.cleaned({"left": 0, "verified": True})
    made.close()
    assert run("--folder", str(folder)) == 0
    assert "nothing to clean up" in capsys.readouterr().out
    assert [entry.is_cleaned for entry in ledgers_in(folder)] == [True]


def test_what_is_told_while_it_goes_on(folder: Path, allow_file: Path, fake: ServedFake, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, so that what programs read is whole."""
    path = left_behind(folder, fake)
    cleaned(folder, allow_file, fake)
    said = capsys.readouterr()
    assert said.err == f"{path.stem}  10 people, as its ledger says; deleting …\n"
    assert not said.out
