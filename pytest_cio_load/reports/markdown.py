"""Run documents as Markdown for a pull request: the verdict first, every clause with its margin, then what it rests on.

Whatever an author or a target may have written is escaped, so that no node id, message or metric can break a table, open a tag or call
anybody by name. The text has a limit, because GitHub refuses a step summary of more than 1 MiB whole: what does not fit is told in fewer
words, tracebacks first, and at last only counted. Contracts that were not kept come first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_cio_load.reports.terminal import circumstances, counts
from pytest_cio_load.units import show_count, show_duration, show_ms, show_share

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_cio_load.reports.document import Document

MOST_BYTES = 1024 * 1024
"""What GitHub takes as the summary of one step."""

_ICON = {"kept": "✅", "broken": "❌", "inconclusive": "❔"}
_MARK = {"ok": "✅", "broken": "❌", "no samples": "❔", "too few samples": "❔"}
_ORDER = {"broken": 0, "inconclusive": 1, "kept": 2}
_SPECIAL = re.compile(r"[\\`*_{}\[\]()#+!|<>&~$^=:\"'-]|(?<=^[0-9])\.|(?<=^[0-9]{2})\.")
_LINKED = re.compile(r"[@#](?=\w)|www(?=\.)|\w(?=://)")
_OPERATOR = re.compile(r"<=|>=|==|!=|<|>")
_RESERVED = 512
_LONGEST_LINE, _LONGEST_TEXT, _MOST_LINES, _MOST_GROUPS, _MOST_ROWS = 500, 4000, 40, 20, 200


def markdown(documents: Sequence[Document], comparisons: Sequence[Mapping[str, Any]] = (), *, limit: int = MOST_BYTES) -> str:
    """*documents* as Markdown of at most *limit* bytes (at least 4,096) in UTF-8.

    Args:
        documents: runs, of any verdict.
        comparisons: each with "metric", "was", "now", "change" (a share of 1), "state", and if known "test", "unit" and "why".
        limit: bytes that the text may take.
    """
    limit = max(limit, 4096)
    ordered = sorted(documents, key=lambda doc: _ORDER.get(doc["verdict"], 1))
    parts = [_headline(documents)]
    left = limit - _size(parts[0]) - _RESERVED
    table = "\n".join(_comparisons(comparisons)) if comparisons else ""
    if table and _size(table) <= left // 2:
        left -= _size(table)
    else:
        table = ""
    untold = 0
    for doc in ordered:
        part = next((text for text in _tellings(doc) if _size(text) <= left), None)
        if part is None:
            untold += 1
            continue
        left -= _size(part)
        parts.append(part)
    if untold:
        parts.append(f"{show_count(untold)} more {_runs(untold)} not told here: the text would be too long.\n")
    return "\n".join([*parts, table] if table else parts)


def write_step_summary(
    documents: Sequence[Document], environment: Mapping[str, str], comparisons: Sequence[Mapping[str, Any]] = ()
) -> bool:
    """Append *documents* to the file that GITHUB_STEP_SUMMARY names; whether there is one, and it had room.

    Raises:
        OSError: the file cannot be written.
    """
    path = environment.get("GITHUB_STEP_SUMMARY", "")
    if not path or not documents:
        return False
    with open(path, "ab") as file:
        room = MOST_BYTES - file.tell()
        if room < 4096 + 2:
            return False
        # In front a newline of our own: what stands there already need not end in one.
        file.write(b"\n" + markdown(documents, comparisons, limit=room - 2).encode() + b"\n")
    return True


def escaped(text: str) -> str:
    """*text* as one line of Markdown that reads as it is: no markup, no HTML, no cell's end, no list, no link, and nobody called."""
    # GitHub looks for @names, #numbers and addresses in the finished page, where an entity is the character again: only a
    # character of no width keeps them apart.
    return _entities(_LINKED.sub("\\g<0>\u200b", _line(text)))


def margin(clause: Mapping[str, Any]) -> str:
    """How far a clause was from breaking, as a share of its bound: ``12% left``, ``22% over``, ``3% short``; ``–`` where there is none.

    An exact promise (``count==0``) has no margin, and neither has one whose bound is 0.
    """
    value, bound, found = clause["value"], clause["bound"], _OPERATOR.search(clause["clause"])
    if value is None or not bound or found is None or found[0] in ("==", "!="):
        return "–"
    upper = found[0].startswith("<")
    share = (bound - value if upper else value - bound) / abs(bound)
    if share >= 0:
        return f"{_rounded(share)} left"
    return f"{_rounded(-share)} {'over' if upper else 'short'}"


def _rounded(share: float) -> str:
    return show_share(round(share, 2 if share >= 0.01 else 4))


def _headline(documents: Sequence[Document]) -> str:
    if not documents:
        return "## cio-load: no contract was run\n"
    tally = {verdict: sum(doc["verdict"] == verdict for doc in documents) for verdict in _ORDER}
    worst = next(verdict for verdict in _ORDER if tally[verdict])
    told = ", ".join(f"{show_count(number)} {verdict}" for verdict, number in tally.items() if number)
    return f"## {_ICON[worst]} cio-load: {told}\n"


