"""What Redis and the network answer when something is wrong, in this package's errors."""

from __future__ import annotations

from pytest_cio_load.errors import QueueError, QueueFull, QueueReadOnly, QueueUnavailable

_FULL = "its memory is full (maxmemory); expected room for jobs; raise maxmemory, or let workers empty the queue"
_UNAVAILABLE = {
    "NOAUTH": "it wants a password; expected one in the URL; try redis://:PASSWORD@HOST",
    "WRONGPASS": "it refuses the name or the password; expected those of a user; look at the URL",
    "NOPERM": "the user may not do this; expected the right to all keys and commands of the queue; look at its ACL",
    "MISCONF": "it cannot write to its disk, and takes nothing; expected a disk with room; look at the server's log",
    "NOREPLICAS": "too few replicas follow it; expected min-replicas-to-write; look at the replicas",
    "LOADING": "it is still loading its data; expected a server that is ready; try again",
    "MASTERDOWN": "it is a replica without its primary; expected the primary; look at the replication",
    "CLUSTERDOWN": "its cluster is down; expected all slots to be served; look at the cluster",
    "MOVED": "it is a node of a cluster without this queue; expected the one that holds it; use a prefix such as {bull}, and its URL",
    "BUSY": "a script keeps it busy; expected an answer; look at what runs on the server",
}


def translated(error: BaseException, where: str) -> Exception:
    """The error to raise for one that redis-py raised.

    Args:
        error: what was raised.
        where: host and port; never the URL, which may hold a password.

    Returns:
        QueueUnavailable, QueueFull, QueueReadOnly; QueueError for an answer that means none of these.
    """
    text = str(error)
    kind = _kind(error, text)
    if kind == "OOM":
        return QueueFull(f"{where}: got an answer that {_FULL}")
    if kind == "READONLY":
        return QueueReadOnly(f"{where}: got an answer that it is a replica, which takes no writes; expected the primary; use its URL")
    if kind in _UNAVAILABLE:
        return QueueUnavailable(f"{where}: got an answer that {_UNAVAILABLE[kind]}")
    if kind == "TIMEOUT":
        return QueueUnavailable(f"{where}: got no answer in time; expected a Redis or Valkey; look at the server and the network")
    if kind == "CONNECTION":
        return QueueUnavailable(f"{where}: got no connection ({_short(text)}); expected a Redis or Valkey; start it, or look at the URL")
    return QueueError(f"{where}: got {_short(text)!r}; expected the answer of a script; try a Redis 6.2 or newer, or a Valkey")


def _kind(error: BaseException, text: str) -> str:
    from redis import exceptions

    word = text.split(" ", 1)[0].rstrip(":")
    named = {
        exceptions.OutOfMemoryError: "OOM",
        exceptions.ReadOnlyError: "READONLY",
        exceptions.BusyLoadingError: "LOADING",
        exceptions.NoPermissionError: "NOPERM",
        exceptions.MovedError: "MOVED",
        exceptions.MasterDownError: "MASTERDOWN",
        exceptions.ClusterDownError: "CLUSTERDOWN",
    }
    for kind, meaning in named.items():
        if isinstance(error, kind):
            return meaning
    if isinstance(error, exceptions.AuthenticationError):
        return "NOAUTH" if "required" in text or "without any password" in text else "WRONGPASS"
    if word in _UNAVAILABLE or word in ("OOM", "READONLY"):
        return word
    if isinstance(error, (exceptions.TimeoutError, TimeoutError)):
        return "TIMEOUT"
    if isinstance(error, (exceptions.ConnectionError, OSError)):
        return "CONNECTION"
    return ""


def _short(text: str) -> str:
    """The first line, without what may be somebody's data further on."""
    return text.split("\n", 1)[0][:120].rstrip(". ") or "nothing more"
