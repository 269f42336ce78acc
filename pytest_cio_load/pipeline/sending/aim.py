"""Whom it is sent to, from arguments and the environment; never anybody real without being told to."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from pytest_cio_load.customerio.workspaces import HOUSE_BUDGET, Region, Workspace
from pytest_cio_load.safety.aim import problem_with

SITE_ID, API_KEY = "CIO_SITE_ID", "CIO_TRACK_API_KEY"


def workspace_for(
    environment: Mapping[str, str],
    *,
    url: str | None,
    region: Region,
    site_id: str | None,
    key_file: str | None,
    rate: float | None,
    live: bool,
) -> Workspace:
    """The workspace that is meant.

    Args:
        environment: has the API key, unless *key_file* does, and may have the site id.
        url: of a server on loopback, or one of Customer.io's hosts; None for the region's.
        region: where the account's data is kept.
        site_id: of the workspace.
        key_file: holds the API key.
        rate: requests per second to keep to; None for the house budget.
        live: whether a real workspace may be meant.

    Raises:
        ValueError: a real workspace is meant and may not be, the url is of somebody else, or a credential is missing.
    """
    _check_aim(url, region, live)
    site_id = site_id or environment.get(SITE_ID, "")
    if not site_id:
        raise ValueError(f"site id: got none; expected that of the workspace's Track API key; pass --site-id, or set {SITE_ID}")
    return Workspace(site_id, _key(environment, key_file), region=region, limit=rate or HOUSE_BUDGET, url=url)


def name_of(workspace: Workspace) -> str:
    """Tells the workspace from every other, and shows nothing of it."""
    return sha256(f"{workspace.base_url}\0{workspace.site_id}".encode()).hexdigest()[:32]


def _check_aim(url: str | None, region: Region, live: bool) -> None:
    if url is not None and problem_with(url) is None:
        return
    hosts = [each.track_host for each in Region]
    if url is not None and not _is_customer_io(url, hosts):
        for scheme in ("http://", "https://") if "://" not in url else ():
            if problem_with(scheme + url) is None or _is_customer_io(scheme + url, hosts):
                raise ValueError(f"url: got one without a scheme; expected {scheme} at its beginning; add {scheme}")
        # Nothing of the url is shown: there may be a password in it.
        raise ValueError(f"url: got another address; expected a server on loopback, or https://{' or https://'.join(hosts)}; check it")
    if not live:
        got = "none" if url is None else "that of Customer.io"
        where = f"http://127.0.0.1:PORT for a server on this machine, or --live for the real workspace at https://{region.track_host}"
        raise ValueError(f"url: got {got}, without --live; expected to be told that real people are meant; pass --url {where}")


def _is_customer_io(url: str, hosts: list[str]) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and parts.netloc in hosts and parts.path in ("", "/") and not (parts.query or parts.fragment)
    except ValueError:
        return False


def _key(environment: Mapping[str, str], key_file: str | None) -> str:
    expected = "expected the workspace's Track API key"
    if key_file is None:
        key = environment.get(API_KEY, "").strip()
        if not key:
            raise ValueError(f"API key: got none; {expected}; set {API_KEY}, or pass --api-key-file FILE")
        return key
    try:
        key = Path(key_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "no text"
        raise ValueError(f"API key: got a file that cannot be read, {key_file!r} ({why}); {expected} in it; check the path") from None
    if not key or not key.isprintable():
        got = "several lines" if key else "an empty file"
        raise ValueError(f"API key: got {got}, {key_file!r}; {expected} and nothing else in it; write it there")
    return key
