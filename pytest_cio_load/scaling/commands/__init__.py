"""What ``cio-load`` does about scaling.

    plan    from a volume to an architecture, with the arithmetic shown
    lint    contradictions in manifests that a team has already
    k8s     the manifests of a worker
    replay  what an autoscaler makes of traffic
    tune    the cheapest policy that keeps its promises

Each has a ``command``, registered in `cli.COMMANDS`. Importing these modules imports nothing heavy.
"""
