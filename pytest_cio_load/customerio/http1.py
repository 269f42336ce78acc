"""Reading an HTTP/1.1 answer as its bytes arrive. No sockets, no clock.

Strict where leniency would let two readers disagree on where an answer ends; what a server sends that is no HTTP is said so, at once.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, TypeAlias

_HEAD_BYTES = 65_536
_LINE_BYTES = 4_096
_LENGTH_DIGITS = 15
_SIZE = re.compile(rb"[0-9a-fA-F]{1,15}")
_INFLATE_ANY = zlib.MAX_WBITS | 32
_BLANK = b" \t"


class NotHttp(Exception):
    """What arrived is no HTTP/1 answer."""


class Undecodable(Exception):
    """The body does not decode by the encoding that its head names."""


class Headers(Mapping[str, str]):
    """The headers of an answer, by lower-case name; text is made of a value when somebody asks for it.

    Args:
        fields: the bytes of every value, by lower-case name.
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[bytes, bytes]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> str:
        return self._fields[name.encode("latin-1", "replace")].decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self._fields)

    def __len__(self) -> int:
        return len(self._fields)


class AnyCase(Mapping[str, str]):
    """An engine's own headers, by lower-case name; nothing is copied until somebody reads on.

    Args:
        headers: what the engine gave; finds a name in any case.
    """

    __slots__ = ("_headers",)

    def __init__(self, headers: Any) -> None:
        self._headers = headers

    def __getitem__(self, name: str) -> str:
        value: str = self._headers[name]
        return value

    def __iter__(self) -> Iterator[str]:
        return iter({name.lower(): None for name in self._headers})

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Next(Enum):
    """What the next byte belongs to."""

    HEAD = "head"
    BODY = "body"
    CHUNKS = "chunks"
    TRAILER = "trailer"
    UNTIL_CLOSED = "until closed"
    NOTHING = "nothing"


Heads: TypeAlias = dict[bytes, tuple[int, dict[bytes, bytes], bool, _Next, int]]
"""Heads that were read lately, and what they came to: status, fields, whether the connection is kept, what follows and how many bytes of
it. A server says the same for a second on end, until its date is another."""

_HEADS = 16


