"""How much is enough, and whether an autoscaler gets there: planned, written as manifests, replayed.

    planner/    from a volume to an architecture, with the arithmetic shown; and what in a design contradicts itself
    manifests/  Kubernetes manifests: those that a plan comes to, and those that a team has already
    commands/   what `cio-load` does about scaling
    hpa/        the autoscaler replayed: what a HorizontalPodAutoscaler or a KEDA ScaledObject would have decided, sync by sync
    model/      traffic × policy × pipeline: a day replayed, promises on it, and the cheapest policy that keeps them
"""
