"""The wording of failures, engine by engine, without a network."""

from __future__ import annotations

import socket
import ssl

import aiohttp
import httpx
import pytest
from pyreqwest.exceptions import BodyDecodeError, ConnectError, ConnectTimeoutError

from pytest_cio_load.customerio import wire_reasons
from pytest_cio_load.customerio.wire_reasons import reason


def because(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


def listing(kind: type[ConnectError | BodyDecodeError | ConnectTimeoutError], *messages: str) -> Exception:
    return kind(
        "failed", {"causes": [{"message": message} for message in ("error sending request for url (http://h/refused-reset)", *messages)]}
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (httpx.ConnectTimeout(""), "no connection within 2.5 s"),
        (httpx.ReadTimeout(""), "no answer within 2.5 s"),
        (httpx.WriteTimeout(""), "no answer within 2.5 s"),
        (because(httpx.ConnectError("All connection attempts failed"), ConnectionRefusedError(111, "refused")), wire_reasons.REFUSED),
        (because(httpx.ConnectError("x"), ssl.SSLCertVerificationError("x")), wire_reasons.TLS),
        (because(httpx.ConnectError("x"), socket.gaierror(-2, "unknown")), wire_reasons.UNKNOWN_HOST),
        (httpx.ConnectError("x"), wire_reasons.NO_CONNECTION),
        (httpx.ProxyError("x"), wire_reasons.NO_CONNECTION),
        (httpx.ReadError("connection reset by the fake"), wire_reasons.LOST),
        (httpx.RemoteProtocolError("Server disconnected without sending a response."), wire_reasons.LOST),
        (httpx.RemoteProtocolError("illegal status line: bytearray(b'peer closed connection')"), wire_reasons.GARBAGE),
        (httpx.DecodingError("x"), wire_reasons.UNDECODABLE),
        (httpx.LocalProtocolError("header with a secret in it"), "LocalProtocolError"),
        (aiohttp.ServerDisconnectedError(), wire_reasons.LOST),
        (aiohttp.ConnectionTimeoutError("http://h/bob"), "no connection within 2.5 s"),
        (aiohttp.SocketTimeoutError("x"), "no answer within 2.5 s"),
        (aiohttp.ClientPayloadError("x"), wire_reasons.LOST),
        (because(aiohttp.ClientOSError(32, "x"), BrokenPipeError(32, "x")), wire_reasons.LOST),
        (aiohttp.ClientOSError(1, "x"), wire_reasons.LOST),
        (listing(ConnectTimeoutError, "client error (Connect)", "deadline has elapsed"), "no connection within 2.5 s"),
        (listing(ConnectTimeoutError, "operation timed out"), "no answer within 2.5 s"),
        (listing(ConnectTimeoutError, "Connection refused (os error 111)"), wire_reasons.REFUSED),
        (listing(ConnectError, "client error (Connect)", "dns error"), wire_reasons.UNKNOWN_HOST),
        (listing(ConnectError, "client error (Connect)", "something new"), wire_reasons.NO_CONNECTION),
        (listing(ConnectError, "invalid peer certificate: UnknownIssuer"), wire_reasons.TLS),
        (listing(ConnectError, "peer closed connection without sending TLS close_notify"), wire_reasons.LOST),
        (listing(BodyDecodeError, "Invalid gzip header"), wire_reasons.UNDECODABLE),
        (listing(ConnectError, "something new"), "ConnectError"),
    ],
)
def test_what_a_failure_is_called(error: Exception, said: str) -> None:
    """In our words; a class nobody knows is called by its name."""
    assert reason(error, 2.5) == said


def test_what_the_caller_was_handling_is_no_cause() -> None:
    """A call made while another failure is handled is not blamed on that one."""
    error = because(httpx.ConnectError("x"), ConnectionRefusedError(111, "refused"))
    assert error.__cause__ is not None
    error.__cause__.__context__ = TimeoutError("the caller's own")
    assert reason(error, 1) == wire_reasons.REFUSED
