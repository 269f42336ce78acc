"""The list of workspaces that may get load: whatever is not quite right about it is refused, and what is there is never lost."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.errors import Problem
from pytest_cio_load.safety.allowlist import Entry, add, find, hash_of, parse, remove, render
from pytest_cio_load.safety.credentials import Credentials

SITE, KEY, APP = "5f1c0aa7d2b94e38", "9be27d416f0c53aa", "e0d4b7719c2f4a6b8d35"
KNOWN = Credentials(SITE, KEY, APP)
DAY = date(2026, 11, 24)
ENTRY = Entry(hash_of(SITE), 1001, "us", "Staging", DAY)
OTHER = Entry(hash_of("another"), 1002, "eu", None, DAY)
LISTED = {"hash": hash_of(SITE), "environment_id": 1001, "region": "us", "name": "Staging", "added": "2026-11-24"}
MEND = "mend it, or take it back from version control"


def content(*workspaces: object, version: object = 1) -> bytes:
    """A file with these workspaces."""
    return json.dumps({"version": version, "workspaces": list(workspaces)}).encode()


def test_a_hash_gives_nothing_away() -> None:
    """It is always the same, and no plain hash of the site id, which other files might hold."""
    assert hash_of("a") == hash_of("a") != hash_of("b")
    assert hash_of("a") == "1c4d43c80a76a2fc043476545ed58f7a5159d07b40ef34ad2608dc44dc3d899c"


def test_a_file_reads_well_in_a_review() -> None:
    """By number, one field a line, whatever the order of the entries; the site id is not in it."""
    assert render([OTHER, ENTRY]) == render([ENTRY, OTHER])
    text = render([replace(ENTRY, name="Bühne")]).decode()
    assert text.splitlines()[:7] == [
        "{",
        '  "version": 1,',
        '  "workspaces": [',
        "    {",
        f'      "hash": "{hash_of(SITE)}",',
        '      "environment_id": 1001,',
        '      "region": "us",',
    ]
    assert '"name": "Bühne"' in text
    assert text.endswith("}\n")
    assert SITE not in text


def test_no_name_is_left_out() -> None:
    """And is none when it is read."""
    assert b'"name"' not in render([OTHER])
    assert parse(render([OTHER]), "F") == (OTHER,)
    assert parse(content({**LISTED, "name": None}), "F") == (replace(ENTRY, name=None),)


def test_a_byte_order_mark_does_no_harm() -> None:
    """Editors leave them."""
    assert parse(b"\xef\xbb\xbf" + render([ENTRY]), "F") == (ENTRY,)


def _without(name: str) -> dict[str, object]:
    return {key: value for key, value in LISTED.items() if key != name}


@pytest.mark.parametrize(
    ("held", "got"),
    [
        (b"", "nothing"),
        (b" \n", "nothing"),
        (b"not json", "no JSON"),
        (content(LISTED)[:-1], "no JSON"),
        (b"[" * 200_000, "no JSON"),
        (b"\xff\x00\xfe", "no text"),
        (b"<<<<<<< HEAD\n{}\n=======\n{}\n>>>>>>> theirs\n", "an unsettled merge"),
        (b"{}", "another kind of file"),
        (b"[]", "another kind of file"),
        (b"null", "another kind of file"),
        (b'{"version": 1}', "other names than version and a list of workspaces"),
        (b'{"version": 1, "workspaces": {}}', "other names than version and a list of workspaces"),
        (b'{"version": 1, "workspaces": [], "x": 1}', "other names than version and a list of workspaces"),
        (b'{"version": 1, "workspaces": [], "workspaces": []}', "a name twice in one object"),
        (content("x"), "workspaces[0] that is no object"),
        (content({**LISTED, "note": 1}), "an unknown name 'note' in workspaces[0]"),
        (content(LISTED, {**LISTED, "hash": 1}), "1 as hash in workspaces[1]"),
        (content({**LISTED, "hash": SITE}), f"'{SITE}' as hash in workspaces[0]"),
        (content({**LISTED, "hash": "A" * 64}), f"'{'A' * 64}' as hash in workspaces[0]"),
        (content(_without("hash")), "no hash in workspaces[0]"),
        (content(_without("environment_id")), "no environment_id in workspaces[0]"),
        (content({**LISTED, "environment_id": "1001"}), "'1001' as environment_id in workspaces[0]"),
        (content({**LISTED, "environment_id": True}), "True as environment_id in workspaces[0]"),
        (content({**LISTED, "environment_id": 0}), "0 as environment_id in workspaces[0]"),
        (content({**LISTED, "environment_id": 1.5}), "1.5 as environment_id in workspaces[0]"),
        (content(_without("region")), "no region in workspaces[0]"),
        (content({**LISTED, "region": "US"}), "'US' as region in workspaces[0]"),
        (content({**LISTED, "region": ["us"]}), "['us'] as region in workspaces[0]"),
        (content({**LISTED, "name": " "}), "' ' as name in workspaces[0]"),
        (content({**LISTED, "name": 1}), "1 as name in workspaces[0]"),
        (content({**LISTED, "name": "a\nb"}), r"'a\nb' as name in workspaces[0]"),
        (content(_without("added")), "no added in workspaces[0]"),
        (content({**LISTED, "added": "today"}), "'today' as added in workspaces[0]"),
        (content({**LISTED, "added": "2026-13-01"}), "'2026-13-01' as added in workspaces[0]"),
        (content({**LISTED, "added": "20261124"}), "'20261124' as added in workspaces[0]"),
        (content(LISTED, LISTED), "one site id twice"),
        (content(LISTED, {**LISTED, "environment_id": 5}), "one site id twice"),
    ],
)
def test_what_is_no_list(held: bytes, got: str) -> None:
    """Is refused whole, and the place is named."""
    found = parse(held, "F")
    assert isinstance(found, Problem)
    assert (found.where, found.expected, found.nearest) == ("allow-list", "an allow-list as cio-load allow writes it", MEND)
    assert found.got == f"{got} in F"


@pytest.mark.parametrize("version", [2, 0, "1", True, None, 1.0])
def test_another_version(version: object) -> None:
    """Who reads half of it may miss what the other half forbids."""
    found = parse(content(LISTED, version=version), "F")
    assert isinstance(found, Problem)
    assert found.got == f"version {version!r}, not 1, in F"
    assert found.nearest == "update pytest-cio-load, or write the list anew by cio-load allow"


@given(st.binary() | st.text().map(str.encode))
def test_whatever_is_in_the_file(held: bytes) -> None:
    """It is a list or a problem; nothing is raised."""
    assert isinstance(parse(held, "F"), Problem)


@given(
    st.lists(
        st.builds(
            Entry,
            st.text().map(hash_of),
            st.integers(1, 2**63 - 1),
            st.sampled_from(["us", "eu"]),
            st.none() | st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=200).filter(str.isprintable),
            st.dates(),
        ),
        unique_by=lambda entry: entry.hash,
    )
)
def test_every_list_is_read_as_it_was_written(entries: list[Entry]) -> None:
    """Nothing is lost."""
    found = parse(render(entries), "F")
    assert not isinstance(found, Problem)
    assert set(found) == set(entries)


def test_the_entry_of_a_site_id() -> None:
    """Among others."""
    assert find([OTHER, ENTRY], KNOWN) == ENTRY


@pytest.mark.parametrize(
    ("entries", "got", "nearest"),
    [
        ([], "an empty list", "check CIO_LOAD_SITE_ID; if it is that of a test workspace, run: cio-load allow --environment-id NUMBER"),
        ([OTHER], "a site id that is not among the 1 listed", "check CIO_LOAD_SITE_ID; if it is that of a test workspace, run: cio-load"),
        (
            [Entry(hash_of(KEY), 1, "us", None, DAY)],
            "a site id that is not listed, and a listed one in CIO_LOAD_API_KEY",
            "swap CIO_LOAD_SITE_ID and CIO_LOAD_API_KEY",
        ),
        (
            [Entry(hash_of(APP), 1, "us", None, DAY)],
            "a site id that is not listed, and a listed one in CIO_LOAD_APP_KEY",
            "swap CIO_LOAD_SITE_ID and CIO_LOAD_APP_KEY",
        ),
    ],
)
def test_an_unknown_site_id(entries: list[Entry], got: str, nearest: str) -> None:
    """Is refused; credentials in each other's place are told so."""
    found = find(entries, KNOWN)
    assert isinstance(found, Problem)
    assert (found.where, found.got, found.expected) == ("allow-list", got, "one of a workspace that is allowed")
    assert found.nearest.startswith(nearest)
    assert not any(secret in str(found) for secret in (SITE, KEY, APP))


