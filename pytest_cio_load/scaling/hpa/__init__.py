"""The HorizontalPodAutoscaler replayed: pure decisions, without a clock and without a cluster.

    spec        what a manifest says, with the defaults that the API server fills in
    metric      one entry of `metrics`; spec gives its names too
    quantities  Kubernetes quantities ("500m", "2Gi") as exact numbers, and numbers as thousandths
    pods        what the controller sees of a pod, and how it sorts pods into ready, unready, missing and ignored
    recommend   one metric → how many replicas it asks for
    decide      several metrics → one number, or none when too many are invalid
    behave      stabilisation windows, policies, and the limits of an autoscaler without `behavior`
    decision    what a sync decided, and why, in fields and in words
    controller  one sync after the other, with the history that the controller keeps
    triggers    what KEDA measures, and the metric that it makes of it
    keda        a ScaledObject: 0 ↔ 1 by KEDA, 1 ↔ n by the autoscaler that KEDA makes

The rules are those of kube-controller-manager 1.33 and later, where tolerances may be set per direction. Field names are Kubernetes' own in
snake case; times are seconds on the caller's clock; a sync takes place when the caller says so (the controller's own period is 15 s).
"""
