"""The fake in a process of its own: asked from here, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import httpx
import pytest
from customerio import CustomerIO, Regions

from pytest_cio_load.fake.process import portable
from pytest_cio_load.fake.served import ServedFake
from pytest_cio_load.fake.workspace import FakeWorkspace
from pytest_cio_load.units import UnitError

CREDENTIALS = ("fake-site-id", "fake-api-key")


@pytest.fixture(scope="module")
def one() -> Iterator[ServedFake]:
    with ServedFake([{"latency": 0, "name": "Alone"}]) as fake:
        yield fake


@pytest.fixture
def served(one: ServedFake) -> ServedFake:
    one.reset()
    return one


def put(served: ServedFake, person: str, site_id: str = "fake-site-id") -> int:
    basic = "Basic " + b64encode(f"{site_id}:fake-api-key".encode()).decode()
    url = f"{served.url}/api/v1/customers/{person}"
    return httpx.put(url, json={"plan": "pro"}, headers={"authorization": basic}, trust_env=False).status_code


def until_gone(pid: int) -> bool:
    """Whether the process ends; one that nobody has waited for yet has ended too."""
    for _ in range(400):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_it_answers_as_the_fake_in_this_process_does(served: ServedFake) -> None:
    """Properties and methods, with values of the same types."""
    here = FakeWorkspace(latency=0)
    assert put(served, "u1") == 200
    authorization = {"authorization": "Basic " + b64encode(b"fake-site-id:fake-api-key").decode()}
    here.answer("PUT", "/api/v1/customers/u1", authorization, b'{"plan":"pro"}', 0.0)
    for name in ("people", "events", "deletions", "requests"):
        assert getattr(served, name) == getattr(here, name)
    for name in ("received", "applied", "rejected", "dropped", "duplicates", "delivery"):
        assert getattr(served, name)() == getattr(here, name)()
    there, ours = served.person("u1"), here.person("u1")
    assert there is not None
    assert ours is not None
    assert (there.id, there.cio_id, there.attributes) == (ours.id, ours.cio_id, ours.attributes)
    assert served.received("identify", person="u1") == 1
    assert (served.name, served.limit, served.site_id) == ("Alone", 100, "fake-site-id")


def test_faults_are_arranged_from_here(served: ServedFake) -> None:
    """One after the other, as a script; they count from the beginning of the run."""
    served.begin()
    assert served.at(0).fail(503, lasting="1h").at("1h").freeze("1s") is served
    assert put(served, "u1") == 503
    served.end()
    assert put(served, "u1") == 200


def test_begin_counts_from_now(served: ServedFake) -> None:
    """Whatever clock the caller reads: the other process has its own."""
    assert put(served, "u1") == 200
    served.at(3_600).fail(503)
    served.begin(now=10_000_000.0)
    assert put(served, "u2") == 200


def test_reset_forgets_everything(served: ServedFake) -> None:
    """People, counts, faults; the server stays where it is."""
    put(served, "u1")
    served.at(0).fail(503)
    url = served.url
    served.reset()
    assert (served.people, served.requests, served.url) == ({}, 0, url)
    assert put(served, "u1") == 200


@pytest.mark.parametrize(
    ("time", "fault", "arguments", "message"),
    [
        ("soon", "freeze", ("1s",), "got 'soon', expected a duration"),
        ("1s", "freeze", ("never",), "got 'never', expected a duration"),
        ("1s", "fail", (200,), "got 200, expected a status from 400 to 599"),
    ],
)
def test_a_fault_that_makes_no_sense(served: ServedFake, time: str, fault: str, arguments: tuple[object, ...], message: str) -> None:
    """Is said where it was written, as by the fake in this process."""
    with pytest.raises(UnitError, match=message):
        getattr(served.at(time), fault)(*arguments)


def test_a_question_that_makes_no_sense(served: ServedFake) -> None:
    """The other process's ValueError arrives here, and the next question is answered."""
    with pytest.raises(ValueError, match="did you mean identify"):
        served.applied("identfy")
    assert served.applied() == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("peeple", "the served fake has no 'peeple'; did you mean people?"),
        ("_people", "the served fake has no '_people'"),
        ("credentials", "the served fake has no 'credentials'"),
        ("xyz", "the served fake has no 'xyz'"),
    ],
)
def test_what_it_does_not_have(served: ServedFake, name: str, message: str) -> None:
    """An AttributeError, as of any object."""
    with pytest.raises(AttributeError) as caught:
        getattr(served, name)
    assert str(caught.value).startswith(message)


def test_a_fault_it_does_not_have(served: ServedFake) -> None:
    """An AttributeError here, before anything is sent."""
    with pytest.raises(AttributeError, match="explode"):
        served.at(0).explode()


