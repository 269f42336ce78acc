"""The methods of every client, each made of the function that builds its operation: same name, arguments, checks and words.

A method returns what was asked for (nothing, for most) once Customer.io has accepted the operation. Where names exist in Customer.io's own
Python client, these are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from pytest_cio_load.customerio import replies
from pytest_cio_load.customerio.operations import account, deliveries, devices, entities, events, forms, people, reads, segments
from pytest_cio_load.customerio.operations.operation import Operation
from pytest_cio_load.customerio.wire import Answer

P = ParamSpec("P")
T = TypeVar("T")


class Drives(Protocol):
    """What the methods of an async client stand on."""

    _new_id: Callable[[], str]

    async def _drive(self, name: str, build: Callable[[], Operation], read: Callable[[Answer], T]) -> T:
        """Carry one call through."""


class DrivesBlocking(Protocol):
    """What the methods of a blocking client stand on."""

    _new_id: Callable[[], str]

    def _drive(self, name: str, build: Callable[[], Operation], read: Callable[[Answer], T]) -> T:
        """Carry one call through."""


def _awaits(build: Callable[P, Operation], read: Callable[[Answer], T]) -> Callable[Concatenate[Drives, P], Coroutine[Any, Any, T]]:
    """The async method that asks for what *build* makes and gives back what *read* finds."""
    name, bind = build.__name__, _binder(build)

    @wraps(build)
    async def call(self: Drives, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._drive(name, bind(self._new_id, *args, **kwargs), read)

    return _as_method(call, build)


def _blocks(build: Callable[P, Operation], read: Callable[[Answer], T]) -> Callable[Concatenate[DrivesBlocking, P], T]:
    """The blocking twin of :func:`_awaits`."""
    name, bind = build.__name__, _binder(build)

    @wraps(build)
    def call(self: DrivesBlocking, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._drive(name, bind(self._new_id, *args, **kwargs), read)

    return _as_method(call, build)


def _binder(build: Callable[..., Operation]) -> Callable[..., Callable[[], Operation]]:
    """Binds arguments to *build*; where it makes event ids, the client's own maker, so that a seeded client repeats them."""
    makes_ids = "new_id" in signature(build).parameters

    # Positional only, since an attribute of a person may be called anything.
    def bind(new_id: Callable[[], str], /, *args: object, **kwargs: object) -> Callable[[], Operation]:
        return partial(build, *args, **({"new_id": new_id, **kwargs} if makes_ids else kwargs))

    return bind


C = TypeVar("C", bound=Callable[..., Any])


def _as_method(call: C, build: Callable[..., Operation]) -> C:
    """Show *call* as a method: with ``self``, and without the maker of ids, which is the client's business."""
    shown = [each for each in signature(build).parameters.values() if each.name != "new_id"]
    call.__signature__ = Signature([Parameter("self", Parameter.POSITIONAL_ONLY), *shown])  # type: ignore[attr-defined]
    del call.__wrapped__  # type: ignore[attr-defined]
    return call


def identify(identifier: str, /, **attributes: object) -> Operation:
    """Add or update a person. Datetimes become whole unix seconds.

    Args:
        identifier: an id, an email, or ``cio_`` and a cio_id.
        attributes: names to values.

    Raises:
        InvalidOperation: Customer.io would refuse it, or a value has no JSON form.
    """
    return people.identify(identifier, attributes)


class Calls:
    """Everything the Track API offers, for coroutines."""

    identify = _awaits(identify, replies.nothing)
    delete = _awaits(people.delete, replies.nothing)
    suppress = _awaits(people.suppress, replies.nothing)
    unsuppress = _awaits(people.unsuppress, replies.nothing)
    merge_customers = _awaits(people.merge_customers, replies.nothing)
    track = _awaits(events.track, replies.nothing)
    page = pageview = _awaits(events.page, replies.nothing)
    screen = _awaits(events.screen, replies.nothing)
    track_anonymous = _awaits(events.track_anonymous, replies.nothing)
    add_device = _awaits(devices.add_device, replies.nothing)
    delete_device = _awaits(devices.delete_device, replies.nothing)
    add_customers_to_segment = _awaits(segments.add_customers_to_segment, replies.nothing)
    remove_customers_from_segment = _awaits(segments.remove_customers_from_segment, replies.nothing)
    report_metric = _awaits(deliveries.report_metric, replies.nothing)
    report_push = _awaits(deliveries.report_push, replies.nothing)
    unsubscribe = _awaits(deliveries.unsubscribe, replies.nothing)
    submit_form = _awaits(forms.submit_form, replies.nothing)
    account_region = _awaits(account.account_region, replies.account_region)
    auth = _awaits(account.auth, replies.nothing)
    entity = _awaits(entities.entity, replies.nothing)
    batch = _awaits(entities.batch, replies.refusals)


class BlockingCalls:
    """Everything the Track API offers, for threads."""

    identify = _blocks(identify, replies.nothing)
    delete = _blocks(people.delete, replies.nothing)
    suppress = _blocks(people.suppress, replies.nothing)
    unsuppress = _blocks(people.unsuppress, replies.nothing)
    merge_customers = _blocks(people.merge_customers, replies.nothing)
    track = _blocks(events.track, replies.nothing)
    page = pageview = _blocks(events.page, replies.nothing)
    screen = _blocks(events.screen, replies.nothing)
    track_anonymous = _blocks(events.track_anonymous, replies.nothing)
    add_device = _blocks(devices.add_device, replies.nothing)
    delete_device = _blocks(devices.delete_device, replies.nothing)
    add_customers_to_segment = _blocks(segments.add_customers_to_segment, replies.nothing)
    remove_customers_from_segment = _blocks(segments.remove_customers_from_segment, replies.nothing)
    report_metric = _blocks(deliveries.report_metric, replies.nothing)
    report_push = _blocks(deliveries.report_push, replies.nothing)
    unsubscribe = _blocks(deliveries.unsubscribe, replies.nothing)
    submit_form = _blocks(forms.submit_form, replies.nothing)
    account_region = _blocks(account.account_region, replies.account_region)
    auth = _blocks(account.auth, replies.nothing)
    entity = _blocks(entities.entity, replies.nothing)
    batch = _blocks(entities.batch, replies.refusals)


class AppCalls:
    """What the App API lets a load test read, for coroutines."""

    customers_by_email = _awaits(reads.customers_by_email, replies.customers_found)
    customer_attributes = _awaits(reads.customer_attributes, replies.customer)
    customers_attributes = _awaits(reads.customers_attributes, replies.customers)
    customer_activities = _awaits(reads.customer_activities, replies.activities_page)
    activities = _awaits(reads.activities, replies.activities_page)
    customers_by_filter = _awaits(reads.customers_by_filter, replies.customers_page)
    workspaces = _awaits(reads.workspaces, replies.workspaces)


class BlockingAppCalls:
    """What the App API lets a load test read, for threads."""

    customers_by_email = _blocks(reads.customers_by_email, replies.customers_found)
    customer_attributes = _blocks(reads.customer_attributes, replies.customer)
    customers_attributes = _blocks(reads.customers_attributes, replies.customers)
    customer_activities = _blocks(reads.customer_activities, replies.activities_page)
    activities = _blocks(reads.activities, replies.activities_page)
    customers_by_filter = _blocks(reads.customers_by_filter, replies.customers_page)
    workspaces = _blocks(reads.workspaces, replies.workspaces)
