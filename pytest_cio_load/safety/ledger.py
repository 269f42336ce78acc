"""Made-up people: each one is unique, and each one is noted until it has been deleted again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from threading import Lock

_PREFIX = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,38}[A-Za-z0-9])?")
# Kept short, so that "<prefix>-<index>" is a valid local part of an email (64 characters) for any index a run can reach.


@dataclass(frozen=True, slots=True)
class User:
    """A made-up person.

    Attributes:
        id: unique within the workspace.
        email: unique as well, under a domain that no mail reaches.
    """

    id: str
    email: str


class Ledger:
    """Makes people up and keeps the list of those that may still exist in the workspace. May be shared by threads.

    Args:
        prefix: begins every id; unique per run, so that two runs never share a person.

    Raises:
        ValueError: a prefix that would not make a valid id and email.
    """

    def __init__(self, prefix: str) -> None:
        if not _PREFIX.fullmatch(prefix):
            nearest = re.sub(r"[^A-Za-z0-9._-]+", "-", prefix)[:40].strip("._-") or "load-test"
            expected = "expected 1 to 40 letters, digits, '.', '_' or '-', with a letter or digit at both ends"
            raise ValueError(f"prefix: got {prefix[:80]!r}; {expected}; try {nearest!r}")
        self.prefix = prefix
        self._noted: dict[str, User] = {}
        self._lock = Lock()

    def user(self, index: int) -> User:
        """The person of this index, noted; the same person every time.

        Args:
            index: 0 or more; iterations use their own.

        Raises:
            ValueError: a negative index.
        """
        if index < 0:
            raise ValueError(f"index: got {index}; expected 0 or more; try {-index}")
        name = f"{self.prefix}-{index}"
        with self._lock:
            user = self._noted.get(name)
            if user is None:
                user = self._noted[name] = User(name, f"{name}@example.com")
            return user

    @property
    def noted(self) -> list[User]:
        """Everyone who was made up and not settled since, in the order they were made up."""
        with self._lock:
            return list(self._noted.values())

    def settle(self, id: str) -> None:
        """Strike a person off, now that they are deleted. One who is not noted is no error: deleting twice is none either."""
        with self._lock:
            self._noted.pop(id, None)
