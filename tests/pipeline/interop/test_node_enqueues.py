"""Node's producers, our workers: jobs of the original design's form and entities of version 2 are all applied, in time and in turn."""

from __future__ import annotations

from collections import Counter

import pytest

from pytest_cio_load.pipeline.engines.engine import check_queue_name, shard_of

pytestmark = pytest.mark.asyncio
VERSIONS = pytest.mark.parametrize("version", ["6.7.0", "5.81.5"])

THOUSAND = """
const person = (n) => `pérson-${n % 100}-жп😀`;
const content = (n) => ({ n, deep: { list: [1, { кто: "ü" }], nothing: null } });
const forms = [
  (n) => ["track", { userId: person(n), data: { name: "bought", data: content(n) }, enqueuedAt: Date.now() }],
  (n) => ["track", { userId: person(n), data: { name: "opened", data: content(n) }, enqueuedAt: Date.now() }],
  (n) => ["identify", { userId: person(n), data: { ...content(n), email: `p${n % 100}@example.com` }, enqueuedAt: Date.now() }],
  (n) => ["entity", { type: "person", action: "event", identifiers: { id: person(n) }, name: "paid", attributes: content(n) }],
];
const jobs = Array.from({ length: 1000 }, (_, n) => {
  const [name, data] = forms[n % 4](n);
  const opts = { attempts: 3, backoff: { type: "exponential", delay: 50 } };
  if (n % 10 === 1) opts.delay = 500;
  if (n % 10 === 2) opts.priority = 1 + (n % 7);
  if (n % 10 === 3) opts.jobId = `mine-${n}`;
  return { name, data, opts };
});
for (const { name, data, opts } of jobs.slice(0, 50)) await queue.add(name, data, opts);
await queue.addBulk(jobs.slice(50));
"""

ORIGINAL = """
for (const [n, opts] of options.entries()) await queue.add("track", { userId: `p${n}`, data: { name: "e", data: { n } } }, opts);
"""


@VERSIONS
async def test_a_thousand_jobs_are_all_applied(nodes, ours, until, version):
    """Once each: delayed, prioritized, retried, with ids of their own, nested and in any script, one by one and in bulk."""
    node = await nodes(version)
    await node(THOUSAND)
    ours.fake.troubles.update({f"p%C3%A9rson-{number}-%D0%B6%D0%BF%F0%9F%98%80": 1 for number in (4, 9)})
    ours.worker(concurrency=20)
    await until(lambda: ours.finished() >= 1000)
    assert len(set(ours.done())) == len(ours.done()) == 1000
    assert Counter(event.data["n"] for event in ours.fake.events) == Counter(number for number in range(1000) if number % 4 != 2)
    assert all(event.data["deep"] == {"list": [1, {"кто": "ü"}], "nothing": None} for event in ours.fake.events)
    assert ours.fake.applied("identify") == 250
    assert set(ours.fake.troubles.values()) == {0}
    assert ours.fake.person("pérson-2-жп😀").attributes["email"] == "p2@example.com"
    assert await node("return [await queue.getCompletedCount(), await queue.getFailedCount()]") == [1000, 0]


async def test_a_delayed_job_is_not_applied_before_its_time(node, ours, until):
    """Its producer's delay counts from when it was added."""
    await node(ORIGINAL, options=[{"delay": delay} for delay in (0, 300, 900)])
    due = await node("return (await queue.getJobs()).map((job) => [job.data.data.data.n, job.timestamp + job.delay])")
    ours.worker()
    await until(lambda: ours.finished() >= 3)
    assert all(ours.fake.arrived[number] * 1000 >= moment - 1 for number, moment in due)


async def test_priorities_go_in_order(node, ours, until):
    """As with a worker of Node's: what has none first, then from 1 on; the same ones as they were added."""
    wanted = [0, 3, 1, 0, 2, 1, 3, 2, 0, 1]
    await node(ORIGINAL, options=[{"priority": each} if each else {} for each in wanted])
    ours.worker(concurrency=1)
    await until(lambda: ours.finished() >= len(wanted))
    assert [event.data["n"] for event in ours.fake.events] == sorted(range(len(wanted)), key=lambda number: (wanted[number], number))


async def test_a_job_that_fails_is_tried_as_often_as_its_producer_said(node, ours, until):
    """The third try succeeds; Node counts three."""
    await node(ORIGINAL, options=[{"attempts": 3}])
    ours.fake.troubles["p0"] = 2
    ours.worker()
    await until(lambda: ours.finished() >= 1)
    [job] = await node("return (await queue.getCompleted()).map((job) => [job.attemptsMade, job.attemptsStarted])")
    assert job == [3, 3]


@pytest.mark.parametrize("attempts", [1, 2, 7])
async def test_one_that_always_fails_ends_in_the_failed_set(node, ours, until, attempts):
    """After its own number of attempts, with the reason."""
    await node(ORIGINAL, options=[{"attempts": attempts}])
    ours.fake.troubles["p0"] = 100
    ours.worker()
    await until(lambda: ours.finished() >= 1)
    [failed] = await node("return (await queue.getFailed()).map((job) => [job.attemptsMade, job.failedReason, job.finishedOn > 0])")
    assert failed[0] == attempts
    assert failed[1].startswith("500 ")
    assert failed[2]
    assert ours.fake.troubles["p0"] == 100 - attempts