def test_adding_keeps_what_is_there() -> None:
    """Two site ids may be of one workspace."""
    second = replace(ENTRY, hash=hash_of("second"))
    assert add([OTHER, ENTRY], second, replacing=False) == (OTHER, ENTRY, second)


def test_adding_the_same_again() -> None:
    """Changes nothing, not even the day."""
    assert add([ENTRY, OTHER], replace(ENTRY, added=date(2027, 1, 1)), replacing=False) == (ENTRY, OTHER)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"environment_id": 7}, "workspace 7, region us, a name with 'Staging'"),
        ({"region": "eu"}, "workspace 1001, region eu, a name with 'Staging'"),
        ({"name": None}, "workspace 1001, region us, a name that says tests"),
    ],
)
def test_adding_something_else_for_the_same_site_id(change: dict[str, object], said: str) -> None:
    """One of the two is wrong; it takes a word of its own to write over the one that is there."""
    new = replace(ENTRY, **change)  # type: ignore[arg-type]
    found = add([ENTRY, OTHER], new, replacing=False)
    assert found == Problem(
        "allow-list",
        "a site id that is listed already as workspace 1001, region us, a name with 'Staging'",
        f"that, and not {said}",
        "check which it is; --replace writes the new one",
    )
    assert add([ENTRY, OTHER], new, replacing=True) == (OTHER, new)


def test_removing() -> None:
    """Keeps the others."""
    assert remove([ENTRY, OTHER], ENTRY.hash) == (OTHER,)


def test_removing_what_is_not_there() -> None:
    """Is a mistake."""
    assert remove([OTHER], ENTRY.hash) == Problem("allow-list", "a site id that is not listed", "one that is", "run: cio-load allow --list")


def test_describing_an_entry() -> None:
    """Without the site id."""
    assert ENTRY.describe() == f"{ENTRY.hash[:12]}  workspace 1001, region us, name has 'Staging', added 2026-11-24"
    assert OTHER.describe() == f"{OTHER.hash[:12]}  workspace 1002, region eu, added 2026-11-24"
