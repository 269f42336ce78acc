"""Whose credentials they are, by what Customer.io answers: the guard's rules ``region``, ``name`` and ``app key``. Pure decisions.

Answers are read here more strictly than a client reads them: a number in quotes, or an answer that is only almost right, is not met.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_cio_load import units
from pytest_cio_load.errors import CustomerIOError, Problem
from pytest_cio_load.safety.guard import APP_KEY, NAME, REGION, Standing, met, unasked, unmet

if TYPE_CHECKING:
    from pytest_cio_load.safety.allowlist import Entry

PRODUCTION = ("prod", "production", "prd", "live")
"""What the name of a workspace that gets load may not have: words that end in one of these, or have production in them; live as a word."""

TESTS = frozenset(
    ("test", "tests", "testing", "staging", "stage", "load", "dev", "development", "sandbox", "qa", "ci", "demo", "uat", "preview")
)
"""Words that mark a workspace for tests. Its name has one of them, or a text that somebody declared."""

_PRODUCTION = re.compile(r".*(?:prod|prd)|.*production.*|live", re.DOTALL)
_LETTERS = re.compile(r"[^\W\d_]+")
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, slots=True)
class Heard:
    """An acceptance, as it came: of any 2xx status, with any body."""

    status: int
    body: bytes = field(repr=False)


def declared_region(entry: Entry, said: str | None) -> Standing | None:
    """That *said*, the region that an option or the ini file names, is not that of the allow-list; None when it is, or nothing is named."""
    if said in (None, entry.region):
        return None
    fix = f"set cio_region to {entry.region}, or allow it anew with --region {said} --replace"
    return unmet(Problem(REGION, f"cio_region {said!r}", f"{entry.region!r}, as the allow-list has it", fix))


def region(entry: Entry, host: str, heard: Heard | CustomerIOError) -> Standing:
    """Whether the credentials belong to the workspace that the allow-list declares.

    Args:
        entry: of the allow-list.
        host: of the Track API in its region.
        heard: the answer to ``accounts/region``, or how it failed.
    """
    expected = f"workspace {entry.environment_id}, region {entry.region}, https://{host}"
    told = _told(heard, dict)
    if isinstance(told, str):
        return unmet(Problem(REGION, f"{told} (accounts/region)", expected, _mend(heard, "CIO_LOAD_SITE_ID and CIO_LOAD_API_KEY")))
    # The field was called data_center once: it will do, and where there are both, both must be right.
    names = [name for name in ("region", "data_center") if name in told] or ["region"]
    for name, right in (("environment_id", _is_number), *((each, _is_text) for each in names), ("url", _is_text)):
        if not right(told.get(name)):
            got = f"{name} {units.show_value(told[name])}" if name in told else f"no {name}"
            return unmet(Problem(REGION, f"{got} in accounts/region", expected, "check that the server is Customer.io"))
    if (got := told["environment_id"]) != entry.environment_id:
        fix = "these are another workspace's credentials, perhaps production's: set those of the workspace that is allowed"
        return unmet(Problem(REGION, f"workspace {got}", expected, fix))
    wrong = [f"{name} {units.show_value(told[name])}" for name in names if told[name] != entry.region]
    wrong += [] if _leads_to(told["url"], host) else [f"url {units.show_value(told['url'])}"]
    if wrong:
        return unmet(Problem(REGION, ", ".join(wrong), expected, "allow it anew, with the right --region and --replace"))
    return met(REGION, expected)


def names(entry: Entry, heard: Heard | CustomerIOError) -> tuple[Standing, Standing, str]:
    """Whether the workspace's name is that of a test workspace, and whether the App key is good: both rules, and the name; "" when unknown.

    Args:
        entry: of the allow-list.
        heard: the answer to ``/v1/workspaces``, or how it failed.
    """
    listed = _listed(heard)
    if isinstance(listed, str):
        expected = f"200 with the workspaces of an account in region {entry.region}"
        problem = Problem(APP_KEY, f"{listed} (workspaces)", expected, _mend(heard, "CIO_LOAD_APP_KEY"))
        return unasked(NAME, "nobody knows it"), unmet(problem), ""
    called = [name for number, name in listed if number == entry.environment_id]
    if len(called) != 1:
        among = f"{len(listed)} workspaces, {entry.environment_id} {'twice' if called else 'not among them'}"
        expected = f"workspace {entry.environment_id} once"
        fix = "set CIO_LOAD_APP_KEY to an App API key of the account that the workspace is in"
        unknown = Problem(NAME, f"no name, for the App key lists {among if listed else 'no workspace'}", expected, fix)
        good = unmet(Problem(APP_KEY, among, expected, fix)) if listed else met(APP_KEY, "taken; it lists no workspace")
        return unmet(unknown), good, ""
    return _name(entry, called[0]), met(APP_KEY, f"taken; it lists {len(listed)} workspaces"), called[0]


def production_word(name: str) -> str | None:
    """The word in *name* that says that a workspace is production, or None: ``AcmeProd``, ``EUProd`` and ``acmeprod`` have one."""
    return next((word for word in _words(name) if _PRODUCTION.fullmatch(word)), None)


def _words(name: str) -> list[str]:
    """The words in *name*, in lower case: what digits, capitals and anything that is no letter part, and what capitals do not."""
    runs = _LETTERS.findall(unicodedata.normalize("NFKC", name))
    return [word.casefold() for run in runs for word in (*_CAPITAL.split(run), run)]


def _name(entry: Entry, name: str) -> Standing:
    if (word := production_word(name)) is not None:
        expected = f"no name with {', '.join(PRODUCTION[:-1])} or {PRODUCTION[-1]} in it"
        fix = "use a test workspace; if this is one, rename it"
        return unmet(Problem(NAME, f"{units.show_value(name)}, with {word!r} in it", expected, fix))
    if entry.name is None and TESTS.isdisjoint(_words(name)):
        region = "" if entry.region == "us" else f" --region {entry.region}"
        again = f"cio-load allow --environment-id {entry.environment_id}{region} --name TEXT --replace"
        fix = f"if it is a workspace for tests, declare a text of its name: {again}"
        return unmet(Problem(NAME, units.show_value(name), "a name with a word such as test, staging or sandbox in it", fix))
    if entry.name is not None and entry.name.casefold() not in name.casefold():
        fix = "check which workspace it is; allow it anew with another --name and --replace"
        expected = f"a name with {units.show_value(entry.name)} in it, as the allow-list has it"
        return unmet(Problem(NAME, units.show_value(name), expected, fix))
    return met(NAME, units.show_value(name))


def _told(heard: Heard | CustomerIOError, kind: type) -> Any:
    """What an answer says, when it is 200 and of *kind*; else what was got, as text."""
    if isinstance(heard, CustomerIOError):
        reason = "".join(letter if letter.isprintable() else "?" for letter in heard.reason.partition(";")[0])
        return f"{heard.status or ''} {reason}".strip()
    if heard.status != 200:
        return str(heard.status)
    try:
        said = json.loads(heard.body)
    except (ValueError, RecursionError):
        return "a body that is no JSON"
    return said if isinstance(said, kind) else f"JSON that is no object but {type(said).__name__}"


def _listed(heard: Heard | CustomerIOError) -> list[tuple[int, str]] | str:
    told = _told(heard, dict)
    if isinstance(told, str):
        return told
    said = told.get("workspaces")
    if not isinstance(said, list):
        return "no list of workspaces"
    if not all(isinstance(each, dict) and _is_number(each.get("id")) and _is_text(each.get("name")) for each in said):
        return "a workspace without a whole-numbered id or a name"
    return [(each["id"], each["name"]) for each in said]


def _mend(heard: Heard | CustomerIOError, credentials: str) -> str:
    """The nearest fix for an answer that says nothing."""
    status = heard.status or 0
    if status in (401, 403):
        return f"check {credentials}, and the region that is allowed"
    if 300 <= status < 400:
        return "no redirect is followed: is the account in the other region? allow it anew with --region and --replace"
    if 200 <= status < 300:
        return "check that the server is Customer.io"
    return "try again later; nothing was sent" if status else "check the network; nothing was sent"


def _leads_to(url: str, host: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and parts.hostname == host and parts.port in (None, 443) and "@" not in parts.netloc
    except ValueError:
        return False


def _is_number(value: object) -> bool:
    return type(value) is int  # True is none


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
