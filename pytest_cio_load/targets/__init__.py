"""What a test's calls reach, and what it holds on the way there.

    target   the workspace, its clients and limiters, the fake behind the mock, the made-up people
    wires    how requests get there: straight into the fake in this process, or through sockets
    warming  connections that are open before a run begins
    watch    what becomes of calls that were accepted, beside the run
    queue    the pipeline: calls that enqueue, workers that send, and what became of the jobs
    teams    its workers: tasks of this process, or processes that can be killed
    scale    autoscalers replayed, and the promises of the marker cio_scale
"""
