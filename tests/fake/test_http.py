"""HTTP read out of bytes, however they come, and written into them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.fake.http import LARGEST_BODY, LARGEST_HEAD, Incoming, Malformed, Reader, written


def read(data: bytes) -> list[Incoming]:
    reader = Reader()
    reader.feed(data)
    found = []
    while (request := reader.next()) is not None:
        found.append(request)
    return found


def head(*lines: str) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


PUT = head("PUT /api/v1/customers/a%2Fb?x=1 HTTP/1.1", "Host: h", "Content-Length: 2") + b"{}"
CHUNKS = head("POST /a HTTP/1.1", "Transfer-Encoding: Chunked") + b"3;note=1\r\nabc\r\n0A\r\n0123456789\r\n0\r\nX-Trailer: 1\r\n\r\n"
GET = head("GET /b HTTP/1.1")


def test_a_request() -> None:
    """Method, path with its query, headers by lower-case name, body."""
    (request,) = read(PUT)
    assert request == Incoming("PUT", "/api/v1/customers/a%2Fb?x=1", {"host": "h", "content-length": "2"}, b"{}", True)


def test_nothing_of_a_person_is_shown() -> None:
    """A repr is safe to log."""
    assert repr(read(PUT)[0]) == "Incoming(method='PUT', keep_alive=True)"


@given(st.permutations([PUT, CHUNKS, GET, b"\r\n" + GET]), st.lists(st.integers(1, 40), min_size=1))
def test_however_the_bytes_come(requests: list[bytes], sizes: list[int]) -> None:
    """Sent ahead, cut anywhere: the same requests, in order."""
    data, reader, found = b"".join(requests), Reader(), []
    position = turn = 0
    while position < len(data):
        size = sizes[turn % len(sizes)]
        reader.feed(data[position : position + size])
        while (request := reader.next()) is not None:
            found.append(request)
        position, turn = position + size, turn + 1
    assert found == [request for each in requests for request in read(each)]
    assert len(found) == 4
    assert len(reader) == 0


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_waited_for(data: bytes) -> None:
    """And raises nothing else."""
    reader = Reader()
    reader.feed(data)
    with suppress(Malformed):
        while reader.next() is not None:
            pass


@given(st.binary(max_size=120))
def test_garbage_between_chunks_too(data: bytes) -> None:
    """Where a parser trusts most."""
    reader = Reader()
    reader.feed(head("POST /a HTTP/1.1", "Transfer-Encoding: chunked") + data)
    with suppress(Malformed):
        reader.next()


def test_a_body_in_chunks() -> None:
    """Put together; extensions and trailers are skipped."""
    assert read(CHUNKS)[0].body == b"abc0123456789"


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [
        ("1.1", "", True),
        ("1.1", "close", False),
        ("1.1", "Close", False),
        ("1.1", "TE, close", False),
        ("1.1", "close ,TE", False),
        ("1.1", "disclose", True),
        ("1.0", "", False),
        ("1.0", "Keep-Alive", True),
        ("1.0", "TE,Keep-Alive", True),
        ("1.0", "keep-alive, close", False),
    ],
)
def test_whether_the_connection_is_kept(version: str, connection: str, kept: bool) -> None:
    """As the version and the client say."""
    lines = [f"GET / HTTP/{version}"] + ([f"Connection: {connection}"] if connection else [])
    assert read(head(*lines))[0].keep_alive is kept


def test_a_whole_url_as_path() -> None:
    """As a client sends it that takes us for a proxy."""
    assert read(head("GET http://track.customer.io/auth?x HTTP/1.1"))[0].path == "/auth?x"


def test_a_client_that_asks_first() -> None:
    """The head is enough to say go on; the body ends the wish."""
    reader = Reader()
    reader.feed(head("PUT / HTTP/1.1", "Expect: 100-Continue", "Content-Length: 2"))
    assert reader.next() is None
    assert reader.wants_continue
    reader.feed(b"{}")
    assert reader.next() is not None
    assert not reader.wants_continue


@pytest.mark.parametrize(
    ("data", "status", "why"),
    [
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400, "the first line is no request"),
        (head("GET /"), 400, "the first line is no request"),
        (head("GET / HTTP/2.0"), 400, "the first line is no request"),
        (head("GET / HTTP/1.1", "no colon"), 400, "a header has no name, no colon, or space around its name"),
        (head("GET / HTTP/1.1", ": x"), 400, "a header has no name, no colon, or space around its name"),
        (head("GET / HTTP/1.1", "a : x"), 400, "a header has no name, no colon, or space around its name"),
        (head("PUT / HTTP/1.1", "content-length: 1", "content-length: 2"), 400, "two lengths of one body"),
        (head("PUT / HTTP/1.1", "content-length: -1"), 400, "content-length is no number"),
        (head("PUT / HTTP/1.1", "content-length: ²"), 400, "content-length is no number"),
        (head("PUT / HTTP/1.1", f"content-length: {LARGEST_BODY + 1}"), 413, "the body is too large"),
        (head("PUT / HTTP/1.1", "content-length: " + "9" * 5_000), 413, "the body is too large"),
        (head("PUT / HTTP/1.1", "transfer-encoding: gzip"), 501, "transfer-encoding is not chunked"),
        (head("PUT / HTTP/1.1", "transfer-encoding: chunked") + b"zz\r\n", 400, "a chunk has no size"),
        (head("PUT / HTTP/1.1", "transfer-encoding: chunked") + b"+5\r\n", 400, "a chunk has no size"),
        (head("PUT / HTTP/1.1", "transfer-encoding: chunked") + b"2\r\nabc\r\n", 400, "a chunk is longer than its size"),
        (head("PUT / HTTP/1.1", "transfer-encoding: chunked") + b"fffffff\r\n", 413, "the body is too large"),
        (head("PUT / HTTP/1.1", "transfer-encoding: chunked") + b"1" * 5_000, 400, "a line between chunks does not end"),
        (
            head("PUT / HTTP/1.1", "transfer-encoding: chunked") + b"0\r\n" + b"a: b\r\n" * 20_000,
            431,
            "the trailers of the request are too large",
        ),
        (b"x" * (LARGEST_HEAD + 1), 431, "the head of the request is too large"),
        (head("GET / HTTP/1.1", "a: " + "x" * LARGEST_HEAD), 431, "the head of the request is too large"),
    ],
)
def test_what_is_refused(data: bytes, status: int, why: str) -> None:
    """With the status to answer before hanging up."""
    with pytest.raises(Malformed) as caught:
        read(data)
    assert (caught.value.status, str(caught.value)) == (status, why)


@pytest.mark.parametrize(
    ("status", "keep_alive", "bare", "answer"),
    [
        (200, True, False, b"HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 3\r\n\r\n{}\n"),
        (200, False, False, b"HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 3\r\nconnection: close\r\n\r\n{}\n"),
        (200, True, True, b"HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 3\r\n\r\n"),
        (599, True, False, b"HTTP/1.1 599 Unknown\r\na: b\r\ncontent-length: 3\r\n\r\n{}\n"),
    ],
)
def test_a_reply_as_bytes(status: int, keep_alive: bool, bare: bool, answer: bytes) -> None:
    """With its length, and whether this was the last."""
    assert written(status, {"a": "b"}, b"{}\n", keep_alive=keep_alive, bare=bare) == answer


def test_a_204_has_no_length() -> None:
    """As HTTP has it."""
    assert written(204, {}, b"", keep_alive=True) == b"HTTP/1.1 204 No Content\r\n\r\n"


def fed_in_two(data: bytes, cut: int) -> list[Incoming]:
    reader, found = Reader(), []
    for piece in (data[:cut], data[cut:]):
        reader.feed(piece)
        while (request := reader.next()) is not None:
            found.append(request)
    return found


@pytest.mark.parametrize("data", [PUT + CHUNKS + GET, GET + b"\r\n" + PUT, CHUNKS + CHUNKS], ids=["all", "empty line", "chunks"])
def test_cut_at_every_place(data: bytes) -> None:
    """Within a line's end, a chunk's size, a trailer: nothing changes."""
    assert all(fed_in_two(data, cut) == read(data) for cut in range(len(data) + 1))


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=8), st.booleans())
def test_any_body_comes_out_of_its_chunks(pieces: list[bytes], upper: bool) -> None:
    """Even one that looks like chunks, or like a request."""
    form = "%X" if upper else "%x"
    chunks = b"".join((form % len(piece)).encode() + b"\r\n" + piece + b"\r\n" for piece in pieces)
    requests = read(head("POST /a HTTP/1.1", "Transfer-Encoding: chunked") + chunks + b"0\r\n\r\n" + GET)
    assert [request.body for request in requests] == [b"".join(pieces), b""]


@given(st.binary(max_size=200))
def test_any_counted_body(body: bytes) -> None:
    """Is what its length says, and what follows is the next request."""
    requests = read(head("PUT /a HTTP/1.1", f"Content-Length: {len(body)}") + body + GET)
    assert [(request.path, request.body) for request in requests] == [("/a", body), ("/b", b"")]


def test_the_largest_body() -> None:
    """Is taken; one byte more is not."""
    assert len(read(head("PUT / HTTP/1.1", f"Content-Length: {LARGEST_BODY}") + bytes(LARGEST_BODY))[0].body) == LARGEST_BODY


def test_chunks_beyond_the_largest_body() -> None:
    """Are refused by their sum, before the last of them has come."""
    size = LARGEST_BODY // 4 + 1
    chunk = b"%x\r\n" % size + bytes(size) + b"\r\n"
    with pytest.raises(Malformed, match="the body is too large"):
        read(head("PUT / HTTP/1.1", "Transfer-Encoding: chunked") + chunk * 3 + b"%x\r\n" % size)


def test_the_largest_head() -> None:
    """Is taken; one byte more is not."""
    first = "GET / HTTP/1.1\r\na: "
    assert len(read(head(first + "x" * (LARGEST_HEAD - len(first))))) == 1
    with pytest.raises(Malformed, match="the head of the request is too large"):
        read(head(first + "x" * (LARGEST_HEAD - len(first) + 1)))


def test_a_body_too_large_is_refused_before_it_is_sent() -> None:
    """A client that asks first is not told to go on."""
    reader = Reader()
    reader.feed(head("PUT / HTTP/1.1", "Expect: 100-continue", f"Content-Length: {LARGEST_BODY + 1}"))
    with pytest.raises(Malformed) as caught:
        reader.next()
    assert caught.value.status == 413


def test_a_length_said_twice_alike() -> None:
    """Is one length."""
    assert read(head("PUT / HTTP/1.1", "Content-Length: 2", "content-length: 2") + b"{}")[0].body == b"{}"


def test_what_is_malformed_tells_nothing_of_a_person() -> None:
    """A path or a header may hold an identifier, and the reason is sent and logged."""
    for lines in (["PUT /ada@example.com HTTP/9"], ["PUT / HTTP/1.1", "ada@example.com"], ["PUT / HTTP/1.1", "content-length: ada"]):
        with pytest.raises(Malformed) as caught:
            read(head(*lines))
        assert "ada" not in str(caught.value)
