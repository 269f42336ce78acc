"""HTTP/1.1 as far as a client of Customer.io speaks it: requests read out of a stream of bytes, replies written into one. No sockets."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_HEAD = 65_536
"""Bytes of a request's first line and headers; beyond them the answer is 431."""

LARGEST_BODY = 8_000_000
"""Bytes of a request's body, many times what Customer.io takes; beyond them the answer is 413. Our choice."""

_LONGEST_CHUNK_LINE = 4_096
_HEXADECIMAL = frozenset(b"0123456789abcdefABCDEF")
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
        path: percent-encoded, as it came, with its query.
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
        self._chunks: bytearray | None = None
        self.wants_continue = False

    def __len__(self) -> int:
        """Bytes that have come and belong to no request yet."""
        return len(self._buffer)

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
        self._head, self._chunks, self.wants_continue = None, None, False
        return Incoming(method, path, headers, body, keep_alive)

    def _read_head(self) -> bool:
        while self._buffer.startswith(b"\r\n"):
            del self._buffer[:2]
        end = self._buffer.find(b"\r\n\r\n")
        if end > LARGEST_HEAD or (end < 0 and len(self._buffer) > LARGEST_HEAD):
            raise Malformed(431, "the head of the request is too large")
        if end < 0:
            return False
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        parts = lines[0].split(" ")
        if len(parts) != 3 or not parts[0].isalpha() or not parts[2].startswith("HTTP/1."):
            raise Malformed(400, "the first line is no request")
        headers = _headers(lines)
        wanted = {each.strip() for each in headers.get("connection", "").lower().split(",")}
        keep_alive = "close" not in wanted and (parts[2] == "HTTP/1.1" or "keep-alive" in wanted)
        self.wants_continue = headers.get("expect", "").lower() == "100-continue"
        path = parts[1] if parts[1].startswith("/") else "/" + parts[1].partition("//")[2].partition("/")[2]
        self._head = (parts[0], path, headers, keep_alive)
        return True

    def _counted(self, length: str) -> bytes | None:
        if not (length.isascii() and length.isdigit()):
            raise Malformed(400, "content-length is no number")
        # Its length first: a number of a million digits takes its time to read.
        if len(length) > 20 or (size := int(length)) > LARGEST_BODY:
            raise Malformed(413, "the body is too large")
        return self._cut(size) if len(self._buffer) >= size else None

    def _cut(self, size: int) -> bytes:
        body = bytes(self._buffer[:size])
        del self._buffer[:size]
        return body

    def _chunked(self, encoding: str) -> bytes | None:
        """The body once its last chunk has come; each chunk is taken out of the buffer when it is whole."""
        if encoding.lower() != "chunked":
            raise Malformed(501, "transfer-encoding is not chunked")
        if self._chunks is None:
            self._chunks = bytearray()
        while (line_end := self._line_end(0)) is not None:
            size = _chunk_size(self._buffer[:line_end])
            if len(self._chunks) + size > LARGEST_BODY:
                raise Malformed(413, "the body is too large")
            if not size:
                return self._after_chunks(line_end + 2)
            start = line_end + 2
            if len(self._buffer) < start + size + 2:
                return None
            if self._buffer[start + size : start + size + 2] != b"\r\n":
                raise Malformed(400, "a chunk is longer than its size")
            self._chunks += self._buffer[start : start + size]
            del self._buffer[: start + size + 2]
        return None

    def _after_chunks(self, start: int) -> bytes | None:
        """Skip the trailers, which end with an empty line."""
        while (line_end := self._line_end(start)) is not None:
            if line_end == start:
                del self._buffer[: start + 2]
                return bytes(self._chunks or b"")
            start = line_end + 2
            if start > LARGEST_HEAD:
                raise Malformed(431, "the trailers of the request are too large")
        return None

    def _line_end(self, start: int) -> int | None:
        end = self._buffer.find(b"\r\n", start, start + _LONGEST_CHUNK_LINE)
        if end < 0 and len(self._buffer) - start >= _LONGEST_CHUNK_LINE:
            raise Malformed(400, "a line between chunks does not end")
        return end if end >= 0 else None


def _headers(lines: list[str]) -> dict[str, str]:
    """The headers below a first line, by lower-case name; of those that come twice the last one counts, as long as it agrees on length."""
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise Malformed(400, "a header has no name, no colon, or space around its name")
        name, value = name.lower(), value.strip()
        if name == "content-length" and headers.get(name, value) != value:
            raise Malformed(400, "two lengths of one body")
        headers[name] = value
    return headers


def _chunk_size(line: bytearray) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > 16 or not _HEXADECIMAL.issuperset(digits):
        raise Malformed(400, "a chunk has no size")
    return int(digits, 16)


def written(status: int, headers: Mapping[str, str], body: bytes, *, keep_alive: bool, bare: bool = False) -> bytes:
    """A reply as bytes; a *bare* one says how long its body is and leaves it out, as HEAD wants it."""
    lines = [f"HTTP/1.1 {status} {_PHRASES.get(status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if status != 204:
        lines.append(f"content-length: {len(body)}")
    if not keep_alive:
        lines.append("connection: close")
    lines.append("\r\n")
    return "\r\n".join(lines).encode("latin-1") + (b"" if bare else body)
