"""Jobs on Redis or Valkey, as ordinary BullMQ queues: the official port's scripts and names, moved many at a time.

    engine      the queue: storing, looking, dead letters         jobs       parcels and job hashes, either way
    consumer    a worker's hold                                   settling   what became of jobs, as arguments of a script
    held        what was taken and how long it is surely ours     keeper     locks and leases renewed, stalled jobs found
    leases      which worker has which shard: a pure decision     marker     waiting for the next job, without asking again and again
    pardons     kills that were none                              letters    dead letters, page by page
    link        connections, and work that is tried again         redis_errors   what Redis says, in our words
    scripts     our Lua around the port's                         lua/
"""
