"""Checks, groups and metrics of your own, each with promises in k6's grammar and with units."""

import pytest


@pytest.mark.cio_load(
    rate=20,
    duration="30s",
    latency="lognormal(p50=40ms,p99=180ms)",
    thresholds={
        "group:sign up": "p(95)<500ms",
        "checks": "rate>99%",
        "check:has an email": "rate==100%",
        "payload": ["avg<200", "max<1000"],
        "tracked": "count>500",
    },
)
async def test_sign_up(cio, cio_load):
    user = cio_load.user
    attributes = {"email": user.email, "plan": cio_load.rng.choice(["free", "pro"])}
    cio_load.check("has an email", "@" in attributes["email"])
    cio_load.trend("payload").add(len(str(attributes)))
    with cio_load.group("sign up"):
        await cio.identify(user.id, **attributes)
        await cio.track(user.id, "signed_up")
    cio_load.counter("tracked").add()
