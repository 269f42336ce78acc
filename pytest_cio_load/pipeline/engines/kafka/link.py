"""How to reach Kafka: librdkafka's settings, and its errors in words that show no secret."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pytest_cio_load.errors import QueueMismatch, QueueUnavailable
from pytest_cio_load.pipeline.engines.kafka.wire import dead_of, retry_of

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

log = logging.getLogger("pytest_cio_load.pipeline.kafka")

_SECRET = ("password", "secret", "jaas", "token", "key", "keytab", "oauthbearer", "pem")
_MOST_BYTES = 1_000_000
_RETRY_KEPT_MS = 30 * 24 * 3600 * 1000


def confluent() -> ModuleType:
    """The package ``confluent_kafka``. Raises ImportError, which names the extra."""
    try:
        import confluent_kafka
        import confluent_kafka.admin
    except ImportError as error:
        text = "confluent_kafka: got no such package; expected it for a queue on Kafka; try pip install 'pytest-cio-load[kafka]'"
        raise ImportError(text) from error
    module: ModuleType = confluent_kafka
    return module


@dataclass(frozen=True, slots=True)
class Link:
    """Where the brokers are.

    Attributes:
        bootstrap: ``host:port,host:port``.
        timeout: seconds until what is not answered has failed.
        security: librdkafka's settings of TLS and SASL, by name, and any other that is to differ; never shown.

    Raises:
        ValueError: no brokers, or a time-out that is not positive.
    """

    bootstrap: str
    timeout: float = 10.0
    security: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not self.bootstrap.strip():
            raise ValueError("bootstrap: got no text; expected host:port of brokers, separated by commas; try '127.0.0.1:9092'")
        if not 0 < self.timeout < float("inf"):
            raise ValueError(f"connect_timeout: got {self.timeout}; expected seconds above 0; try 10")

    @property
    def most_bytes(self) -> int:
        """Of a message that librdkafka hands to a broker."""
        said = self.security.get("message.max.bytes", "")
        return int(said) if said.isascii() and said.isdigit() else _MOST_BYTES

    def settings(self, failed: Callable[[KafkaError], None] | None = None, **more: Any) -> dict[str, Any]:
        """librdkafka's settings; names in *more* are written with ``_`` in place of dots. *failed*: is told of what no call reports."""
        patience = max(10, round(self.timeout * 1000))
        return {
            "bootstrap.servers": self.bootstrap,
            "client.id": "cio-load",
            "socket.timeout.ms": patience,
            "socket.connection.setup.timeout.ms": max(1_000, patience),
            "reconnect.backoff.max.ms": 1_000,
            "logger": log,
            **({} if failed is None else {"error_cb": failed}),
            **self.security,
            **{name.replace("_", "."): value for name, value in more.items()},
        }

    def unavailable(self, doing: str, error: object) -> QueueUnavailable:
        """*error*, met while *doing*, with the brokers and the nearest fix."""
        fix = "start a broker there, or look at the address, TLS and SASL"
        return QueueUnavailable(f"Kafka at {self.bootstrap}: got {self.hide(str(error))} while {doing}; expected an answer; {fix}")

    def hide(self, text: str) -> str:
        """*text* without the values of secret settings."""
        for name, value in self.security.items():
            if value and any(word in name for word in _SECRET):
                text = text.replace(value, "…")
        return text


def reason(error: KafkaError | BaseException) -> str:
    """What librdkafka says, in one line; the name of the error when it says nothing."""
    from confluent_kafka import KafkaException

    if isinstance(error, KafkaException):
        error = error.args[0]
    if isinstance(error, BaseException):
        return str(error) or type(error).__name__
    return str(error.str() or error.name())


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of a queue.

    Attributes:
        main: jobs in order.
        partitions: how many *main* has, and *retry* too.
    """

    main: str
    partitions: int

    @property
    def retry(self) -> str:
        """Jobs that wait for another try, and what must stay behind them; and delayed ones."""
        return retry_of(self.main)

    @property
    def dead(self) -> str:
        """Dead letters."""
        return dead_of(self.main)


def topics(link: Link, name: str, partitions: int) -> Topics:
    """The topics of queue *name*, made where they are missing. It blocks: call it in a thread.

    Raises:
        QueueUnavailable: no broker answers, or the topics cannot be made.
        QueueMismatch: main and retry topic have not as many partitions as each other.
    """
    kafka = confluent()
    admin = kafka.admin.AdminClient(link.settings())
    names = (name, retry_of(name), dead_of(name))
    try:
        known = admin.list_topics(timeout=link.timeout).topics
        missing = [each for each in names if each not in known or known[each].error is not None]
        if missing:
            _make(link, admin, missing, partitions)
        counts = {each: _count(link, each) for each in names}
    except kafka.KafkaException as error:
        raise link.unavailable(f"looking for topic {name}", reason(error)) from None
    if counts[names[0]] != counts[names[1]]:
        got = f"{counts[names[0]]} partitions of {names[0]} and {counts[names[1]]} of {names[1]}"
        raise QueueMismatch(f"queue {name}: got {got}; expected as many of both; make them equal while nothing runs")
    return Topics(name, counts[name])


def _make(link: Link, admin: Any, missing: Iterable[str], partitions: int) -> None:
    """Create topics. A broker that refuses may still make them when it is asked for one by name."""
    settings = {".dead": {"cleanup.policy": "compact"}, ".retry": {"retention.ms": str(_RETRY_KEPT_MS)}}
    wanted = [confluent().admin.NewTopic(each, partitions, config=settings.get(each[each.rfind(".") :], {})) for each in missing]
    seconds = min(link.timeout, 3.0)
    for each, future in admin.create_topics(wanted, operation_timeout=seconds, request_timeout=seconds).items():
        try:
            future.result(seconds + 1)
        except Exception as error:  # librdkafka's, or a time-out: whether the topic is there is looked at next
            log.info("topic %s was not created: %s", each, link.hide(str(error) or type(error).__name__))


def _count(link: Link, name: str) -> int:
    """Partitions of a topic; asking for it by name makes it where brokers make topics on demand."""
    kafka = confluent()
    asking = kafka.Producer(link.settings())
    for _ in range(50):
        found = asking.list_topics(name, timeout=link.timeout).topics[name]
        if found.error is None and found.partitions:
            return len(found.partitions)
        asking.poll(0.1)
    raise link.unavailable(f"looking for topic {name}", found.error or "a topic without partitions")
