"""The clients that exist, whole, against the fake's HTTPS door: whatever they can call, the fake answers as Customer.io does."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import pytest
from async_customerio import AsyncCustomerIO
from async_customerio.track.v2 import Actions
from customerio import CustomerIO

from pytest_cio_load.fake.served import ServedFake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def served() -> Iterator[ServedFake]:
    """One fake for all of them."""
    with ServedFake([{"latency": 0, "site_id": "site", "api_key": "key"}]) as fake:
        yield fake


@pytest.fixture
def port(served: ServedFake, monkeypatch: pytest.MonkeyPatch) -> int:
    """Of its HTTPS door, which is trusted."""
    url, ca_file = served.serve_https()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca_file)
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)
    return int(url.rpartition(":")[2])


OFFICIAL: dict[str, Callable[[CustomerIO], Any]] = {
    "identify": lambda cio: cio.identify(id="ada", email="ada@example.com", plan="pro"),
    "track": lambda cio: cio.track(customer_id="ada", name="opened", data={"from": "mail"}),
    "track_anonymous": lambda cio: cio.track_anonymous(anonymous_id="anon-1", name="visited"),
    "pageview": lambda cio: cio.pageview(customer_id="ada", page="https://example.com/"),
    "backfill": lambda cio: cio.backfill(customer_id="ada", name="opened", timestamp=1_700_000_000),
    "add_device": lambda cio: cio.add_device(customer_id="ada", device_id="phone", platform="ios"),
    "delete_device": lambda cio: cio.delete_device(customer_id="ada", device_id="phone"),
    "merge_customers": lambda cio: cio.merge_customers("id", "ada", "id", "ida"),
    "suppress": lambda cio: cio.suppress(customer_id="bob"),
    "unsuppress": lambda cio: cio.unsuppress(customer_id="bob"),
    "batch": lambda cio: cio.batch([{"type": "person", "action": "identify", "identifiers": {"id": "eve"}, "attributes": {}}]),
    "delete": lambda cio: cio.delete(customer_id="ada"),
}
NO_CALLS = {"close", "http", "is_valid_id_type", "send_request", "setup_base_url"}


def test_the_official_client_is_covered() -> None:
    """Every public method that makes a call is in the table."""
    names = {name for name in dir(CustomerIO) if not name.startswith("_") and not name.endswith("_query_string")}
    assert names - NO_CALLS == set(OFFICIAL)


@pytest.mark.parametrize("method", OFFICIAL)
def test_the_official_client(served: ServedFake, port: int, method: str) -> None:
    """One request each, taken and applied or, as Customer.io does with some, taken and left."""
    client = CustomerIO("site", "key", host="127.0.0.1", port=port)
    before = served.received()
    OFFICIAL[method](client)
    client.http.close()
    assert served.received() == before + 1
    assert served.rejected() == 0


UNOFFICIAL: dict[str, Callable[[AsyncCustomerIO], Any]] = {
    "identify": lambda cio: cio.identify("grace", email="grace@example.com"),
    "track": lambda cio: cio.track("grace", "opened"),
    "track_anonymous": lambda cio: cio.track_anonymous("anon-2", "visited"),
    "pageview": lambda cio: cio.pageview("grace", "https://example.com/"),
    "backfill": lambda cio: cio.backfill("grace", "opened", 1_700_000_000),
    "add_device": lambda cio: cio.add_device("grace", "phone", "ios"),
    "delete_device": lambda cio: cio.delete_device("grace", "phone"),
    "merge_customers": lambda cio: cio.merge_customers("id", "grace", "id", "ecarg"),
    "suppress": lambda cio: cio.suppress("dan"),
    "unsuppress": lambda cio: cio.unsuppress("dan"),
    "unsubscribe": lambda cio: cio.unsubscribe("delivery-1"),
    "report_metric": lambda cio: cio.report_metric("delivery-1", "opened"),
    "report_push_metric": lambda cio: cio.report_push_metric("delivery-1", "phone", "opened"),
    "submit_form": lambda cio: cio.submit_form("newsletter", email="grace@example.com"),
    "add_to_segment": lambda cio: cio.add_to_segment(1, ["grace"]),
    "remove_from_segment": lambda cio: cio.remove_from_segment(1, ["grace"]),
    "send_entity": lambda cio: cio.send_entity({"id": "grace"}, "person", Actions.identify),
    "send_batch": lambda cio: cio.send_batch([{"type": "person", "action": "identify", "identifiers": {"id": "eve"}, "attributes": {}}]),
    "get_region": lambda cio: cio.get_region(),
    "delete": lambda cio: cio.delete("grace"),
}


def test_the_unofficial_client_is_covered() -> None:
    """Every public method that makes a call is in the table; those under ``v2`` send entities and batches as these do."""
    names = {name for name in dir(AsyncCustomerIO) if name.islower() and not name.startswith("_")}
    assert names - NO_CALLS - {"v2"} == set(UNOFFICIAL)


@pytest.mark.parametrize("method", UNOFFICIAL)
def test_the_unofficial_client(served: ServedFake, port: int, method: str) -> None:
    """The async one of another maker."""

    async def call() -> None:
        client = AsyncCustomerIO("site", "key", host="127.0.0.1", port=port)
        try:
            made = UNOFFICIAL[method](client)
            if inspect.isawaitable(made):
                await made
        finally:
            await client.close()

    before = served.received()
    asyncio.run(call())
    assert served.received() == before + 1
    assert served.rejected() == 0
