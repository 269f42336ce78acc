"""What Node asks of a queue that we work on, and shows of it; and what each side does when the other's worker is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_cio_load.customerio.operations import events
from pytest_cio_load.pipeline.engines.engine import Dead, Done, State

pytestmark = pytest.mark.asyncio

SHOWN = {"wait": State.WAITING, "prioritized": State.PRIORITIZED, "delayed": State.DELAYED, "active": State.ACTIVE} | {
    "completed": State.COMPLETED,
    "failed": State.FAILED,
}
"""Node's words for what our depth counts."""


async def enqueued(ours, count: int, **how: object) -> list[str]:
    """Ids of jobs of as many people."""
    return [await ours.producer.enqueue(events.track(f"p{number}", "e"), **how) for number in range(count)]


async def test_a_pause_is_obeyed(node, ours):
    """Nothing is taken until Node lets it go on; and then it is taken at once."""
    consumer = ours.engine.consumer("w")
    await consumer.start()
    await node("await queue.pause()")
    ids = await enqueued(ours, 10)
    assert await consumer.take(10, 0.3) == []
    await node("await queue.resume()")
    got = await consumer.take(10, 60)
    assert [each.id for each in got] == ids
    await consumer.settle([Done(each, 0.0) for each in got])
    await consumer.close()


async def test_a_worker_that_waits_goes_on_when_the_queue_does(node, ours, until):
    """It needs no other word."""
    ours.worker()
    await enqueued(ours, 10)
    await until(lambda: ours.finished() >= 10)
    await node("await queue.pause()")
    ids = await enqueued(ours, 10)
    assert (await ours.engine.depth())[State.WAITING] == 10
    await node("await queue.resume()")
    await until(lambda: ours.finished() >= 20)
    assert sorted(ours.done()[10:]) == sorted(ids)


async def test_nodes_counts_are_our_depth(node, ours):
    """In every state; what is paused waits."""
    consumer = ours.engine.consumer("w")
    await consumer.start()
    await enqueued(ours, 9)
    taken = await consumer.take(4, 60)
    await consumer.settle([Done(taken[0], 0.0), Dead(taken[1], "no", 1)])
    await enqueued(ours, 3, delay=60.0)
    await enqueued(ours, 2, priority=5)
    counts = await node("return await queue.getJobCounts(...states)", states=list(SHOWN))
    assert {SHOWN[name]: many for name, many in counts.items()} == await ours.engine.depth()
    assert counts == {"wait": 5, "prioritized": 2, "delayed": 3, "active": 2, "completed": 1, "failed": 1}
    await node("await queue.pause()")
    assert (await ours.engine.depth())[State.WAITING] == 5
    await consumer.close()


async def test_what_node_removes_is_not_sent(node, ours, until):
    """The others are."""
    ids = await enqueued(ours, 3)
    await node("await (await queue.getJob(id)).remove()", id=ids[1])
    ours.worker()
    await until(lambda: ours.finished() >= 2)
    assert ours.done() == [ids[0], ids[2]]
    assert sum((await ours.engine.depth()).values()) == 2


async def test_what_node_removes_while_we_have_it_is_passed_over(node, ours):
    """Node cannot remove a job that is locked, so it obliterates the queue: its worker goes on with the next."""
    consumer = ours.engine.consumer("w")
    await consumer.start()
    await enqueued(ours, 2)
    taken = await consumer.take(2, 60)
    with pytest.raises(RuntimeError, match="locked"):
        await node("await (await queue.getJob(id)).remove()", id=taken[0].id)
    await node("await queue.pause(); await queue.obliterate({ force: true })")
    await consumer.settle([Done(each, 0.0) for each in taken])
    assert consumer.passed_over == 2
    assert sum((await ours.engine.depth()).values()) == 0
    await consumer.close()


async def dead_letter(ours, until) -> str:
    """The id of a job that was given up after five attempts, and would succeed now."""
    ours.fake.troubles["p0"] = 5
    [id] = await enqueued(ours, 1)
    await until(lambda: ours.finished() >= 1)
    return id


