"""Files → autoscalers, workloads and what else is known of them, and every mistake with its file and line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pytest_cio_load import units
from pytest_cio_load.errors import near_miss
from pytest_cio_load.scaling.hpa.keda import ScaledObject
from pytest_cio_load.scaling.hpa.spec import Hpa
from pytest_cio_load.scaling.manifests.autoscalers import Autoscaler, read_autoscaler
from pytest_cio_load.scaling.manifests.keda import read_scaled_object
from pytest_cio_load.scaling.manifests.nodes import At, ManifestError, Mistake, documents
from pytest_cio_load.scaling.manifests.triggers import KNOWN
from pytest_cio_load.scaling.manifests.workloads import KINDS, Config, Workload, read_config, read_workload
from pytest_cio_load.scaling.planner.facts import Place

_SCALERS = {"HorizontalPodAutoscaler": read_autoscaler, "ScaledObject": read_scaled_object}
_MONITORS = {"ServiceMonitor": "endpoints", "PodMonitor": "podMetricsEndpoints"}
_KNOWN = (*_SCALERS, *KINDS, *_MONITORS, "ConfigMap")


@dataclass(slots=True)
class Manifests:
    """Everything that was read.

    Attributes:
        autoscalers: HorizontalPodAutoscalers and ScaledObjects, in order.
        workloads: whose pods are known.
        configs: ConfigMaps.
        scrape: seconds between two looks at a pod's figures, and where that stands.
        others: kinds that are none of these, with their places.
        mistakes: everything wrong.
    """

    autoscalers: list[Autoscaler] = field(default_factory=list)
    workloads: list[Workload] = field(default_factory=list)
    configs: list[Config] = field(default_factory=list)
    scrape: tuple[float, Place] | None = None
    others: list[tuple[str, Place]] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)

    def read(self, text: str, file: str) -> None:
        """Take in what *text* says, which came from *file*; what is wrong goes to the mistakes. Raises ImportError without PyYAML."""
        found = documents(text, file, self.mistakes)
        if not found and not any(mistake.where.file == file for mistake in self.mistakes):
            self.mistakes.append(Mistake(Place(file, 1), "", "an empty file", "a manifest", "look at what was meant to be in it"))
        for document in found:
            self._document(document)

    def _document(self, document: At, *, listed: bool = False) -> None:
        fields = document.fields()
        if not fields:
            return
        # A list in a list is none of Kubernetes', and might be in itself.
        if "items" in fields and str(_text(fields, "kind")).endswith("List") and not listed:
            for item in fields["items"].items():
                self._document(item, listed=True)
            return
        kind = _text(fields, "kind")
        if not isinstance(kind, str):
            document.wrong("kind in it", "try kind: HorizontalPodAutoscaler", got="no kind")
        elif kind in _SCALERS:
            self.autoscalers.append(_SCALERS[kind](document))
        elif kind in KINDS:
            self.workloads.append(read_workload(document, kind))
        elif kind == "ConfigMap":
            self.configs.append(read_config(document))
        elif kind in _MONITORS:
            self._monitor(fields, _MONITORS[kind])
        elif near := near_miss(kind, _KNOWN):
            # A kind of somebody else's is none of our business, but a slip of the pen is.
            self.others.append((kind, fields["kind"].place))
            if kind.lower() in (known.lower() for known in _KNOWN):
                fields["kind"].wrong("a kind of Kubernetes", near)
        else:
            self.others.append((kind, fields["kind"].place))

    def _monitor(self, fields: dict[str, At] | object, name: str) -> None:
        spec = fields["spec"].fields() if isinstance(fields, dict) and "spec" in fields else {}
        for endpoint in spec[name].items() if name in spec else []:
            said = endpoint.fields()
            if "interval" not in said:
                continue
            try:
                seconds = float(units.duration(str(said["interval"].scalar()), zero=False))
            except units.UnitError:
                said["interval"].wrong("a duration above 0 such as 15s")
                continue
            if self.scrape is None or seconds < self.scrape[0]:
                self.scrape = seconds, said["interval"].place


def _text(fields: object, name: str) -> object:
    return fields[name].scalar() if isinstance(fields, dict) and name in fields else None


def read_files(paths: Iterable[str | Path]) -> Manifests:
    """What is in these files.

    Raises:
        OSError: a file cannot be read.
        ValueError: it is no text.
        ImportError: PyYAML is not installed; the text names the extra.
    """
    read = Manifests()
    for path in paths:
        try:
            text = Path(path).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise ValueError(f"{path}: got a file that is no text; expected a manifest in UTF-8; check the path") from None
        read.read(text, str(path))
    return read


def read_scaler(path: str | Path) -> Hpa | ScaledObject:
    """The one autoscaler in a file: a HorizontalPodAutoscaler or a ScaledObject. Other kinds are passed over.

    Raises:
        ManifestError: there is none, there are several, or there are mistakes; holds every one of them.
        OSError: the file cannot be read.
        ImportError: PyYAML is not installed; the text names the extra.
    """
    read = read_files([path])
    file = str(path)
    if not read.mistakes and not read.autoscalers:
        got = "no autoscaler, but " + ", ".join(kind for kind, _ in read.others) if read.others else "no autoscaler"
        where = read.others[0][1] if read.others else Place(file, 1)
        read.mistakes.append(Mistake(where, "", got, "one HorizontalPodAutoscaler or ScaledObject", "name the file that has it"))
    for second in read.autoscalers[1:]:
        first = read.autoscalers[0].place
        read.mistakes.append(Mistake(second.place, "", "a second autoscaler", f"one, such as that at line {first.line}", "part the file"))
    scaler = read.autoscalers[0].scaler if read.autoscalers else None
    if not read.mistakes and scaler is None:
        where, got = read.autoscalers[0].place, "none that can be replayed"
        read.mistakes.append(Mistake(where, "spec.triggers", got, f"one of {', '.join(KNOWN)}", "replay the policy of another trigger"))
    if read.mistakes or scaler is None:
        raise ManifestError(read.mistakes)
    return scaler
