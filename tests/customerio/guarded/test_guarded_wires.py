"""A test reaches no real host without a permit, by whichever wire."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from pytest_cio_load.customerio.engines import AiohttpWire, PyreqwestSyncWire, PyreqwestWire, make_sync_wire, make_wire
from pytest_cio_load.customerio.wire import HttpxSyncWire, HttpxWire, Request
from pytest_cio_load.customerio.workspaces import AppAccess, Region, Workspace
from pytest_cio_load.errors import GuardRefused
from pytest_cio_load.safety.permit import grant

PLAIN = "http://track.customer.io"
PERSON = Request("PUT", "/api/v1/customers/somebody", b"{}")
REGION = Request("GET", "/api/v1/accounts/region")
DOTS = Request("PUT", "/api/v1/customers/%2E%2E", b"{}")
SITE = frozenset({("track.customer.io", "site")})


@pytest.fixture
def unwatched(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an application, where our plugin is not loaded."""
    monkeypatch.delitem(sys.modules, "pytest_cio_load.plugin")


Sent = Callable[..., list[int]]
WIRES = [HttpxWire, AiohttpWire, PyreqwestWire, HttpxSyncWire, PyreqwestSyncWire]
ways = pytest.mark.parametrize("make", WIRES, ids=lambda make: make.__name__)


def space(url: str | None = PLAIN, site: str = "site", region: Region = Region.US) -> Workspace:
    return Workspace(site, "secret-key", url=url, region=region)


REAL = [
    space(None),
    space(None, region=Region.EU),
    space("https://TRACK.Customer.IO"),
    space("https://track.customer.io."),
    space("https://track.customer.io:443"),
    space("https://track%2Ecustomer.io"),
    space("https://track.customer.io\\.example.com"),
    space("http://track.customer.io:8080/base"),
    space("http://anything.at.all.customer.io"),
    space("http://customer.io"),
    AppAccess("app-key"),
    AppAccess("app-key", region=Region.EU),
]


@ways
@pytest.mark.parametrize("access", REAL, ids=lambda access: f"{type(access).__name__} {access.base_url}")
def test_no_permit_no_socket(passage: Any, sent: Sent, make: Callable[..., object], access: Workspace | AppAccess) -> None:
    """However the host is spelled; the proxy sees nobody."""
    with pytest.raises(GuardRefused, match="expected a permit in force for this host and these credentials; use the fixture cio") as caught:
        sent(make, access, PERSON)
    assert passage.connections == 0
    assert not any(secret in str(caught.value) for secret in ("secret-key", "app-key", "somebody"))


@pytest.mark.parametrize(
    "make", [AiohttpWire, PyreqwestWire, PyreqwestSyncWire, make_wire, make_sync_wire], ids=lambda make: make.__name__
)
def test_refused_when_it_is_made(make: Callable[..., object]) -> None:
    """Where nothing can answer in the network's place; ``auto`` is the fastest engine, and one of these."""
    with pytest.raises(GuardRefused, match="got a real host from a test"):
        make(space(None))


@ways
def test_with_a_permit(passage: Any, sent: Sent, make: Callable[..., object]) -> None:
    """Requests go where the environment's proxy leads, each counted."""
    with grant(SITE) as permit:
        assert sent(make, space(), PERSON, REGION) == [200, 200]
    assert passage.asked == [f"PUT {PLAIN}{PERSON.path}", f"GET {PLAIN}{REGION.path}"]
    assert permit.calls == 2


@ways
@pytest.mark.usefixtures("unwatched")
def test_outside_of_tests(passage: Any, sent: Sent, make: Callable[..., object]) -> None:
    """The same wires, the same host, and nobody asks."""
    assert sent(make, space(), PERSON) == [200]
    assert passage.asked == [f"PUT {PLAIN}{PERSON.path}"]


@ways
@pytest.mark.parametrize("access", [space(site="another"), AppAccess("site"), space("http://api.customer.io")], ids=repr)
def test_a_permit_for_somebody_else(passage: Any, sent: Sent, make: Callable[..., object], access: Workspace | AppAccess) -> None:
    """Another site id, another host."""
    with grant(SITE), pytest.raises(GuardRefused, match="rule 'permit'"):
        sent(make, access, PERSON)
    assert passage.connections == 0


@ways
def test_a_permit_that_ends_on_the_way(passage: Any, sent: Sent, make: Callable[..., object]) -> None:
    """The wire is made, its connection is kept; nothing more goes out on it."""
    with grant(SITE) as permit, pytest.raises(GuardRefused, match="got a real host from a test"):
        sent(make, space(), PERSON, PERSON, between=permit.revoke)
    assert len(passage.asked) == 1


@ways
def test_a_permit_for_the_preflight(passage: Any, sent: Sent, make: Callable[..., object]) -> None:
    """It asks what it may, and nothing else."""
    with (
        grant(SITE, only=frozenset({("GET", REGION.path)})),
        pytest.raises(GuardRefused, match=r"got a PUT request that it is not for; expected one of: GET /api/v1/accounts/region; ask"),
    ):
        sent(make, space(), REGION, PERSON)
    assert passage.asked == [f"GET {PLAIN}{REGION.path}"]


@ways
def test_a_permit_for_three_calls(passage: Any, sent: Sent, make: Callable[..., object]) -> None:
    """The fourth stays here, and the message names the cap."""
    with grant(SITE, most_calls=3), pytest.raises(GuardRefused, match="got request 4; expected 3 at most, retries counted; raise cio_max_"):
        sent(make, space(), *[PERSON] * 5)
    assert len(passage.asked) == 3


@ways
def test_a_person_called_dots_is_counted_once(passage: Any, sent: Sent, make: Callable[..., object]) -> None:
    """Also where another engine takes over for them."""
    with grant(SITE) as permit:
        assert sent(make, space(), DOTS, PERSON) == [200, 200]
    assert permit.calls == 2


@ways
def test_a_person_called_dots_is_refused(passage: Any, sent: Sent, make: Callable[..., object]) -> None:
    """The engine that takes over asks as well."""
    with grant(SITE, only=frozenset({("GET", REGION.path)})), pytest.raises(GuardRefused, match="got a PUT request that it is not for"):
        sent(make, space(), DOTS)
    assert passage.connections == 0


@ways
def test_loopback_needs_no_permit(passage: Any, sent: Sent, make: Callable[..., object]) -> None:
    """And no proxy."""
    assert sent(make, space(passage.url), PERSON) == [200]
    assert passage.asked == [f"PUT {PERSON.path}"]


@ways
def test_a_redirect_to_a_real_host_is_not_followed(passage: Any, sent: Sent, make: Callable[..., object]) -> None:
    """It is an answer like any other."""
    assert sent(make, space(passage.url), Request("PUT", "/elsewhere", b"{}")) == [307]
    assert passage.asked == ["PUT /elsewhere"]
