"""Suites that exist already, pointed at the fake without a change to the code under test.

The official client speaks HTTPS only: its host, port and trusted authority point it at the fake's own HTTPS door. Any other client is
timed call by call once `cio_load.instrument` has seen it.
"""

import os

import pytest
import pytest_asyncio

from pytest_cio_load import ContractBroken

SHARED_MACHINE = {"on_time": "rate>=90%"}

pytestmark = [
    pytest.mark.cio_load(rate=20, duration=2, target="fake", latency="5ms", p95="5s", thresholds=SHARED_MACHINE),
    pytest.mark.cio_workspace(limit="1000/s"),
]


@pytest.fixture
def secure(cio_fake, cio_sync, monkeypatch):
    """Host, port and credentials of the fake's HTTPS door, which every client in this process trusts."""
    pytest.importorskip("trustme")
    url, ca_file = cio_fake.serve_https()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca_file)
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)
    return "127.0.0.1", int(url.rpartition(":")[2]), cio_sync.workspace


@pytest.fixture
def official(secure):
    pytest.importorskip("customerio")
    from customerio import CustomerIO

    host, port, workspace = secure
    return CustomerIO(workspace.site_id, workspace.api_key, host=host, port=port)


def test_the_official_client(official, cio_load):
    official.identify(id=cio_load.user.id, email=cio_load.user.email)
    official.track(customer_id=cio_load.user.id, name="opened")


@pytest.fixture
def outage(cio_fake):
    cio_fake.at("500ms").fail(503, lasting="1s")


@pytest.mark.xfail(raises=ContractBroken, reason="the official client gives up after 4 attempts in 0.2 s: an outage of 1 s loses events")
@pytest.mark.cio_load(errors=0)
def test_the_official_client_in_an_outage(official, outage, cio_load):
    """The same outage that `test_outage.py` outlasts, shorter."""
    official.track(customer_id=cio_load.user.id, name="opened")


@pytest_asyncio.fixture
async def unofficial(secure):
    pytest.importorskip("async_customerio")
    from async_customerio import AsyncCustomerIO

    host, port, workspace = secure
    client = AsyncCustomerIO(workspace.site_id, workspace.api_key, host=host, port=port)
    yield client
    await client.close()


@pytest.mark.cio_load(rate=15)
async def test_async_customerio(unofficial, cio_load):
    await unofficial.identify(identifier=cio_load.user.id, email=cio_load.user.email)


@pytest_asyncio.fixture
async def plain_httpx(cio_fake):
    import httpx

    async with httpx.AsyncClient(base_url=cio_fake.url) as client:
        yield client


@pytest.mark.cio_load(thresholds={**SHARED_MACHINE, "track": "p(95)<5s", "http": "count>0"})
async def test_a_plain_httpx_client(plain_httpx, cio_load):
    client = cio_load.instrument(plain_httpx)
    answer = await client.post(f"/api/v1/customers/{cio_load.user.id}/events", json={"name": "opened"}, auth=("nobody", "nothing"))
    assert answer.status_code == 401
    await client.get("/somewhere/else")


@pytest.fixture
def session():
    requests = pytest.importorskip("requests")
    with requests.Session() as session:
        session.trust_env = "REQUESTS_CA_BUNDLE" in os.environ
        yield session


@pytest.mark.cio_load(thresholds={**SHARED_MACHINE, "identify": "p(95)<5s"})
def test_a_requests_session(session, cio_fake, cio_load):
    session = cio_load.instrument(session)
    answer = session.put(f"{cio_fake.url}/api/v1/customers/{cio_load.user.id}", json={"plan": "pro"}, auth=("nobody", "nothing"))
    assert answer.status_code == 401


@pytest.fixture
def app(cio):
    """A web application that calls Customer.io while it answers: the code under test."""
    fastapi = pytest.importorskip("fastapi")
    app = fastapi.FastAPI()

    @app.post("/sign-up/{name}")
    async def sign_up(name: str):
        await cio.identify(name, email=f"{name}@example.com")
        await cio.track(name, "signed_up")
        return {"signed up": name}

    return app


@pytest_asyncio.fixture
async def browser(app):
    import httpx

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://app") as client:
        yield client


@pytest.mark.cio_load(thresholds={**SHARED_MACHINE, "identify": "p(95)<5s", "http": "p(95)<5s"})
async def test_a_fastapi_application(browser, cio_load):
    answer = await cio_load.instrument(browser).post(f"/sign-up/{cio_load.user.id}")
    assert answer.json() == {"signed up": cio_load.user.id}
