"""Shards of one run as one: what a single run would have measured, and judged again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_cio_load.contract.contract import build
from pytest_cio_load.contract.verdict import judge
from pytest_cio_load.errors import DocumentError
from pytest_cio_load.load.run import Outcome, Sample
from pytest_cio_load.load.schedule import Arrival
from pytest_cio_load.metrics.kinds import Kind
from pytest_cio_load.metrics.measured import Delivery
from pytest_cio_load.metrics.recorder import Recorder
from pytest_cio_load.reports.document import Document, Run, document
from pytest_cio_load.reports.merging import merge, merge_all
from pytest_cio_load.reports.reading import documents_in
from pytest_cio_load.reports.rebuilt import added, metrics_of

MS = 1_000
CONTRACT = build(
    {"rate": 100, "duration": 1, "p95": 500, "thresholds": {"identify": ["p(99)<900"], "errors": "rate<50%", "calls": "rate>1"}}
)
SHARDS = 8
Event = tuple[int, int, int]


def measured(
    events: list[tuple[int, Event]], *, started: str = "2026-02-03T04:05:06.000+00:00", contract: Any = CONTRACT, **how: Any
) -> Document:
    """The document of a run that saw *events*: each an index, with its service time in µs, its kind, and how late it was."""
    book = Recorder({}, warmup=0, lag_tolerance=50 * MS, home="")
    for index, (took, kind, late) in events:
        due = index * MS
        if kind % 3:
            error = OSError("gone") if kind == 4 else None
            book.call("identify", iteration=index, due=due, times=(took, kind), attempts=1 + kind % 2, error=error)
        if kind == 6:
            book.dropped(Arrival(index, due))
            continue
        outcome = {5: Outcome.TIMED_OUT, 7: Outcome.INTERRUPTED, 8: Outcome.FAILED}.get(kind, Outcome.OK)
        failed = ValueError(f"{index}") if kind == 8 else None
        book.finished(Sample(Arrival(index, due), due + late, due + late + took, late, outcome, failed))
        book.add("check:fine", Kind.RATE, kind % 2)
        book.add("depth", Kind.GAUGE, took - 500)
        book.add("sold", Kind.COUNTER, 3)
    book.delivered(Delivery(len(events), lost=sum(kind == 4 for _, (_, kind, _) in events)))
    summary = replace(book.summary(planned=len(events), elapsed=1.0, end="complete", reason=""), **how)
    run = Run(
        test="tests/test_it.py::test_identify",
        location="tests/test_it.py:12",
        contract=contract,
        summary=summary,
        verdict=judge(contract, summary),
        clock="wall",
        target="fake",
        seed=7,
        max_in_flight=10,
        started_at=started,
        real_seconds=1.5,
        cpu_seconds=0.5,
        delivery={"received": len(events), "applied": len(events)},
        cleanup={"noted": len(events)},
    )
    return document(run)


def split(events: list[Event], owners: list[int]) -> tuple[Document, list[Document]]:
    """The document of the whole, and of the shards that the events fall to."""
    numbered = list(enumerate(events))
    parts = [[event for event, owner in zip(numbered, owners, strict=True) if owner == shard] for shard in range(SHARDS)]
    return measured(numbered), [measured(part, started=f"2026-02-03T04:05:0{n}.000+00:00") for n, part in enumerate(parts)]


def comparable(doc: Document) -> Document:
    """A document without what is of the machine, the moment, or the order of samples; means apart, which are rounded."""
    plain: Document = json.loads(json.dumps({key: value for key, value in doc.items() if key not in ("machine", "notes")}))
    plain["contract"].pop("planned")
    for name, metric in plain["metrics"].items():
        metric.pop("avg", None)
        if name in ("depth", "amplification"):
            metric.pop("value")
        if name == "amplification":
            metric.pop("min"), metric.pop("max")
    for group in plain["failures"]:
        group.pop("trace")
    return plain


def means(doc: Document) -> list[float]:
    """Of every trend; and the one gauge that is a mean."""
    return [
        metric["avg"] if "avg" in metric else metric["value"]
        for name, metric in doc["metrics"].items()
        if name != "depth" and ("avg" in metric or "value" in metric)
    ]


EVENTS = st.lists(st.tuples(st.integers(0, 2_000_000), st.integers(0, 8), st.integers(0, 90_000)), max_size=80)


@settings(max_examples=100)
@given(EVENTS, st.randoms(use_true_random=False))
def test_shards_are_the_whole(events: list[Event], chance: Any) -> None:
    """Any samples, however they are split over 8: every histogram, count, share, failure, clause and the verdict are those of one run."""
    whole, shards = split(events, [chance.randrange(SHARDS) for _ in events])
    chance.shuffle(shards)
    merged = merge(shards)
    assert comparable(merged) == comparable(whole)
    assert means(merged) == pytest.approx(means(whole), abs=0.0021)
    assert documents_in(merged, "merged") == [merged]


@settings(max_examples=25)
@given(EVENTS, st.randoms(use_true_random=False))
def test_merging_in_steps_is_merging_at_once(events: list[Event], chance: Any) -> None:
    """Of what was merged already, too."""
    _, shards = split(events, [chance.randrange(SHARDS) for _ in events])
    in_steps = merge([merge(shards[:3]), merge(shards[3:])])
    assert comparable(in_steps) == comparable(merge(shards))


def some(count: int, kind: int = 1, took: int = 10 * MS, start: int = 0) -> list[tuple[int, Event]]:
    """So many events of one kind."""
    return [(start + index, (took, kind, 0)) for index in range(count)]


def at(second: int) -> str:
    """A moment of the same minute."""
    return f"2026-02-03T04:05:{second:02}.000+00:00"


def test_a_promise_that_each_shard_kept_may_be_broken_by_the_whole() -> None:
    """And the other way round: percentiles are of all samples."""
    contract = build({"rate": 100, "duration": 1, "thresholds": {"response": ["count<150"]}})
    shards = [measured(some(100, start=100 * n), started=at(n), contract=contract) for n in range(2)]
    assert [doc["verdict"] for doc in shards] == ["kept", "kept"]
    merged = merge(shards)
    assert merged["verdict"] == "broken"
    assert merged["headline"] == "contract broken: response count was 200, promised count<150"


def test_too_few_samples_may_be_enough_together() -> None:
    """p(95) takes 20."""
    contract = build({"rate": 100, "duration": 1, "p95": 500})
    shards = [measured(some(10, start=10 * n), started=at(n), contract=contract) for n in range(2)]
    assert [doc["verdict"] for doc in shards] == ["inconclusive", "inconclusive"]
    assert merge(shards)["verdict"] == "kept"


def test_one_shard_is_as_it_was() -> None:
    """Nothing is added to it."""
    doc = measured(some(30))
    assert merge([doc]) == doc


def test_none_is_an_error() -> None:
    """There is nothing to say."""
    with pytest.raises(DocumentError, match="merge: got no run document; expected at least one; name the files that --cio-json wrote"):
        merge([])


def test_shards_of_several_tests_are_told_apart() -> None:
    """Each test's are merged, in the order they came."""
    docs = [measured(some(30, start=n), started=at(n)) | {"test": test} for n, test in enumerate("abab")]
    merged = merge_all(docs)
    assert [(doc["test"], doc["iterations"]["planned"]) for doc in merged] == [("a", 60), ("b", 60)]


