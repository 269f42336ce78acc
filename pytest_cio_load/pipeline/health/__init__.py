"""How a queue and its workers are: figures, and the ways to show them.

    figures     a queue and a worker at one moment, and what lies between two moments; pure
    watching    asks the queue for its figures, once a second at most
    readiness   whether a worker lives, and works; pure
    exporter    the figures as Prometheus metrics
    server      /metrics, /healthz and /readyz over HTTP
    line        the figures as a line in the log
    top         the figures as a live view
"""
