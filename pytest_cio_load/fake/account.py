"""Several workspaces of one account behind one door: whose credentials a request carries decides whose it is."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pytest_cio_load.fake.tally import Delivery

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_cio_load.fake.workspace import FakeWorkspace, Reply


class FakeAccount:
    """Several fake workspaces, each with its own people, budget and faults.

    Args:
        workspaces: at least one; told apart by their credentials. Of those that share an App API key, the first answers its reads.

    Attributes:
        workspaces: the workspaces, for asking each of them alone.

    Raises:
        ValueError: no workspace, or two that take the same Track credentials.
    """

    def __init__(self, workspaces: Sequence[FakeWorkspace]) -> None:
        self.workspaces = tuple(workspaces)
        if not self.workspaces:
            raise ValueError("workspaces: got none; expected at least one; try [FakeWorkspace()]")
        self._by_credentials: dict[str, FakeWorkspace] = {}
        for each in self.workspaces:
            track, app = each.credentials
            if track in self._by_credentials:
                got = f"two with the site id {each.site_id!r} and one key"
                raise ValueError(f"workspaces: got {got}; expected credentials that tell them apart; give each a site_id of its own")
            self._by_credentials[track] = each
            self._by_credentials.setdefault(app, each)

    def __repr__(self) -> str:
        return f"FakeAccount({len(self.workspaces)} workspaces)"

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float) -> Reply:
        """Take one request: as `FakeWorkspace.answer`. Nobody's credentials are refused by the first workspace."""
        whose = self._by_credentials.get(headers.get("authorization", ""), self.workspaces[0])
        return whose.answer(method, path, headers, body, now)

    def begin(self, now: float) -> None:
        """The run begins, in every workspace."""
        for each in self.workspaces:
            each.begin(now)

    def end(self) -> None:
        """The run has ended: no faults and no budget any more."""
        for each in self.workspaces:
            each.end()

    def at(self, time: str | float) -> _Everywhere:
        """The moment at which a fault begins in every workspace; ``workspaces[0].at(…)`` strikes one alone."""
        return _Everywhere([each.at(time) for each in self.workspaces], self)

    @property
    def people(self) -> dict[str, dict[str, Any]]:
        """Everyone in any of the workspaces."""
        return {person: attributes for each in self.workspaces for person, attributes in each.people.items()}

    @property
    def requests(self) -> int:
        """HTTP requests that arrived, in all of them; a batch is one."""
        return sum(each.requests for each in self.workspaces)

    def received(self, operation: str | None = None, *, person: str | None = None, name: str | None = None) -> int:
        """Operations that arrived, in all of them."""
        return sum(each.received(operation, person=person, name=name) for each in self.workspaces)

    def applied(self, operation: str | None = None) -> int:
        """Operations that did what they asked for, in all of them."""
        return sum(each.applied(operation) for each in self.workspaces)

    def rejected(self, operation: str | None = None) -> int:
        """Operations answered with an error, in all of them."""
        return sum(each.rejected(operation) for each in self.workspaces)

    def dropped(self, operation: str | None = None) -> int:
        """Operations answered as accepted and not applied, in all of them."""
        return sum(each.dropped(operation) for each in self.workspaces)

    def duplicates(self, operation: str | None = None) -> int:
        """Events ignored because they had been applied, in all of them."""
        return sum(each.duplicates(operation) for each in self.workspaces)

    def delivery(self) -> Delivery:
        """What became of everything sent, in all of them."""
        parts = [each.delivery() for each in self.workspaces]
        return Delivery(**{field.name: sum(getattr(part, field.name) for part in parts) for field in fields(Delivery)})

    def script(self) -> tuple[tuple[float, str], ...]:
        """When each fault that was arranged begins, and a line on it; one that is the same everywhere, once."""
        return tuple(sorted({line for each in self.workspaces for line in each.script()}))


class _Everywhere:
    """A moment in several workspaces: whatever fault is arranged is arranged in each."""

    def __init__(self, moments: Sequence[Any], account: FakeAccount) -> None:
        self._moments, self._account = moments, account

    def __getattr__(self, fault: str) -> Any:
        def arrange(*arguments: Any, **keywords: Any) -> FakeAccount:
            for moment in self._moments:
                getattr(moment, fault)(*arguments, **keywords)
            return self._account

        return arrange