class AnswerReader:
    """Takes the bytes of one answer.

    Args:
        heads: those that were read lately, to be read no more.

    Attributes:
        status: of HTTP; 0 until the head has arrived.
        headers: by lower-case name.
        keeps: whether the connection may carry another request afterwards.
    """

    __slots__ = ("_fields", "_heads", "_left", "_next", "_parts", "_pending", "keeps", "status")

    def __init__(self, heads: Heads) -> None:
        self._heads = heads
        self._next = _Next.HEAD
        self._pending = b""
        self._parts: list[bytes] = []
        self._left = 0
        self._fields: dict[bytes, bytes] = {}
        self.status = 0
        self.keeps = False

    @property
    def headers(self) -> Headers:
        """The headers."""
        return Headers(self._fields)

    def feed(self, data: bytes) -> bool:
        """Take what arrived.

        Returns:
            True once the answer is complete.

        Raises:
            NotHttp: it cannot be an answer.
        """
        if self._next is _Next.HEAD:
            rest = self._read_head(self._pending + data)
            if rest is None:
                return False
            data = rest
        if self._next is _Next.BODY:
            left = self._left = self._left - len(data)
            self._parts.append(data if left >= 0 else data[:left])
            return left <= 0 and self._complete(left == 0)
        if self._next is _Next.UNTIL_CLOSED:
            self._parts.append(data)
            return False
        if self._next is not _Next.NOTHING:
            return self._read_chunks(self._pending + data)
        return self._complete(not data)

    def end(self) -> bool:
        """The connection has ended. Returns True when the answer is complete by that.

        Raises:
            NotHttp: what arrived cannot be an answer.
        """
        return self._next is _Next.UNTIL_CLOSED

    def body(self) -> bytes:
        """The body of a complete answer, decoded of its content encoding.

        Raises:
            Undecodable: it does not decode.
        """
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        encoding = self._fields.get(b"content-encoding", b"").lower()
        if not body or encoding in (b"", b"identity"):
            return body
        if encoding not in (b"gzip", b"x-gzip", b"deflate"):
            raise Undecodable
        inflate = zlib.decompressobj(_INFLATE_ANY)
        try:
            plain = inflate.decompress(body)
        except zlib.error:
            raise Undecodable from None
        if not inflate.eof:
            raise Undecodable
        return plain

    def _complete(self, clean: bool) -> bool:
        self._next = _Next.NOTHING
        # Bytes beyond the end belong to no request: nothing further on this connection can be trusted.
        self.keeps = self.keeps and clean
        return True

    def _read_head(self, data: bytes) -> bytes | None:
        """What follows the head; None while it is incomplete. Interim answers (1xx) are passed over."""
        while True:
            if not data.startswith(b"HTTP/1."[: len(data)]):
                raise NotHttp
            end = data.find(b"\r\n\r\n")
            if end < 0:
                if len(data) > _HEAD_BYTES:
                    raise NotHttp
                self._pending = data
                return None
            head, data = data[:end], data[end + 4 :]
            known = self._heads.get(head)
            if known is not None:
                self._pending = b""
                self.status, self._fields, self.keeps, self._next, self._left = known
                return data
            lines = head.split(b"\r\n")
            self._read_status(lines[0])
            if self.status >= 200:
                self._pending = b""
                self._read_fields(lines)
                self._plan_body()
                if len(self._heads) >= _HEADS:
                    self._heads.clear()
                self._heads[head] = (self.status, self._fields, self.keeps, self._next, self._left)
                return data

    def _read_status(self, line: bytes) -> None:
        code = line[9:12]
        if line[7:9] not in (b"1 ", b"0 ") or line[12:13] not in (b"", b" ") or len(code) != 3 or not code.isdigit():
            raise NotHttp
        self.status = int(code)
        if self.status < 100 or self.status == 101:
            raise NotHttp
        self.keeps = line[7:8] == b"1"

    def _read_fields(self, lines: list[bytes]) -> None:
        fields = self._fields
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon or not name or name.strip() != name:
                raise NotHttp
            name, value = name.lower(), value.strip(_BLANK)
            fields[name] = fields[name] + b", " + value if name in fields else value

    def _plan_body(self) -> None:
        fields = self._fields
        connection = fields.get(b"connection")
        if connection is not None:
            words = [word.strip() for word in connection.lower().split(b",")]
            self.keeps = b"close" not in words and (self.keeps or b"keep-alive" in words)
        coding, length = fields.get(b"transfer-encoding"), fields.get(b"content-length")
        if self.status in (204, 304):
            self._next = _Next.NOTHING
        elif coding is not None:
            if coding.lower() != b"chunked":
                raise NotHttp
            self._next = _Next.CHUNKS
        elif length is not None:
            self._left = _length(length)
            self._next = _Next.BODY if self._left else _Next.NOTHING
        else:
            self.keeps = False
            self._next = _Next.UNTIL_CLOSED

    def _read_chunks(self, data: bytes) -> bool:
        place = 0
        while self._next is _Next.CHUNKS:
            end = data.find(b"\r\n", place)
            if end < 0:
                return self._wait_for_more(data[place:], _LINE_BYTES)
            size = data[place:end].partition(b";")[0].strip(_BLANK)
            if _SIZE.fullmatch(size) is None:
                raise NotHttp
            length, begin = int(size, 16), end + 2
            if not length:
                self._next, place = _Next.TRAILER, begin
                break
            if len(data) < begin + length + 2:
                return self._wait_for_more(data[place:])
            if data[begin + length : begin + length + 2] != b"\r\n":
                raise NotHttp
            self._parts.append(data[begin : begin + length])
            place = begin + length + 2
        return self._read_trailer(data, place)

    def _read_trailer(self, data: bytes, place: int) -> bool:
        while (end := data.find(b"\r\n", place)) >= 0:
            if end == place:
                self._pending = b""
                return self._complete(len(data) == end + 2)
            place = end + 2
        return self._wait_for_more(data[place:], _LINE_BYTES)

    def _wait_for_more(self, data: bytes, at_most: int | None = None) -> bool:
        if at_most is not None and len(data) > at_most:
            raise NotHttp
        self._pending = data
        return False


def _length(value: bytes) -> int:
    """What Content-Length says; the same number several times is one. Raises NotHttp."""
    said = {each.strip(_BLANK) for each in value.split(b",")}
    number = said.pop()
    if said or not number.isdigit() or len(number) > _LENGTH_DIGITS:
        raise NotHttp
    return int(number)
