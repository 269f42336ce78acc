"""What was sent is hidden wherever it turns up again."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_cio_load.safety.secrets import HIDDEN, Secrets, keys_of


def test_keys_are_hidden_in_every_form() -> None:
    """As they are, and as the header of basic authentication writes them."""
    basic = b64encode(b"a-site:a-key").decode()
    secrets = Secrets(keys_of("a-site", "a-key", "an-app-key"))
    told = secrets.hide(f"Basic {basic}, a-site:a-key, Bearer an-app-key")
    assert told == f"Basic {HIDDEN}, {HIDDEN}:{HIDDEN}, Bearer {HIDDEN}"
    assert "key" not in repr(secrets)


@pytest.mark.parametrize(
    ("value", "text", "hidden"),
    [
        ("Ada Lovelace", "got 'Ada Lovelace' here", f"got '{HIDDEN}' here"),
        ("pro", "promised a pro plan", f"promised a {HIDDEN} plan"),
        ("it's", 'got "it\'s"', f'got "{HIDDEN}"'),
        ("two\nlines", r"got 'two\nlines'", f"got '{HIDDEN}'"),
        ("Zoë", r'{"name": "Zo\u00eb"}', f'{{"name": "{HIDDEN}"}}'),
        ("pro", "a_pro plan", "a_pro plan"),
        ("nodes", "ten nodes, nodesets", f"ten {HIDDEN}, nodesets"),
        ("Ada Lovelace", "user_Ada Lovelace2", f"user_{HIDDEN}2"),
        ("s3cr3t", "plan=xs3cr3tx", f"plan=x{HIDDEN}x"),
        (12345, "of 12345, not 123456", f"of {HIDDEN}, not 123456"),
        (123456, "of 123456, and in 1234567", f"of {HIDDEN}, and in {HIDDEN}7"),
        (12, "12 of 12", "12 of 12"),
        (True, "True or true", "True or true"),
    ],
)
def test_attributes_are_hidden(value: object, text: str, hidden: str) -> None:
    """However they are written: short ones as whole words, longer ones anywhere; what is too short to be told from words is left."""
    secrets = Secrets()
    secrets.sent(json.dumps({"person": {"attributes": [value]}}).encode())
    assert secrets.hide(text) == hidden


def remembering(monkeypatch: pytest.MonkeyPatch, most: int) -> Secrets:
    """Secrets that remember so many values."""
    monkeypatch.setattr("pytest_cio_load.safety.secrets._REMEMBERED", most)
    return Secrets()


def hidden(secrets: Secrets, *words: str) -> list[str]:
    """Which of the words are."""
    return [word for word in words if secrets.hide(word) == HIDDEN]


def test_the_newest_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest make room."""
    secrets = remembering(monkeypatch, 2)
    secrets.sent(b'["alpha", "beta", "gamma"]')
    assert hidden(secrets, "alpha", "beta", "gamma") == ["beta", "gamma"]


def test_a_value_that_is_sent_again_and_again_takes_one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is the newest again."""
    secrets = remembering(monkeypatch, 3)
    secrets.sent(b'["alpha", "beta"]')
    for _ in range(100):
        secrets.sent(b'["alpha", "alpha"]')
    secrets.sent(b'["gamma"]')
    assert hidden(secrets, "alpha", "beta", "gamma") == ["alpha", "beta", "gamma"]
    secrets.sent(b'["delta"]')
    assert hidden(secrets, "alpha", "beta", "gamma", "delta") == ["alpha", "gamma", "delta"]


def test_made_up_names_are_shown() -> None:
    """A report says which person it was."""
    secrets = Secrets(is_public=lambda text: text.startswith("cio-load-"))
    secrets.sent(b'{"id": "cio-load-1-7", "plan": "secret plan"}')
    assert secrets.hide("cio-load-1-7 has the secret plan") == f"cio-load-1-7 has the {HIDDEN}"


@pytest.mark.parametrize(
    ("body", "hidden"),
    [
        ({"type": "person", "action": "identify", "identifiers": {"id": "ada"}, "attributes": {"plan": "pro"}}, ["ada", "pro"]),
        ({"batch": [{"type": "person", "action": "event", "identifiers": {"id": "ada"}, "name": "opened"}]}, ["ada", "opened"]),
        ({"type": "person", "action": "identify"}, ["person", "identify"]),
    ],
)
def test_names_of_operations_are_no_secret(body: object, hidden: list[str]) -> None:
    """Of version 2; in an attribute of that name they are."""
    secrets = Secrets()
    secrets.sent(json.dumps(body).encode())
    words = ["person", "identify", "event", "ada", "pro", "opened"]
    assert [word for word in words if secrets.hide(word) == HIDDEN] == [word for word in words if word in hidden]


@pytest.mark.parametrize("body", [None, b"", b"\xff", b"{"])
def test_what_is_no_json_is_passed_over(body: bytes | None) -> None:
    """There is nothing to remember of it."""
    secrets = Secrets()
    secrets.sent(body)
    assert secrets.hide("text") == "text"


def test_nested_values() -> None:
    """Texts in them are hidden; numbers, names and shapes stay."""
    secrets = Secrets(["a-key"])
    was = {"a-key": ["a-key", 1, None, ("a-key",)], "other": {"text": "with a-key in it"}}
    assert secrets.hide_in(was) == {"a-key": [HIDDEN, 1, None, (HIDDEN,)], "other": {"text": f"with {HIDDEN} in it"}}


@given(st.text(st.characters(codec="utf-8"), min_size=3, max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_nothing_sent_is_left_as_a_word(value: str, before: str, after: str) -> None:
    """Whatever the value is, and whatever stands around it."""
    secrets = Secrets()
    secrets.sent(json.dumps([value]).encode())
    assert f" {value} " not in secrets.hide(f"{before} {value} {after}") or value in HIDDEN or value.strip() != value