def test_several_threads_may_ask(served: ServedFake) -> None:
    """Each gets the answer to its own question."""
    put(served, "u1")
    wrong: list[bool] = []

    def ask() -> None:
        wrong.extend(served.requests != 1 or served.people != {"u1": {"id": "u1", "plan": "pro"}} for _ in range(50))

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [False] * 200


def test_several_workspaces() -> None:
    """Told apart by their credentials; asked together, or each alone."""
    with ServedFake([{"site_id": "a", "latency": 0}, {"site_id": "b", "latency": 0}]) as served:
        served.workspaces[1].begin()
        assert served.workspaces[1].at(0).fail(503, lasting="1h").at("2h").fail(500) is served.workspaces[1]
        assert (put(served, "u1", "a"), put(served, "u1", "b")) == (200, 503)
        assert [workspace.applied() for workspace in served.workspaces] == [1, 0]
        assert (served.applied(), served.requests) == (1, 2)
        with pytest.raises(AttributeError, match="the served fake has no 'events'; ask one of its workspaces"):
            served.events  # noqa: B018 — asking is the point
        served.at(0).unauthorized()
        assert put(served, "u1", "a") == 401


def test_settings_that_make_no_sense() -> None:
    """Are refused before a process is started."""
    with pytest.raises(ValueError, match="limit: got -1"):
        ServedFake([{"limit": -1}])


def test_a_port_that_is_taken(one: ServedFake) -> None:
    """Said here, and the process that found it out is ended."""
    port = int(one.url.rpartition(":")[2])
    with pytest.raises(OSError, match=f"port: got {port} .Address already in use.; expected one that is free"):
        ServedFake(port=port)


def test_asking_after_the_end() -> None:
    """Closed, by us or by somebody else: a clear error, and closing again is no harm."""
    served = ServedFake()
    os.kill(served._process.pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match="its process ended with exit code -9; expected it to run until it is closed"):
        served.people  # noqa: B018 — asking is the point
    served.close()
    served.close()
    with pytest.raises(RuntimeError, match="got 'ask' after it was closed; expected it before; ask first, then close"):
        served.people  # noqa: B018 — asking is the point


def test_closing_ends_the_process() -> None:
    """By itself, with exit code 0."""
    with ServedFake() as served:
        pid = served._process.pid
    assert until_gone(pid)
    assert served._process.returncode == 0


def test_ctrl_c_does_not_end_it() -> None:
    """It is asked what arrived after that."""
    with ServedFake() as served:
        os.kill(served._process.pid, signal.SIGINT)
        assert served.requests == 0


PARENT = "from pytest_cio_load.fake.served import ServedFake; import time; print(ServedFake()._process.pid, flush=True); time.sleep(60)"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="watches a process through /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_does_not_outlive_its_parent(how: signal.Signals) -> None:
    """Not even one that was killed and could tell nobody."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert Path(f"/proc/{child}").exists()
    parent.send_signal(how)
    parent.wait()
    parent.stdout.close()
    assert until_gone(child)


def test_it_runs_the_package_that_runs_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From any folder, even one with files named like modules it needs."""
    (tmp_path / "asyncio.py").write_text("raise SystemExit('the wrong one')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with ServedFake() as served:
        assert served.requests == 0


def test_the_official_client_over_https(served: ServedFake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which speaks nothing but HTTPS: host, port and CA bundle point it here."""
    url, ca_file = served.serve_https()
    assert (url, ca_file) == (served.https_url, served.ca_file) == served.serve_https()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca_file)
    client = CustomerIO(*CREDENTIALS, region=Regions.US, host="127.0.0.1", port=int(url.rpartition(":")[2]))
    client.identify(id="u/1 ü", email="a/b@example.com", plan="pro")
    client.identify(id="gone")
    client.track("u/1 ü", "bought", {"amount": 1})
    client.delete(customer_id="gone")
    client.http.close()
    assert served.people == {"u/1 ü": {"id": "u/1 ü", "email": "a/b@example.com", "plan": "pro"}}
    assert [(event.name, event.data) for event in served.events] == [("bought", {"amount": 1})]
    assert served.deletions == ["gone"]


def test_https_without_trustme(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Names the extra."""
    from pytest_cio_load.fake import tls

    monkeypatch.setattr(tls, "find_spec", lambda _: None)
    with pytest.raises(RuntimeError, match=r"trustme is not installed, expected it to be; run: pip install 'pytest-cio-load\[fake\]'"):
        tls.made_up(str(tmp_path / "ca.pem"))


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ValueError("plain"), ValueError, "plain"),
        (UnitError("x", "a rate"), RuntimeError, "UnitError: got 'x', expected a rate"),
    ],
)
def test_errors_that_travel(error: Exception, kind: type[Exception], text: str) -> None:
    """Whole, or as their text."""
    there = portable(error)
    assert (type(there), str(there)) == (kind, text)
