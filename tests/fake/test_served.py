"""The served fake as its caller has it: the same questions and faults as here, several workspaces, and no process left behind."""

from __future__ import annotations

import copy
import json
import socket
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from ssl import create_default_context
from typing import Any

import httpx
import pytest

from pytest_cio_load.fake.served import ServedFake
from pytest_cio_load.fake.workspace import FakeWorkspace

BASIC = "Basic " + b64encode(b"fake-site-id:fake-api-key").decode()
EVENT = {"name": "bought", "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "data": {"n": 1}}
REQUESTS: list[tuple[str, str, object]] = [
    ("PUT", "/api/v1/customers/u1", {"email": "a@example.com", "plan": "pro"}),
    ("PUT", "/api/v1/customers/u1/devices", {"device": {"id": "phone", "platform": "ios"}}),
    ("POST", "/api/v1/customers/u1/events", EVENT),
    ("POST", "/api/v1/customers/u1/events", EVENT),
    ("POST", "/api/v1/customers/u1/events", {}),
    ("DELETE", "/api/v1/customers/gone", None),
    ("POST", "/api/v1/customers/u2/suppress", None),
    ("POST", "/api/v2/batch", {"batch": [{"type": "person", "action": "nonsense"}]}),
]


@pytest.fixture(scope="module")
def one() -> Iterator[ServedFake]:
    """One for all that only ask."""
    with ServedFake([{"latency": 0, "unix_start": 1_700_000_000}]) as fake:
        yield fake


@pytest.fixture
def served(one: ServedFake) -> ServedFake:
    """As new."""
    one.reset()
    return one


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Every process that a served fake starts."""
    processes: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            processes.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    return processes


def ask(url: str, method: str, path: str, body: object = None, authorization: str = BASIC) -> httpx.Response:
    content = None if body is None else json.dumps(body).encode()
    return httpx.request(method, url + path, content=content, headers={"authorization": authorization}, trust_env=False)


def put(url: str, person: str = "u1", site_id: str = "fake-site-id") -> int:
    credentials = "Basic " + b64encode(f"{site_id}:fake-api-key".encode()).decode()
    return ask(url, "PUT", f"/api/v1/customers/{person}", {}, credentials).status_code


def make_traffic(served: ServedFake) -> FakeWorkspace:
    """The same requests there and here: the fake here."""
    here = FakeWorkspace(latency=0, unix_start=1_700_000_000)
    for method, path, body in REQUESTS:
        answered = ask(served.url, method, path, body)
        reply = here.answer(method, path, {"authorization": BASIC}, b"" if body is None else json.dumps(body).encode(), 0.0)
        assert (answered.status_code, answered.content) == (reply.status, reply.body)
    return here


QUESTIONS: dict[str, Callable[[Any], object]] = {
    "people": lambda fake: fake.people,
    "deletions": lambda fake: fake.deletions,
    "requests": lambda fake: fake.requests,
    "events": lambda fake: [(event.name, event.data) for event in fake.events],
    "person": lambda fake: fake.person("u1").attributes,
    "nobody": lambda fake: fake.person("nobody"),
    "received": lambda fake: fake.received(),
    "received by person": lambda fake: fake.received("track", person="u1"),
    "received by name": lambda fake: fake.received("track", name="bought"),
    "applied": lambda fake: fake.applied("identify"),
    "rejected": lambda fake: fake.rejected(),
    "duplicates": lambda fake: fake.duplicates("track"),
    "delivery": lambda fake: fake.delivery(),
    "facts": lambda fake: (fake.site_id, fake.limit, fake.over_budget, fake.region, fake.environment_id, fake.name),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered_as_here(served: ServedFake, question: str) -> None:
    """Properties and methods, positions and keywords."""
    here = make_traffic(served)
    assert QUESTIONS[question](served) == QUESTIONS[question](here)


FAULTS: dict[str, Callable[[Any], object]] = {
    "fail": lambda fake: fake.at(0).fail(503, lasting="1h", retry_after=7),
    "unauthorized": lambda fake: fake.at("0s").unauthorized(),
    "drop": lambda fake: fake.at(0).drop(ratio=1.0),
    "rate_limit": lambda fake: fake.at(0).rate_limit(0.001),
    "slow": lambda fake: fake.at(0).slow(factor=1.5),
    "one after the other": lambda fake: fake.at("2h").freeze("1s").at(0).fail(500).at("3h").reset_connections(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_strikes_as_here(served: ServedFake, fault: str) -> None:
    """The same answers, and the same left behind."""
    here = FakeWorkspace(latency=0, unix_start=1_700_000_000)
    FAULTS[fault](here)
    FAULTS[fault](served)
    for _ in range(2):
        there = ask(served.url, "PUT", "/api/v1/customers/u1", {})
        reply = here.answer("PUT", "/api/v1/customers/u1", {"authorization": BASIC}, b"{}", 0.0)
        assert (there.status_code, there.content, there.headers.get("retry-after")) == (
            reply.status,
            reply.body,
            reply.headers.get("retry-after"),
        )
    assert (served.people, served.delivery()) == (here.people, here.delivery())


def test_a_connection_is_reset(served: ServedFake) -> None:
    """The client meets a failure of the network, not an answer."""
    served.at(0).reset_connections()
    with pytest.raises(httpx.ReadError):
        put(served.url)
    assert (served.people, served.requests) == ({}, 1)


def test_a_url_answers_as_long_as_it_is_open() -> None:
    """And then nobody listens."""
    with ServedFake([{"latency": 0}]) as served:
        assert put(served.url) == 200
    with pytest.raises(httpx.ConnectError):
        put(served.url)


def test_several_at_once() -> None:
    """Each has a process, a port and people of its own."""
    with ServedFake([{"latency": 0}]) as first, ServedFake([{"latency": 0}]) as second:
        assert first.url != second.url
        put(second.url)
        assert (first.requests, second.requests) == (0, 1)


def test_it_ends_though_clients_still_wait(started: list[subprocess.Popen[bytes]]) -> None:
    """An answer that never comes keeps no process alive; the client sees its connection end."""
    with ServedFake([{"latency": 0}]) as served:
        served.at(0).times_out()
        with socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2]))) as waiting:
            waiting.sendall(b"GET /auth HTTP/1.1\r\n\r\n")
            while not served.requests:
                pass
            served.close()
            with suppress(ConnectionResetError):
                assert waiting.recv(1) == b""
    assert [process.poll() for process in started] == [0]


SETTINGS: list[tuple[Any, str]] = [
    ([], "workspaces: got none; expected at least one; try"),
    ([{}, {}], "workspaces: got two with the site id 'fake-site-id' and one key; expected credentials that tell them apart"),
    ([{"site_id": "a"}, {"site_id": "b", "limit": 0}], "limit: got 0"),
    ([{"latency": "soon"}], "soon"),
    ([{"over_budget": "refuse"}], "refuse"),
    ([{"region": "mars"}], "mars"),
]


@pytest.mark.parametrize(("settings", "message"), SETTINGS)
def test_settings_that_make_no_sense(started: list[subprocess.Popen[bytes]], settings: Any, message: str) -> None:
    """Are refused where they were written, and no process is started for them."""
    with pytest.raises(ValueError) as caught:
        ServedFake(settings)
    assert message in str(caught.value)
    assert started == []


def test_a_port_that_is_taken(started: list[subprocess.Popen[bytes]], one: ServedFake) -> None:
    """The process that found it out has ended when we hear of it."""
    with pytest.raises(OSError, match="expected one that is free; use 0 for any that is"):
        ServedFake(port=int(one.url.rpartition(":")[2]))
    assert [process.poll() for process in started] == [0]


@pytest.mark.parametrize("port", [-1, 65_536])
def test_no_port(started: list[subprocess.Popen[bytes]], port: int) -> None:
    """Got, expected, nearest; and the process has ended."""
    with pytest.raises(ValueError, match=f"port: got {port}; expected a whole number from 0 to 65535; use 0 for a free one"):
        ServedFake(port=port)
    assert [process.poll() for process in started] == [0]


def test_a_port_for_https_that_is_taken() -> None:
    """Is said so, and HTTP goes on; asked for another, it is served."""
    with ServedFake([{"latency": 0}]) as served:
        with pytest.raises(OSError, match="expected one that is free"):
            served.serve_https(port=int(served.url.rpartition(":")[2]))
        assert (served.https_url, served.ca_file, put(served.url)) == (None, None, 200)
        url, ca_file = served.serve_https()
        response = httpx.get(
            url + "/auth", headers={"authorization": BASIC}, verify=create_default_context(cafile=ca_file), trust_env=False
        )
        assert response.status_code == 200


def test_the_authority_goes_with_it() -> None:
    """Its file is there as long as the fake is."""
    with ServedFake([{"latency": 0}]) as served:
        _, ca_file = served.serve_https()
        assert Path(ca_file).read_text(encoding="ascii").startswith("-----BEGIN CERTIFICATE-----")
    assert not Path(ca_file).parent.exists()


def test_several_workspaces_by_credentials() -> None:
    """Each request goes where its credentials say, a fault where it was arranged; nobody's are refused."""
    with ServedFake([{"site_id": site_id, "app_key": f"app-{site_id}", "name": site_id, "latency": 0} for site_id in "abc"]) as served:
        served.workspaces[1].at(0).fail(503)
        assert [put(served.url, "u1", site_id) for site_id in ("a", "b", "c", "c", "d")] == [200, 503, 200, 200, 401]
        assert [each.requests for each in served.workspaces] == [2, 1, 2]
        assert [each.name for each in served.workspaces] == ["a", "b", "c"]
        assert (served.requests, served.applied(), served.rejected()) == (5, 3, 2)
        served.end()
        assert put(served.url, "u1", "b") == 200
        workspaces = ask(served.url, "GET", "/v1/workspaces", authorization="Bearer app-b")
        assert workspaces.json()["workspaces"][0]["name"] == "b"


def test_one_workspace_is_also_in_the_list(served: ServedFake) -> None:
    """The same questions, whichever way they are asked."""
    put(served.url)
    assert [each.people for each in served.workspaces] == [served.people]


@pytest.mark.parametrize("name", ["answer", "credentials", "__len__", "_tell_me", "faulty"])
def test_what_it_does_not_have(served: ServedFake, name: str) -> None:
    """Neither the fake nor one of its workspaces: hasattr says no."""
    assert not hasattr(served, name)
    assert not hasattr(served.workspaces[0], name)


def test_it_can_be_copied(served: ServedFake) -> None:
    """As a fixture's value may be by tools: the copy asks the same process."""
    assert copy.copy(served).url == served.url


def test_nothing_secret_is_shown(served: ServedFake) -> None:
    """Its URL, and no key."""
    assert repr(served) == f"ServedFake({served.url!r})"
