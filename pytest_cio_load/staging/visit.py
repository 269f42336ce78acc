"""A session's visit to a real workspace: the guard is asked once, and what its caps still allow is shared by all tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pytest_cio_load.errors import GuardRefused
from pytest_cio_load.safety import allowlist, ledgers
from pytest_cio_load.safety.header import new_header
from pytest_cio_load.safety.permit import grant
from pytest_cio_load.staging import preflight
from pytest_cio_load.staging.workspace import RealWorkspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cio_load.safety.guard import Plan
    from pytest_cio_load.staging.preflight import Approved
    from pytest_cio_load.staging_settings import StagingSettings


class Visit:
    """Opens the workspace to one test after the other.

    Args:
        settings: what the tests may do.
        plan: what all of them together mean to do.
        environment: holds the credentials.
    """

    def __init__(self, settings: StagingSettings, plan: Plan, environment: Mapping[str, str] | None = None) -> None:
        self._settings, self._plan = settings, plan
        self._environment = environment
        self._approved: Approved | None = None
        self._refused: GuardRefused | None = None
        # Processes of one session know nothing of each other, so each has its share of the caps.
        self._processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
        self._calls = self._people = 0

    def workspace(self, *, test: str, plan: Plan) -> RealWorkspace:
        """The workspace, for one test. Its ledger is on disk when this returns.

        Args:
            test: the node id.
            plan: what the test means to do, which must be within what is left of the caps.

        Raises:
            GuardRefused: a rule of the guard is not met; asked again, it says the same without asking Customer.io.
            LedgerError: the ledger cannot be written.
        """
        approved = self._ask()
        caps, entry, known = self._settings.caps, approved.entry, approved.credentials
        people, calls = self._left(caps.max_people, self._people), self._left(caps.max_calls, self._calls)
        shared = f" (what is left of it for each of {self._processes} processes)" if self._processes > 1 else ""
        for got, most, name, more in (
            (plan.rate, caps.max_rate, "max_rate", ""),
            (plan.people, people, "max_people", shared),
            (plan.calls, calls, "max_calls", shared),
        ):
            if got > most or most <= 0:
                expected, fix = f"expected at most {max(0, most):,g}{more}", f"raise cio_{name}, or make less load"
                raise GuardRefused(f"the guard refuses staging, rule 'caps': got {got:,g} in {test}; {expected}; {fix}")
        header = new_header(
            test=test, site=allowlist.hash_of(known.site_id), environment_id=entry.environment_id, region=approved.region.value
        )
        ledger = ledgers.begin(self._settings.ledgers, header, most=people)
        track = {(approved.region.track_host, known.site_id)}
        permits = (grant(track, most_calls=calls), grant({(approved.region.app_host, known.app_key)}, only=only_reads))
        return RealWorkspace(approved, header, ledger, permits, self._note, apart=self._settings.apart, max_rate=caps.max_rate)

    def _ask(self) -> Approved:
        if self._refused is not None:
            raise self._refused
        if self._approved is None:
            settings = self._settings
            try:
                # No local holds the environment: a traceback may show what a frame holds.
                self._approved = preflight.approve(
                    os.environ if self._environment is None else self._environment,
                    settings.allow_file,
                    caps=settings.caps,
                    plan=self._plan,
                    live=settings.live,
                    region=settings.region,
                )
            except GuardRefused as refused:
                self._refused = refused.with_traceback(None)
                raise
        return self._approved

    def _left(self, cap: int, used: int) -> int:
        return cap // self._processes - used

    def _note(self, calls: int, people: int) -> None:
        """A test is over: what it took of the caps."""
        self._calls += calls
        self._people += people


def only_reads(method: str, path: str) -> bool:
    """Whether a request to the App API changes nothing: what it reads by POST are searches."""
    place = path.partition("?")[0]
    return (method == "GET" and place.startswith("/v1/")) or (method == "POST" and place in ("/v1/customers", "/v1/customers/attributes"))
