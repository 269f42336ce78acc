"""Looking for made-up people through the App API: by the attribute that they carry, and by every name that was written down."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_cio_load.customerio.operations.reads import CUSTOMERS_AT_ONCE, FOUND_AT_ONCE
from pytest_cio_load.safety.ledger import is_made_up
from pytest_cio_load.staging.patience import GaveUp

if TYPE_CHECKING:
    from pytest_cio_load.customerio.client import AppClient
    from pytest_cio_load.customerio.replies import CustomerNames
    from pytest_cio_load.staging.patience import Patience

T = TypeVar("T")

EMAILS_AT_ONCE = 50
"""Emails that one filter asks for."""


@dataclass(frozen=True, slots=True)
class Found:
    """Who was found.

    Attributes:
        ours: by the names that they can be deleted by.
        strangers: how many carry the run's id though nothing says that the run made them up; they are not to be touched.
    """

    ours: frozenset[str]
    strangers: int

    @property
    def is_nobody(self) -> bool:
        """Whether nobody was found at all."""
        return not self.ours and not self.strangers


class Looking:
    """Looks for the people of one run.

    Args:
        app: reads the workspace.
        patience: with it.
        prefix: begins every made-up id.
        attribute, run: what everyone who was identified carries, and its value.
    """

    def __init__(self, app: AppClient, patience: Patience, *, prefix: str, attribute: str, run: str) -> None:
        self._app, self._patience = app, patience
        self._prefix = prefix
        self._carries_run = _equals(attribute, run)

    async def sees(self, person: str, attribute: str, value: str) -> bool:
        """Whether *person* can be seen in both ways, with this very *value* of an attribute. Raises GaveUp."""
        marked = {"and": [self._carries_run, _equals(attribute, value)]}
        page = await self._patience.ask(lambda: self._app.customers_by_filter(marked, limit=FOUND_AT_ONCE))
        if not any(names.id == person for names in page.items):
            return False
        known = await self._patience.ask(lambda: self._app.customers_attributes([person]))
        return any(each.names.id == person and each.attributes.get(attribute) == value for each in known)

    async def sees_any(self, person: str, attribute: str) -> bool:
        """Whether *person* can be seen in either way, whatever the value of their *attribute*. Raises GaveUp."""
        if await self._patience.ask(lambda: self._app.customers_attributes([person])):
            return True
        marked = {"and": [self._carries_run, {"attribute": {"field": attribute, "operator": "exists"}}]}
        return bool((await self._patience.ask(lambda: self._app.customers_by_filter(marked, limit=FOUND_AT_ONCE))).items)

    async def look(self, names: Sequence[str]) -> Found:
        """Everyone who can be seen now, by the run's id and by all *names*, ids and emails. Raises GaveUp."""
        found = [each async for each in self._pages(self._carries_run)]
        for some in batched([name for name in names if "@" not in name], CUSTOMERS_AT_ONCE):
            found += [each.names for each in await self._patience.ask(partial(self._app.customers_attributes, some))]
        for some in batched([name for name in names if "@" in name], EMAILS_AT_ONCE):
            found += [each async for each in self._pages({"or": [_equals("email", email) for email in some]})]
        ours = [self._made_up(each) for each in found]
        return Found(frozenset(name for name in ours if name is not None), sum(name is None for name in ours))

    async def _pages(self, filter: dict[str, Any]) -> AsyncIterator[CustomerNames]:
        """Everyone whom *filter* keeps."""
        start: str | None = None
        asked: set[str] = set()
        while True:
            page = await self._patience.ask(partial(self._app.customers_by_filter, filter, limit=FOUND_AT_ONCE, start=start))
            for names in page.items:
                yield names
            if not page.next:
                return
            if page.next in asked:
                raise GaveUp("the App API: got pages that lead back to an earlier one; expected a last one; try again later")
            asked.add(start := page.next)

    def _made_up(self, names: CustomerNames) -> str | None:
        """The name to delete somebody by; None when the run did not make them up, as far as their names tell."""
        name = names.id or names.email
        return name if is_made_up(name, self._prefix) else None


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """*items*, in lists of *size* and a shorter last one."""
    left = iter(items)
    while some := list(islice(left, size)):
        yield some


def _equals(attribute: str, value: str) -> dict[str, Any]:
    return {"attribute": {"field": attribute, "operator": "eq", "value": value}}
