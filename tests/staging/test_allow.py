"""``cio-load allow``: a workspace is listed by hand, and nothing is asked of Customer.io."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from pytest_cio_load.errors import GuardRefused
from pytest_cio_load.safety.allowlist import Entry, hash_of, load, write
from pytest_cio_load.staging.commands.allow import Wish, allow, command

SITE, KEY, APP = "5f1c0aa7d2b94e38", "9be27d416f0c53aa", "e0d4b7719c2f4a6b8d35"
ENVIRONMENT = {"CIO_LOAD_SITE_ID": SITE}
DAY = date(2026, 11, 24)
ENTRY = Entry(hash_of(SITE), 1001, "us", None, DAY)
OTHER = Entry(hash_of("another"), 1002, "eu", "QA", DAY)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the list is to be."""
    return tmp_path / ".cio-load" / "allow.json"


def test_the_first_one(file: Path) -> None:
    """Makes the folder and the file, and says what to do with it."""
    said = allow(ENVIRONMENT, Wish(file, 1001), DAY)
    assert load(file) == (ENTRY,)
    assert said == [
        f"allowed: {hash_of(SITE)[:12]}  workspace 1001, region us, added 2026-11-24",
        f"{file} lists 1 workspace; commit it, so that it is reviewed as code is",
    ]


def test_everything_said(file: Path) -> None:
    """Region and name."""
    allow(ENVIRONMENT, Wish(file, 1001, "eu", "Acme Staging"), DAY)
    assert load(file) == (replace(ENTRY, region="eu", name="Acme Staging"),)


def test_the_site_id_is_not_written(file: Path) -> None:
    """Nor said."""
    said = allow(ENVIRONMENT, Wish(file, 1001), DAY)
    assert SITE not in file.read_text(encoding="utf-8")
    assert SITE not in "\n".join(said)


def test_one_more(file: Path) -> None:
    """Keeps what is there."""
    write(file, [OTHER])
    said = allow(ENVIRONMENT, Wish(file, 1001), DAY)
    assert load(file) == (ENTRY, OTHER)
    assert "lists 2 workspaces" in said[1]


def test_the_same_again(file: Path) -> None:
    """Writes nothing."""
    write(file, [ENTRY])
    before = file.stat()
    said = allow(ENVIRONMENT, Wish(file, 1001), date(2027, 1, 1))
    assert said == [f"{file} lists this site id already, and says the same; nothing was written"]
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_another_number_for_the_same_site_id(file: Path) -> None:
    """Is refused, unless it is to be written over."""
    write(file, [ENTRY, OTHER])
    with pytest.raises(GuardRefused, match=r"^allow-list: got a site id that is listed already as workspace 1001.*; --replace writes"):
        allow(ENVIRONMENT, Wish(file, 7), DAY)
    assert load(file) == (ENTRY, OTHER)
    allow(ENVIRONMENT, Wish(file, 7, replacing=True), DAY)
    assert load(file) == (replace(ENTRY, environment_id=7), OTHER)


def test_listing(file: Path) -> None:
    """Needs no credentials."""
    write(file, [ENTRY, OTHER])
    assert allow({}, Wish(file, listing=True), DAY) == [
        f"{file} lists 2 workspaces",
        f"  {hash_of(SITE)[:12]}  workspace 1001, region us, added 2026-11-24",
        f"  {hash_of('another')[:12]}  workspace 1002, region eu, name has 'QA', added 2026-11-24",
    ]


