"""The autoscaler under test: replayed by a test body, or by the marker ``cio_scale`` alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_cio_load.errors import Problem, near_miss
from pytest_cio_load.scaling.hpa.keda import ScaledObject
from pytest_cio_load.scaling.hpa.spec import Hpa
from pytest_cio_load.scaling.model.pipeline import Pipeline
from pytest_cio_load.scaling.model.promises import Promise, broken, promise_of
from pytest_cio_load.scaling.model.replay import replay
from pytest_cio_load.scaling.model.run import FIGURES, Run
from pytest_cio_load.scaling.model.traffic import Traffic, read_traffic
from pytest_cio_load.scaling.planner.volumes import volume
from pytest_cio_load.units import UnitError, duration, rate, show_value

if TYPE_CHECKING:
    from pytest_cio_load.scaling.manifests.nodes import Mistake

RATES, TIMES = ("limit", "per_pod", "worker_rate"), ("rtt", "start", "grace", "scrape", "adapter", "cpu_per_job")
COUNTS = ("workspaces", "batch", "concurrency", "partitions")
PIPELINE = (*RATES, *TIMES, *COUNTS, "cpu_request")
"""Keywords that describe the pipeline; see `scaling.model.pipeline.Pipeline`."""

KEYWORDS = ("hpa", "traffic", *PIPELINE, "replicas", "meanings", *FIGURES)
"""Keywords of the marker ``cio_scale``; those named like a figure of a run are promises."""

_SAID = re.compile(r"(?:.*?: )?got (?P<got>.*?)[;,] expected (?P<expected>.*?)(?:; (?P<nearest>.*))?", re.DOTALL)


class ScaleUnderTest:
    """The autoscalers that one test replays.

    Args:
        root: the folder that relative paths start from.

    Attributes:
        runs: every replay so far, for reports.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = root or Path()
        self.runs: list[Run] = []

    def replay(
        self,
        hpa: str | Path | Hpa | ScaledObject,
        *,
        traffic: Traffic | str | Path | Iterable[Sequence[object]],
        replicas: int | None = None,
        meanings: Mapping[str, str] | None = None,
        **pipeline: object,
    ) -> Run:
        """What an autoscaler makes of *traffic*.

        Args:
            hpa: the path of a manifest of a HorizontalPodAutoscaler or a KEDA ScaledObject, for which the extra ``k8s`` is needed, or
                either as a value.
            traffic: ``[("10m", 50), ("5m", (50, 400))]``, ``"10m:50,5m:50..400"``, or the path of a CSV file of timestamps and rates.
            replicas: pods at the beginning; the least there may be when None.
            meanings: what metrics and triggers tell ("depth", "age", "served"), by their names, where these do not say it themselves.
            pipeline: fields of `scaling.model.pipeline.Pipeline`, with units where they have any: ``limit="100/s"``, ``rtt="120ms"``,
                ``per_pod=80``, ``batch=50``, ``workspaces=4``.

        Raises:
            ValueError: the manifest, the traffic or a number makes no sense; says everything that is wrong with a manifest.
            TypeError: a keyword that there is not.
            OSError: a file cannot be read.
            ImportError: PyYAML is not installed; the text names the extra.
        """
        unknown = next((name for name in pipeline if name not in PIPELINE), None)
        if unknown is not None:
            nearest = near_miss(unknown, PIPELINE) or f"they are {', '.join(PIPELINE)}"
            raise TypeError(f"replay: got {unknown}={show_value(pipeline[unknown])}; expected a keyword of the pipeline; {nearest}")
        read: dict[str, Any] = {}
        for name, value in pipeline.items():
            try:
                read[name] = _number(name, value)
            except UnitError as error:
                raise ValueError(f"{name}: {error}") from None
        scaler = _scaler(hpa, self._root)
        run = replay(scaler, _arriving(traffic, self._root), Pipeline(**read), replicas=replicas, meanings=meanings)
        self.runs.append(run)
        return run


def scale_problems(keywords: Mapping[str, object], *, root: Path | None = None) -> list[Problem]:
    """Everything wrong with the keywords of a test's ``cio_scale`` markers, merged; the manifest and the traffic are read for it.

    Args:
        keywords: of the markers.
        root: the folder that relative paths start from.
    """
    problems = [
        Problem(f"cio_scale({name})", show_value(value), "a keyword of cio_scale", near_miss(name, KEYWORDS) or f"try {KEYWORDS[0]}")
        for name, value in keywords.items()
        if name not in KEYWORDS
    ]
    for name, example in (("hpa", "'k8s/hpa.yaml'"), ("traffic", "[('10m', 50), ('5m', 400)]")):
        if name not in keywords:
            problems.append(Problem(f"cio_scale({name})", "", f"{name} in it", f"add {name}={example}"))
    if not any(name in FIGURES for name in keywords):
        problems.append(Problem("cio_scale", "", "at least one promise", "add max_depth=20_000, drain_time='10m' or flaps=0"))
    for name in keywords:
        if name in KEYWORDS:
            problems += _checked(name, keywords, root or Path())
    if not problems:
        problems += _together(keywords, root)
    return problems


