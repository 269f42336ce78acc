"""What no text may show: keys, and what was sent about people. Known values are hidden wherever they turn up again."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

HIDDEN = "[hidden]"

_REMEMBERED = 100_000
"""Different values sent that are remembered, the newest ones: a failing call's are among them."""
_SHORTEST_TEXT = 3
_SHORTEST_NUMBER = 4
# Shorter ones cannot be told from ordinary words and figures.
_SURE = 6
# From this length on a value is hidden within a longer word too; a shorter one may well be a part of an ordinary word.


class Secrets:
    """Remembers values, and hides them in texts. May be shared by threads.

    Args:
        keys: hidden everywhere, as they are and as HTTP's basic authentication writes them.
        is_public: what need not be hidden: made-up names, which reports are to show.
    """

    def __init__(self, keys: Iterable[str] = (), *, is_public: Callable[[str], bool] = lambda _: False) -> None:
        self._keys = tuple(sorted({key for key in keys if key}, key=len, reverse=True))
        self._is_public = is_public
        _alive.add(self)
        self._sent: OrderedDict[str, None] = OrderedDict()
        self._lock = Lock()

    def __repr__(self) -> str:
        return "<Secrets>"

    def sent(self, body: bytes | None) -> None:
        """Remember every value in a JSON body that was sent; of one that is no JSON, nothing."""
        if body is None:
            return
        try:
            values = [value for value in leaves(_private(json.loads(body))) if not self._is_public(value)]
        except ValueError:
            return
        with self._lock:
            for value in values:
                self._sent[value] = None
                self._sent.move_to_end(value)
            while len(self._sent) > _REMEMBERED:
                self._sent.popitem(last=False)

    def hide_keys(self, text: str) -> str:
        """*text* with every key replaced: of what we say ourselves, which an attribute's value may well be a word of."""
        for key in self._keys:
            text = text.replace(key, HIDDEN)
        return text

    def hide(self, text: str) -> str:
        """*text* with every key and every remembered value replaced: of what tests, and the libraries they use, say."""
        text = self.hide_keys(text)
        with self._lock:
            candidates = list(self._sent)
        # Many thousands may be remembered: only those that the text repeats are worth a pattern.
        for value in sorted((each for each in candidates if each in text), key=len, reverse=True):
            whole = rf"(?<!\w){re.escape(value)}(?!\w)"
            text = text.replace(value, HIDDEN) if len(value) >= _SURE else re.sub(whole, HIDDEN, text)
        return text

    def hide_in(self, value: Any, *, keys_only: bool = False) -> Any:
        """A copy of nested dicts, lists and texts, with what is to be hidden in every text of it, and everything else as it is."""
        if isinstance(value, str):
            return self.hide_keys(value) if keys_only else self.hide(value)
        if isinstance(value, dict):
            return {name: self.hide_in(inner, keys_only=keys_only) for name, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self.hide_in(inner, keys_only=keys_only) for inner in value)
        return value


_alive: WeakSet[Secrets] = WeakSet()


def hide_all(text: str) -> str:
    """*text* without what any test of this process may not show: for what belongs to no test, such as warnings."""
    for secrets in list(_alive):
        text = secrets.hide(text)
    return text


def keys_of(site_id: str, api_key: str, app_key: str) -> tuple[str, ...]:
    """Everything that would give credentials away: the keys themselves, and the header that is made of them."""
    basic = b64encode(f"{site_id}:{api_key}".encode()).decode("ascii")
    return basic, site_id, api_key, app_key


def _private(body: object) -> object:
    """*body* without what only says which operation it is: version 2's ``type`` and ``action``, words that any report is full of."""
    if not isinstance(body, dict):
        return body
    if isinstance(body.get("batch"), list):
        return [_private(item) for item in body["batch"]]
    if "type" in body and "action" in body and ("identifiers" in body or "primary" in body):
        return {name: value for name, value in body.items() if name not in ("type", "action")}
    return body


def leaves(value: object) -> Iterator[str]:
    """Every text and number in nested JSON that is long enough to be told from ordinary words and figures."""
    if isinstance(value, dict):
        for inner in cast("dict[str, object]", value).values():
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    elif isinstance(value, str):
        if len(value) >= _SHORTEST_TEXT:
            yield value
            # A report shows text as Python or JSON would write it, too.
            if (written := json.dumps(value)[1:-1]) != value:
                yield written
            if (written := repr(value)[1:-1]) != value:
                yield written
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and len(str(value)) >= _SHORTEST_NUMBER:
        yield str(value)
