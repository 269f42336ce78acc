"""What ``cio-load`` does with queues.

    connecting      arguments that several of them take, and what they mean
    worker          send what is queued, in one process or several, and say how it goes
    serving         one worker process: from its settings to its exit code
    crowd           several worker processes, kept running
    top             a live view of a queue
    enqueue         put a file's operations into a queue
    dead_letters    what was given up: list, replay, discard, export

Each has a function that adds its arguments to a parser, and one that runs it and returns the exit code. Importing these modules imports
nothing heavy.
"""