def test_the_worst_ending_is_the_whole_ones() -> None:
    """A shard that was cut short makes the whole inconclusive."""
    shards = [measured(some(30), started=at(0)), measured(some(30), started=at(1), end="cut short", reason="Ctrl-C")]
    merged = merge(shards)
    assert merged["verdict"] == "inconclusive"
    assert merged["reasons"][0]["what"] == "the run was cut short: Ctrl-C"


def test_a_clause_that_ended_a_shard_is_broken() -> None:
    """Whatever it reads now."""
    doc = measured(some(80), started=at(1), end="aborted", reason="identify p(99)<900 was broken 0.1 s into the run", planned=90)
    doc["thresholds"][0] |= {"aborted": True, "state": "broken"}
    merged = merge([measured(some(80), started=at(0)), doc])
    assert (merged["verdict"], merged["thresholds"][0]["aborted"], merged["iterations"]["ended"]) == ("broken", True, "aborted")


def test_no_call_in_one_shard_is_no_reason_for_the_whole() -> None:
    """Another one's body called."""
    contract = build({"rate": 100, "duration": 1})
    shards = [measured(some(30, kind=kind), started=at(kind), contract=contract) for kind in (0, 1)]
    judged = judge(contract, replace(_summary(shards[0])), calls_expected=True)
    idle = shards[0] | {"verdict": "inconclusive", "reasons": [{"what": judged.reasons[0].what, "remedy": judged.reasons[0].remedy}]}
    assert merge([idle, shards[1]])["verdict"] == "kept"
    again = merge([idle, idle | {"machine": idle["machine"] | {"started_at": at(9)}}])
    assert [reason["what"] for reason in again["reasons"]] == [judged.reasons[0].what]


