"""Customer.io's Track and App APIs as this package speaks them.

    api         every name in one place: regions, workspaces, operations
    workspaces  whom we talk to and as whom
    operations/ what may be asked, a function for each
    limits      what Customer.io refuses, in its own words
    pacing      how long to wait: the rate limiter and the retry, without a clock
    buckets     one limiter per workspace, shared by a process
    wire        how a request reaches a server: one small seam
    engines     what carries it there, and the fast ones    wire_reasons   why there is no answer
    instrument  other clients, timed call by call
    answers     what an answer that is no acceptance means
    replies     what an acceptance says, as values
    exchange    the core: one call from its beginning to its record
    calls       the methods of every client, made of the operations
    client      thin shells over the core, async and blocking
    routing     several workspaces behind one client
    batch       how many operations are split into few requests, and what became of each
    lanes       several batches under way, with every person's order kept
    senders     two shells over both: an iterable in, an outcome per operation out

Nothing here imports an HTTP library before a wire is made.
"""
