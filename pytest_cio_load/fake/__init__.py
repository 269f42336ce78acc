"""A Customer.io for tests: the same model behind every door.

    workspace   the model: a request in, a reply out
    views       what a test asks it after the run
    routes      which operation a request asks for      bodies, items   what v1 and v2 requests say
    people      who is there, and their events          persons, things, activities   what the workspace remembers
    reads       the App API's answers                   visible, filters   what they show
    budgets     what a workspace allows                 hosts   the other region's host
    texts       every answer's words and shape          tally   what became of everything
    latency     how long it takes to answer             recorded   as it was measured
    faults      what goes wrong, and when               fault   one of them
    answering   what every door has in common
    doors, transport, asgi   how requests get in without a socket: respx, httpx and httpx2, ASGI
    in_process  the shortest way in, for our own client
    server      on loopback                         connection, http, tls   what it is made of
    served      the same in a process of its own    process   what runs there
    account     several workspaces behind one door

Nothing here imports an HTTP library but the doors.
"""
