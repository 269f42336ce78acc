"""Whose workspace a load may go to: credentials from names that nothing else uses, and never those of the application."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_cio_load.errors import Problem
from pytest_cio_load.safety.guard import CREDENTIALS, OWN, refusal, unmet
from pytest_cio_load.safety.secrets import HIDDEN, keys_of

OURS = "CIO_LOAD_"
"""How the names of our own variables begin; every other variable is the application's."""

SITE_ID, API_KEY, APP_KEY = "CIO_LOAD_SITE_ID", "CIO_LOAD_API_KEY", "CIO_LOAD_APP_KEY"

_WHAT = {SITE_ID: "its Site ID", API_KEY: "its Track API key", APP_KEY: "an App API key"}
_EXPECTED = "three different credentials of the test workspace as bare text: the Site ID, its Track API key, and an App API key"
_COPY = "copy them from the test workspace's API credentials, never from production's"
_QUOTES = "\"'`“”‘’"
_BETWEEN = re.compile(r"[\s,;:|=&@{}]+")
_AROUND = _QUOTES + "/[]()"
# A variable may hold several values, a URL, or JSON.


@dataclass(frozen=True, slots=True)
class Credentials:
    """The three that are needed. None of them is ever shown.

    Attributes:
        site_id: of the workspace.
        api_key: of its Track API.
        app_key: of the App API.
    """

    site_id: str = field(repr=False)
    api_key: str = field(repr=False)
    app_key: str = field(repr=False)

    def hide(self, text: str) -> str:
        """*text*, which may be somebody else's, without them."""
        for secret in sorted(keys_of(self.site_id, self.api_key, self.app_key), key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return text


def read(environment: Mapping[str, str]) -> Credentials:
    """The credentials that *environment* holds.

    Raises:
        GuardRefused: one is missing, or is not what it should be. Names variables, and no value.
    """
    found = look(environment)
    del environment  # a traceback may show what a frame holds
    if isinstance(found, Problem):
        raise refusal(unmet(found))
    return found


def look(environment: Mapping[str, str]) -> Credentials | Problem:
    """As `read`, with what is wrong as a value."""
    values = [environment.get(name, "") for name in _WHAT]
    missing = [name for name, value in zip(_WHAT, values, strict=True) if not value.strip()]
    faults = [f"nothing in {_and(missing)}"] if missing else []
    faults += [f"{fault} {name}" for name, value in zip(_WHAT, values, strict=True) if (fault := _fault(name, value))]
    if not faults:
        faults = _repeated(*values)
    if faults:
        nearest = f"set {_and([f'{name} to {_WHAT[name]}' for name in missing])}; {_COPY}" if missing else _COPY
        return Problem(CREDENTIALS, ", and ".join(faults), _EXPECTED, nearest)
    return Credentials(*values)


def problem_with_site_id(environment: Mapping[str, str]) -> Problem | None:
    """What is wrong with the site id alone, or None."""
    value = environment.get(SITE_ID, "")
    fault = f"{_fault(SITE_ID, value)} {SITE_ID}" if value.strip() else f"nothing in {SITE_ID}"
    if value.strip() and not _fault(SITE_ID, value):
        return None
    return Problem(CREDENTIALS, fault, "the Site ID of the test workspace as bare text", f"set {SITE_ID}; copy it from its API credentials")


def others(environment: Mapping[str, str], credentials: Credentials) -> Problem | None:
    """Whether a variable that is not ours holds one of the three too, alone or among several: then it may be the application's."""
    held = []
    for name in sorted(environment):
        if name.startswith(OURS):
            continue
        values = {part.strip(_AROUND) for part in _BETWEEN.split(environment[name])}
        if credentials.site_id in values:
            held.append(f"{name}, which holds the same site id as {SITE_ID}")
        elif credentials.api_key in values:
            held.append(f"{name}, which holds the same API key as {API_KEY}")
        elif credentials.app_key in values:
            held.append(f"{name}, which holds the same App key as {APP_KEY}")
    if not held:
        return None
    expected = "a test workspace that no other variable leads to, since those may be production's"
    nearest = f"set {SITE_ID}, {API_KEY} and {APP_KEY} to those of a workspace of its own, or unset the other variable"
    return Problem(OWN, ", and ".join(held), expected, nearest)


def _fault(name: str, value: str) -> str:
    """What is wrong with a value that is there, as a phrase that the variable's name ends; "" for nothing."""
    if not value.strip():
        return ""
    if value != value.strip():
        return "spaces or line ends around"
    if value[0] in _QUOTES or value[-1] in _QUOTES:
        return "quotes around"
    if not value.isascii():
        return "letters that are not ASCII in"
    if not value.isprintable() or " " in value:
        return "spaces or control characters in"
    return "a colon in" if name == SITE_ID and ":" in value else ""


def _repeated(site_id: str, api_key: str, app_key: str) -> list[str]:
    pairs = ((SITE_ID, site_id, API_KEY, api_key), (APP_KEY, app_key, API_KEY, api_key), (SITE_ID, site_id, APP_KEY, app_key))
    return [f"the same text in {one} and {other}" for one, first, other, second in pairs if first == second]


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
