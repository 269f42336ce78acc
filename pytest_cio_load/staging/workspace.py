"""A real workspace for one test: what may be sent to it, who was made up in it, and the cleaning up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_cio_load.customerio.workspaces import AppAccess, Workspace
from pytest_cio_load.errors import LedgerError, SafetyError
from pytest_cio_load.safety.permit import grant
from pytest_cio_load.safety.secrets import Secrets, keys_of
from pytest_cio_load.staging.admission import Admission
from pytest_cio_load.staging.sweep import Pace, sweep

if TYPE_CHECKING:
    from collections.abc import Callable

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

    Attributes:
        run: the run's id, which everyone made up carries as the attribute ``cio_load_run``.
        ledger: as given.
        secrets: what no report may show.
        facts: which workspace it is, for the report.
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
    ) -> None:
        self._approved, self._permits, self._over, self._apart = approved, permits, over, apart
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

    def workspace(self, limit: float, pace: float | None) -> Workspace:
        """The workspace as a client needs it. *limit*, *pace*: requests per second."""
        known = self._approved.credentials
        return Workspace(known.site_id, known.api_key, self._approved.region, limit=limit, pace=pace)

    def app_access(self) -> AppAccess:
        """Access to its App API."""
        return AppAccess(self._approved.credentials.app_key, self._approved.region)

    def admit(self, operation: Operation) -> tuple[Operation, Callable[[], bool]]:
        """Look at an operation before it leaves; what it says of people is remembered, so that it can be hidden."""
        self.secrets.sent(operation.body)
        return self._admission(operation)

    async def clean(self, track: Client, app: AppClient) -> dict[str, Any]:
        """Delete everyone who was made up, verify that nobody is left, and write that down.

        Returns:
            ``noted``, ``deleted``, ``recreated`` and ``left`` people; ``verified``, whether the App API showed nobody; ``reason``, why not.
        """
        self._stop_load()
        known, region = self._approved.credentials, self._approved.region
        with grant({(region.track_host, known.site_id), (region.app_host, known.app_key)}):
            try:
                swept = await sweep(track, app, self.ledger, run=self.run, pace=Pace(apart=self._apart))
            except SafetyError as error:
                return self._unfinished(str(error))
        outcome = swept.as_values()
        try:
            self.ledger.cleaned(outcome)
        except LedgerError as error:
            outcome = {**outcome, "verified": False, "reason": str(error)}
        return {**outcome, "run": self.run}

    def unfinished(self) -> dict[str, Any]:
        """The outcome of a cleaning up that was not brought to its end."""
        return self._unfinished("it was not brought to its end")

    def close(self) -> None:
        """Let go: nothing more can be sent."""
        if not self._is_closed:
            self._is_closed = True
            self._stop_load()
            self._over(sum(permit.calls for permit in self._permits[:1]), self.ledger.made)
            try:
                if not self.ledger.made:
                    # What was only reserved was never sent: there is nobody to look for.
                    self.ledger.cleaned({"noted": 0, "left": 0, "verified": True, "reason": "nobody was made up"})
            finally:
                self.ledger.close()

    def _stop_load(self) -> None:
        for permit in self._permits:
            permit.revoke()

    def _unfinished(self, reason: str) -> dict[str, Any]:
        left = len(self.ledger.noted)
        return {"noted": left, "deleted": 0, "recreated": 0, "left": left, "verified": False, "reason": reason, "run": self.run}

    def _is_public(self, text: str) -> bool:
        return text == self.run or self.ledger.is_ours(text)
