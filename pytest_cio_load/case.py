"""One marked test: what it promises, the run that is measured, and what becomes of it."""

from __future__ import annotations

import inspect
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, cast

import pytest

from pytest_cio_load.collecting import arguments_of, is_async
from pytest_cio_load.contract.verdict import Outcome
from pytest_cio_load.errors import CleanupFailed, ContractBroken, ContractError, Inconclusive
from pytest_cio_load.load.clock import VirtualClock, WallClock
from pytest_cio_load.load.iteration import CURRENT, CurrentIteration, Iteration, Unmeasured
from pytest_cio_load.load.iterations import Iterations
from pytest_cio_load.measurement import Measurement, Subject
from pytest_cio_load.plans import load_on_staging, seed_of
from pytest_cio_load.reports.cleaned import cleanup_text, failed_cleanup
from pytest_cio_load.reports.document import Document, document, properties
from pytest_cio_load.reports.hiding import hide_in_document
from pytest_cio_load.reports.terminal import Telling, plain, section
from pytest_cio_load.safety.aim import STAGING, problem_with, problem_with_clock
from pytest_cio_load.targets.target import Target, used_by
from pytest_cio_load.targets.watch import WATCHED, patience_for

if TYPE_CHECKING:
    from pytest_cio_load.contract.contract import Contract
    from pytest_cio_load.customerio.client import CallRecord
    from pytest_cio_load.customerio.wire import Phase
    from pytest_cio_load.load.run import Ending, Sink
    from pytest_cio_load.reports.exporting import Observed
    from pytest_cio_load.safety.ledger import User
    from pytest_cio_load.safety.secrets import Secrets
    from pytest_cio_load.settings import Settings
    from pytest_cio_load.staging.canary import Canary
    from pytest_cio_load.staging.sightings import Sightings
    from pytest_cio_load.staging.visit import Visit
    from pytest_cio_load.staging.workspace import RealWorkspace
    from pytest_cio_load.targets.queue import QueueUnderTest

ASYNC_IN_FLIGHT = 10_000
"""A stop for runaway memory, not a limit on the model."""
SYNC_IN_FLIGHT = 64
"""Threads of a sync test, unless it says otherwise."""

VISIT: pytest.StashKey[Visit] = pytest.StashKey()
"""The session's visit to a real workspace: asked for once, whatever the answer."""

LET_THROUGH = (pytest.skip.Exception, pytest.xfail.Exception, pytest.exit.Exception)


