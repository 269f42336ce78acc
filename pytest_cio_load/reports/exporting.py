"""Telling a run to those who watch it from outside, while it goes on.

An exporter lives as long as the test session; of each run it makes an observer, which is told of every iteration and call as it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from types import TracebackType

    from pytest_cio_load.customerio.exchange import CallRecord
    from pytest_cio_load.load.run import Sample, Sink
    from pytest_cio_load.load.schedule import Arrival
    from pytest_cio_load.reports.document import Document
    from pytest_cio_load.reports.instruments import Facts


class Observer(Protocol):
    """Is told of one run, from the loop or from worker threads; must be quick, for the load waits."""

    def began(self, arrival: Arrival) -> None:
        """An iteration begins; told within its own context, which nothing else has."""

    def iteration(self, sample: Sample) -> None:
        """An iteration ended; also one that was cut before it began."""

    def dropped(self, arrival: Arrival) -> None:
        """An iteration fell due with no slot free."""

    def call(self, record: CallRecord, due: int) -> None:
        """A call ended; told within the context of the iteration that made it, and when that was due, in microseconds."""

    def end(self, document: Document | None) -> None:
        """The run is over. *document*: None when there was no verdict."""


class Exporter(Protocol):
    """Tells the world outside. Nothing that befalls it may harm a run: it is told once, in ``notes``.

    Attributes:
        name: "otel" or "prometheus".
        where: where it can be looked at, or "".
    """

    name: str
    where: str

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that the end of the session must not leave out."""

    def begin(self, facts: Facts) -> Observer:
        """A run begins; fixtures are set up by now."""

    def close(self) -> None:
        """The session is over: deliver what is left, within a few seconds."""


class Observed:
    """Where a run's samples go while it is observed: into its own sink first, then to the observers.

    An observer that raises is left out from then on: the run does not notice.
    """

    def __init__(self, sink: Sink, observers: Mapping[str, Observer], failed: Callable[[str, Exception], None]) -> None:
        self._sink, self._failed = sink, failed
        self._observers = list(observers.items())

    def finished(self, sample: Sample) -> None:
        """An iteration ended."""
        self._sink.finished(sample)
        self._tell(lambda observer: observer.iteration(sample))

    def dropped(self, arrival: Arrival) -> None:
        """An iteration fell due with no slot free."""
        self._sink.dropped(arrival)
        self._tell(lambda observer: observer.dropped(arrival))

    def began(self, arrival: Arrival) -> None:
        """An iteration begins; to be told within its own context."""
        self._tell(lambda observer: observer.began(arrival))

    def call(self, record: CallRecord, due: int) -> None:
        """A call of an iteration ended; to be told within the iteration's context. *due*: the iteration's, in microseconds."""
        self._tell(lambda observer: observer.call(record, due))

    def end(self, document: Document | None) -> None:
        """The run is over."""
        self._tell(lambda observer: observer.end(document))

    def _tell(self, told: Callable[[Observer], None]) -> None:
        for entry in self._observers:
            try:
                told(entry[1])
            except Exception as error:
                self._observers = [each for each in self._observers if each is not entry]
                self._failed(entry[0], error)


class Exporters:
    """Every exporter of a session, as one; a context manager that closes them."""

    def __init__(self, exporters: Sequence[Exporter]) -> None:
        self._exporters = tuple(exporters)
        self._failures: dict[str, str] = {}
        self._is_closed = False

    def __enter__(self) -> Exporters:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def where(self) -> tuple[str, ...]:
        """Where a run can be looked at."""
        return tuple(each.where for each in self._exporters if each.where)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that the end of the session must not leave out; final once closed."""
        return (*(note for each in self._exporters for note in each.notes), *self._failures.values())

    def begin(self, facts: Facts, sink: Sink) -> Observed:
        """A run begins, whose samples go to *sink*: the driver is given what this returns in its place."""
        observers: dict[str, Observer] = {}
        for exporter in self._exporters:
            try:
                observers[exporter.name] = exporter.begin(facts)
            except Exception as error:
                self._failed(exporter.name, error)
        return Observed(sink, observers, self._failed)

    def close(self) -> None:
        """Deliver what is left, within a few seconds. Closing twice is no error."""
        if self._is_closed:
            return
        self._is_closed = True
        for exporter in self._exporters:
            try:
                exporter.close()
            except Exception as error:
                self._failed(exporter.name, error)

    def _failed(self, name: str, error: Exception) -> None:
        what = f"{name}: got {type(error).__name__} from it while a run went on; expected it to take what it is told; no run was harmed, "
        self._failures.setdefault(name, f"{what}but what it shows is incomplete; look at how it is configured")


def open_exporters(*, otel: bool, prometheus: int | None) -> Exporters:
    """Exporters for a session, as asked for. *prometheus*: the port on 127.0.0.1, 0 for a free one, or None for no endpoint.

    Raises:
        ImportError: what is needed for it is not installed; the text names the extra.
        OSError: the port cannot be had; the text says which.
    """
    exporters: list[Exporter] = []
    if otel:
        try:
            from pytest_cio_load.reports.otel import OtelExporter
        except ImportError as error:
            raise _missing(error, "--cio-otel", "otel") from error
        exporters.append(OtelExporter())
    if prometheus is not None:
        try:
            from pytest_cio_load.reports.prometheus import PrometheusExporter
        except ImportError as error:
            raise _missing(error, "--cio-prometheus", "prometheus") from error
        exporters.append(PrometheusExporter(prometheus))
    return Exporters(exporters)


def _missing(error: ImportError, option: str, extra: str) -> ImportError:
    package = error.name or extra
    return ImportError(f"{package}: got no such package; expected it for {option}; try pip install 'pytest-cio-load[{extra}]'")