def test_removing(file: Path) -> None:
    """Only this site id."""
    write(file, [ENTRY, OTHER])
    said = allow(ENVIRONMENT, Wish(file, removing=True), DAY)
    assert load(file) == (OTHER,)
    assert said[0] == f"removed: {hash_of(SITE)[:12]}"


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({}, "arguments: got no --environment-id; expected the number of the test workspace"),
        ({"environment_id": 0}, "arguments: got --environment-id 0; expected the number of the test workspace"),
        (
            {"listing": True, "environment_id": 1},
            "arguments: got --environment-id with --list; expected --list alone, or with --file; leave",
        ),
        ({"listing": True, "removing": True}, "arguments: got --remove with --list; expected --list alone"),
        ({"removing": True, "region": "eu"}, "arguments: got --region with --remove; expected --remove alone"),
        ({"removing": True, "replacing": True}, "arguments: got --replace with --remove; expected --remove alone"),
        ({"removing": True, "name": "QA"}, "arguments: got --name with --remove; expected --remove alone"),
        ({"environment_id": 1, "name": " "}, "--name: got ' '; expected a part of the workspace's name, in one line; leave it out when"),
        ({"environment_id": 1, "name": "a\nb"}, r"--name: got 'a\nb'; expected a part of the workspace's name, in one line"),
        (
            {"environment_id": 1, "name": "Production"},
            "--name: got 'Production', with 'production' in it; expected a part of a test workspace's name, without prod",
        ),
        ({"environment_id": 1, "name": "EUProd"}, "--name: got 'EUProd', with 'prod' in it; expected a part of a test workspace's name"),
        ({"removing": True}, "allow-list: got no file"),
        ({"listing": True}, "allow-list: got no file"),
    ],
)
def test_a_wish_that_makes_no_sense(file: Path, wish: dict[str, object], said: str) -> None:
    """Is told, and nothing is written."""
    with pytest.raises(GuardRefused) as raised:
        allow(ENVIRONMENT, Wish(file, **wish), DAY)  # type: ignore[arg-type]
    assert str(raised.value).startswith(said)
    assert not file.exists()


def test_removing_what_is_not_listed(file: Path) -> None:
    """Is a mistake."""
    write(file, [OTHER])
    with pytest.raises(
        GuardRefused, match=r"^allow-list: got a site id that is not listed; expected one that is; run: cio-load allow --list"
    ):
        allow(ENVIRONMENT, Wish(file, removing=True), DAY)


@pytest.mark.parametrize("value", ["", " ", "a:b", f"'{SITE}'"])
def test_a_site_id_that_is_none(file: Path, value: str) -> None:
    """Would never be looked for again."""
    with pytest.raises(
        GuardRefused, match=r"^credentials: got .* CIO_LOAD_SITE_ID; expected the Site ID of the test workspace as bare text"
    ):
        allow({"CIO_LOAD_SITE_ID": value}, Wish(file, 1001), DAY)
    assert not file.exists()


@pytest.mark.parametrize("content", [b"", b"{}", b"no", b'{"version": 2, "workspaces": []}'])
def test_a_list_that_is_none_is_not_written_over(file: Path, content: bytes) -> None:
    """Somebody may have meant something by it."""
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(GuardRefused, match=r"^allow-list: got "):
        allow(ENVIRONMENT, Wish(file, 1001, replacing=True), DAY)
    assert file.read_bytes() == content


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    """The command: its exit code, and all that it said."""
    ended = CliRunner().invoke(command, list(arguments), env={"CIO_LOAD_SITE_ID": None, **environment}, standalone_mode=False)
    return ended.return_value, ended.output


def test_the_command(file: Path) -> None:
    """Reads only the Site ID of the environment."""
    code, said = run("--environment-id", "1001", "--region", "eu", "--name", "QA", "--file", str(file), CIO_LOAD_SITE_ID=SITE)
    assert code == 0, said
    assert "commit it" in said
    assert SITE not in said
    [listed] = json.loads(file.read_text(encoding="utf-8"))["workspaces"]
    assert {name: listed[name] for name in ("hash", "environment_id", "region", "name")} == {
        "hash": hash_of(SITE),
        "environment_id": 1001,
        "region": "eu",
        "name": "QA",
    }


def test_the_command_writes_where_pytest_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless another file is named."""
    monkeypatch.chdir(tmp_path)
    assert run("--environment-id", "1001", CIO_LOAD_SITE_ID=SITE)[0] == 0
    code, said = run("--list")
    assert (code, said.count("workspace 1001")) == (0, 1)
    assert run("--remove", CIO_LOAD_SITE_ID=SITE)[0] == 0
    assert load(tmp_path / ".cio-load" / "allow.json") == ()


def test_the_command_refuses(file: Path) -> None:
    """With exit code 2 and one line."""
    code, said = run("--environment-id", "1001", "--file", str(file))
    assert code == 2
    assert "credentials: got nothing in CIO_LOAD_SITE_ID; expected the Site ID of the test workspace" in said
    assert not file.exists()


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    """Is told as what it is."""
    (tmp_path / "file").write_bytes(b"")
    code, said = run("--environment-id", "1", "--file", str(tmp_path / "file" / "allow.json"), CIO_LOAD_SITE_ID=SITE)
    assert code == 2
    assert said.count("\n") == 1
