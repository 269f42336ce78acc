"""Failed iterations: groups of one kind at one line, each with its first traceback and a few of its iterations and their calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_cio_load.reports.html.markup import element, table, text
from pytest_cio_load.units import show_count, show_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_GROUPS = 50
_LONGEST_TRACE, _LONGEST_MESSAGE, _LONGEST_HEAD = 20_000, 1_000, 200


def failures(groups: Sequence[Mapping[str, Any]], *, traces: bool = True) -> str:
    """Groups of failures, folded; "" when there is none.

    Args:
        groups: of a run document.
        traces: whether tracebacks are shown.
    """
    told = [_group(group, traces=traces) for group in groups[:MOST_GROUPS]]
    if len(groups) > MOST_GROUPS:
        told.append(element("p", text(f"And {len(groups) - MOST_GROUPS} more kinds of failure.")))
    return "".join(told)


def _group(group: Mapping[str, Any], *, traces: bool) -> str:
    where = f" at {group['where']}" if group["where"] else ""
    first = f"first in iteration {show_count(group['first_index'])}, due at {show_duration(group['first_due'])}"
    message = str(group["message"])
    short = _cut(message.partition("\n")[0], _LONGEST_HEAD)
    told = element("span", text(short), class_="message") if short else ""
    head = element("summary", element("strong", text(f"{show_count(group['count'])} × {group['kind']}")), text(f"{where}, {first}"), told)
    rest = message.removeprefix(short).strip("\n")
    body = [element("p", text(_cut(rest, _LONGEST_MESSAGE)), class_="message")] if rest.strip() else []
    if traces and group["trace"]:
        trace = element("code", text(_cut(group["trace"], _LONGEST_TRACE)))
        body.append(element("pre", trace, tabindex=0, role="region", aria_label="Traceback"))
    if group.get("samples"):
        body.append(_samples(group["samples"], group["count"]))
    return element("details", head, *body, class_="failure")


def _samples(samples: Sequence[Mapping[str, Any]], count: int) -> str:
    names = ["iteration", "due", "ended", "call", "answer", "attempts", "what was raised"]
    rows = [
        [
            show_count(sample["index"]),
            *(text(show_duration(round(sample[moment], 3))) for moment in ("due", "ended")),
            *_call(sample.get("call")),
            text(_cut(sample["message"], _LONGEST_MESSAGE)),
        ]
        for sample in samples
    ]
    few = f"The first {len(samples)} of {show_count(count)}" if count > len(samples) else "All of them"
    note = "Keys, people and what was sent about them are in no report."
    listed = table(names, rows, name="Failed iterations", numbers=(0, 1, 2, 5), cards=True)
    return listed + element("p", text(f"{few}. {note}"), class_="quiet")


def _call(call: Mapping[str, Any] | None) -> tuple[str, str, str]:
    """Its request, answer and attempts."""
    if not call:
        return "–", "–", "–"
    request = element("code", text(call["request"])) if call.get("request") else ""
    answered = f"{call['status']} {call['reason']}" if call.get("status") is not None else f"no answer: {call['reason']}"
    return " ".join(filter(None, [text(call["operation"]), request])), text(_cut(answered, _LONGEST_MESSAGE)), show_count(call["attempts"])


def _cut(value: str, longest: int) -> str:
    """Its two ends, when it is too long."""
    return value if len(value) <= longest else f"{value[: longest // 2]}\n…\n{value[-longest // 2 :]}"
