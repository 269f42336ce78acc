"""Linux's timers that are files: due at an absolute moment, to the microsecond, and seen by whatever a loop waits with.

Python has them since 3.13; before that they are called by way of ctypes.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

ABSOLUTE = 1
"""TFD_TIMER_ABSTIME of the C header."""
BILLION = 1_000_000_000


class Timerfd:
    """One timer of the machine's monotonic clock. Its descriptor is readable from the moment it was set to until it is set anew.

    Raises:
        OSError: this machine has no such timers, or gives out no more.
    """

    __slots__ = ("_set", "fd")

    def __init__(self) -> None:
        self.fd, self._set = (_by_python if hasattr(os, "timerfd_create") else _by_ctypes)()

    def set(self, nanoseconds: int) -> None:
        """Be readable at this moment of ``time.monotonic_ns()``, or at once when that has been; 0: never."""
        # No read is needed in between: to set a timer is to forget that it had expired.
        self._set(self.fd, nanoseconds)

    def close(self) -> None:
        """Give the descriptor back; no loop may watch it any more."""
        os.close(self.fd)


def _by_python() -> tuple[int, Any]:
    python: Any = os
    fd = python.timerfd_create(time.CLOCK_MONOTONIC, flags=python.TFD_NONBLOCK | python.TFD_CLOEXEC)

    def set_to(fd: int, nanoseconds: int) -> None:
        python.timerfd_settime_ns(fd, flags=python.TFD_TIMER_ABSTIME, initial=nanoseconds)

    return fd, set_to


def _by_ctypes() -> tuple[int, Any]:
    # Seconds and nanoseconds are C's long where that has 64 bits; elsewhere it depends on the C library.
    if not sys.platform.startswith("linux") or sys.maxsize < 2**32:
        raise OSError("timerfd: expected 64-bit Linux")
    import ctypes

    class Spec(ctypes.Structure):
        """The C header's itimerspec: an interval, here none, and the moment."""

        _fields_ = (("every", ctypes.c_long * 2), ("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))

    # Python's lock is kept: neither call waits, and to give it up and get it back takes longer than the call.
    library = ctypes.PyDLL(None, use_errno=True)
    try:
        create, settime = library.timerfd_create, library.timerfd_settime
    except AttributeError:
        raise OSError("timerfd: this C library has none") from None
    fd: int = create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")
    spec = Spec()
    by_reference = ctypes.byref(spec)

    def set_to(fd: int, nanoseconds: int) -> None:
        spec.seconds, spec.nanoseconds = divmod(nanoseconds, BILLION)
        if settime(fd, ABSOLUTE, by_reference, None):
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    return fd, set_to
