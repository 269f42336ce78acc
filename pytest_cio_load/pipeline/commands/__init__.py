"""What every command of ``cio-load`` is made of, and those that deal with queues and with a fake.

    command         what a command is made of: click's, with exit codes in its help, and everything said as one value
    mistakes        what is said of arguments that make no sense
    completion      the script that has a shell complete commands and options
    connecting      options that several of them take, and what they mean; kinds of values; what is raised, as an exit code
    fake            a fake workspace on loopback
    worker          send what is queued, in one process or several, and say how it goes
    serving         one worker process: from its settings to its exit code
    crowd           several worker processes, kept running
    top             a live view of a queue
    enqueue         put a file's operations into a queue
    dead_letters    what was given up: list, replay, discard, export

What can be asked for has a ``command``, registered in `cli.COMMANDS`, which imports it when it is asked for. Importing these modules
imports nothing heavy.
"""
