"""Connections to a Redis or Valkey, with none of redis-py's surprises: an error comes in time, as one of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pytest_cio_load.pipeline.engines.bullmq.redis_errors import translated
from pytest_cio_load.pipeline.engines.bullmq.scripts import NAMES, Script, missing_extra, packed, script

_POOL = 32


class Link:
    """Connections to one server, opened when they are needed.

    Args:
        source: a URL (``redis://``, ``rediss://``, ``unix://``, ``valkey://``), or a ``redis.asyncio.Redis`` whose settings are taken over;
            it is left alone otherwise.
        timeout: seconds to wait for a connection, and for an answer.

    Raises:
        ImportError: redis is not installed; the text names the extra.
        ValueError: the URL is none.
    """

    def __init__(self, source: Any, timeout: float = 10.0) -> None:
        self.timeout = timeout
        self._settings, self._class = _settings(source)
        host = self._settings.get("path") or f"{self._settings.get('host', 'localhost')}:{self._settings.get('port', 6379)}"
        self.where = f"redis {host}"
        self._client: Any = None
        # redis-py's own pool that waits costs two timers and a condition for every command; this costs nothing while there is room.
        self._slots = asyncio.Semaphore(_POOL)
        # Taking a connection out of a pool costs as much as the command itself: one script after the other has a connection of its own.
        self._single: Any = None
        self._single_is_free = True

    def __repr__(self) -> str:
        return f"Link({self.where})"

    @property
    def client(self) -> Any:
        """A ``redis.asyncio.Redis``; its own errors are not translated."""
        if self._client is None:
            self._client = self.opened(self.timeout)
        return self._client

    def opened(self, timeout: float, *, single: bool = False) -> Any:
        """A ``redis.asyncio.Redis`` of its own; an answer may take *timeout* seconds.

        Args:
            timeout: for an answer.
            single: it has one connection, for one command at a time; otherwise one for every command under way.
        """
        from redis.asyncio import ConnectionPool, Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        settings = {
            **self._settings,
            "protocol": 2,
            "decode_responses": True,
            # A producer's broken text must not keep everybody else's jobs from being read.
            "encoding_errors": "replace",
            "socket_timeout": timeout,
            "socket_connect_timeout": self.timeout,
            "health_check_interval": 0,
            # Whether a command may be given again is for the caller to know.
            "retry": Retry(NoBackoff(), 0),
        }
        pool = ConnectionPool(self._class, **settings)
        return Redis(connection_pool=pool, single_connection_client=True) if single else Redis.from_pool(pool)

    async def run(self, name: str, keys: Sequence[str], request: object, *, repeatable: bool = True) -> Any:
        """Run one of our scripts.

        Args:
            name: of the script.
            keys: KEYS.
            request: packed as ARGV[1].
            repeatable: it may be run again when a connection that was open broke; what it does twice it does once.

        Raises:
            QueueUnavailable, QueueFull, QueueReadOnly, QueueError
        """
        asked, made = script(name), packed(request)
        return await self.ask(lambda: self._evaluate(asked, keys, made), repeatable=repeatable)

    async def _evaluate(self, asked: Script, keys: Sequence[str], made: bytes) -> Any:
        if not self._single_is_free:
            return await self._evaluate_by(self.client, asked, keys, made)
        self._single_is_free = False
        try:
            if self._single is None:
                self._single = self.opened(self.timeout, single=True)
            return await self._evaluate_by(self._single, asked, keys, made)
        finally:
            self._single_is_free = True

    async def _evaluate_by(self, client: Any, asked: Script, keys: Sequence[str], made: bytes) -> Any:
        from redis.exceptions import NoScriptError

        try:
            return await client.execute_command("EVALSHA", asked.sha, len(keys), *keys, made)
        except NoScriptError:
            # The server was started again, or its scripts were flushed.
            for each in NAMES:
                await client.execute_command("SCRIPT LOAD", script(each).text)
            return await client.execute_command("EVALSHA", asked.sha, len(keys), *keys, made)

    async def ask(self, question: Callable[[], Awaitable[Any]], *, repeatable: bool = True) -> Any:
        """What *question* gives, which uses the client. Raises this package's errors."""
        from redis.exceptions import ConnectionError as Lost
        from redis.exceptions import RedisError
        from redis.exceptions import TimeoutError as Late

        tries = 2 if repeatable else 1
        while True:
            tries -= 1
            try:
                async with self._slots:
                    return await question()
            except (RedisError, OSError) as error:
                # A connection of the pool may have broken while it was not used; the second one is new.
                if tries and isinstance(error, (Lost, ConnectionError)) and not isinstance(error, (Late, TimeoutError)):
                    continue
                raise translated(error, self.where) from error

    async def aclose(self) -> None:
        """Close every connection."""
        clients, self._client, self._single = (self._client, self._single), None, None
        for client in clients:
            if client is not None:
                await client.aclose(close_connection_pool=True)


def _settings(source: Any) -> tuple[dict[str, Any], Any]:
    try:
        from redis.asyncio import Connection, Redis
        from redis.asyncio.connection import parse_url
    except ImportError as error:
        raise missing_extra("redis") from error

    if isinstance(source, Redis):
        pool = source.connection_pool
        return {key: value for key, value in pool.connection_kwargs.items() if key in _KEPT or key.startswith("ssl")}, pool.connection_class
    if not isinstance(source, str):
        raise ValueError(f"queue: got a {type(source).__name__}; expected a URL or a redis.asyncio.Redis; try 'redis://127.0.0.1:6379'")
    scheme, separator, rest = source.partition("://")
    if not separator or scheme not in _SCHEMES:
        raise ValueError(f"queue: got a URL of {scheme[:20]!r}; expected one of {', '.join(_SCHEMES)}; try 'redis://127.0.0.1:6379'")
    try:
        settings = dict(parse_url(f"{_SCHEMES[scheme]}://{rest}"))
    except ValueError:
        raise ValueError("queue: got a URL that cannot be read; expected redis://HOST:PORT/DATABASE; look at its port and number") from None
    return settings, settings.pop("connection_class", Connection)


_KEPT = frozenset({"host", "port", "path", "db", "username", "password", "credential_provider", "client_name"})
_SCHEMES = {"redis": "redis", "rediss": "rediss", "unix": "unix", "valkey": "redis", "valkeys": "rediss"}
