"""Whom it is sent to: this machine, or a real workspace when that is said; credentials that are never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_cio_load.customerio.workspaces import Region
from pytest_cio_load.pipeline.sending.aim import name_of, workspace_for

KNOWN = {"CIO_SITE_ID": "site", "CIO_TRACK_API_KEY": "sekrit"}
LOOPBACK = "http://127.0.0.1:8080"


def aimed(environment: dict[str, str] | None = None, **asked: Any) -> Any:
    """The workspace, with defaults of the command."""
    said = {"url": None, "region": Region.US, "site_id": None, "key_file": None, "rate": None, "live": False, **asked}
    return workspace_for(KNOWN if environment is None else environment, **said)


@pytest.mark.parametrize(
    ("asked", "base"),
    [
        ({"url": LOOPBACK}, LOOPBACK),
        ({"url": "http://localhost:8080/", "live": True}, "http://localhost:8080"),
        ({"live": True}, "https://track.customer.io"),
        ({"live": True, "region": Region.EU}, "https://track-eu.customer.io"),
        ({"live": True, "url": "https://track-eu.customer.io"}, "https://track-eu.customer.io"),
    ],
)
def test_whom_it_reaches(asked: dict[str, Any], base: str) -> None:
    """Loopback always, Customer.io when it is meant."""
    assert aimed(**asked).base_url == base


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {},
            "url: got none, without --live; expected to be told that real people are meant; "
            "pass --url http://127.0.0.1:PORT for a server on this machine, or --live for the real workspace at https://track.customer.io",
        ),
        (
            {"url": "https://track-eu.customer.io", "region": Region.EU},
            "url: got that of Customer.io, without --live; expected to be told that real people are meant; "
            "pass --url http://127.0.0.1:PORT for a server on this machine, or --live for the real workspace at https://track-eu.customer.io",
        ),
        *(
            (
                {"url": url, "live": True},
                "url: got another address; expected a server on loopback, "
                "or https://track.customer.io or https://track-eu.customer.io; check it",
            )
            for url in (
                "http://track.customer.io",
                "https://example.com",
                "https://me:pass@track.customer.io",
                "https://[",
                "x",
                "127.0.0.1.example.com:80",
                "me:pass@127.0.0.1:1",
            )
        ),
    ],
)
def test_whom_it_does_not_reach(asked: dict[str, Any], said: str) -> None:
    """Nobody real by default, and nobody else at all; a password in a url is not shown."""
    with pytest.raises(ValueError) as caught:
        aimed(**asked)
    assert str(caught.value) == said


@pytest.mark.parametrize(("url", "scheme"), [("127.0.0.1:18080", "http"), ("localhost:18080", "http"), ("track-eu.customer.io", "https")])
def test_a_url_without_a_scheme(url: str, scheme: str) -> None:
    """The one that it needs is said."""
    with pytest.raises(ValueError) as caught:
        aimed(url=url, live=True)
    assert str(caught.value) == f"url: got one without a scheme; expected {scheme}:// at its beginning; add {scheme}://"


def test_credentials(tmp_path: Path) -> None:
    """From the environment, the site id from an argument too, the key from a file too; and the pace."""
    (tmp_path / "key").write_text("filed\n", encoding="utf-8")
    plain = aimed(url=LOOPBACK)
    assert (plain.site_id, plain.api_key, plain.rate) == ("site", "sekrit", 100)
    other = aimed(url=LOOPBACK, site_id="mine", key_file=str(tmp_path / "key"), rate=7.5)
    assert (other.site_id, other.api_key, other.rate) == ("mine", "filed", 7.5)


@pytest.mark.parametrize(
    ("environment", "content", "said"),
    [
        ({}, None, "site id: got none; expected that of the workspace's Track API key; pass --site-id, or set CIO_SITE_ID"),
        (
            {"CIO_SITE_ID": "site"},
            None,
            "API key: got none; expected the workspace's Track API key; set CIO_TRACK_API_KEY, or pass --api-key-file FILE",
        ),
        (KNOWN, b"", "API key: got an empty file, {!r}; expected the workspace's Track API key and nothing else in it; write it there"),
        (
            KNOWN,
            b"sekrit\nmore",
            "API key: got several lines, {!r}; expected the workspace's Track API key and nothing else in it; write it there",
        ),
        (
            KNOWN,
            b"\xff",
            "API key: got a file that cannot be read, {!r} (no text); expected the workspace's Track API key in it; check the path",
        ),
    ],
)
def test_credentials_that_are_missing(tmp_path: Path, environment: dict[str, str], content: bytes | None, said: str) -> None:
    """Where they may come from; the key is never shown."""
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        aimed(environment, url=LOOPBACK, key_file=None if content is None else str(path))
    assert str(caught.value) == said.format(str(path))


def test_a_key_file_that_is_not_there(tmp_path: Path) -> None:
    """With the system's words."""
    with pytest.raises(ValueError, match=r"API key: got a file that cannot be read, '.*gone' \(No such file or directory\); expected"):
        aimed(url=LOOPBACK, key_file=str(tmp_path / "gone"))


def test_what_a_journal_knows_of_a_workspace() -> None:
    """Enough to tell it from others, and nothing of it."""
    one, other = aimed(url=LOOPBACK), aimed(url=LOOPBACK, site_id="other")
    assert name_of(one) == name_of(aimed(url=LOOPBACK + "/")) != name_of(other)
    assert "site" not in name_of(one)
