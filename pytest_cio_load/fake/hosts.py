"""What happens to a request that came to the other region's host."""

from __future__ import annotations

from pytest_cio_load.customerio.api import Region
from pytest_cio_load.errors import near_miss
from pytest_cio_load.fake import texts
from pytest_cio_load.fake.texts import HEADERS, Refused, app_error, meta_error

_HOSTS = {
    "track.customer.io": Region.US,
    "api.customer.io": Region.US,
    "track-eu.customer.io": Region.EU,
    "api-eu.customer.io": Region.EU,
}


def region_of(region: object) -> Region | None:
    """A region, or None for any. Raises ValueError."""
    if region is None or isinstance(region, Region):
        return region
    known = {one.value: one for one in Region}
    if isinstance(region, str) and region in known:
        return known[region]
    lower = str(region).lower()
    hint = f"did you mean {lower}?" if lower in known else near_miss(lower, known) or "leave it out for any"
    raise ValueError(f"region: got {region!r}; expected 'us' or 'eu'; {hint}")


def turn_away(region: Region, host: str, app: bool) -> None:
    """Raise Refused, with the answer, when *host* is Customer.io's in another region than the account's.

    The App API answers 401. The Track API redirects an EU account from the US host, and refuses a US account on the EU host. Customer.io
    does not publish the statuses of the Track API: 301 and 401 are our choice. Any other host, such as a loopback address, is right.
    """
    at = _HOSTS.get(host.partition(":")[0].lower())
    if at is None or at is region:
        return
    if app:
        raise Refused(401, app_error(401, texts.WRONG_DATACENTER))
    if region is Region.EU:
        raise Refused(301, meta_error(texts.WRONG_DATACENTER), {**HEADERS, "location": f"https://{region.track_host}"})
    raise Refused(401, meta_error(texts.WRONG_DATACENTER))
