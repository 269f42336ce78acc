"""What keeps jobs until they are settled.

    engine      what every engine can do, and the values that pass
    memory      in this process, on any clock: for tests in virtual time         memory_consumer   a worker's hold on it
    bullmq/     on Redis or Valkey, in BullMQ's own form, so that Node takes part
    embedded    a bundled Valkey with its append-only file on, started and stopped by us    embedded_binary   where its program is
    kafka/      topics, consumer groups, a retry topic and a dead-letter topic
"""
