"""``cio_block_network``: nothing in the test process reaches Customer.io, and what tried to is told."""

from __future__ import annotations

import pytest

from pytest_cio_load.errors import GuardRefused
from pytest_cio_load.safety.network import allow_network, block_network, is_blocked, refusals
from pytest_cio_load.units import show_count


def block(config: pytest.Config) -> None:
    """Block it from now until the session is over. Raises pytest.UsageError when this process cannot be watched."""
    if is_blocked():  # by a session around this one, which would not like it to end with this one
        return
    try:
        block_network()
    except GuardRefused as refused:
        msg = f"cio_block_network: got {str(refused)!r}, expected a process that can be watched; leave it out, or what is in the way"
        raise pytest.UsageError(msg) from None
    config.add_cleanup(allow_network)


def tell(reporter: pytest.TerminalReporter) -> None:
    """Say what was refused: a client may have swallowed it."""
    refused = refusals()
    if refused:
        hosts = ", ".join(f"{host} ({show_count(times)} times)" for host, times in sorted(refused.items()))
        reporter.write_line(f"cio_block_network: refused connections to {hosts}", yellow=True)
