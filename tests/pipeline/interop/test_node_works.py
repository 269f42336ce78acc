"""Our producer, Node's workers; and workers of both on one queue."""

from __future__ import annotations

from collections import Counter

import pytest

from pytest_cio_load.customerio.operations import events, people

pytestmark = pytest.mark.asyncio
VERSIONS = pytest.mark.parametrize("version", ["6.7.0", "5.81.5"])

ORIGINAL = """
kept.sent = [];
kept.failed = 0;
const send = (call) => async (userId, data) => {
  if (troubles[userId]-- > 0) { kept.failed += 1; throw new Error("no"); }
  kept.sent.push({ call, userId, data, at: Date.now() });
};
const cio = { identify: send("identify"), track: send("track") };
kept.worker = new bullmq.Worker(name, async (job) => {
  if (job.name === "identify") await cio.identify(job.data.userId, job.data.data);
  else await cio.track(job.data.userId, job.data.data);
}, { connection, concurrency });
"""
"""The original design's worker; its client notes what it is to send, and fails as often about a person as ``troubles`` says."""

FAILING = """
Math.random = () => chance;
kept.tries = 0;
kept.worker = new bullmq.Worker(name, async () => { kept.tries += 1; throw new Error("no"); }, { connection });
await kept.worker.waitUntilReady();
"""


def content(number: int) -> dict[str, object]:
    return {"n": number, "deep": {"list": [1, {"кто": "ü"}], "nothing": None}, "text": 'жп😀 "quoted"\n'}


@VERSIONS
async def test_a_thousand_jobs_reach_nodes_worker(nodes, our_side, until, version):
    """Once each and unchanged: one by one and many together, delayed, prioritized, and retried."""
    node, ours = await nodes(version), our_side(backoff=0.02)
    made = [people.identify(f"ü{n % 100}", content(n)) if n % 2 else events.track(f"ü{n % 100}", "bought", content(n)) for n in range(1000)]
    await ours.producer.enqueue_many(made[:900])
    for number, operation in enumerate(made[900:]):
        await ours.producer.enqueue(operation, delay=0.3 if number % 3 == 1 else 0.0, priority=number % 3 and number % 5)
    await node(ORIGINAL, concurrency=20, troubles={f"ü{number}": 2 for number in range(20)})

    async def all_sent() -> bool:
        return await node("return await queue.getCompletedCount()") == 1000

    await until(all_sent)
    sent = await node("await kept.worker.close(); return kept.sent")
    assert Counter((each["call"], each["userId"]) for each in sent) == Counter((each.name, each.people[0]) for each in made)
    identified = [each["data"] for each in sent if each["call"] == "identify"]
    tracked = [each["data"] for each in sent if each["call"] == "track"]
    assert sorted(identified, key=lambda each: each["n"]) == [content(number) for number in range(1, 1000, 2)]
    assert sorted((each["data"] for each in tracked), key=lambda each: each["n"]) == [content(number) for number in range(0, 1000, 2)]
    assert {each["name"] for each in tracked} == {"bought"}
    assert await node("return kept.failed") == 40


async def test_nodes_worker_keeps_to_our_delays(node, ours, until):
    """None is taken before its time."""
    delays = {"p0": 0.0, "p1": 0.3, "p2": 0.9}
    for person, delay in delays.items():
        await ours.producer.enqueue(events.track(person, "e"), delay=delay)
    times = await node("return Object.fromEntries((await queue.getJobs()).map((job) => [job.data.userId, job.timestamp]))")
    await node(ORIGINAL, concurrency=5, troubles={})

    async def all_sent() -> bool:
        return await node("return kept.sent.length") == len(delays)

    await until(all_sent)
    sent = await node("await kept.worker.close(); return kept.sent")
    assert all(each["at"] - times[each["userId"]] >= delays[each["userId"]] * 1000 - 1 for each in sent)


async def test_nodes_worker_keeps_to_our_priorities(node, ours, until):
    """What has none first, then from 1 on; the same ones as they were enqueued."""
    wanted = [0, 3, 1, 0, 2, 1, 3, 2, 0, 1]
    for number, priority in enumerate(wanted):
        await ours.producer.enqueue(events.track(f"p{number}", "e"), priority=priority)
    await node(ORIGINAL, concurrency=1, troubles={})

    async def all_sent() -> bool:
        return await node("return kept.sent.length") == len(wanted)

    await until(all_sent)
    sent = await node("await kept.worker.close(); return kept.sent.map((each) => each.userId)")
    assert sent == [f"p{number}" for number in sorted(range(len(wanted)), key=lambda number: (wanted[number], number))]


@pytest.mark.parametrize(("chance", "share"), [(0.0, 0.5), (0.5, 0.75)])
async def test_nodes_worker_retries_by_our_options(node, our_side, until, chance, share):
    """Five attempts, exponential, half of each wait left to chance: which a snippet decides, and it does not wait for the time itself."""
    ours = our_side(backoff=600.0)
    id = await ours.producer.enqueue(events.track("p0", "e"))
    await node(FAILING, chance=chance)
    for attempt in range(1, 5):

        async def failed(attempt: int = attempt) -> bool:
            made, state = await node("const job = await queue.getJob(id); return [job.attemptsMade, await job.getState()]", id=id)
            return (made, state) == (attempt, "delayed")

        await until(failed)
        assert await node("return (await queue.getJob(id)).delay", id=id) == 600_000 * 2 ** (attempt - 1) * share
        await node("await (await queue.getJob(id)).promote()", id=id)

    async def dead() -> bool:
        return await node("return await queue.getFailedCount()") == 1

    await until(dead)
    assert await node("await kept.worker.close(); return kept.tries") == 5


async def test_what_nodes_worker_gave_up_is_a_dead_letter_here(node, our_side, until):
    """With its reason and its tries; and replayed, a worker of ours sends it."""
    ours = our_side(attempts=2, backoff=0.01)
    await ours.producer.enqueue(events.track("p0", "e"))
    await node(FAILING, chance=0.0)

    async def dead() -> bool:
        return await node("return await queue.getFailedCount()") == 1

    await until(dead)
    await node("await kept.worker.close()")
    [letter] = await ours.engine.dead_letters()
    assert (letter.name, letter.reason, letter.attempts) == ("track", "no", 2)
    assert await ours.engine.replay([letter]) == 1
    ours.worker()
    await until(lambda: ours.finished() >= 1)
    assert ours.fake.applied("track") == 1


async def test_workers_of_both_share_a_queue(node, ours, until):
    """No job goes to both, and none to nobody; both have work as long as there is some."""
    await node(ORIGINAL, concurrency=10, troubles={})
    await node("await kept.worker.waitUntilReady()")
    ours.worker()
    made: list[str] = []

    async def all_done() -> bool:
        return await node("return kept.sent.length") + len(ours.done()) >= len(made)

    async def both_have_worked() -> bool:
        group = [events.track("p", "e", {"n": len(made) + number}) for number in range(100)]
        made.extend(await ours.producer.enqueue_many(group))
        return len(made) >= 1000 and bool(ours.done()) and await node("return kept.sent.length") > 0

    await until(both_have_worked)
    await until(all_done)
    by_node = await node("await kept.worker.close(); return kept.sent.map((each) => each.data.data.n)")
    by_us = [event.data["n"] for event in ours.fake.events]
    assert sorted(by_node + by_us) == list(range(len(made)))
    assert await node("return await queue.getJobCountByTypes('wait', 'active', 'failed')") == 0
