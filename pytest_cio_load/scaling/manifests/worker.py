"""What a worker's manifests are made from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from pytest_cio_load import units
from pytest_cio_load.customerio.batch import ITEMS
from pytest_cio_load.customerio.wire import TIMEOUT
from pytest_cio_load.customerio.workspaces import HOUSE_BUDGET
from pytest_cio_load.pipeline.engines.engine import SHARDS, check_queue_name
from pytest_cio_load.pipeline.health.server import PORT
from pytest_cio_load.scaling.hpa.quantities import quantity as parse_quantity
from pytest_cio_load.scaling.hpa.spec import MAX_REPLICAS

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?")
_SECRET = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_PATH = r"[a-zA-Z0-9][-._/a-zA-Z0-9]{0,200}(?::[0-9]{1,5}/[-._/a-zA-Z0-9]{1,200})?"
_IMAGE = re.compile(rf"{_PATH}(?::[-._a-zA-Z0-9]{{1,128}})?(?:@sha256:[0-9a-f]{{64}})?")
_LABEL = re.compile(r"[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?")
_MOST = {
    "min_replicas": MAX_REPLICAS,
    "max_replicas": MAX_REPLICAS,
    "depth_per_pod": MAX_REPLICAS,
    "shards": 1_024,
    "concurrency": 10_000,
    "batch": ITEMS,
    "port": 65_535,
}


class Scaler(Enum):
    """What decides how many workers there are."""

    EXTERNAL = "external"
    """A HorizontalPodAutoscaler with one External metric: the depth of the queue."""
    CLASSIC = "classic"
    """A HorizontalPodAutoscaler with CPU and a Pods metric: for those who want it, and with its contradictions."""
    KEDA = "keda"
    """A KEDA ScaledObject that asks Prometheus for the depth of the queue."""


@dataclass(frozen=True, slots=True)
class SecretKey:
    """Where a secret value is: never the value.

    Attributes:
        name: of the Secret.
        key: in it.

    Raises:
        ValueError: a name or a key that Kubernetes would refuse.
    """

    name: str
    key: str

    def __post_init__(self) -> None:
        if _SECRET.fullmatch(self.name) is None or _KEY.fullmatch(self.key) is None:
            # What was given may be the secret itself, and so it is not shown.
            raise ValueError("secret: got what is no reference to one; expected NAME or NAME:KEY of a Secret; try cio-queue:url")

    @classmethod
    def read(cls, text: str, key: str) -> SecretKey:
        """``NAME:KEY``, or ``NAME`` with *key*. Raises ValueError."""
        name, colon, said = text.strip().partition(":")
        return cls(name, said if colon else key)


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """A worker as it shall run.

    Attributes:
        name: of everything that is made for it.
        image: that has ``cio-load`` in it.
        queue_url: where the URL of the queue is.
        site_id: where the site id is.
        api_key: where the Track API key is.
        min_replicas: pods that always run.
        max_replicas: pods at most.
        depth_per_pod: jobs waiting per pod from which on another pod is asked for.
        namespace: "" for none.
        queue: its name.
        shards: its parts.
        concurrency: requests under way at once, per pod.
        batch: operations per request; 1 for none.
        rate: requests per second of each workspace, by all workers.
        region: "us" or "eu".
        live: whether real people are meant.
        timeout: seconds that a job's handler takes at most.
        cpu: cores that a pod asks for, as a quantity.
        memory: that a pod asks for and may use, as a quantity.
        scaler: what decides how many workers there are.
        prometheus: address of Prometheus, for KEDA.
        port: of /metrics, /healthz and /readyz.

    Raises:
        ValueError: a value that Kubernetes or the worker would refuse.
    """

    name: str
    image: str
    queue_url: SecretKey
    site_id: SecretKey
    api_key: SecretKey
    min_replicas: int = 2
    max_replicas: int = 2
    depth_per_pod: int = 1_000
    namespace: str = ""
    queue: str = "cio-events"
    shards: int = SHARDS
    concurrency: int = 10
    batch: int = 1
    rate: float = HOUSE_BUDGET
    region: str = "us"
    live: bool = False
    timeout: float = TIMEOUT
    cpu: str = "250m"
    memory: str = "256Mi"
    scaler: Scaler = Scaler.EXTERNAL
    prometheus: str = "http://prometheus-operated.monitoring.svc:9090"
    port: int = PORT

    def __post_init__(self) -> None:
        for what, text in (("name", self.name), ("namespace", self.namespace)):
            if _NAME.fullmatch(text) is None and (text or what == "name"):
                got = units.show_value(text)
                raise ValueError(f"{what}: got {got}; expected up to 52 of a-z, 0-9 and -, no - at either end; try {_near(text)}")
        if _IMAGE.fullmatch(self.image) is None:
            got = units.show_value(self.image)
            raise ValueError(f"image: got {got}; expected a reference such as registry/worker:1.2; try example.com/cio-worker:1.0")
        check_queue_name(self.queue)
        if _LABEL.fullmatch(self.queue) is None:
            got, expected = units.show_value(self.queue), "up to 63 letters, digits, '-', '_' and '.', as the value of a label"
            raise ValueError(f"queue: got {got}; expected {expected}; try 'cio-events'")
        self._check_numbers()
        for what, text in (("cpu", self.cpu), ("memory", self.memory)):
            if parse_quantity(text) <= 0:
                raise ValueError(f"{what}: got {text}; expected a quantity above 0; try {'250m' if what == 'cpu' else '256Mi'}")

    def _check_numbers(self) -> None:
        for what, most in _MOST.items():
            number = getattr(self, what)
            if not 1 <= number <= most:
                raise ValueError(f"{what}: got {number}; expected a whole number from 1 to {most}; try {min(max(number, 1), most)}")
        if self.min_replicas > self.max_replicas:
            got = f"{self.min_replicas} with a max of {self.max_replicas}"
            raise ValueError(f"min: got {got}; expected at most the max; try --max {self.min_replicas}")
        for what in ("rate", "timeout"):
            number = getattr(self, what)
            if not 0 < number < 10**6:
                raise ValueError(f"{what}: got {number:g}; expected more than 0; try {100 if what == 'rate' else 10}")

    @property
    def grace(self) -> int:
        """Seconds that the worker takes to end what is under way: longer than a handler takes."""
        return int(self.timeout) + 15

    @property
    def termination(self) -> int:
        """Seconds that a pod has to end: longer than the worker takes."""
        return self.grace + 15

    @property
    def labels(self) -> dict[str, str]:
        """By which its pods are known."""
        return {"app.kubernetes.io/name": self.name, "app.kubernetes.io/part-of": "cio-load"}


def _near(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:52].strip("-") or "cio-worker"