def _summary(doc: Document) -> Any:
    from pytest_cio_load.reports.merging import _summary as summary

    return summary([doc])


def test_the_latest_gauge_is_the_whole_ones() -> None:
    """By the moment its run began; least and greatest are of all."""
    shards = [measured([(0, (took, 1, 0))], started=at(second)) for took, second in ((700, 5), (400, 9), (900, 1))]
    depth = merge(shards)["metrics"]["depth"]
    assert (depth["value"], depth["min"], depth["max"], depth["samples"]) == (-100.0, -100.0, 400.0, 3)


def test_amplification_is_of_all_calls() -> None:
    """1 attempt for each of 30 calls, 2 for each of 10: 1.25."""
    merged = merge([measured(some(30, kind=2), started=at(0)), measured(some(10, kind=1), started=at(1))])
    assert merged["metrics"]["amplification"]["value"] == 1.25


def test_a_failure_is_told_by_its_earliest() -> None:
    """And counted in all."""
    merged = merge([measured(some(3, kind=8, start=50), started=at(0)), measured(some(2, kind=8, start=20), started=at(1))])
    (group,) = merged["failures"]
    assert (group["count"], group["first_index"], group["message"]) == (5, 20, "20")


def test_notes_say_whose_they_are() -> None:
    """Once, when every shard has one."""
    docs = [measured(some(30), started=at(n)) | {"notes": notes} for n, notes in enumerate((["same", "mine"], ["same"]))]
    assert merge(docs)["notes"] == ["merged of 2 runs", "same", "run 1: mine"]


def test_a_timeline_is_left_out_and_said_so() -> None:
    """It is of one run."""
    docs = [measured(some(30), started=at(n)) | {"timeline": [n], "region": "eu"} for n in range(2)]
    merged = merge(docs)
    assert "timeline" not in merged
    assert merged["region"] == "eu"
    assert "the timelines of the runs are left out" in merged["notes"][1]


def test_machines_and_seeds_are_told_together() -> None:
    """What differs is listed."""
    docs = [measured(some(30), started=at(n)) for n in range(2)]
    docs[1]["machine"]["python"] = "3.99"
    docs[1]["contract"]["seed"] = 8
    merged = merge(docs)
    assert merged["machine"]["python"] == f"{docs[0]['machine']['python']}, 3.99"
    assert (merged["machine"]["started_at"], merged["machine"]["real_seconds"], merged["machine"]["cpu_seconds"]) == (at(0), 1.5, 1.0)
    assert (merged["contract"]["seed"], merged["contract"]["planned"]) == (7, 60)
    assert merged["notes"] == ["merged of 2 runs", "the seeds of the runs: 7, 8"]


