"""The batch sender: a file in, an outcome for every line, whatever interrupts it.

    lines     one object as an operation: both forms a line may have
    rows      one row as an operation: what the columns mean
    sources   where lines come from: JSON lines and CSV, plain or gzip, from a file or standard input
    parquet   the same from Parquet
    ahead     reads in a thread, so that a slow pipe keeps no answer waiting
    tracker   which lines have an outcome, and where to begin again
    journal   that on disk: written once a second, locked, bound to one file and one workspace
    outage    whether what went wrong is about the lines, or passes, or must stop the run
    run       the sending itself
    display   a bar or a line every 10 s, and the summary
    aim       whom it is sent to; never anybody real without being told to
    command   arguments and exit codes

Every line is applied once although it may be sent twice. What was sent and not noted before a kill is sent again: identifying a person
twice is the same as once, and an event's ULID depends on nothing but the run and the line, so Customer.io ignores the second one.
"""