def scale_run(keywords: Mapping[str, object], *, root: Path | None = None) -> tuple[Run, list[str]]:
    """The replay that the keywords of ``cio_scale`` ask for, and the promises that it does not keep, a line each.

    Args:
        keywords: of the markers; `scale_problems` has found nothing wrong with them.
        root: the folder that relative paths start from.

    Raises:
        ValueError, OSError, ImportError: as `ScaleUnderTest.replay`.
    """
    said = {name: value for name, value in keywords.items() if name not in FIGURES and value is not None}
    run = ScaleUnderTest(root).replay(**said)  # type: ignore[arg-type]
    return run, broken(promises_said(keywords), run)


def _scaler(given: object, root: Path) -> Hpa | ScaledObject:
    """Raises ValueError for what is neither a path nor an autoscaler; see :func:`read_scaler` for files."""
    if isinstance(given, Hpa | ScaledObject):
        return given
    if not isinstance(given, str | Path):
        got = show_value(given)
        raise ValueError(f"hpa: got {got}; expected the path of a manifest, an Hpa or a ScaledObject; try 'k8s/hpa.yaml'")
    from pytest_cio_load.scaling.manifests.reading import read_scaler

    return read_scaler(root / given)


def _arriving(given: Any, root: Path) -> Traffic:
    """As `read_traffic`, with paths from *root*."""
    if isinstance(given, Path) or (isinstance(given, str) and given.strip().lower().endswith(".csv")):
        return read_traffic(root / given)
    return read_traffic(given)


def _number(name: str, value: object) -> Any:
    """A field of the pipeline from what an author wrote. Raises UnitError."""
    if value is None and name == "per_pod":
        return None
    if name in RATES:
        text = isinstance(value, str) and re.fullmatch(r"\s*[0-9.]+\s*", value)
        return float(rate(f"{value}/s" if text else value, zero=False))
    if name in TIMES:
        return float(duration(value))
    number = volume(value)
    if name not in COUNTS:
        return float(number)
    if number.denominator != 1:
        raise UnitError(value, "a whole number from 1 up", f"try {max(1, round(number))}")
    return int(number)


def _checked(name: str, keywords: Mapping[str, object], root: Path) -> list[Problem]:
    """What is wrong with one keyword alone."""
    where, value = f"cio_scale({name})", keywords[name]
    readers: dict[str, Callable[[], object]] = {"hpa": lambda: _scaler(value, root), "traffic": lambda: _arriving(value, root)}
    if name in FIGURES:
        readers[name] = lambda: promise_of(name, value)
    elif name in PIPELINE:
        readers[name] = lambda: Pipeline(**{name: _number(name, value)})
    elif name == "replicas" and value is not None and not (type(value) is int and value >= 0):
        return [Problem(where, show_value(value), "a whole number from 0 up", "leave it out for the least there may be")]
    elif name == "meanings" and value is not None and not isinstance(value, Mapping):
        return [Problem(where, show_value(value), "what metrics tell, by their names", "try meanings={'my_metric': 'depth'}")]
    reader = readers.get(name)
    return _told(where, value, reader) if reader else []


def _together(keywords: Mapping[str, object], root: Path | None) -> list[Problem]:
    """What only shows when all of it is put together: a metric of which nobody says what it means."""
    short = {**{name: value for name, value in keywords.items() if name not in FIGURES}, "traffic": [("1s", 0)]}
    return _told("cio_scale", "", lambda: scale_run(short, root=root))


def _told(where: str, value: object, reader: Callable[[], object]) -> list[Problem]:
    """What *reader* raises on purpose, as problems."""
    from pytest_cio_load.scaling.manifests.nodes import ManifestError

    try:
        reader()
    except UnitError as error:
        return [Problem(where, error.got, error.expected, error.nearest)]
    except ManifestError as error:
        return [_mistaken(where, mistake) for mistake in error.mistakes]
    except ImportError as error:
        return [Problem(where, show_value(value), f"PyYAML to read it with: {error}")]
    except OSError as error:
        return [Problem(where, show_value(value), f"a file that can be read: {error.strerror or error}", "check the path")]
    except ValueError as error:
        found = _SAID.fullmatch(str(error))
        if found is None:
            return [Problem(where, show_value(value), str(error))]
        return [Problem(where, found["got"], found["expected"], found["nearest"] or "")]
    return []


def _mistaken(where: str, mistake: Mistake) -> Problem:
    path = f": {mistake.path}" if mistake.path else ""
    return Problem(f"{where} {mistake.where}{path}", mistake.got, mistake.expected, mistake.nearest)


def promises_said(keywords: Mapping[str, object]) -> tuple[Promise, ...]:
    """The promises among the keywords of ``cio_scale``. Raises UnitError for a bound that is none."""
    return tuple(promise_of(name, value) for name, value in keywords.items() if name in FIGURES)
