"""A certificate for loopback and for Customer.io's own host names, and an authority to trust for it, made up for one run."""

from __future__ import annotations

import ssl
from importlib.util import find_spec

from pytest_cio_load.customerio.api import Region

HOSTS = tuple(host for region in Region for host in (region.track_host, region.app_host))
"""Customer.io's own names of its APIs."""


def made_up(ca_file: str) -> ssl.SSLContext:
    """A server's context; the authority that signed it is written to *ca_file*, for clients to trust.

    It is for 127.0.0.1 and localhost, and for the hosts of Customer.io's APIs, whose names stand in many a client: with these mapped to
    loopback, as the fake's proxy does, it takes the fake for them. The keys stay in this process.

    Raises:
        RuntimeError: trustme is not installed.
    """
    if find_spec("trustme") is None:
        msg = "HTTPS for the fake: trustme is not installed, expected it to be; run: pip install 'pytest-cio-load[fake]'"
        raise RuntimeError(msg)
    import trustme

    authority = trustme.CA(organization_name="pytest-cio-load")
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost", *HOSTS).configure_cert(context)
    return context
