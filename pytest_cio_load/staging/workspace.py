"""A real workspace for one test: what may be sent to it, who was made up in it, and the cleaning up."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from pytest_cio_load.customerio.workspaces import AppAccess, Workspace
from pytest_cio_load.errors import GuardRefused, LedgerError, SafetyError
from pytest_cio_load.safety.permit import grant
from pytest_cio_load.safety.secrets import Secrets, keys_of
from pytest_cio_load.staging.admission import Admission
from pytest_cio_load.staging.sweep import Pace, sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_cio_load.customerio.client import AppClient, Client
    from pytest_cio_load.customerio.operations.operation import Operation
    from pytest_cio_load.safety.header import Header
    from pytest_cio_load.safety.ledger import DurableLedger
    from pytest_cio_load.safety.permit import Permit
    from pytest_cio_load.staging.preflight import Approved


class RealWorkspace:
    """One test's share of a real workspace.

    Args:
        approved: the workspace, past the guard.
        header: of the ledger.
        ledger: of the people made up here.
        permits: let requests through while the test runs.
        over: is told, at the end, how many requests were made and people made up.
        apart: seconds between the two looks that must both find nobody left.
        max_rate: requests per second at most.

    Attributes:
        run: the run's id, which everyone made up carries as the attribute ``cio_load_run``.
        ledger: as given.
        secrets: what no report may show.
        facts: which workspace it is, for the report.
        lag: the longest processing lag that was seen, in seconds: the cleaning up waits for what may be under way as long.
    """

    def __init__(
        self,
        approved: Approved,
        header: Header,
        ledger: DurableLedger,
        permits: tuple[Permit, ...],
        over: Callable[[int, int], None],
        *,
        apart: float,
        max_rate: float,
    ) -> None:
        self._approved, self._permits, self._over, self._apart, self._max_rate = approved, permits, over, apart, max_rate
        self._is_over = False
        self.lag = 0.0
        self.run, self.ledger = header.run, ledger
        known = approved.credentials
        self.secrets = Secrets(keys_of(known.site_id, known.api_key, known.app_key), is_public=self._is_public)
        self.facts: dict[str, Any] = {
            "name": approved.workspace_name,
            "environment_id": approved.entry.environment_id,
            "region": approved.region.value,
            "run": header.run,
        }
        self._admission = Admission(ledger, header.run)
        self._is_closed = False

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Wires that are made in the block may reach the workspace: for the load while it goes on, for the cleaning up after it."""
        with ExitStack() as stack:
            for permit in self._permits:
                stack.enter_context(permit.opening())
            yield

    def workspace(self, limit: float, pace: float | None) -> Workspace:
        """The workspace as a client needs it. *limit*, *pace*: requests per second."""
        known, most = self._approved.credentials, self._max_rate
        pace = min(limit if pace is None else pace, most)
        return Workspace(known.site_id, known.api_key, self._approved.region, limit=limit, pace=pace)

    def app_access(self) -> AppAccess:
        """Access to its App API."""
        return AppAccess(self._approved.credentials.app_key, self._approved.region)

    def admit(self, operation: Operation) -> tuple[Operation, Callable[[], bool]]:
        """Look at an operation before it leaves; what it says of people is remembered, so that it can be hidden.

        Raises:
            InvalidOperation: it must not go to a real workspace.
            GuardRefused: the load is over.
        """
        if self._is_over:
            raise GuardRefused("the guard refuses staging: got a call after the load was over; expected all within it; await every call")
        self.secrets.sent(operation.body)
        return self._admission(operation)

    async def clean(self, track: Client, app: AppClient) -> dict[str, Any]:
        """Delete everyone who was made up, verify that nobody is left, and write that down.

        Returns:
            ``noted``, ``deleted``, ``recreated`` and ``left`` people; ``verified``, whether the App API showed nobody; ``reason``, why not.
        """
        try:
            swept = await sweep(track, app, self.ledger, run=self.run, pace=Pace(apart=max(self._apart, self.lag)))
        except SafetyError as error:
            return self._unfinished(str(error))
        outcome = swept.as_values()
        try:
            self.ledger.cleaned(outcome)
        except LedgerError as error:
            outcome = {**outcome, "verified": False, "reason": str(error)}
        return {**outcome, "run": self.run}

    def end_load(self) -> None:
        """Nothing of the load can be sent any more, whoever still tries; wires that are made from now on are for the cleaning up."""
        if self._is_over:
            return
        self._is_over = True
        self._over(sum(permit.calls for permit in self._permits[:1]), self.ledger.made)
        self._stop()
        known, region = self._approved.credentials, self._approved.region
        self._permits = (grant({(region.track_host, known.site_id), (region.app_host, known.app_key)}),)

    def unfinished(self) -> dict[str, Any]:
        """The outcome of a cleaning up that was not brought to its end."""
        return self._unfinished("it was not brought to its end")

    def close(self) -> None:
        """Let go: nothing more can be sent."""
        if not self._is_closed:
            self._is_closed = True
            self.end_load()
            self._stop()
            try:
                if not self.ledger.made:
                    # What was only reserved was never sent: there is nobody to look for.
                    self.ledger.cleaned({"noted": 0, "left": 0, "verified": True, "reason": "nobody was made up"})
            finally:
                self.ledger.close()

    def _stop(self) -> None:
        for permit in self._permits:
            permit.revoke()

    def _unfinished(self, reason: str) -> dict[str, Any]:
        left = len(self.ledger.noted)
        return {"noted": left, "deleted": 0, "recreated": 0, "left": left, "verified": False, "reason": reason, "run": self.run}

    def _is_public(self, text: str) -> bool:
        return text == self.run or self.ledger.is_ours(text)
