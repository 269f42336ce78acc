"""``/metrics``, ``/healthz`` and ``/readyz`` over HTTP, on loopback unless told otherwise.

    /metrics   the figures, in Prometheus's text form; 200 also while the queue cannot be reached
    /healthz   200 as long as this process goes on; 503 once its worker has died
    /readyz    200 while a worker works, else 503; one line of JSON that says why
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from pytest_cio_load.pipeline.health.readiness import Readiness

HOST, PORT = "127.0.0.1", 9464
"""Where it listens unless told otherwise. The port is the one that exporters of OpenTelemetry use."""

_TO_END = 1.0


class HealthServer:
    """Answers probes and scrapes.

    Args:
        metrics: gives text and content type for an Accept header.
        ready: whether a worker works.
        died: why this process should be started again, or "".
    """

    def __init__(
        self, metrics: Callable[[str], Awaitable[tuple[bytes, str]]], ready: Callable[[], Readiness], died: Callable[[], str] = lambda: ""
    ) -> None:
        self._metrics, self._ready, self._died = metrics, ready, died
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self, host: str = HOST, port: int = PORT) -> None:
        """Listen on *host* and *port*; 0 for a free one. Raises OSError, whose text says where."""
        app = web.Application()
        app.router.add_get("/metrics", self._on_metrics)
        app.router.add_get("/healthz", self._on_healthz)
        app.router.add_get("/readyz", self._on_readyz)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_TO_END)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except (OSError, OverflowError) as error:
            await runner.cleanup()
            why = getattr(error, "strerror", None) or str(error)
            raise OSError(f"listen: got {host}:{port}, which cannot be had ({why}); expected a free address; try {HOST}:0") from None
        self._runner = runner
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{runner.addresses[0][1]}"

    async def aclose(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _on_metrics(self, request: web.Request) -> web.Response:
        text, content_type = await self._metrics(request.headers.get("Accept", ""))
        return web.Response(body=text, headers={"Content-Type": content_type})

    async def _on_healthz(self, _: web.Request) -> web.Response:
        died = self._died()
        return web.Response(status=503 if died else 200, text=f"{died or 'ok'}\n")

    async def _on_readyz(self, _: web.Request) -> web.Response:
        ready = self._ready()
        return web.Response(status=200 if ready.ready else 503, text=ready.line(), content_type="application/json")


def read_listen(text: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``, ``:PORT`` or ``PORT``. Raises ValueError."""
    host, _, port = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or HOST
    if not (port.isascii() and port.isdigit() and int(port) < 65_536):
        raise ValueError(f"listen: got {text[:60]!r}; expected HOST:PORT or PORT; try {HOST}:{PORT}")
    return host, int(port)
