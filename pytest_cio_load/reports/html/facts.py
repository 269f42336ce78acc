"""What a verdict rests on beside the charts: every metric, what was delivered, who was made up and deleted, where it ran, and notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_cio_load.metrics.kinds import BUILTIN
from pytest_cio_load.reports.cleaned import cleanup_text, failed_cleanup
from pytest_cio_load.reports.document import TREND_COLUMNS
from pytest_cio_load.reports.html.figures import show
from pytest_cio_load.reports.html.markup import element, facts, table, text
from pytest_cio_load.units import show_count, show_duration, show_share

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_cio_load.reports.document import Document


def metrics(doc: Document) -> str:
    """Every metric with a sample: times and other spreads in one table, all others in a second."""
    told = {name: metric for name, metric in doc["metrics"].items() if metric["samples"]}
    trends = {name: metric for name, metric in told.items() if metric["kind"] == "trend"}
    others = {name: metric for name, metric in told.items() if metric["kind"] != "trend"}
    silent = sorted(set(doc["metrics"]) - set(told))
    parts = []
    if trends:
        columns = ["metric", "samples", *TREND_COLUMNS]
        rows = [[_named(name), show_count(one["samples"]), *(_value(one, each) for each in TREND_COLUMNS)] for name, one in trends.items()]
        parts.append(table(columns, rows, name="Times and other values that spread", numbers=range(1, len(columns))))
    if others:
        rows = [[_named(name), text(one["kind"]), text(_told(one)), show_count(one["samples"])] for name, one in others.items()]
        parts.append(table(["metric", "kind", "value", "samples"], rows, name="Counters, rates and gauges", numbers=(3,)))
    if silent:
        parts.append(element("p", text(f"Without a sample: {', '.join(silent)}."), class_="quiet"))
    return "".join(parts)


def circumstances(doc: Document) -> str:
    """Where and how it ran: the contract, the machine, the workspace, what was delivered, and the cleanup."""
    contract, machine, workspace = doc["contract"], doc["machine"], doc.get("workspace") or {}
    known = machine.get("fingerprint") or {}
    host = [known.get("cpu"), _cpus(known), known.get("platform") or machine["system"]]
    delivery = ", ".join(f"{show_count(number)} {_words(name)}" for name, number in doc["delivery"].items())
    pairs = [
        ("contract", text(contract["text"])),
        ("test", element("code", text(doc["test"])) + text(f" ({doc['location']})")),
        ("started", text(machine["started_at"])),
        ("limits", text(_limits(contract))),
        ("machine", text(", ".join(str(part) for part in host if part))),
        ("Python", text(known.get("python") or machine["python"])),
    ]
    pairs += [("ran on", text(machine["loop"]))] if machine.get("loop") else []
    pairs += [("plugin", text(f"pytest-cio-load {known['plugin']}"))] if known.get("plugin") else []
    pairs += [(f"workspace: {_words(name)}", text(value)) for name, value in workspace.items()]
    pairs += [("delivery", text(delivery))] if delivery else []
    pairs += [("made-up people", text(_cleaned(doc["cleanup"])))] if doc["cleanup"].get("noted") else []
    return facts(pairs)


def notes(doc: Document) -> str:
    """Sentences without which the figures mislead; "" when there is none."""
    return element("ul", *(element("li", text(note)) for note in doc["notes"]), class_="notes") if doc["notes"] else ""


def _named(name: str) -> str:
    meaning = BUILTIN[name].meaning if name in BUILTIN else ""
    return text(name) + (element("small", text(meaning)) if meaning else "")


def _value(metric: Mapping[str, Any], column: str) -> str:
    value = metric[column]
    if metric["unit"] == "ms" or metric["kind"] != "trend" or abs(value) >= 1000:
        return text(show(value, metric["unit"] if metric["unit"] == "ms" else ""))
    return text(show(float(f"{value:.3g}"), ""))  # a histogram keeps so many digits: 4.001 attempts are 4


def _told(metric: Mapping[str, Any]) -> str:
    """Every aggregation of a metric that is no trend."""
    match metric["kind"]:
        case "rate":
            return f"{show_share(metric['rate'])}, {show_count(metric['count'])} in all"
        case "counter":
            return f"{show(metric['count'], '')}, {show(round(metric['rate'], 3), '/s')}"
        case "gauge":
            value, least, most = (_value(metric, name) for name in ("value", "min", "max"))
            return f"{value} at last, from {least} to {most}"
    return ", ".join(f"{_words(name)} {show(metric[name], '')}" for name in ("lost", "duplicates", "out_of_order") if name in metric)


def _limits(contract: Mapping[str, Any]) -> str:
    told = [f"at most {show_count(contract['max_in_flight'])} in flight, then {contract['on_saturation']}"]
    told += [f"{_words(name)} {show_duration(contract[name])}" for name in ("warmup", "graceful_stop", "timeout") if contract[name]]
    return ", ".join([*told, f"{contract['arrivals']} arrivals", f"seed {contract['seed']}"])


def _cpus(known: Mapping[str, Any]) -> str:
    return f"{known['cpus']} CPUs" if known.get("cpus") else ""


def _cleaned(cleanup: Mapping[str, Any]) -> str:
    if failed_cleanup(cleanup):
        return cleanup_text(cleanup)
    seen = "; nobody is left, as seen through the App API" if cleanup.get("verified") else ""
    left = f"; {show_count(cleanup['left'])} could not be deleted" if cleanup.get("left") else ""
    return f"{show_count(cleanup['noted'])} noted, {show_count(cleanup.get('deleted', 0))} deleted{left}{seen}"


def _words(name: object) -> str:
    return str(name).replace("_", " ")
