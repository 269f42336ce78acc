"""Who may reach a real host: names, permits, and what each lets through."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.errors import GuardRefused
from pytest_cio_load.safety import permit as permits
from pytest_cio_load.safety.permit import check, gate_for, grant, is_customer_io, is_passing, is_watched, lets_through

TRACK = "https://track.customer.io"
REGION = ("GET", "/api/v1/accounts/region")
PERSON = ("PUT", "/api/v1/customers/somebody")


@pytest.fixture(autouse=True)
def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """A register of this test's own."""
    monkeypatch.setattr(permits, "_permits", ())


@pytest.mark.parametrize(
    "host",
    [
        "customer.io",
        "track.customer.io",
        "track-eu.customer.io",
        "api-eu.customer.io",
        "a.b.c.customer.io",
        "TRACK.Customer.IO",
        "track.customer.io.",
        "track.customer.io:443",
        "Track.Customer.io.:8443",
        "track%2Ecustomer.io",
        "track\u3002customer\uff0eio",
        "\uff54rack.customer.io",
        "tra\u00adck.customer.io",
        " track.customer.io\n",
        "é" * 70 + ".customer.io",
    ],
)
def test_what_is_customer_io(host: str) -> None:
    """The domain and every name under it, however it is spelled."""
    assert is_customer_io(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "io",
        "localhost",
        "127.0.0.1",
        "127.0.0.1:443",
        "notcustomer.io",
        "customer.io.example.com",
        "track-customer.io",
        "customer.iot",
        "customer.com",
        "::1",
        "[::1]:443",
        "fe80::1%track.customer.io",
        "/tmp/socket.customer.io",
    ],
)
def test_what_is_not(host: str) -> None:
    """Look-alikes, addresses, and the path of a socket."""
    assert not is_customer_io(host)


LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)


@given(st.lists(LABELS, max_size=3), st.sampled_from(["", "."]), st.sampled_from(["", ":443", ":1"]), st.integers(0))
def test_case_dot_and_port_change_nothing(labels: list[str], dot: str, port: str, case: int) -> None:
    """Whatever stands before the domain."""
    name = ".".join([*labels, "customer.io"])
    cased = "".join(letter.upper() if case >> place & 1 else letter for place, letter in enumerate(name))
    assert is_customer_io(cased + dot + port)


@given(st.text(max_size=40))
def test_any_text_may_be_asked_about(text: str) -> None:
    """Nothing raises, and what only begins with the domain is not under it."""
    is_customer_io(text)
    assert not is_customer_io(text + ".example")


@pytest.mark.parametrize(
    "url",
    [
        TRACK,
        "HTTPS://TRACK.CUSTOMER.IO",
        "https://track.customer.io:443",
        "https://track.customer.io.",
        "https://x@track.customer.io",
        "https://track.customer.io\\.example.com",
        "http://track.customer.io:8080/base",
    ],
)
def test_the_host_of_a_url(url: str) -> None:
    """As any client would understand it."""
    with pytest.raises(GuardRefused, match=r"^the guard refuses track\.customer\.io, rule 'permit': got a real host from a test; "):
        check(url, "site", *PERSON)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "https://localhost", "http://[::1]:80", "https://example.com"])
def test_other_hosts_have_no_gate(url: str) -> None:
    """They cost one look at None."""
    assert gate_for(url, "site") is None
    check(url, "site", *PERSON)


