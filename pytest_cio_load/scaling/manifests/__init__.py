"""Kubernetes manifests: those that a plan comes to, and those that a team has already.

    nodes        YAML with its lines, and one message for every mistake
    limits       values that the API server refuses, though its schema does not
    autoscalers  a HorizontalPodAutoscaler → `scaling.hpa.spec`
    keda         a ScaledObject → `scaling.hpa.keda`
    triggers     one trigger of it → `scaling.hpa.triggers`
    workloads    what a Deployment tells its worker, as far as it can be seen
    hints        what names of environment variables and arguments mean
    reading      files → all of these, and every mistake
    seen         what was read → the facts that the planner's rules look at
    worker       what a worker's manifests are made from
    documents    the manifests of a worker, as typed values → YAML
    scalers      those that decide how many workers there are

Reading and writing YAML needs the extra ``k8s`` (PyYAML).
"""
