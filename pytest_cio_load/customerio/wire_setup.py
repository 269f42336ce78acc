"""What every wire is set up with: its headers, and what the environment says of time-outs, certificates and proxies."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from pytest_cio_load.safety.permit import Gate, gate_for

if TYPE_CHECKING:
    from pytest_cio_load.customerio.workspaces import Access

TIMEOUT = 10.0
"""Seconds to connect, and to wait for each part of an answer."""

CONNECTIONS = 1_000
"""Connections at most; a request beyond them waits for one without a time limit."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def open_gate(workspace: Access) -> Gate | None:
    """The gate on the way to the server of *workspace*, or None for a server that needs none.

    For wires in whose network's place nothing can answer. Raises GuardRefused when a test may not reach the server.
    """
    gate = gate_for(workspace.base_url, workspace.key)
    if gate is not None:
        gate.check_open()
    return gate


def check_timeout(timeout: float) -> None:
    """Raise ValueError unless *timeout* is a number of seconds."""
    if not timeout > 0:
        raise ValueError(f"timeout: got {timeout}; expected seconds, more than 0; try {TIMEOUT:g}")


def headers_for(workspace: Access) -> tuple[dict[str, str], dict[str, str]]:
    """The headers of a request without a body, and of one with."""
    headers = {"authorization": workspace.authorization, "accept": "application/json", "user-agent": "pytest-cio-load"}
    return headers, {**headers, "content-type": "application/json"}


def ca_file() -> str | None:
    """The file of certificates to trust that the environment names, or None for the machine's own."""
    return os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE") or None


def trust() -> ssl.SSLContext:
    """Whom to trust: what `ca_file` says. Raises ValueError when that is no file of certificates."""
    trusted = ca_file()
    try:
        return ssl.create_default_context(cafile=trusted)
    except OSError as error:
        if trusted is None:
            raise
        why = os.strerror(error.errno) if error.errno and not isinstance(error, ssl.SSLError) else "no certificate in it"
        name = "SSL_CERT_FILE" if os.environ.get("SSL_CERT_FILE") else "REQUESTS_CA_BUNDLE"
        expected = "expected a file of certificates in PEM; mend it, or unset it to trust whom this machine trusts"
        raise ValueError(f"{name}: got {trusted!r} ({why}); {expected}") from None


def trust_for(url: str) -> ssl.SSLContext | Literal[False]:
    """As `trust`, or False for a *url* without TLS, for which no file of certificates need be there."""
    return trust() if url.startswith("https") else False


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for *url*, or None. A loopback address never goes through one."""
    parts = urlsplit(url)
    if parts.hostname in _LOOPBACK or proxy_bypass(parts.netloc):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")
