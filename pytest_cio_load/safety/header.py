"""The first line of a ledger: whose it is, and where its people may be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex

ATTRIBUTE = "cio_load_run"
"""The attribute that holds the run's id in everyone it made up."""

_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
_PREFIX = re.compile(r"cio-load-[0-9a-f]{8}")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Header:
    """Whose ledger it is.

    Attributes:
        run: the run's id.
        prefix: begins everyone's id, with a dash after it.
        attribute: of a person; holds the run's id.
        test: the node id.
        site: hash of the site id, as the allow-list has it.
        environment_id: number of the workspace.
        region: "us" or "eu".
        started: when, in UTC, as ISO 8601.

    Raises:
        ValueError: one of them is no such thing. A prefix of another form might be that of real people.
    """

    run: str
    prefix: str
    attribute: str
    test: str
    site: str
    environment_id: int
    region: str
    started: str

    def __post_init__(self) -> None:
        for name, form, example in (
            ("run", _RUN, "20261124-142501-3f9a1c"),
            ("prefix", _PREFIX, "cio-load-3f9a1c07"),
            ("site", _HASH, "the hash of a site id, 64 hexadecimal digits"),
        ):
            value = getattr(self, name)
            if not isinstance(value, str) or not form.fullmatch(value):
                got = "something else" if name == "site" else repr(value)  # it may be the site id itself
                raise ValueError(f"{name}: got {got}; expected one such as {example}; try new_header()")
        for name in ("attribute", "test", "region", "started"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"{name}: got {getattr(self, name)!r}; expected text; try new_header()")
        if type(self.environment_id) is not int:
            raise ValueError(f"environment_id: got {self.environment_id!r}; expected a whole number; try new_header()")


def new_header(*, test: str, site: str, environment_id: int, region: str) -> Header:
    """The header of a run that begins now, with an id and a prefix that no other run has. Arguments as of `Header`."""
    now = datetime.now(UTC)
    run = f"{now:%Y%m%d-%H%M%S}-{token_hex(3)}"
    started = now.isoformat(timespec="milliseconds")
    return Header(run, f"cio-load-{token_hex(4)}", ATTRIBUTE, test, site, environment_id, region, started)
