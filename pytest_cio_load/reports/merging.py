"""Several shards of one run as one: the run documents of one contract, each of which saw a part of the samples.

Nothing is lost: histograms and counters add up, rates are pooled, failures are joined, and the verdict is judged again from the whole, by
the thresholds as the documents state them. A percentile of the whole is none of the shards' and no average of them.

The shards ran side by side, so the seconds that per-second rates are taken over are those of the longest.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

from pytest_cio_load.contract.contract import Contract, Profile
from pytest_cio_load.contract.threshold import Origin, Threshold, ThresholdError, parse
from pytest_cio_load.contract.verdict import judge
from pytest_cio_load.errors import DocumentError
from pytest_cio_load.load.pauses import Pauses
from pytest_cio_load.metrics.failures import failure_of, joined
from pytest_cio_load.metrics.kinds import BUILTIN, Kind, Metric
from pytest_cio_load.metrics.measured import THOUSANDTHS, Counter, Gauge, Measured, Trend
from pytest_cio_load.metrics.summary import Summary, Warmup
from pytest_cio_load.reports.document import Document, Run, document
from pytest_cio_load.reports.rebuilt import Rebuilt, added, metrics_of
from pytest_cio_load.units import show_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_OF_THE_SHARD = ("planned", "seed")
"""What shards of one contract may differ in: each plans its own part."""

_NOTHING_CALLED = "no call to Customer.io was made"
"""How a shard says that its body holds our client and did not use it, which another shard's may have done."""

_ENDINGS = ("complete", "aborted", "cut short")
"""The whole ended as the worst of its shards did."""


def merge_all(documents: Iterable[Document]) -> list[Document]:
    """*documents* with all shards of one test merged into one, in the order in which the tests came. Raises DocumentError."""
    by_test: dict[str, list[Document]] = {}
    for doc in documents:
        by_test.setdefault(doc["test"], []).append(doc)
    return [merge(shards) for shards in by_test.values()]


def merge(shards: Sequence[Document]) -> Document:
    """One run document of several shards' of one contract, judged again. One shard alone stays as it is.

    Raises:
        DocumentError: there is none; they are not of one test, contract, clock, target or schema; two are the same run; or a document
            cannot be judged again.
    """
    if not shards:
        raise DocumentError("merge: got no run document; expected at least one; name the files that --cio-json wrote")
    _check_same(shards)
    if len(shards) == 1:
        return dict(shards[0])
    in_order = sorted(shards, key=lambda doc: str(doc["machine"]["started_at"]))
    summary = _summary(in_order)
    clauses = _clauses(in_order)
    contract = Contract(Profile.flat(Fraction(1), Fraction(1)), thresholds=clauses)
    first = in_order[0]
    verdict = judge(
        contract,
        summary,
        clock=first["clock"],
        calls_expected=any(reason["what"].startswith(_NOTHING_CALLED) for doc in shards for reason in doc["reasons"]),
        aborted_by=_aborted_by(in_order, clauses),
    )
    run = Run(
        **{name: first[name] for name in ("test", "location", "clock", "target")},
        contract=contract,
        summary=summary,
        verdict=verdict,
        seed=0,
        max_in_flight=first["contract"]["max_in_flight"],
        started_at=first["machine"]["started_at"],
        real_seconds=max(doc["machine"]["real_seconds"] for doc in shards),
        cpu_seconds=sum(doc["machine"]["cpu_seconds"] for doc in shards),
        delivery=_sums(doc["delivery"] for doc in shards),
        cleanup=_sums(doc["cleanup"] for doc in shards),
        notes=tuple(_notes(in_order)),
        pauses=_pauses(doc["machine"].get("pauses") for doc in shards),
    )
    return _stated_again(document(run), in_order)


def _stated_again(made: Document, shards: Sequence[Document]) -> Document:
    """*made* with what its shards say of their contract and machines, and whatever else they all say alike."""
    first = shards[0]
    contract = first["contract"] | {"planned": made["iterations"]["planned"]}
    hosts = {name: ", ".join(dict.fromkeys(doc["machine"][name] for doc in shards)) for name in ("python", "system")}
    more = {name: value for name, value in first.items() if name not in made and all(doc.get(name) == value for doc in shards)}
    machine = {name: value for name, value in first["machine"].items() if all(doc["machine"].get(name) == value for doc in shards)}
    return made | {"contract": contract, "machine": machine | made["machine"] | hosts} | {k: v for k, v in more.items() if k != "timeline"}


def _check_same(shards: Sequence[Document]) -> None:
    first = shards[0]
    for number, doc in enumerate(shards[1:], start=2):
        for what, where in (("schema", "schema"), ("test", "test"), ("clock", "clock"), ("target", "target")):
            if doc[where] != first[where]:
                raise _differ(what, first[where], doc[where], number, f"merge runs of one {what}")
        ours, theirs = (_promise(each) for each in (first, doc))
        for what in ours:
            if ours[what] != theirs[what]:
                raise _differ(f"contract ({what})", ours[what], theirs[what], number, "merge runs of one contract")
        same = next((at for at, other in enumerate(shards[: number - 1], start=1) if other == doc), None)
        if same is not None:
            msg = f"merge: run {number} is run {same} once more ({doc['test']}, {doc['machine']['started_at']}); "
            raise DocumentError(f"{msg}expected each run once; leave one of the files out")


