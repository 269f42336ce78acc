"""HTML as text. Every piece that comes from a document goes through `text` or an attribute of `element`, which escape it."""

from __future__ import annotations

import json
import re
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]")
_JOINTS = re.compile(r"::|/|[_.,-](?=\w)|(?=\[)")
_IN_SCRIPT = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def text(value: object) -> str:
    """*value* as the text of an element: nothing in it is markup; what is no character of a page is shown as ``�``."""
    return escape(_UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", str(value)), quote=True)


def node_id(test: str) -> str:
    """The id of a test as text, which a narrow page breaks where its parts meet."""
    return _JOINTS.sub(r"\g<0><wbr>", text(test))


def element(name: str, *content: str, **attributes: str | int | bool | None) -> str:
    """An element.

    Args:
        name: of the tag.
        content: HTML.
        attributes: plain values, escaped here; ``class_`` is ``class``, ``aria_label`` is ``aria-label``; None and False leave one out,
            True writes it without a value.
    """
    return f"<{name}{_attributes(attributes)}>{''.join(content)}</{name}>"


def alone(name: str, **attributes: str | int | bool | None) -> str:
    """An element that has no content, such as ``input``; see `element`."""
    return f"<{name}{_attributes(attributes)}>"


def _attributes(attributes: dict[str, str | int | bool | None]) -> str:
    written = []
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        plain = name.rstrip("_").replace("_", "-")
        written.append(f" {plain}" if value is True else f' {plain}="{text(value)}"')
    return "".join(written)


def data(value: Any) -> str:
    """*value* as JSON in an element that no browser runs, and that no text in it can end."""
    plain = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return f'<script type="application/json">{plain.translate(_IN_SCRIPT)}</script>'


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    name: str,
    numbers: Iterable[int] = (),
    heading: int = 0,
    class_: str = "",
    cards: bool = False,
) -> str:
    """A table in a box of its own that scrolls, so that the page need not.

    Args:
        columns: headings, as plain text.
        rows: cells as HTML.
        name: what the table holds, for whoever hears the page.
        numbers: the columns that hold numbers, from 0.
        heading: the column that holds the heading of each row.
        class_: of the table.
        cards: whether on a narrow page each row becomes a block of its own, in which every value has its column's name before it.
    """
    kinds = ["n" if at in frozenset(numbers) else None for at in range(len(columns))]
    heads = [f"<th{_attributes({'scope': 'col', 'class': kind})}>{text(column)}</th>" for column, kind in zip(columns, kinds, strict=True)]
    starts = []
    for at, (column, kind) in enumerate(zip(columns, kinds, strict=True)):
        said = {"class": kind, "data_name": column if cards else None}
        # What is laid out as no table is none for whoever hears the page, unless the roles say so.
        role = {"role": "rowheader" if at == heading else "cell"} if cards else {}
        starts.append(f"<th{_attributes({'scope': 'row', **role, **said})}>" if at == heading else f"<td{_attributes({**role, **said})}>")
    row, rowgroup = (_attributes({"role": role if cards else None}) for role in ("row", "rowgroup"))
    # HTML lets the ends be left out, and a timeline has thousands of cells.
    body = "".join(f"<tr{row}>{''.join(map(str.__add__, starts, cells))}\n" for cells in rows)
    how = _attributes({"class": " ".join(filter(None, [class_, "cards" if cards else ""])) or None, "role": "table" if cards else None})
    inner = f"<table{how}><caption class=\"unseen\">{text(name)}</caption>"
    inner += f"<thead{rowgroup}><tr{row}>{''.join(heads)}</tr></thead><tbody{rowgroup}>{body}</tbody></table>"
    return element("div", inner, class_="scroll", tabindex=0, role="region", aria_label=name)


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """A list of names with what they stand for. *pairs*: a name as plain text, its value as HTML."""
    return element("dl", *(f"<div><dt>{text(name)}</dt><dd>{value}</dd></div>" for name, value in pairs))
