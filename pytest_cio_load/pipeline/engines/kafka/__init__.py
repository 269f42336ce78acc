"""Jobs on Kafka: a topic, its retry topic and its dead-letter topic, in each person's order.

    engine      the queue: storing, looking, dead letters     wire        messages and jobs, either way
    consumer    a worker's hold                               reader      the thread that alone talks to librdkafka's consumer
    part        one partition's jobs: pure                    offsets     which offset may be committed: pure
    parked      whose jobs wait in the retry topic: pure      picks       what is handed out next: pure
    commits     offsets with notes about what was under way   membership  whether partitions are ours for sure: pure
    mover       jobs on their way to the retry and dead-letter topics
    sender      producing, acknowledged
    watch       how the cluster stands
    link        clients and their settings
"""
