"""Why there is no answer, in our own words: the same for every engine, and without what an engine's text may hold.

An engine's own message may name the URL, and with it a person's identifier, or repeat what the server sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED = "connection refused"
LOST = "connection lost before the answer was complete"
GARBAGE = "the answer is not HTTP"
UNDECODABLE = "the answer's body cannot be decoded"
TLS = "TLS failed: the server's certificate is not trusted, or it speaks no TLS"
UNKNOWN_HOST = "no such host"
NO_CONNECTION = "no connection"
_LATE_CONNECTION = "no connection within {timeout:g} s"
_LATE_ANSWER = "no answer within {timeout:g} s"

_BY_KIND = {
    "ConnectTimeout": _LATE_CONNECTION,
    "ConnectionTimeoutError": _LATE_CONNECTION,
    "TimeoutException": _LATE_ANSWER,
    "TimeoutError": _LATE_ANSWER,
    "SSLError": TLS,
    "ClientSSLError": TLS,
    "ClientConnectorCertificateError": TLS,
    "ConnectionRefusedError": REFUSED,
    "gaierror": UNKNOWN_HOST,
    "DecodingError": UNDECODABLE,
    "ContentEncodingError": UNDECODABLE,
    "ConnectionResetError": LOST,
    "BrokenPipeError": LOST,
    "ServerDisconnectedError": LOST,
    "ContentLengthError": LOST,
    "TransferEncodingError": LOST,
    "ClientResponseError": GARBAGE,
    "BadHttpMessage": GARBAGE,
}
"""By the name of an exception's class or of one it inherits from: of httpx, aiohttp, and Python itself."""

_BY_KIND_ALONE = {
    "ReadError": LOST,
    "WriteError": LOST,
    "CloseError": LOST,
    "ClientPayloadError": LOST,
    "ClientOSError": LOST,
    "ConnectError": NO_CONNECTION,
    "ClientConnectorError": NO_CONNECTION,
    "ProxyError": NO_CONNECTION,
}
"""The same for classes that say little, where no cause says more."""

_PHRASES = (
    (LOST, ("reset", "closed before", "end of file before", "broken pipe", "close_notify", "forcibly closed")),
    (TLS, ("certificate", "tls", "handshake", "corrupt message")),
    (REFUSED, ("refused",)),
    (UNKNOWN_HOST, ("dns error",)),
    (GARBAGE, ("parsed", "invalid chunk", "too large")),
    (UNDECODABLE, ("gzip", "deflate", "unexpected end of file")),
    (NO_CONNECTION, ("(connect)",)),
)
"""What the causes that pyreqwest lists say; the first reason that fits."""

_HOW_LOST = ("peer closed connection", "Server disconnected")
_DEEP = 8


def reason(error: BaseException, timeout: float) -> str:
    """Why *error* was raised.

    Args:
        error: what an engine raised.
        timeout: the engine's, in seconds, for saying how long was waited.

    Returns:
        A phrase; the name of the error's class, when nothing is known about it.
    """
    causes = _listed_causes(error)
    if causes is None:
        told = _by_kind(error)
    elif "timed out" in causes or "deadline" in causes:
        # Not by the class: pyreqwest takes any failure for a time-out whose URL says "timeout".
        told = _LATE_CONNECTION if "(connect)" in causes else _LATE_ANSWER
    else:
        told = next((why for why, phrases in _PHRASES if any(phrase in causes for phrase in phrases)), None)
    return told.format(timeout=timeout) if told else type(error).__name__


def late_connection(timeout: float) -> str:
    """There was none within *timeout* seconds."""
    return _LATE_CONNECTION.format(timeout=timeout)


def late_answer(timeout: float) -> str:
    """Nothing arrived for *timeout* seconds."""
    return _LATE_ANSWER.format(timeout=timeout)


def _by_kind(error: BaseException) -> str | None:
    chain = list(_chain(error))
    for each in chain:
        if type(each).__name__ == "RemoteProtocolError":
            # Only the beginning of the text is httpx's own; the rest may be what the server sent.
            return LOST if str(each).startswith(_HOW_LOST) else GARBAGE
        for kind in type(each).__mro__:
            if kind.__name__ in _BY_KIND:
                return _BY_KIND[kind.__name__]
    return next((_BY_KIND_ALONE[kind] for kind in (type(each).__name__ for each in chain) if kind in _BY_KIND_ALONE), None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and what it came of, outermost first. What is nearer decides: the far end may be something the caller was handling."""
    each: BaseException | None = error
    for _ in range(_DEEP):
        if each is None:
            return
        yield each
        each = each.__cause__ or each.__context__


def _listed_causes(error: BaseException) -> str | None:
    """The causes that an exception of pyreqwest lists, in lower case, without the one that holds the URL; None for any other exception."""
    details = getattr(error, "details", None)
    if not isinstance(details, dict):
        return None
    messages = (str(cause.get("message", "")).lower() for cause in details.get("causes") or ())
    return "\n".join(message for message in messages if "for url" not in message)
