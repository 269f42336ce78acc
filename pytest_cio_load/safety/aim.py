"""Where load may go: to fakes of ours, to servers on this machine, and, past the guard, to a staging workspace."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from pytest_cio_load.errors import Problem, near_miss

MOCK, FAKE, STAGING = "mock", "fake", "staging"


def problem_with(target: str) -> Problem | None:
    """What is wrong with the name of a target, or None."""
    if target in (MOCK, FAKE, STAGING):
        return None
    try:
        parts = urlsplit(target)
        more = parts.query or parts.fragment or "@" in parts.netloc
        is_server = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and not more
    except (ValueError, AttributeError):  # text that no URL can be, such as a port of letters; or no text
        is_server = False
    if not is_server:
        got = "'…@…'" if "@" in str(target) else repr(target)  # what stands before an @ may be a password
        return Problem("target", got, "'mock', 'fake', 'staging', or the URL of a server on loopback", _hint(str(target)))
    if not is_loopback(parts.hostname or ""):
        nearest = "load goes to this machine, or past the guard: point it at 'http://127.0.0.1:PORT', or use 'mock', 'fake' or 'staging'"
        return Problem("target", repr(f"{parts.scheme}://{parts.hostname}"), "a server on loopback", nearest)
    return None


def _hint(target: str) -> str:
    """The nearest fix for a *target* that is none."""
    if target.lower() in ("production", "prod", "live"):
        return "there is no such target, and there never will be: load goes to a staging workspace"
    return near_miss(target, (MOCK, FAKE, STAGING)) or "try 'http://127.0.0.1:8080'"


def is_loopback(host: str) -> bool:
    """Whether *host* is this machine whatever a name server says: 127.example.com is not."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def problem_with_clock(clock: str | None, target: str) -> Problem | None:
    """What is wrong with asking for *clock* on *target*, or None."""
    if clock != "virtual" or target == MOCK:
        return None
    return Problem("clock", "'virtual'", "the mock as target: a server answers in real time", "use clock='wall'")
