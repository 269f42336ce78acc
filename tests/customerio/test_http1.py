"""Reading HTTP/1.1 answers, whole and in pieces, sound and broken."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.customerio.http1 import AnswerReader, Heads, NotHttp, Undecodable


def head(*lines: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join([status, *lines, "", ""]).encode("latin-1")


def fed(*pieces: bytes) -> tuple[AnswerReader, bool]:
    reader = AnswerReader({})
    done = False
    for piece in pieces:
        done = reader.feed(piece)
    return reader, done


SOUND = [
    (head("content-length: 2") + b"{}", 200, b"{}", True),
    (head("Content-Length:2", "X: y") + b"{}", 200, b"{}", True),
    (head("content-length: 2", "content-length: 2") + b"{}", 200, b"{}", True),
    (head("content-length: 0", status="HTTP/1.1 503"), 503, b"", True),
    (head(status="HTTP/1.1 204 No Content"), 204, b"", True),
    (head("content-length: 9", status="HTTP/1.1 304 Not Modified"), 304, b"", True),
    (head("content-length: 2", "connection: close") + b"{}", 200, b"{}", False),
    (head("content-length: 2", "connection: x, Close") + b"{}", 200, b"{}", False),
    (head("content-length: 2", status="HTTP/1.0 200 OK") + b"{}", 200, b"{}", False),
    (head("content-length: 2", "connection: keep-alive", status="HTTP/1.0 200 OK") + b"{}", 200, b"{}", True),
    (head("transfer-encoding: chunked") + b"0\r\n\r\n", 200, b"", True),
    (head("transfer-encoding: Chunked") + b"1\r\n{\r\n01;x=y\r\n}\r\n0\r\na: b\r\n\r\n", 200, b"{}", True),
    (head("transfer-encoding: chunked", "content-length: 7") + b"2\r\n{}\r\n0\r\n\r\n", 200, b"{}", True),
    (head(status="HTTP/1.1 100 Continue") + head("content-length: 2") + b"{}", 200, b"{}", True),
    (head("content-length: 2", "content-encoding: identity") + b"{}", 200, b"{}", True),
]


@pytest.mark.parametrize(("data", "status", "body", "keeps"), SOUND)
def test_a_sound_answer(data: bytes, status: int, body: bytes, keeps: bool) -> None:
    """Status, body, and whether the connection is kept."""
    reader, done = fed(data)
    assert (done, reader.status, reader.body(), reader.keeps) == (True, status, body, keeps)


@pytest.mark.parametrize(("data", "status", "body", "keeps"), SOUND)
def test_byte_by_byte(data: bytes, status: int, body: bytes, keeps: bool) -> None:
    """The same; complete with the last byte and not before."""
    reader = AnswerReader({})
    states = [reader.feed(data[place : place + 1]) for place in range(len(data))]
    assert states == [False] * (len(data) - 1) + [True]
    assert (reader.status, reader.body(), reader.keeps) == (status, body, keeps)


def test_heads_that_were_read_lately_mean_the_same() -> None:
    """Every sound answer, three times round, with one memory for all; no more is kept than a few."""
    heads: Heads = {}
    for data, status, body, keeps in SOUND * 3:
        reader = AnswerReader(heads)
        assert reader.feed(data)
        assert (reader.status, reader.body(), reader.keeps) == (status, body, keeps)
    for number in range(100):
        assert AnswerReader(heads).feed(head("content-length: 0", f"x: {number}"))
    assert 0 < len(heads) <= 16


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.data())
def test_chunks_in_any_pieces(chunks: list[bytes], data: st.DataObject) -> None:
    """However the network cuts them, even chunks that hold line ends."""
    whole = head("transfer-encoding: chunked") + b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in chunks) + b"0\r\n\r\n"
    cuts = sorted(data.draw(st.lists(st.integers(1, len(whole) - 1), max_size=5, unique=True)))
    reader, done = fed(*(whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)))
    assert (done, reader.body(), reader.keeps) == (True, b"".join(chunks), True)


@pytest.mark.parametrize(
    "data",
    [
        b"SMTP ready",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        head("no colon"),
        head(": no name"),
        head("x : space before the colon"),
        head("x: y", " folded"),
        head("content-length: many"),
        head("content-length: -1"),
        head("content-length: 1, 2"),
        head("content-length: 1", "content-length: 2"),
        head("content-length: " + "9" * 16),
        head("transfer-encoding: gzip"),
        head("transfer-encoding: gzip, chunked"),
        head("transfer-encoding: chunked") + b"zz\r\n",
        head("transfer-encoding: chunked") + b"0x1\r\n",
        head("transfer-encoding: chunked") + b"-1\r\n",
        head("transfer-encoding: chunked") + b"\r\n",
        head("transfer-encoding: chunked") + b"1\r\nabc",
        head("transfer-encoding: chunked") + b"1" * 5_000,
        head("transfer-encoding: chunked") + b"0\r\n" + b"a" * 5_000,
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20_000,
    ],
)
def test_what_is_no_http(data: bytes) -> None:
    """Is said at once, not waited out."""
    with pytest.raises(NotHttp):
        fed(data)


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (head("content-length: 2") + b"{}more", b"{}"),
        (head("content-length: 0") + b"more", b""),
        (head("transfer-encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\nmore", b"{}"),
    ],
)
def test_bytes_after_the_end(data: bytes, body: bytes) -> None:
    """The answer is sound; its connection carries nothing more."""
    reader, done = fed(data)
    assert (done, reader.keeps, reader.body()) == (True, False, body)


def test_a_body_until_the_connection_ends() -> None:
    """Without a length nothing else says where it ends."""
    reader, done = fed(head("x: y") + b"{", b"}")
    assert not done
    assert reader.end()
    assert (reader.body(), reader.keeps) == (b"{}", False)


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 2", head("content-length: 2") + b"{", head("transfer-encoding: chunked") + b"2\r\n{"])
def test_a_connection_that_ends_too_early(data: bytes) -> None:
    """Is no end of an answer."""
    reader, done = fed(data)
    assert (done, reader.end()) == (False, False)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b"{}", mtime=0)),
        ("x-gzip", gzip.compress(b"{}", mtime=0)),
        ("GZIP", gzip.compress(b"{}", mtime=0)),
        ("deflate", zlib.compress(b"{}")),
    ],
)
def test_a_body_that_is_decoded(encoding: str, body: bytes) -> None:
    """By what the head names."""
    reader, _ = fed(head(f"content-length: {len(body)}", f"content-encoding: {encoding}") + body)
    assert reader.body() == b"{}"


@pytest.mark.parametrize(("encoding", "body"), [("gzip", b"{}"), ("gzip", gzip.compress(b"{}" * 99, mtime=0)[:-9]), ("br", b"{}")])
def test_a_body_that_cannot_be_decoded(encoding: str, body: bytes) -> None:
    """Broken, cut off, or in an encoding that was not asked for."""
    reader, _ = fed(head(f"content-length: {len(body)}", f"content-encoding: {encoding}") + body)
    with pytest.raises(Undecodable):
        reader.body()


def test_headers_are_a_mapping() -> None:
    """By lower-case name; several of a name are one, with commas; names that no header has are found missing."""
    reader, _ = fed(head("Retry-After: 3 ", "Via: a", "VIA: b", "content-length: 0"))
    headers = reader.headers
    assert dict(headers) == {"retry-after": "3", "via": "a, b", "content-length": "0"}
    assert len(headers) == 3
    assert headers.get("x-é", "none") == headers.get("漢", "none") == "none"