async def test_what_is_no_operation_ends_in_the_failed_set_at_once(node, ours, until):
    """Node reads why."""
    await node('await queue.add("reticulate", { userId: "p0", data: {} }, { attempts: 5 })')
    ours.worker()
    await until(lambda: ours.finished() >= 1)
    [reason] = await node("return (await queue.getFailed()).map((job) => job.failedReason)")
    assert reason == "name: got 'reticulate'; expected one such as identify or track; look at its producer"


async def test_node_sees_what_is_done(node, ours, until):
    """State, times and value of a completed job are what one of Node's own has."""
    await node(ORIGINAL, options=[{"jobId": "mine"}])
    ours.worker()
    await until(lambda: ours.finished() >= 1)
    seen = await node(
        """
        const job = await queue.getJob("mine");
        const inOrder = job.timestamp <= job.processedOn && job.processedOn <= job.finishedOn;
        return { state: await job.getState(), value: job.returnvalue, inOrder, count: await queue.getCompletedCount() };
        """
    )
    assert seen == {"state": "completed", "value": None, "inOrder": True, "count": 1}


async def test_queue_events_are_heard(node, ours, until):
    """The original design's monitor hears of every job that was taken, done and given up."""
    await node(
        """
        kept.heard = [];
        kept.events = new bullmq.QueueEvents(name, { connection, lastEventId: "0" });
        for (const event of ["waiting", "active", "completed", "failed"])
          kept.events.on(event, ({ jobId, failedReason }) => kept.heard.push([event, jobId, failedReason ?? ""]));
        await kept.events.waitUntilReady();
        """
    )
    ours.fake.troubles["p1"] = 1
    ours.worker()
    await node(ORIGINAL, options=[{"jobId": "good", "attempts": 1}, {"jobId": "bad", "attempts": 1}])
    ended = "return kept.heard.filter(([event]) => event === 'completed' || event === 'failed').length"

    async def all_heard() -> bool:
        return await node(ended) == 2

    await until(all_heard)
    heard = await node("await kept.events.close(); return kept.heard")
    assert [event for event, id, _ in heard if id == "good"] == ["waiting", "active", "completed"]
    assert [event for event, id, _ in heard if id == "bad"] == ["waiting", "active", "failed"]
    assert next(reason for event, _, reason in heard if event == "failed").startswith("500 ")


SHARD = """
const shardOf = (person, shards) => createHash("sha256").update(person).digest().readUInt32BE(0) % shards;
"""
"""How a producer on Node finds the queue of a person in the ordered form."""


@pytest.mark.parametrize("shards", [2, 8, 13])
async def test_the_rule_of_shards_is_easily_written_in_node(node, shards):
    """Three calls of its standard library, for people of any name."""
    people = ["", "0", "a b", "somebody@example.com", "ü", "жп😀", "\u2028", "x" * 1000, *(f"u{number}" for number in range(50))]
    found = await node(SHARD + "return people.map((each) => shardOf(each, shards))", people=people, shards=shards)
    assert found == [shard_of(person, shards) for person in people]


async def test_the_ordered_form_is_read_in_order(node, our_side, until, queue_name):
    """A producer on Node puts each person's jobs into the queue of their shard; two workers of ours keep the order."""
    ours = our_side(shards=4)
    ours.worker()
    ours.worker()
    await node(
        SHARD
        + """
        const queues = Array.from({ length: 4 }, (_, shard) => new bullmq.Queue(`${name}-${shard}`, { connection }));
        for (let n = 0; n < 300; n++) {
          const userId = `person-${n % 20}`;
          await queues[shardOf(userId, 4)].add("track", { userId, data: { name: "e", data: { n } } });
        }
        """
    )
    await until(lambda: ours.finished() >= 300)
    for number in range(20):
        assert [event.data["n"] for event in ours.fake.events_of(f"person-{number}")] == list(range(number, 300, 20))


async def test_a_person_of_both_producers_is_in_one_shard(node, our_side, queue_name):
    """What ours stores is where Node would store it."""
    from pytest_cio_load.customerio.operations import events

    ours = our_side(shards=8)
    people = [f"person-{number}-ж" for number in range(30)]
    ids = await ours.producer.enqueue_many([events.track(person, "e") for person in people])
    found = await node(
        SHARD
        + """
        const states = [];
        for (const [at, person] of people.entries()) {
          const queue = new bullmq.Queue(`${name}-${shardOf(person, 8)}`, { connection });
          states.push(await (await queue.getJob(ids[at])).getState());
          await queue.close();
        }
        return states;
        """,
        people=people,
        ids=ids,
    )
    assert found == ["waiting"] * 30


@pytest.mark.parametrize("name", ["cio:events", ":", "a:b:c"])
async def test_names_that_node_refuses_are_refused_here(node, name):
    """A queue that one side can fill and the other cannot open would be lost."""
    with pytest.raises(RuntimeError, match="cannot contain :"):
        await node("new bullmq.Queue(which, { connection })", which=name)
    with pytest.raises(ValueError, match=r"expected a name without a colon"):
        check_queue_name(name)
