"""Our Lua scripts. What is BullMQ's own they leave to the port's scripts, whose text is set into them as functions, so that one call
moves many jobs and counts them in the same moment.

A line ``--@port moveToActive`` becomes ``local function moveToActive(KEYS, ARGV) … end``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache, lru_cache
from hashlib import sha1
from importlib import import_module
from importlib.resources import files
from typing import Any

NAMES = ("put", "take", "settle", "beat", "recover", "leave", "stalled", "note", "pardon", "replay", "discard", "oldest")
"""All of them."""

_PORT = re.compile(r"^--@port (\w+)$", re.MULTILINE)
_WANTED = {
    "addStandardJob": 9,
    "addDelayedJob": 6,
    "addPrioritizedJob": 9,
    "moveToActive": 11,
    "moveToFinished": 14,
    "moveToDelayed": 11,
    "extendLocks": 1,
    "moveStalledJobsToWait": 9,
    "reprocessJob": 9,
    "removeJob": 2,
}
"""Scripts of the port that are used, and how many keys each takes: in another number they mean something else."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script as the server knows it.

    Attributes:
        name: one of NAMES.
        text: in Lua.
        sha: what EVALSHA wants.
    """

    name: str
    text: str = field(repr=False)
    sha: str


def missing_extra(package: str) -> ImportError:
    """What is raised when a package of the extra ``queue`` is not installed."""
    return ImportError(f"{package}: got no such package; expected it for a queue on Redis; try pip install 'pytest-cio-load[queue]'")


@lru_cache(maxsize=1)
def port() -> Any:
    """The module ``bullmq.redis_connection``. Raises ImportError, which names the extra."""
    try:
        return import_module("bullmq.redis_connection")
    except ImportError as error:
        raise missing_extra("bullmq") from error


@lru_cache(maxsize=1)
def _msgpack() -> Any:
    try:
        return import_module("msgpack")
    except ImportError as error:
        raise missing_extra("msgpack") from error


def packed(value: object) -> bytes:
    """*value* as scripts unpack it."""
    # Redis' unpacker knows no binary type. A lone surrogate, in what a server said for example, has no UTF-8.
    made: bytes = _msgpack().packb(value, use_bin_type=False, unicode_errors="replace")
    return made


@cache
def script(name: str) -> Script:
    """One of our scripts. Raises ImportError when the port is missing, or is one whose scripts take other keys."""
    text = _PORT.sub(lambda found: _of_the_port(found[1]), (files(__package__) / "lua" / f"{name}.lua").read_text("utf-8"))
    return Script(name, text, sha1(text.encode(), usedforsecurity=False).hexdigest())


def _of_the_port(name: str) -> str:
    definition = port().SCRIPT_DEFINITIONS.get(name, "no such script")
    if definition != (wanted := f"{name}-{_WANTED[name]}.lua"):
        raise ImportError(f"bullmq: got a version with {definition}; expected {wanted}; try pip install 'bullmq>=3.4,<4'")
    return f"local function {name}(KEYS, ARGV)\n{port().loadScript(definition)}\nend"