def test_outside_of_tests_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An application that uses our client has no plugin loaded."""
    assert is_watched()
    monkeypatch.delitem(sys.modules, "pytest_cio_load.plugin")
    assert not is_watched()
    gate = gate_for(TRACK, "site")
    assert gate is not None
    gate.check_open()
    gate.check(*PERSON)


def test_a_refusal_names_the_remedies() -> None:
    """And neither the key nor the path."""
    with pytest.raises(GuardRefused) as caught:
        check(TRACK, "site-id", *PERSON)
    message = str(caught.value)
    assert all(remedy in message for remedy in ("use the fixture cio", "--cio-target=staging", "url='http://127.0.0.1:PORT'", "transport="))
    assert "site-id" not in message
    assert "somebody" not in message


def test_a_permit_lets_its_credentials_through() -> None:
    """To its hosts, in any spelling, until it ends."""
    with grant({("Track.Customer.io", "site"), ("api.customer.io", "app")}) as permit:
        check(TRACK + ":443", "site", *PERSON)
        check("https://api.customer.io", "app", "GET", "/v1/workspaces")
        assert (permit.calls, permit.is_in_force) == (2, True)
    assert not permit.is_in_force
    with pytest.raises(GuardRefused, match="got a real host from a test"):
        check(TRACK, "site", *PERSON)


@pytest.mark.parametrize(
    ("url", "key", "got"),
    [
        (TRACK, "another", "other credentials than the permitted ones"),
        (TRACK, "app", "other credentials than the permitted ones"),
        ("https://api.customer.io", "site", "other credentials than the permitted ones"),
        ("https://track-eu.customer.io", "site", "a real host from a test"),
    ],
)
def test_other_credentials_and_other_hosts(url: str, key: str, got: str) -> None:
    """A permit is for pairs of a host and a key."""
    with grant({("track.customer.io", "site"), ("api.customer.io", "app")}) as permit:
        with pytest.raises(GuardRefused, match=f"got {got}; expected a permit in force for this host and these credentials; use the "):
            check(url, key, *PERSON)
        assert permit.calls == 0


def test_a_permit_for_few_requests() -> None:
    """The preflight may ask two things, and the message tells which, but not what was asked."""
    with grant({("track.customer.io", "site")}, only=frozenset({REGION, ("GET", "/v1/workspaces")})):
        check(TRACK, "site", *REGION)
        expected = "got a PUT request that it is not for; expected one of: GET /api/v1/accounts/region, GET /v1/workspaces; ask for nothing"
        for method, path in (PERSON, ("PUT", REGION[1]), ("GET", REGION[1] + "?a=1"), ("GET", "/")):
            with pytest.raises(GuardRefused, match=expected.replace("PUT", method)) as caught:
                check(TRACK, "site", method, path)
            assert "somebody" not in str(caught.value)


def test_a_permit_for_no_request() -> None:
    """Said so."""
    with grant({("track.customer.io", "site")}, only=frozenset()), pytest.raises(GuardRefused, match="expected one of: no request at all"):
        check(TRACK, "site", *REGION)


@pytest.mark.parametrize("most", [0, 1, 3])
def test_a_permit_for_so_many_calls(most: int) -> None:
    """The one after them is refused, and does not count."""
    with grant({("track.customer.io", "site")}, most_calls=most) as permit:
        for _ in range(most):
            check(TRACK, "site", *PERSON)
        for _ in range(2):
            with pytest.raises(GuardRefused) as caught:
                check(TRACK, "site", *PERSON)
            expected = f"expected {most} at most, retries counted; raise cio_max_calls, or make fewer calls"
            assert str(caught.value) == f"the guard refuses track.customer.io, rule 'caps': got request {most + 1}; {expected}"
        assert permit.calls == most


def test_a_cap_is_kept_across_threads_and_hosts() -> None:
    """Every request takes its own place."""

    def ask(number: int) -> bool:
        try:
            gates[number % 2].check(*PERSON)
        except GuardRefused:
            return False
        return True

    with grant({("track.customer.io", "site"), ("api.customer.io", "app")}, most_calls=100) as permit, ThreadPoolExecutor(8) as pool:
        gates = [gate for gate in (gate_for(TRACK, "site"), gate_for("https://api.customer.io", "app")) if gate is not None]
        assert sum(pool.map(ask, range(400))) == 100
        assert permit.calls == 100


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=4), st.integers(0, 12))
def test_several_permits_at_once(given_out: list[tuple[bool, int]], requests: int) -> None:
    """A request goes through when one of those in force lets it, and takes a call of one alone."""
    site = {("track.customer.io", "site")}
    granted = [grant(site, only=frozenset({REGION}) if narrow else None, most_calls=most) for narrow, most in given_out]
    through = 0
    with ExitStack() as under:
        for permit in granted:
            under.enter_context(permit.opening())
        for _ in range(requests):
            try:
                check(TRACK, "site", *PERSON)
                through += 1
            except GuardRefused:
                pass
    room = sum(most for narrow, most in given_out if not narrow)
    assert through == sum(permit.calls for permit in granted) == min(room, requests)
    for permit in granted:
        permit.revoke()
        permit.revoke()
    assert not lets_through("track.customer.io")


def test_a_gate_sees_a_permit_that_ends() -> None:
    """Whoever was let in is asked again."""
    before = gate_for(TRACK, "site")
    assert before is not None
    with grant({("track.customer.io", "site")}, only=frozenset({REGION}), most_calls=0) as permit:
        gate = gate_for(TRACK, "site")
        assert gate is not None
        gate.check_open()
        with pytest.raises(GuardRefused, match="a wire that was not made under the permit"):
            before.check_open()
        assert permit.calls == 0
    with pytest.raises(GuardRefused):
        gate.check_open()


def test_a_permit_belongs_to_what_was_made_under_it() -> None:
    """Not to whoever has the same credentials, before, beside, or under a later one."""
    site = {("track.customer.io", "site")}
    with grant(site):
        kept = gate_for(TRACK, "site")
    later = grant(site)
    beside = gate_for(TRACK, "site")
    with later.opening():
        within = gate_for(TRACK, "site")
    assert kept is not None
    assert beside is not None
    assert within is not None
    for gate in (kept, beside):
        with pytest.raises(GuardRefused, match="a wire that was not made under the permit"):
            gate.check(*PERSON)
    within.check(*PERSON)
    later.revoke()
    with pytest.raises(GuardRefused):
        within.check(*PERSON)


def test_only_what_a_rule_lets_through() -> None:
    """A rule in place of a list."""
    with grant({("track.customer.io", "site")}, only=lambda method, path: method == "GET"):
        check(TRACK, "site", "GET", "/auth")
        with pytest.raises(GuardRefused, match="got a PUT request that it is not for; expected one that only reads"):
            check(TRACK, "site", *PERSON)


def test_who_is_passing() -> None:
    """A wire of ours, while it sends, to a host with a permit."""
    gate = gate_for(TRACK, "site")
    assert gate is not None
    with grant({("track.customer.io", "site")}):
        assert not is_passing("track.customer.io")
        token = gate.enter()
        assert is_passing("TRACK.customer.io.")
        assert not is_passing("api.customer.io")
        gate.leave(token)
        assert not is_passing("track.customer.io")
    token = gate.enter()
    assert not is_passing("track.customer.io")
    gate.leave(token)


@pytest.mark.parametrize(
    ("credentials", "most", "message"),
    [
        (
            {("track.customer.io", "")},
            None,
            "credentials: got an empty key; expected a host and a key each; give the site id, or the App API key",
        ),
        ({("track.customer.io", "site")}, -5, "most_calls: got -5; expected 0 or more, or None for any number; try 5"),
    ],
)
def test_a_permit_that_makes_no_sense(credentials: set[tuple[str, str]], most: int | None, message: str) -> None:
    """Got, expected, nearest; and nothing is granted."""
    with pytest.raises(ValueError) as caught:
        grant(credentials, most_calls=most)
    assert str(caught.value) == message
    assert not lets_through("track.customer.io")


def test_a_permit_keeps_no_key() -> None:
    """Neither in its text nor in itself."""
    with grant({("track.customer.io", "secret-site"), ("api.customer.io", "secret-app")}, most_calls=7) as permit:
        assert repr(permit) == "Permit(api.customer.io, track.customer.io; 0 calls of 7)"
        assert "secret" not in repr(permit._known)
        assert permit.hosts == {"track.customer.io", "api.customer.io"}
