"""Customer.io's Track API as this package speaks it.

    api      what may be asked: regions, workspaces, operations
    limits   what Customer.io refuses, in its own words
    pacing   how long to wait: the rate limiter and the retry, without a clock
    wire     how a request reaches a server: one small seam
    answers  what an answer that is no acceptance means
    exchange the core: one call from its beginning to its record
    client   two thin shells over it, async and blocking

Nothing here imports an HTTP library before a wire is made.
"""
