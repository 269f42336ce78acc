"""A certificate for loopback, and an authority to trust for it, made up for one run."""

from __future__ import annotations

import ssl
from importlib.util import find_spec


def made_up(ca_file: str) -> ssl.SSLContext:
    """A server's context for 127.0.0.1 and localhost; the authority that signed it is written to *ca_file*, for clients to trust.

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
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context