class Case:
    """One marked test, or one that merely uses our fixtures: then *contract* is None, and its body runs once.

    Attributes:
        document: the run document, once there is a verdict.
        current: the ``cio_load`` that fixtures get.
        calls: Customer.io calls so far.
    """

    def __init__(self, item: pytest.Function, contract: Contract | None, settings: Settings) -> None:
        self.item, self.contract, self.settings = item, contract, settings
        self.document: Document | None = None
        self.current = cast("Iteration", CurrentIteration())
        self.measurement: Measurement | None = None
        # Asked now: while the item is called, its function is whatever stands in for it.
        self.is_async = is_async(item)
        self._home = inspect.unwrap(item.function).__code__.co_filename
        self.seed = seed_of(item, contract, settings)
        self.calls = 0
        self._observed: Observed | None = None

    @property
    def drives(self) -> bool:
        """Whether the body is driven as a load; otherwise it runs once."""
        return self.contract is not None and self.settings.mode == "load"

    @cached_property
    def target(self) -> Target:
        """What the calls reach; made when a fixture asks for it."""
        real = self._past_the_guard() if self.settings.target == STAGING else None
        observe = self._on_wait if self.drives else None
        target = Target(self.settings, seed=self.seed, on_call=self._on_call, real=real, observe=observe)
        self.item.addfinalizer(target.stop)
        return target

    def _past_the_guard(self) -> RealWorkspace:
        """The real workspace, for this test. Raises GuardRefused, LedgerError."""
        from pytest_cio_load.staging.visit import Visit

        stash, items, mode = self.item.config.stash, self.item.session.items, self.settings.mode
        if VISIT not in stash:
            stash[VISIT] = Visit(self.settings.staging, load_on_staging(items, self.item, mode=mode))
        return stash[VISIT].workspace(test=self.item.nodeid, plan=load_on_staging([], self.item, mode=mode))

    @cached_property
    def queue(self) -> QueueUnderTest:
        """The pipeline; made when a fixture asks for it."""
        from pytest_cio_load.targets.queue import QueueUnderTest

        return QueueUnderTest(self.settings.queue, self.target, seed=self.seed, on_call=self._on_call)

    @property
    def cleanup_failed(self) -> str:
        """Why made-up people may be left in a real workspace, whatever else became of the test; "" when nobody is."""
        cleanup = self.target.cleanup if self.has_target else {}
        return cleanup_text(cleanup) if failed_cleanup(cleanup) else ""

    @property
    def secrets(self) -> Secrets | None:
        """What no report of this test may show, where there is anything."""
        return self.target.secrets if self.has_target else None

    def aim(self, target: str) -> Target:
        """The target, which a fixture of the author's own may have named only now.

        Raises:
            ContractError: it is no target, or none that virtual time can reach.
        """
        if target != self.settings.target and not self.item.config.getoption("cio_plan"):
            problem = problem_with(target) or problem_with_clock(self.asked_clock, target)
            if problem is not None:
                raise ContractError([problem])
            self.settings = replace(self.settings, target=target)
        return self.target

    @property
    def asked_clock(self) -> str | None:
        """What was asked for: virtual, wall, or None when nobody said."""
        return (self.contract.clock if self.contract is not None else None) or self.settings.clock

    def _user(self, index: int) -> User:
        return self.target.user(index)

    def _instrument(self, client: Any) -> Any:
        from pytest_cio_load.customerio.instrument import instrument
        from pytest_cio_load.fake.routes import metric_of

        clock = self.measurement.clock if self.measurement is not None else WallClock()
        return instrument(client, on_call=partial(self._on_call, watched=False), now=lambda: clock.now() / 1_000_000, name=metric_of)

    def _on_call(self, record: CallRecord, watched: bool = True) -> None:
        self.calls += 1
        if self.measurement is not None:
            self.measurement.on_call(record, watched)
        iteration = CURRENT.get()
        if self._observed is not None and iteration is not None:
            self._observed.call(record, round(iteration.due * 1_000_000))

    def _on_wait(self, phase: Phase, seconds: float) -> None:
        if self.measurement is not None:
            self.measurement.on_wait(phase, seconds)

    @property
    def sink(self) -> Sink:
        """Where the driver's samples go: the recorder, and whoever observes the run."""
        assert self.measurement is not None
        return self._observed or self.measurement.recorder

    def stop(self) -> None:
        """The load is over: what follows costs nobody anything."""
        if self.measurement is not None:
            self.measurement.stop()

    @property
    def has_target(self) -> bool:
        """Whether a fixture asked for the target."""
        return "target" in self.__dict__

    @property
    def watches(self) -> bool:
        """Whether canaries are followed: in a real workspace always, elsewhere when a clause asks for what they show."""
        if not self.has_target or self.contract is None:
            return False
        asked = any(clause.metric in WATCHED for clause in self.contract.thresholds)
        return asked or self.settings.target == STAGING

    def canary(self) -> Canary:
        """What watches the workspace beside the run."""
        assert self.contract is not None
        return self.target.canary(warmup=float(self.contract.warmup), patience=patience_for(self.contract))

    def saw(self, sightings: Sightings) -> None:
        """Record what came of watching, and how long the cleaning up has to wait for what is under way."""
        assert self.measurement is not None
        self.measurement.saw(sightings)
        if self.target.real is not None:
            self.target.real.lag = max(sightings.lags, default=0) / 1_000_000

    @property
    def has_queue(self) -> bool:
        """Whether a fixture asked for the queue."""
        return "queue" in self.__dict__

    def begin(self, clock: WallClock | VirtualClock) -> None:
        """The run begins, on this clock."""
        clock.start()
        if self.has_target:
            self.target.begin(lambda: clock.now() / 1_000_000)
        if self.drives:
            assert self.contract is not None
            self.measurement = Measurement(self.contract, self._subject(self.contract), clock)
            self.measurement.watches(self.target.wires.told if self.has_target else ())
            if self.item.config.getoption("cio_otel") or self.item.config.getoption("cio_prometheus") is not None:
                from pytest_cio_load.observing import observed

                self._observed = observed(self.item.config, self.measurement)

    def _subject(self, contract: Contract) -> Subject:
        path, line, _ = self.item.location
        default = ASYNC_IN_FLIGHT if self.is_async else SYNC_IN_FLIGHT
        uses_target = used_by(self.item.fixturenames)
        return Subject(
            test=self.item.nodeid,
            location=f"{path}:{(line or 0) + 1}",
            home=self._home,
            target=self.settings.target if uses_target else "none",
            seed=self.seed,
            max_in_flight=contract.max_in_flight or default,
            pace=self.settings.pace or self.settings.limit if uses_target else None,
            calls_expected=not {"cio", "cio_sync", "cio_queue", "cio_batch"}.isdisjoint(arguments_of(self.item)),
            queued=self.has_queue,
        )

    def iterations(self, arguments: dict[str, Any]) -> Iterations:
        """What makes each iteration the current one, and gives its body's arguments, with the iteration in the place of the stand-in."""
        return Iterations(
            arguments,
            self.current,
            book=self.measurement.recorder if self.measurement is not None else Unmeasured(),
            now=self.measurement.clock.now if self.measurement is not None else WallClock().now,
            user=self._user,
            seed=self.seed,
            instrument=self._instrument,
            began=self._observed.began if self._observed is not None else None,
        )

    def conclude(self, ending: Ending | None) -> None:
        """Judge the run, keep its document, and raise what it comes to. *ending*: None of a body that ran once, which has no verdict.

        Raises:
            ContractBroken: a clause was not kept.
            Inconclusive: the run cannot tell.
            CleanupFailed: the contract was kept, or there is none, and made-up people may be left in a real workspace.
        """
        cleanup = self.target.cleanup if self.has_target else {}
        if ending is None:
            if self.cleanup_failed:
                raise CleanupFailed(self.cleanup_failed)
            return
        assert self.measurement is not None
        delivery = self.target.delivery() if self.has_target else {}
        for at, text in self.target.faults() if self.has_target else ():
            self.measurement.mark(at, "fault", text)
        run = self.measurement.conclude(ending, delivery=delivery, cleanup=cleanup)
        self.document = document(run)
        if self.has_target:
            self.document["workspace"] = self.target.workspace_facts
            if self.target.secrets is not None:
                self.document = hide_in_document(self.document, self.target.secrets)
        self._compare(self.document)
        if self._observed is not None:
            self._observed.end(self.document)
        self.item.add_report_section("call", "cio-load", plain(section(self.document)))
        # In place of those of an earlier run, where a plugin runs a test again.
        others = [prop for prop in self.item.user_properties if not prop[0].startswith("cio_load.")]
        self.item.user_properties[:] = [*others, *properties(self.document)]
        if self.document["verdict"] == Outcome.BROKEN.value:
            raise ContractBroken(str(Telling(self.document)))
        if self.document["verdict"] == Outcome.INCONCLUSIVE.value:
            raise Inconclusive(str(Telling(self.document)))
        if failed_cleanup(cleanup):
            raise CleanupFailed(str(Telling(self.document)))

    def _compare(self, doc: Document) -> None:
        """Hold the run against its baseline, and keep it as one, where that is asked for."""
        assert self.contract is not None
        options = ("cio_save", "cio_compare", "cio_compare_fail")
        if self.contract.regress is None and all(self.item.config.getoption(name) is None for name in options):
            return
        from pytest_cio_load.comparing import Comparing

        comparing = Comparing.of(self.item.config)
        comparing.hold(doc, self.contract)
        comparing.keep(doc)

    def cut_short(self, reason: str) -> None:
        """Report what there is of a run that was ended from outside."""
        if self.measurement is not None and self.document is None:
            # Whatever ended the run is on its way already, and says more.
            with suppress(ContractBroken, Inconclusive, CleanupFailed):
                self.conclude(self.measurement.cut_short(reason))
