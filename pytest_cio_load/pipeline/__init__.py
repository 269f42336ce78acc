"""Queue-backed sending: applications enqueue operations, workers send them, and nothing is lost, doubled or out of order.

    jobs        one operation on its way: its form on the wire, and what is no job
    engines/    what keeps jobs: BullMQ on Redis or Valkey, a bundled Valkey, Kafka, and this process's memory
    opening     an engine for a URL, and the gate that belongs to it      opened   those on Redis, imported when asked for
    producer    enqueue, one or many, within a depth
    policy      how often a job is tried, when again, and what is given up at once
    lanes       every person's jobs one after the other, several persons at once
    worker      takes jobs, has them sent, settles them; drains when asked to stop      settler   hands settlements over, in order
    crew        what sends for a worker: single_crew, one operation a request; batch_crew, many
    fleet       what a crew sends with: a client and a gate for each workspace
    gates/      the limiter and the circuit of a workspace, shared by all workers
    deadletters what was given up: chosen, replayed, exported
    health/     figures of a queue and of its workers: as metrics, as answers to probes, as a line, as a live view
    sending/    the batch sender: a file in, an outcome for every line
    commands/   ``cio-load worker``, ``enqueue``, ``top``, ``dead-letters``

A job is kept by an engine until it is settled: sent, or a dead letter. Whatever dies in between, it is taken again.
"""
