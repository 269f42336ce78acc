"""What is no job, or no operation for a queue: refused with the reason and a fix, and without anything of what is in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_cio_load.customerio.operations import entities, people, reads
from pytest_cio_load.customerio.operations.operation import Operation
from pytest_cio_load.errors import InvalidOperation
from pytest_cio_load.pipeline.engines.engine import Delivery, Parcel
from pytest_cio_load.pipeline.jobs import NotAJob, parcel, read

OTHER = "01HF7YAT000000000000000002"
SECRET = "hidden-from-everybody"
OURS = {"v": 1, "userId": "u1", "method": "POST"}
IDENTIFY = {"v": 1, "method": "PUT", "path": "/api/v1/customers/a"}


def packed(operation: Operation, **how: Any) -> Parcel:
    return parcel(operation, **({"id": OTHER, "enqueued_at": 1_700_000_000.5} | how))


def taken(data: object, name: str = "track", **how: Any) -> Delivery:
    """A job as it was taken: *data* is its JSON, or what is written as such."""
    return Delivery("7", name, data if isinstance(data, str) else json.dumps(data), **({"enqueued_at": 1_700_000_000.0} | how))


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/customers/..",
        "/api/v1/customers/.",
        "/api/v1/customers/a/events",
        "/api/v1/customers/a?x=y",
        "/api/v1/customers/a#b",
        "/api/v1/customers/a b",
        "/api/v1/customers/a\r\nHost: evil",
        "/api/v1/customers/a\n",
        "/api/v1/customers/a%zz",
        "/api/v1/customers/é",
        "/api/v1/customers/a\\b",
        "/api/v1/customers/",
        "/api/v1/customers/..%",
        "//evil.example/api/v1/customers/a",
        "https://evil.example/api/v1/customers/a",
        "/api/v1/customers/../../v2/batch",
        "/v1/customers",
        "",
        None,
        7,
    ],
)
def test_a_path_that_is_not_the_operations(path: object) -> None:
    """No job makes a worker call something else."""
    data = {**OURS, "method": "PUT", "path": path, "data": {"a": SECRET}}
    with pytest.raises(NotAJob) as caught:
        read(taken(data, "identify"))
    assert str(caught.value) == "path: got one that is not of identify; expected PUT and its path; look at its producer"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("suppress", "/api/v1/customers/../suppress"),
        ("delete_device", "/api/v1/customers/a/devices/.."),
        ("add_customers_to_segment", "/api/v1/segments/٣/add_customers?id_type=id"),
        ("add_customers_to_segment", "/api/v1/segments/3/add_customers?id_type=password"),
        ("submit_form", "/api/v1/forms/../submit"),
        ("unsubscribe", "/unsubscribe/../x"),
        ("track", "/api/v1/customers/a/eventsX"),
    ],
)
def test_a_path_of_another_form(name: str, path: str) -> None:
    """Every part of a path is held to what may stand there."""
    method = "DELETE" if name == "delete_device" else "POST"
    with pytest.raises(NotAJob, match="path: got one that is not of"):
        read(taken({"v": 1, "method": method, "path": path, "data": {}}, name))


def test_a_method_that_is_not_the_operations() -> None:
    """A person is not deleted by what is called identify."""
    with pytest.raises(NotAJob, match="path: got one that is not of identify; expected PUT and its path"):
        read(taken({"v": 1, "method": "DELETE", "path": "/api/v1/customers/a"}, "identify"))


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("track", "{" + SECRET, "data: got text that is no JSON; expected a job; look at its producer"),
        ("track", "[" * 100_000, "data: got text that is no JSON; expected a job; look at its producer"),
        ("track", [SECRET], "data: got list; expected an object; look at its producer"),
        ("track", "null", "data: got NoneType; expected an object; look at its producer"),
        ("track", {"v": 2, "data": SECRET}, "v: got 2; expected 1; update the worker and replay this dead letter"),
        ("track", {"v": SECRET}, "v: got str; expected 1; update the worker and replay this dead letter"),
        ("track", {"v": True}, "v: got True; expected 1; update the worker and replay this dead letter"),
        ("identfy", {"v": 1}, "name: got 'identfy'; expected an operation; did you mean identify?"),
        ("batch", {"v": 1}, "name: got 'batch'; expected an operation; look at its producer"),
        ("x" * 99, {"v": 1}, f"name: got '{'x' * 30}'; expected an operation; look at its producer"),
        ("identify", {**IDENTIFY, "data": [SECRET]}, "data: got list; expected an object or null; look at its producer"),
        (
            "identify",
            json.dumps({**IDENTIFY, "data": {"plan": SECRET}}).replace(f'"{SECRET}"', "NaN"),
            "identify 'plan': got nan, which JSON cannot hold; expected a finite number; leave it out or send None",
        ),
        ("trck", {"userId": "u"}, "name: got 'trck'; expected one such as identify or track; did you mean track?"),
        ("track", {"data": {"name": SECRET}}, "userId: got NoneType; expected text or a number; look at its producer"),
        ("track", {"userId": True, "data": {}}, "userId: got bool; expected text or a number; look at its producer"),
        ("track", {"userId": "u", "data": SECRET}, "data: got str; expected an object or null; look at its producer"),
        ("track", {"userId": "u", "data": {}}, "track: event name must not be blank: got NoneType; name the event with text"),
        (
            "track",
            {"userId": "u", "data": {"name": "n", "id": SECRET}},
            "track: id: got text that is no ULID; expected 26 characters of base 32; leave it out and one is made",
        ),
        (
            "add_device",
            {"userId": "u", "data": {"platform": SECRET}},
            "add_device: got data that cannot be read (KeyError); expected its arguments; look at its producer",
        ),
        (
            "identify",
            {"userId": "", "data": {"a": SECRET}},
            "identify: id attribute cannot be an empty string: got an empty string; pass an id, an email or 'cio_' and a cio_id",
        ),
    ],
)
def test_what_is_no_job(name: str, data: object, says: str) -> None:
    """Why it cannot be sent, with a fix, and without anything of what is in it."""
    with pytest.raises(NotAJob) as caught:
        read(taken(data, name))
    assert str(caught.value) == says
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        (reads.customer_attributes("u1"), "expected one that changes a workspace; call it on a client"),
        (entities.batch([people.delete("a")]), "expected one that changes a workspace; enqueue its operations one by one"),
    ],
)
def test_what_no_queue_takes(operation: Operation, says: str) -> None:
    """What only asks, and what is several, is refused before it is stored."""
    with pytest.raises(InvalidOperation, match=f"got an operation that no queue takes; {says}"):
        packed(operation)


@pytest.mark.parametrize("delay", [-0.1, float("nan"), float("inf")])
def test_a_delay_out_of_range(delay: float) -> None:
    """Only seconds to come."""
    with pytest.raises(InvalidOperation, match=f"delay: got {delay}; expected seconds, 0 or more; try 0"):
        packed(people.delete("a"), delay=delay)


@pytest.mark.parametrize("priority", [-1, 2_097_153, 1.5])
def test_a_priority_out_of_range(priority: int) -> None:
    """BullMQ's range, in whole numbers."""
    with pytest.raises(InvalidOperation, match=rf"priority: got {priority}; expected 0 \(none\) to 2097152; try 1 for the first"):
        packed(people.delete("a"), priority=priority)


@pytest.mark.parametrize("priority", [0, 1, 2_097_152])
def test_the_ends_of_the_range(priority: int) -> None:
    """They belong to it."""
    assert packed(people.delete("a"), priority=priority).priority == priority