def _promise(doc: Document) -> dict[str, object]:
    promised = {name: value for name, value in doc["contract"].items() if name not in _OF_THE_SHARD}
    return promised | {"thresholds": [f"{clause['metric']} {clause['clause']}" for clause in doc["thresholds"]]}


def _differ(what: str, one: object, other: object, number: int, nearest: str) -> DocumentError:
    return DocumentError(
        f"merge: got the {what} {show_value(one)} in run 1 and {show_value(other)} in run {number}; expected shards of one run; {nearest}"
    )


def _summary(shards: Sequence[Document]) -> Summary:
    tallies = [doc["iterations"] for doc in shards]
    worst = max(tallies, key=lambda tally: _ENDINGS.index(tally["ended"]) if tally["ended"] in _ENDINGS else len(_ENDINGS))
    metrics = _metrics(shards)
    kinds = {name: Metric(Kind(told["kind"]), told["unit"]) for doc in shards for name, told in doc["metrics"].items()}
    measured = max(doc["rate"]["seconds"] for doc in shards)
    return Summary(
        metrics=cast("Mapping[str, Measured]", metrics),
        kinds=BUILTIN | kinds,
        planned=sum(tally["planned"] for tally in tallies),
        seen=sum(tally["seen"] for tally in tallies),
        waited=sum(tally["waited"] for tally in tallies),
        elapsed=measured + shards[0]["contract"]["warmup"],
        measured=measured,
        end=worst["ended"],
        reason=worst["reason"],
        failures=joined(failure_of(group) for doc in shards for group in doc["failures"]),
        warmup=Warmup(
            sum(doc["warmup"]["iterations"] for doc in shards),
            joined(failure_of(group) for doc in shards for group in doc["warmup"]["failures"]),
        ),
    )


def _metrics(shards: Sequence[Document]) -> dict[str, Rebuilt]:
    by_name: dict[str, list[Rebuilt]] = {}
    for doc in shards:
        for name, metric in metrics_of(doc).items():
            by_name.setdefault(name, []).append(metric)
    whole = {name: added(metrics) for name, metrics in sorted(by_name.items())}
    ratio, attempts, calls = (whole.get(name) for name in ("amplification", "attempts", "calls"))
    if isinstance(ratio, Gauge) and isinstance(attempts, Trend) and isinstance(calls, Counter) and calls.total:
        # The one gauge that is about the whole run: the latest shard's would speak for all.
        ratio.last = round(attempts.total / THOUSANDTHS) / calls.total
    return whole


def _clauses(shards: Sequence[Document]) -> tuple[Threshold, ...]:
    told = {name: Metric(Kind(metric["kind"]), metric["unit"]) for doc in shards for name, metric in doc["metrics"].items()}
    return tuple(_clause(clause, told) for clause in shards[0]["thresholds"])


def _clause(clause: Mapping[str, Any], told: Mapping[str, Metric]) -> Threshold:
    """A threshold as its document states it; of a metric that no shard has, the kind that the text is right for."""
    name = clause["metric"]
    known = BUILTIN.get(name) or told.get(name)
    guesses = [Metric(kind, unit) for unit in ("", "ms") for kind in (Kind.TREND, Kind.COUNTER, Kind.RATE, Kind.GAUGE)]
    for metric in [known] if known else guesses:
        try:
            threshold = parse(clause["text"], name, metric, origin=cast("Origin", clause["origin"]))
        except ThresholdError:
            continue
        if (str(threshold), threshold.unit) == (clause["clause"], clause["unit"]):
            return threshold
    expected = "a threshold that this release reads as the one that measured did"
    raise DocumentError(f"merge: got {name} {show_value(clause['text'])}; expected {expected}; merge with the release that measured")


def _aborted_by(shards: Sequence[Document], clauses: Sequence[Threshold]) -> Threshold | None:
    ended = (at for doc in shards for at, clause in enumerate(doc["thresholds"]) if clause["aborted"])
    at = next(ended, None)
    return None if at is None else clauses[at]


def _pauses(told: Iterable[Mapping[str, Any] | None]) -> Pauses | None:
    """What garbage collections took of all runs together; unknown when it is of one."""
    pauses = list(told)
    known = [each for each in pauses if each is not None]
    if len(known) < len(pauses):
        return None
    counts = {name: sum(each[name] for each in known) for name in ("count", "in_gaps")}
    total, longest = sum(each["total_ms"] for each in known), max(each["longest_ms"] for each in known)
    return Pauses(total=round(total * 1000), longest=round(longest * 1000), **counts)


def _sums(tallies: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for tally in tallies:
        for name, number in tally.items():
            whole[name] = whole.get(name, 0) + number
    return whole


def _notes(shards: Sequence[Document]) -> Iterable[str]:
    """That this is a whole of several, and each note: once if every shard has it, else with the shard it is of."""
    yield f"merged of {len(shards)} runs"
    told = [list(doc["notes"]) for doc in shards]
    for note in dict.fromkeys(note for notes in told for note in notes):
        of = [str(number) for number, notes in enumerate(told, start=1) if note in notes]
        yield note if len(of) == len(shards) else f"run {', '.join(of)}: {note}"
    seeds = dict.fromkeys(str(doc["contract"]["seed"]) for doc in shards)
    if len(seeds) > 1:
        yield f"the seeds of the runs: {', '.join(seeds)}"
    if any("timeline" in doc for doc in shards):
        yield "the timelines of the runs are left out: they stand in the runs' own documents"

