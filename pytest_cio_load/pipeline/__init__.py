"""Queue-backed sending: applications enqueue operations, workers send them, and nothing is lost, doubled or out of order.

    jobs        one operation on its way: its form on the wire, and what is no job
    engines/    what keeps jobs: BullMQ on Redis or Valkey, a bundled Valkey, Kafka, and this process's memory
    opening     an engine for a URL
    producer    enqueue, one or many, within a depth
    policy      how often a job is tried, when again, and what is given up at once
    courier     how a worker sends: one operation a request, or many in a batch
    lanes       every person's jobs one after the other, several persons at once
    worker      takes, sends, settles; drains when asked to stop
    gates/      the limiter and the circuit of a workspace, shared by all workers
    deadletters what was given up: listed, replayed, exported
    health      figures of a queue and of a worker, as metrics, as answers to probes, as a line, as a live view
    sending/    the batch sender: a file in, an outcome for every line

A job is kept by an engine until it is settled: sent, or a dead letter. Whatever dies in between, it is taken again.
"""