@pytest.mark.parametrize(
    ("told", "whole"),
    [
        ([(1, 2.5, 2.0, 4), (2, 0.5, 0.3, 1)], (3, 3.0, 2.0, 5)),
        ([(1, 2.5, 2.0, 4), None], None),
        ([None, None], None),
    ],
    ids=["both", "one does not say", "neither"],
)
def test_garbage_collections_are_told_together(told: list[tuple[float, ...] | None], whole: tuple[float, ...] | None) -> None:
    """Unknown of the whole when they are unknown of a part."""
    names = ("count", "total_ms", "longest_ms", "in_gaps")
    docs = [measured(some(30), started=at(n)) for n in range(2)]
    for doc, pauses in zip(docs, told, strict=True):
        doc["machine"] |= {} if pauses is None else {"pauses": dict(zip(names, pauses, strict=True))}
    merged = documents_in(merge(docs), "merged")[0]["machine"].get("pauses")
    assert merged == (None if whole is None else dict(zip(names, whole, strict=True)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"clock": "virtual"},
            "merge: got the clock 'wall' in run 1 and 'virtual' in run 2; expected shards of one run; merge runs of one clock",
        ),
        ({"target": "mock"}, "got the target 'fake' in run 1 and 'mock' in run 2"),
        ({"schema": 3}, "got the schema 1 in run 1 and 3 in run 2"),
        ({"test": "other"}, "got the test 'tests/test_it.py::test_identify' in run 1 and 'other' in run 2"),
        ({"thresholds": []}, "got the contract (thresholds) ['identify p(99)<900ms'"),
    ],
)
def test_what_does_not_belong_together_is_refused(change: dict[str, Any], said: str) -> None:
    """With both, and which run it is."""
    doc = measured(some(30)) | {"schema": 1}
    with pytest.raises(DocumentError) as error:
        merge([doc, doc | {"machine": doc["machine"] | {"started_at": at(9)}} | change])
    assert said in str(error.value)


def test_another_contract_is_refused() -> None:
    """Also one that differs in its load alone."""
    doc = measured(some(30))
    with pytest.raises(
        DocumentError, match=r"contract \(profile\) '100/s for 1s' in run 1 and '5/s for 1s' in run 2.*merge runs of one contract"
    ):
        merge([doc, doc | {"contract": doc["contract"] | {"profile": "5/s for 1s"}}])


def test_the_same_run_twice_is_refused() -> None:
    """Its samples would count double."""
    docs = [measured(some(30), started=at(n)) for n in range(2)]
    with pytest.raises(DocumentError, match=r"merge: run 3 is run 1 once more .*; expected each run once; leave one of the files out"):
        merge([*docs, docs[0]])


def test_a_threshold_that_is_not_read_any_more_is_refused() -> None:
    """It cannot be judged again."""
    docs = [measured(some(30), started=at(n)) for n in range(2)]
    for doc in docs:
        doc["thresholds"][0] |= {"text": "p(95)~500"}
    with pytest.raises(DocumentError, match="merge with the release that measured"):
        merge(docs)


@pytest.mark.parametrize("promised", ["p(95)<3", "count<3", "rate<10%", "value<3"])
def test_a_metric_that_no_shard_has_is_still_promised(promised: str) -> None:
    """Without a sample it is inconclusive, as it was."""
    kind = {"p": "trend", "c": "counter", "r": "rate", "v": "gauge"}[promised[0]]
    contract = build({"rate": 100, "duration": 1, "thresholds": {"mine": promised}, "metrics": {"mine": kind}})
    merged = merge([measured(some(30), started=at(n), contract=contract) for n in range(2)])
    assert (merged["verdict"], merged["thresholds"][0]["state"]) == ("inconclusive", "no samples")


def test_one_name_has_one_kind() -> None:
    """Metrics of a body that changed do not add up."""
    docs = [measured(some(30), started=at(n)) for n in range(2)]
    docs[1]["metrics"]["sold"] = docs[1]["metrics"]["depth"]
    with pytest.raises(DocumentError, match="metrics of one name that are counter and gauge; expected one kind for one name"):
        merge(docs)


def test_a_gauge_that_was_never_set_says_nothing() -> None:
    """Its zero is no value."""
    docs = [measured(some(30), started=at(n)) for n in range(2)]
    first, second = (metrics_of(doc)["depth"] for doc in docs)
    second.samples, second.last = 0, 99.0  # type: ignore[union-attr]
    assert added([first, second]).read("value", None, 0) == first.read("value", None, 0)
