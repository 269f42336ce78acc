"""A Customer.io for tests: the same model behind every door.

    workspace   the model: people, events, its rate budget, its counters
    latency     how long it takes to answer
    faults      what goes wrong, and when
    doors       how requests get in without a socket

Nothing here imports an HTTP library but the doors.
"""