def _tellings(doc: Document) -> Iterator[str]:
    """A run in fewer and fewer words."""
    head, body = "\n".join(_head(doc)), "\n".join(_body(doc))
    yield "\n".join([head, body, *_failures(doc, traces=True)])
    yield "\n".join([head, body, *_failures(doc, traces=False)])
    yield f"{head}\n"


def _head(doc: Document) -> Iterator[str]:
    yield f"### {_ICON[doc['verdict']]} {_code(doc['test'])}"
    yield ""
    yield f"**{escaped(doc['headline']) or '–'}**"
    yield ""


def _body(doc: Document) -> Iterator[str]:
    for reason in doc["reasons"][:_MOST_GROUPS]:
        yield f"> {escaped(reason['what'])}  "
        yield f"> → {escaped(reason['remedy'])}"
        yield ""
    yield "| | metric | promised | measured | margin | samples |"
    yield "|:-:|:--|:--|--:|--:|--:|"
    for clause in doc["thresholds"][:_MOST_ROWS]:
        ended = " (ended the run)" if clause["aborted"] else ""
        default = " (default)" if clause["origin"] == "default" else ""
        cells = [_MARK[clause["state"]], escaped(clause["metric"]), f"{escaped(clause['text'])}{default}", escaped(clause["shown"]) + ended]
        yield f"| {' | '.join([*cells, margin(clause), show_count(clause['samples'])])} |"
    if len(doc["thresholds"]) > _MOST_ROWS:
        yield f"| | {len(doc['thresholds']) - _MOST_ROWS} more | | | | |"
    yield ""
    yield escaped(circumstances(doc)) + "  "
    yield escaped(counts(doc))
    yield ""
    for note in doc["notes"][:_MOST_GROUPS]:
        yield f"- {escaped(note)}"
    if doc["notes"]:
        yield ""


def _failures(doc: Document, *, traces: bool) -> Iterator[str]:
    groups = doc["failures"]
    if not groups:
        return
    number = sum(group["count"] for group in groups)
    yield f"<details><summary>{show_count(number)} {'failure' if number == 1 else 'failures'}</summary>"
    yield ""
    for group in groups[:_MOST_GROUPS]:
        where = f" at {_code(group['where'])}" if group["where"] else ""
        first = f"first in iteration {group['first_index']}, due at {show_duration(group['first_due'])}"
        yield f"**{show_count(group['count'])} × {_code(group['kind'])}**{where}, {first}"
        yield ""
        text = (group["trace"] if traces else "") or group["message"]
        yield f"<pre>{_html(_shortened(text))}</pre>"
        yield ""
    if len(groups) > _MOST_GROUPS:
        yield f"and {len(groups) - _MOST_GROUPS} more kinds of failure"
        yield ""
    yield "</details>"
    yield ""


def _comparisons(comparisons: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "### Compared with the baseline"
    yield ""
    yield "| test | metric | was | now | change | |"
    yield "|:--|:--|--:|--:|--:|:--|"
    for each in comparisons[:_MOST_ROWS]:
        unit = str(each.get("unit", "ms"))
        cells = [_code(str(each["test"])) if each.get("test") else "", escaped(str(each["metric"]))]
        cells += [_value(each.get("was"), unit), _value(each.get("now"), unit), _change(each.get("change"))]
        why = f": {escaped(str(each['why']))}" if each.get("why") else ""
        yield f"| {' | '.join(cells)} | {escaped(str(each.get('state', '')))}{why} |"
    if len(comparisons) > _MOST_ROWS:
        yield f"| {len(comparisons) - _MOST_ROWS} more | | | | | |"
    yield ""


def _value(value: object, unit: str) -> str:
    if not isinstance(value, int | float):
        return "–" if value is None else escaped(str(value))
    return show_ms(value) if unit == "ms" else f"{value:.4g}"


def _change(value: object) -> str:
    if not isinstance(value, int | float):
        return "–" if value is None else escaped(str(value))
    return f"{'+' if value >= 0 else '−'}{abs(value) * 100:.1f}%"


def _code(text: str) -> str:
    """In code nobody is called, so that a node id can be copied as it is."""
    return f"<code>{_entities(_line(text))}</code>"


def _line(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 1] + "…"


def _entities(line: str) -> str:
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", line)


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _shortened(text: str) -> str:
    """A traceback's two ends. Characters that would start a line anew elsewhere than in Python are blanks."""
    lines = ["".join(c if c.isprintable() else " " for c in line.expandtabs(4))[:_LONGEST_LINE] for line in text.splitlines()]
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES // 2], f"… {len(lines) - _MOST_LINES} lines …", *lines[-_MOST_LINES // 2 :]]
    whole = "\n".join(lines)
    return whole if len(whole) <= _LONGEST_TEXT else f"{whole[: _LONGEST_TEXT // 2]}\n…\n{whole[-_LONGEST_TEXT // 2 :]}"


def _size(text: str) -> int:
    return len(text.encode()) + 1


def _runs(number: int) -> str:
    return "contract is" if number == 1 else "contracts are"
