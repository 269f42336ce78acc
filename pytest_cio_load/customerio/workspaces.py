"""Whom we talk to and as whom: regions, workspaces with their Track credentials, and access to the App API."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol
from urllib.parse import urlsplit

from pytest_cio_load.customerio.pacing import BURST, check_rate

HOUSE_BUDGET = 100.0
"""Requests per second a workspace gets unless told otherwise: far under Customer.io's soft limit of 1,000."""

APP_BUDGET = 10.0
"""Requests per second the App API allows a workspace. This limit is hard: beyond it every request is answered with 429."""


class Region(Enum):
    """Where an account's data is kept. All workspaces of an account share one region."""

    US = "us"
    EU = "eu"

    @property
    def track_host(self) -> str:
        """The Track API's host in this region."""
        return "track.customer.io" if self is Region.US else "track-eu.customer.io"

    @property
    def app_host(self) -> str:
        """The App API's host in this region."""
        return "api.customer.io" if self is Region.US else "api-eu.customer.io"

    @property
    def other(self) -> Region:
        """The region that this one is not."""
        return Region.EU if self is Region.US else Region.US


class Access(Protocol):
    """What a client needs to know of the server it talks to."""

    @property
    def base_url(self) -> str:
        """Scheme, host and port that every request goes to, without a slash at the end."""

    @property
    def region(self) -> Region:
        """Where the account's data is kept."""

    @property
    def rate(self) -> float:
        """Requests per second we keep to."""

    @property
    def burst(self) -> int:
        """How many requests may start at once after a pause."""

    @property
    def authorization(self) -> str:
        """The Authorization header; secret."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may show."""

    @property
    def key(self) -> str:
        """Tells this budget from every other together with the server; secret."""

    @property
    def expected(self) -> str:
        """What a 401 says was expected, as a phrase."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A Customer.io workspace: its own credentials, its own rate budget.

    Attributes:
        site_id: the user name of basic authentication; not shown.
        api_key: its password; never shown.
        region: decides the host.
        limit: requests per second the workspace allows.
        pace: requests per second we keep to, or None for as many as the limit.
        url: another server in place of the region's host, such as "http://127.0.0.1:8080", or None.

    Raises:
        ValueError: a site id that basic authentication cannot carry, a rate that is none, or a url that is no http(s) address.
    """

    site_id: str = field(repr=False)
    api_key: str = field(repr=False)
    region: Region = Region.US
    limit: float = HOUSE_BUDGET
    pace: float | None = None
    url: str | None = None

    def __post_init__(self) -> None:
        if not self.site_id or ":" in self.site_id:
            got = "a colon in it" if self.site_id else "an empty one"
            raise ValueError(f"site_id: got {got}; expected text without a colon; copy the Site ID of the workspace's Track API key")
        if not self.api_key:
            raise ValueError("api_key: got an empty one; expected the workspace's Track API key; copy it from the workspace's settings")
        _check_budget(self.limit, self.pace, self.url)

    @property
    def base_url(self) -> str:
        """Scheme, host and port that every request goes to, without a slash at the end."""
        return f"https://{self.region.track_host}" if self.url is None else self.url.rstrip("/")

    @property
    def rate(self) -> float:
        """Requests per second we keep to."""
        return self.limit if self.pace is None else self.pace

    @property
    def burst(self) -> int:
        """How many requests may start at once after a pause."""
        return BURST

    @property
    def authorization(self) -> str:
        """The Authorization header; secret."""
        return "Basic " + b64encode(f"{self.site_id}:{self.api_key}".encode()).decode("ascii")

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may show."""
        return self.api_key, self.site_id

    @property
    def key(self) -> str:
        """The site id: several API keys of one workspace share its budget."""
        return self.site_id

    @property
    def expected(self) -> str:
        """What a 401 says was expected, as a phrase."""
        return f"the site id and API key of a workspace in region {self.region.value}; check all three"


@dataclass(frozen=True, slots=True)
class AppAccess:
    """Access to the App API of a workspace, which has a budget of its own.

    Attributes:
        app_key: of the App API, not of the Track API; never shown.
        region: decides the host.
        limit: requests per second the App API allows; writes and reads of all clients together.
        pace: requests per second we keep to, or None for as many as the limit.
        url: another server in place of the region's host, or None.

    Raises:
        ValueError: an empty key, a rate that is none, or a url that is no http(s) address.
    """

    app_key: str = field(repr=False)
    region: Region = Region.US
    limit: float = APP_BUDGET
    pace: float | None = None
    url: str | None = None

    def __post_init__(self) -> None:
        if not self.app_key or not self.app_key.isascii() or any(letter.isspace() for letter in self.app_key):
            got = "text a header cannot carry" if self.app_key else "an empty one"
            raise ValueError(f"app_key: got {got}; expected the workspace's App API key; copy it from the account's settings")
        _check_budget(self.limit, self.pace, self.url)

    @property
    def base_url(self) -> str:
        """Scheme, host and port that every request goes to, without a slash at the end."""
        return f"https://{self.region.app_host}" if self.url is None else self.url.rstrip("/")

    @property
    def rate(self) -> float:
        """Requests per second we keep to."""
        return self.limit if self.pace is None else self.pace

    @property
    def burst(self) -> int:
        """One: against a hard limit four at once would be four too many."""
        return 1

    @property
    def authorization(self) -> str:
        """The Authorization header; secret."""
        return f"Bearer {self.app_key}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may show."""
        return (self.app_key,)

    @property
    def key(self) -> str:
        """The key itself: nothing else says which workspace it belongs to."""
        return self.app_key

    @property
    def expected(self) -> str:
        """What a 401 says was expected, as a phrase."""
        return f"an App API key of an account in region {self.region.value}, not a Track API key; check both"


def _check_budget(limit: float, pace: float | None, url: str | None) -> None:
    for name, rate in (("limit", limit), ("pace", pace)):
        if rate is not None:
            check_rate(name, rate)
    if url is not None:
        _check_url(url)


def _check_url(url: str) -> None:
    expected = "expected scheme, host and port; try 'http://127.0.0.1:8080'"
    try:
        parts = urlsplit(url)
        port_is_sound = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError(f"url: got an address that cannot be read; {expected}") from None
    if "@" in parts.netloc:
        raise ValueError(f"url: got a user name or password in it; {expected}")
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_sound or parts.query or parts.fragment:
        raise ValueError(f"url: got {url!r}; {expected}")
