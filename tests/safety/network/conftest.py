"""With the network blocked nobody in this process reaches Customer.io but our own wires with a permit.

Host names lead to a TLS server on loopback by a stand-in for `socket.getaddrinfo`, which raises the audit event that Python's own would
have raised. Every client is first shown to reach that server while the network is not blocked.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import trustme

from pytest_cio_load.safety.network import allow_network, block_network

HOST = "track.customer.io"


class Listener:
    """A TLS server on loopback that goes by Customer.io's name; and, for a client that says CONNECT first, a proxy that leads to itself."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.connections = 0
        self.proxied: list[bytes] = []
        self.requests: list[bytes] = []
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._threads = [Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            thread = Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(20)
            if connection.recv(1, socket.MSG_PEEK) == b"C":
                self.proxied.append(connection.recv(4096).partition(b"\r\n")[0])
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            with self._context.wrap_socket(connection, server_side=True) as secure:
                data = b""
                while b"\r\n\r\n" not in data:
                    if not (more := secure.recv(4096)):
                        return
                    data += more
                head, _, body = data.partition(b"\r\n\r\n")
                lengths = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                while len(body) < sum(lengths):
                    body += secure.recv(4096)
                self.requests.append(data)
                secure.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(30)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def listener(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Listener]:
    """Customer.io's names lead to it, and clients trust it. The network is blocked by nobody, before and afterwards."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST, "127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, str(tmp_path / "ca.pem"))
    for scheme in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme}_PROXY".upper(), raising=False)
    running = Listener(context)

    def look_up(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> list[Any]:
        sys.audit("socket.getaddrinfo", host, port, family, type, proto)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(port or 0)))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield running
    allow_network()
    running.close()


@pytest.fixture
def blocked(listener: Listener) -> Listener:
    """The same with the network blocked."""
    block_network()
    return listener
