"""HTTP/1.1 as far as a client of Customer.io speaks it: requests read out of a stream of bytes, replies written into one. No sockets."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_HEAD = 65_536
LARGEST_BODY = 8_000_000

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Malformed(Exception):
    """What came is not HTTP, or more of it than anybody needs; *status* is what to answer before hanging up."""

    def __init__(self, status: int, why: str) -> None:
        self.status = status
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Incoming:
    """One request.

    Attributes:
        headers: by lower-case name.
        keep_alive: whether the client wants the connection kept.
    """

    method: str
    path: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    keep_alive: bool = True


class Reader:
    """Cuts requests out of what arrives, one at a time; what follows one stays until the next is asked for.

    Attributes:
        wants_continue: the client waits for "100 Continue" before it sends the body.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: tuple[str, str, dict[str, str], bool] | None = None
        self.wants_continue = False

    def feed(self, data: bytes) -> None:
        """Take in bytes."""
        self._buffer += data

    def next(self) -> Incoming | None:
        """The next whole request, or None while it is not whole. Raises Malformed."""
        if self._head is None and not self._read_head():
            return None
        assert self._head is not None
        method, path, headers, keep_alive = self._head
        if "transfer-encoding" in headers:
            body = self._chunked(headers["transfer-encoding"])
        else:
            body = self._counted(headers.get("content-length", "0"))
        if body is None:
            return None
        self._head, self.wants_continue = None, False
        return Incoming(method, path, headers, body, keep_alive)

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > LARGEST_HEAD:
                raise Malformed(431, "the head of the request does not end")
            return False
        lines = bytes(self._buffer[:end]).decode("latin-1").lstrip("\r\n").split("\r\n")
        del self._buffer[: end + 4]
        parts = lines[0].split(" ")
        if len(parts) != 3 or not parts[0].isalpha() or not parts[2].startswith("HTTP/1."):
            raise Malformed(400, "the first line is no request")
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or name != name.strip():
                raise Malformed(400, "a header has no colon, or space around its name")
            headers[name.lower()] = value.strip()
        wanted = headers.get("connection", "").lower()
        keep_alive = wanted != "close" if parts[2] == "HTTP/1.1" else wanted == "keep-alive"
        self.wants_continue = headers.get("expect", "").lower() == "100-continue"
        path = parts[1] if parts[1].startswith("/") else "/" + parts[1].partition("//")[2].partition("/")[2]
        self._head = (parts[0], path, headers, keep_alive)
        return True

    def _counted(self, length: str) -> bytes | None:
        if not (length.isascii() and length.isdigit()):
            raise Malformed(400, "content-length is no number")
        size = int(length)
        if size > LARGEST_BODY:
            raise Malformed(413, "the body is too large")
        if len(self._buffer) < size:
            return None
        body = bytes(self._buffer[:size])
        del self._buffer[:size]
        return body

    def _chunked(self, encoding: str) -> bytes | None:
        if encoding.lower() != "chunked":
            raise Malformed(501, "transfer-encoding is not chunked")
        body, position = bytearray(), 0
        while True:
            line_end = self._buffer.find(b"\r\n", position)
            if line_end < 0:
                return None
            try:
                size = int(bytes(self._buffer[position:line_end]).partition(b";")[0], 16)
            except ValueError:
                raise Malformed(400, "a chunk has no size") from None
            if size < 0 or len(body) + size > LARGEST_BODY:
                raise Malformed(413, "the body is too large")
            position = line_end + 2 + size + 2
            if len(self._buffer) < position:
                return None
            if not size:
                del self._buffer[:position]
                return bytes(body)
            body += self._buffer[line_end + 2 : position - 2]


def written(status: int, headers: Mapping[str, str], body: bytes, *, keep_alive: bool) -> bytes:
    """A reply as bytes."""
    lines = [f"HTTP/1.1 {status} {_PHRASES.get(status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if status != 204:
        lines.append(f"content-length: {len(body)}")
    if not keep_alive:
        lines.append("connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