async def test_a_dead_letter_that_node_retries_is_sent(node, ours, until):
    """Node's ``job.retry()``; it is a dead letter no longer."""
    ours.worker()
    id = await dead_letter(ours, until)
    await node("await (await queue.getJob(id)).retry()", id=id)
    await until(lambda: ours.finished() >= 2)
    assert ours.done() == [id]
    assert await ours.engine.dead_letters() == []
    assert await node("const job = await queue.getJob(id); return await job.getState()", id=id) == "completed"


async def test_a_dead_letter_that_we_replay_waits_as_node_sees_it(node, ours, until):
    """As if it had never been tried."""
    worker = ours.worker()
    id = await dead_letter(ours, until)
    worker.stop()
    await node("await queue.pause()")
    [letter] = await ours.engine.dead_letters()
    assert await ours.engine.replay([letter]) == 1
    seen = await node(
        """
        const job = await queue.getJob(id);
        return { state: await job.getState(), made: job.attemptsMade, reason: job.failedReason ?? null, end: job.finishedOn ?? null };
        """,
        id=id,
    )
    assert seen == {"state": "waiting", "made": 0, "reason": None, "end": None}
    assert await node("return (await queue.getWaiting()).map((job) => job.id)") == [id]
    assert await node("return await queue.getFailedCount()") == 0


async def test_a_delayed_job_that_node_promotes_is_sent(node, ours, until):
    """At once, while our worker waits."""
    ours.worker()
    [id] = await enqueued(ours, 1, delay=3600.0)
    await node("await (await queue.getJob(id)).promote()", id=id)
    await until(lambda: ours.finished() >= 1)
    assert ours.done() == [id]


async def test_a_duplicate_id_is_stored_once(node, ours):
    """An event of one ULID that both producers enqueue is one job."""
    [id] = await enqueued(ours, 1)
    await node("await queue.add('track', { userId: 'p0', data: { name: 'e' } }, { jobId: id })", id=id)
    assert (await ours.engine.depth())[State.WAITING] == 1


HANGING = """
kept.taken = [];
kept.worker = new bullmq.Worker(name, (job) => { kept.taken.push(job.id); return new Promise(() => {}); },
  { connection, concurrency: 3, lockDuration: 1500, stalledInterval: 500 });
"""

RECOVERING = """
kept.done = [];
kept.worker = new bullmq.Worker(name, async (job) => { kept.done.push([job.id, job.stalledCounter]); },
  { connection, lockDuration: 1500, stalledInterval: 300 });
"""


async def test_what_a_killed_node_worker_had_is_sent_by_ours(nodes, node, our_side, until):
    """Killed with three jobs under way."""
    ours = our_side(lock=1.5)
    ids = await enqueued(ours, 3)
    victim = await nodes()
    await victim(HANGING)

    async def taken() -> bool:
        return await victim("return kept.taken.length") == 3

    await until(taken)
    await victim.kill()
    ours.worker()
    await until(lambda: ours.finished() >= 3)
    assert sorted(ours.done()) == sorted(ids)
    assert (await ours.engine.totals()).redelivered == 3
    assert await node("return await queue.getCompletedCount()") == 3


async def test_what_a_killed_worker_of_ours_had_is_done_by_nodes(node, ours, until, valkey, queue_name, tmp_path):
    """Killed with three jobs under way."""
    ids = await enqueued(ours, 3)
    log = tmp_path / "taken"
    asked = json.dumps({"log": str(log), "url": valkey.url, "name": queue_name})
    victim = subprocess.Popen([sys.executable, str(Path(__file__).with_name("holder.py")), asked])
    try:
        await until(lambda: log.exists() and len(log.read_text().split()) == 3)
    finally:
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    await node(RECOVERING)

    async def done() -> bool:
        return await node("return kept.done.length") == 3

    await until(done)
    assert sorted(await node("await kept.worker.close(); return kept.done")) == [[id, 1] for id in sorted(ids)]
