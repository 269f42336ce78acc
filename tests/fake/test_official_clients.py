"""The clients that exist, whole, against the fake's HTTPS door: whatever they can call, the fake answers as Customer.io does."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import pytest
from async_customerio import AsyncCustomerIO
from async_customerio.errors import AsyncCustomerIOError
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
    received, rejected = served.received(), served.rejected()
    OFFICIAL[method](client)
    client.http.close()
    assert served.received() == received + 1
    assert served.rejected() == rejected


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


PERSON, THING = {"id": "hedy"}, {"object_type_id": "1", "object_id": "acme"}
RELATED = [{"identifiers": {"object_type_id": "1", "object_id": "acme"}}]
OWNED = [{"identifiers": {"id": "hedy"}}]

UNOFFICIAL_V2: dict[str, Callable[[Any], Any]] = {
    "identify_person": lambda v2: v2.identify_person(PERSON, email="hedy@example.com"),
    "track_person_event": lambda v2: v2.track_person_event(PERSON, "opened"),
    "person_pageview": lambda v2: v2.person_pageview(PERSON, "https://example.com/"),
    "person_screen": lambda v2: v2.person_screen(PERSON, "home"),
    "add_person_device": lambda v2: v2.add_person_device(PERSON, "phone", "ios"),
    "delete_person_device": lambda v2: v2.delete_person_device(PERSON, "phone"),
    "identify_object": lambda v2: v2.identify_object(THING, name="Acme"),
    "track_object_event": lambda v2: v2.track_object_event(THING, "grew"),
    "add_person_relationships": lambda v2: v2.add_person_relationships(PERSON, RELATED),
    "delete_person_relationships": lambda v2: v2.delete_person_relationships(PERSON, RELATED),
    "add_object_relationships": lambda v2: v2.add_object_relationships(THING, OWNED),
    "delete_object_relationships": lambda v2: v2.delete_object_relationships(THING, OWNED),
    "delete_object": lambda v2: v2.delete_object(THING),
    "merge_persons": lambda v2: v2.merge_persons(PERSON, {"id": "ydeh"}),
    "suppress_person": lambda v2: v2.suppress_person({"id": "kurt"}),
    "unsuppress_person": lambda v2: v2.unsuppress_person({"id": "kurt"}),
    "send_entity": lambda v2: v2.send_entity({"type": "person", "action": "identify", "identifiers": PERSON, "attributes": {}}),
    "send_batch": lambda v2: v2.send_batch([{"type": "person", "action": "identify", "identifiers": PERSON, "attributes": {}}]),
    "delete_person": lambda v2: v2.delete_person(PERSON),
}


def test_the_unofficial_client_is_covered() -> None:
    """Every public method that makes a call is in one of the tables."""
    names = {name for name in dir(AsyncCustomerIO) if name.islower() and not name.startswith("_")}
    assert names - NO_CALLS - {"v2"} == set(UNOFFICIAL)
    v2 = AsyncCustomerIO("site", "key").v2
    assert {name for name in dir(v2) if name.islower() and not name.startswith("_")} == set(UNOFFICIAL_V2)


CALLS = {
    **UNOFFICIAL,
    **{f"v2.{name}": lambda client, call=call: call(client.v2) for name, call in UNOFFICIAL_V2.items()},
}


UNDOCUMENTED = "v2.track_object_event"


def _call(method: str, port: int) -> None:
    async def call() -> None:
        client = AsyncCustomerIO("site", "key", host="127.0.0.1", port=port)
        try:
            made = CALLS[method](client)
            if inspect.isawaitable(made):
                await made
        finally:
            await client.close()

    asyncio.run(call())


@pytest.mark.parametrize("method", sorted(CALLS.keys() - {UNDOCUMENTED}))
def test_the_unofficial_client(served: ServedFake, port: int, method: str) -> None:
    """The async one of another maker: one request each, taken, and none refused."""
    received, rejected = served.received(), served.rejected()
    _call(method, port)
    assert served.received() == received + 1
    assert served.rejected() == rejected


def test_an_action_that_customerio_does_not_document(served: ServedFake, port: int) -> None:
    """It offers events of objects; the documented actions of an object have none, so the fake refuses it as it refuses any other."""
    rejected = served.rejected()
    with pytest.raises(AsyncCustomerIOError, match="action must be one of identify, delete, add_relationships, delete_relationships"):
        _call(UNDOCUMENTED, port)
    assert served.rejected() == rejected + 1
