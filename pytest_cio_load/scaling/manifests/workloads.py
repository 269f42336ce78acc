"""What a Deployment tells its worker, as far as it can be seen. Values of the environment are never shown."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from pytest_cio_load import units
from pytest_cio_load.customerio.wire import TIMEOUT
from pytest_cio_load.scaling.hpa.quantities import quantity as parse_quantity
from pytest_cio_load.scaling.manifests.hints import ARGUMENTS, Value, meaning_of
from pytest_cio_load.scaling.manifests.nodes import At
from pytest_cio_load.scaling.planner.facts import Place

KINDS = ("Deployment", "StatefulSet", "ReplicaSet")
"""Whose pods are looked at."""

TERMINATION = 30.0
"""Seconds that a pod has to end when it does not say."""

_BATCH = 1_000
_OWN: Mapping[str, Value] = {
    "concurrency": 10,
    "batch": 1,
    "shards": 8,
    "attempts": 5,
    "grace": 25.0,
    "timeout": TIMEOUT,
    "pauses": True,
    "shared_limiter": True,
}


@dataclass(frozen=True, slots=True)
class Workload:
    """What is known of pods of one kind.

    Attributes:
        kind: "Deployment", …
        name: of it.
        place: where it begins.
        settings: facts by their names in `planner.facts.Facts`.
        places: where they stand.
        configs: names of the ConfigMaps that its environment comes from.
    """

    kind: str
    name: str
    place: Place
    settings: dict[str, Value] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    configs: tuple[str, ...] = ()

    def learn(self, fact: str, value: Value, place: Place | None) -> None:
        """Know *fact* from *place*; what was known before wins."""
        if fact not in self.settings:
            self.settings[fact] = value
            if place is not None:
                self.places[fact] = place


@dataclass(frozen=True, slots=True)
class Config:
    """A ConfigMap: facts by name, as the variables that it holds mean them."""

    name: str
    settings: Mapping[str, tuple[Value, Place]]


def read_workload(document: At, kind: str) -> Workload:
    """What the Deployment in *document* tells its containers."""
    top = document.fields()
    name = str(named.scalar()) if (named := _in(top, "metadata", "name")) else ""
    configs: list[str] = []
    workload = Workload(kind, name, document.place)
    replicas = _in(top, "spec", "replicas")
    if replicas is not None and isinstance(count := replicas.scalar(), int) and count >= 1:
        workload.learn("min_replicas", count, replicas.place)
        workload.learn("max_replicas", count, replicas.place)
    pod = _in(top, "spec", "template", "spec")
    if pod is not None:
        said = pod.fields()
        given = said.get("terminationGracePeriodSeconds")
        seconds = given.scalar() if given else TERMINATION
        if isinstance(seconds, int | float) and not isinstance(seconds, bool):
            workload.learn("termination", float(seconds), (given or pod).place)
        for container in said["containers"].items() if "containers" in said else []:
            configs += _container(container, workload)
    return Workload(workload.kind, workload.name, workload.place, workload.settings, workload.places, tuple(configs))


def read_config(document: At) -> Config:
    """The facts that the ConfigMap in *document* holds."""
    top = document.fields()
    name = str(named.scalar()) if (named := _in(top, "metadata", "name")) else ""
    data = top["data"].fields() if "data" in top else {}
    return Config(name, {fact: (value, at.place) for variable, at in data.items() for fact, value in _meant(variable, at)})


def _in(fields: Mapping[str, At], *names: str) -> At | None:
    """The field at a path, or None."""
    *outer, last = names
    for name in outer:
        if name not in fields:
            return None
        fields = fields[name].fields()
    return fields.get(last)


def _container(container: At, workload: Workload) -> list[str]:
    fields = container.fields()
    words = [word for name in ("command", "args") if name in fields for word in _words(fields[name])]
    texts = [text for text, _ in words]
    ours = "worker" in texts and any(text.rsplit("/", 1)[-1] == "cio-load" for text in texts)
    if ours:
        _arguments(words, workload)
    configs = []
    for item in fields["env"].items() if "env" in fields else []:
        said = item.fields()
        variable = str(said["name"].scalar()) if "name" in said else ""
        if "value" in said:
            for fact, value in _meant(variable, said["value"]):
                workload.learn(fact, value, said["value"].place)
        config = _in(said, "valueFrom", "configMapKeyRef", "name")
        configs += [str(config.scalar())] if config else []
    for item in fields["envFrom"].items() if "envFrom" in fields else []:
        config = _in(item.fields(), "configMapRef", "name")
        configs += [str(config.scalar())] if config else []
    cpu = _in(fields, "resources", "requests", "cpu")
    if cpu is not None:
        with suppress(ValueError, OverflowError):
            cores = float(parse_quantity(str(cpu.scalar())))
            if cores > 0:
                workload.learn("cpu_request", cores, cpu.place)
    if ours:
        for fact, value in _OWN.items():
            workload.learn(fact, value, None)
    return configs


def _words(at: At) -> Iterator[tuple[str, Place]]:
    """Command line, word by word; a line for a shell is taken apart."""
    for item in at.items():
        text = str(item.scalar() if item.scalar() is not None else "")
        try:
            parts = shlex.split(text) if " " in text else [text]
        except ValueError:
            parts = [text]
        yield from ((part, item.place) for part in parts)


def _arguments(words: list[tuple[str, Place]], workload: Workload) -> None:
    """Facts from the arguments of ``cio-load worker``."""
    for index, (word, place) in enumerate(words):
        name, equals, value = word.partition("=")
        following = words[index + 1][0] if index + 1 < len(words) else ""
        text = value if equals else "" if following.startswith("--") else following
        if name == "--limiter-url":
            workload.learn("shared_limiter", True, place)
        elif name == "--queue-url" and text.startswith("kafka:") and not any(each.startswith("--limiter-url") for each, _ in words):
            workload.learn("shared_limiter", False, place)
        elif name == "--batch" and not text.isdigit():
            workload.learn("batch", _BATCH, place)
        elif name in ARGUMENTS:
            with suppress(ValueError):
                workload.learn(ARGUMENTS[name].fact, ARGUMENTS[name].read(text), place)


def _meant(variable: str, at: At) -> Iterator[tuple[str, Value]]:
    hint, value = meaning_of(variable), at.scalar()
    if hint is None or value is None or isinstance(value, bool):
        return
    # What cannot be read is no fact; nothing of it is shown, for it may be a secret.
    with suppress(ValueError, units.UnitError):
        yield hint.fact, hint.read(str(value))
