"""The gate of a workspace: when a request may start, and whether any may.

    gate      what every gate can do, the values that pass, waiting at a gate, and what an error says of the service
    circuit   whether the service is up: pure decisions
    slots     when the next request may start: pure arithmetic
    local     a gate for one process, on any clock
    shared    a gate for all processes of a workspace, kept in Redis or Valkey, on the server's clock
    gate.lua  circuit and slots once more, where the shared state is

A gate is a limiter and a circuit in one. The limiter lets at most ``rate + burst`` requests start in any sliding second. The circuit closes
the way while the service is out, so that jobs wait instead of using up their tries; one request at a time then probes whether it is back.
"""
