"""The mock from a suite's side: a test's own respx and our client are not in each other's way; cleaning up is no load.

Our client's calls pass no router on their way to the fake, and never passed one that a test could get at.
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_cio_load.customerio.workspaces import AppAccess, Workspace
from pytest_cio_load.targets.clients import Clients

if TYPE_CHECKING:
    from collections.abc import Callable

QUIET = ("-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function", "-o", "asyncio_mode=auto")


@pytest.fixture
def kept(pytester: pytest.Pytester) -> Callable[..., dict[str, Any]]:
    """Run a suite whose one test keeps its contract; gives its run document."""

    def kept(suite: str, applied: int = 20) -> dict[str, Any]:
        pytester.makepyfile(suite)
        result = pytester.runpytest_inprocess(*QUIET, "--cio-json=run.json")
        result.assert_outcomes(passed=1)
        document: dict[str, Any] = json.loads((pytester.path / "run.json").read_text(encoding="utf-8"))["runs"][0]
        assert document["verdict"] == "kept"
        assert (document["delivery"]["applied"], document["cleanup"]["left"]) == (applied, 0)
        return document

    return kept


@pytest.mark.parametrize("using", ["httpcore", "httpx"])
def test_routes_for_other_hosts(kept: Callable[..., dict[str, Any]], using: str) -> None:
    """What the test's own clients ask is answered and counted by the test's own routes; what no route is for is refused, as ever."""
    kept(f"""
        import httpx, pytest, respx

        @pytest.fixture
        def shop(respx_mock):
            route = respx_mock.get("https://shop.example/orders").respond(201, json={{"order": 7}})
            yield route
            assert route.call_count == 20
            assert route.calls.last.request.headers["x-who"].startswith("cio-load-")

        @pytest.mark.respx(assert_all_called=True, using="{using}")
        @pytest.mark.cio_load(rate=20, duration=1)
        async def test_it(cio, cio_load, shop):
            async with httpx.AsyncClient() as client:
                answer = await client.get("https://shop.example/orders", headers={{"x-who": cio_load.user.id}})
                assert (answer.status_code, answer.json()) == (201, {{"order": 7}})
                with pytest.raises(respx.models.AllMockedAssertionError):
                    await client.get("https://elsewhere.example/")
            await cio.identify(cio_load.user.id, email=cio_load.user.email)
    """)


def test_routes_for_customer_io(kept: Callable[..., dict[str, Any]]) -> None:
    """They answer the test's own clients, side effects and all. Our client is answered by the fake, which is what is measured."""
    kept("""
        import httpx, pytest

        @pytest.fixture
        def teapot(respx_mock, cio_fake):
            seen = []

            def answer(request):
                seen.append(request.url.path)
                return httpx.Response(418)

            route = respx_mock.put(host="track.customer.io").mock(side_effect=answer)
            yield route
            assert route.call_count == len(seen) == 20
            assert cio_fake.applied("identify") == 20

        @pytest.mark.cio_load(rate=20, duration=1)
        async def test_it(cio, cio_load, teapot):
            async with httpx.AsyncClient() as client:
                assert (await client.put("https://track.customer.io/api/v1/customers/u1", json={})).status_code == 418
            await cio.identify(cio_load.user.id, email=cio_load.user.email)
    """)


def test_a_blocking_test(kept: Callable[..., dict[str, Any]]) -> None:
    """The same on threads."""
    kept("""
        import httpx, pytest

        @pytest.fixture
        def shop(respx_mock):
            route = respx_mock.get("https://shop.example/orders").respond(201)
            yield route
            assert route.call_count == len(respx_mock.calls) == 20

        @pytest.mark.cio_load(rate=40, duration="500ms", latency="1ms", max="60s", on_saturation="queue")
        def test_it(cio_sync, cio_load, shop):
            with httpx.Client() as client:
                assert client.get("https://shop.example/orders").status_code == 201
            cio_sync.identify(cio_load.user.id, email=cio_load.user.email)
    """)


def test_a_router_in_front_of_the_fake(kept: Callable[..., dict[str, Any]]) -> None:
    """A router of the test's own, with its history, leads the test's own client to the model that our client reaches without one."""
    kept(
        """
        import httpx, pytest, respx
        from pytest_cio_load.fake.transport import async_transport

        @pytest.fixture
        def router(cio_fake):
            router = respx.Router()
            router.route(host="track.customer.io", method="GET").mock(side_effect=async_transport(cio_fake).handler)
            yield router
            assert len(router.calls) == 20
            assert {call.response.status_code for call in router.calls} == {200}
            router.assert_all_called()
            assert (cio_fake.received("auth"), cio_fake.applied("identify")) == (20, 20)

        @pytest.mark.cio_load(rate=20, duration=1, thresholds={"delivery": ["duplicates==0"]})
        async def test_it(cio, cio_load, cio_fake, router):
            transport = httpx.MockTransport(router.async_handler)
            async with httpx.AsyncClient(transport=transport, headers={"authorization": cio_fake.credentials[0]}) as client:
                assert (await client.get("https://track.customer.io/auth")).status_code == 200
            await cio.identify(cio_load.user.id, email=cio_load.user.email)
        """,
        applied=40,
    )


def test_cleaning_up_is_no_load(kept: Callable[..., dict[str, Any]]) -> None:
    """Thousands of people are deleted through the front door, each of them counted, and nothing of it is in the run."""
    document = kept(
        """
        import pytest

        @pytest.fixture
        def nobody_left(cio_fake):
            yield
            assert cio_fake.applied("delete") == len(cio_fake.deletions) == 2_500
            assert cio_fake.people == {}

        @pytest.mark.cio_workspace(limit="5000/s")
        @pytest.mark.cio_load(rate=2500, duration=1, latency="1ms")
        async def test_it(cio, cio_load, nobody_left):
            await cio.identify(cio_load.user.id)
        """,
        applied=2_500,
    )
    assert document["cleanup"] == {"noted": 2_500, "deleted": 2_500, "left": 0}
    assert document["delivery"]["requests"] == 2_500


@pytest.mark.parametrize("blocking", [False, True])
def test_cleaning_up_keeps_no_pace(blocking: bool) -> None:
    """A thousand deletions may go at one moment; then everything else gets its turn, for the shortest time that there is."""
    made = Clients(
        [Workspace("site", "key")],
        AppAccess("key"),
        SimpleNamespace(make=lambda *_: None, make_sync=lambda *_: None),  # type: ignore[arg-type]
        seed=1,
        patient=False,
        on_call=lambda record: None,
        now=lambda: 0.0,
    )
    cleaner: Any = made.for_threads(cleaning=True) if blocking else made.for_coroutines(cleaning=True)
    assert [cleaner.bucket.reserve(0.0) for _ in range(1_000)] == [0.0] * 1_000
    waits = [cleaner.bucket.reserve(0.0) for _ in range(10)]
    assert max(waits) == 1e-6
    assert [cleaner.bucket.reserve(2e-6) for _ in range(1_000)][:900] == [0.0] * 900
