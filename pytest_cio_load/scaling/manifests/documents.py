"""The manifests of a worker, from typed values to YAML. Secrets are referred to, never held."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_cio_load.pipeline.opening import check_installed
from pytest_cio_load.scaling.manifests.scalers import scaler_documents
from pytest_cio_load.scaling.manifests.worker import Scaler, SecretKey, WorkerSpec
from pytest_cio_load.units import show_duration, show_number

SCRAPE = "15s"
"""Between two looks at a pod's figures."""

_ABOUT = {
    Scaler.EXTERNAL: "cio_queue_backlog is what prometheusrule.yaml records; an adapter has to serve it as external.metrics.k8s.io.",
    Scaler.CLASSIC: "Every pod reports the depth of the whole queue, and CPU says little of workers that wait: cio-load lint says more.",
    Scaler.KEDA: "KEDA asks Prometheus, and makes the HorizontalPodAutoscaler; do not add one of your own.",
}


def worker_documents(spec: WorkerSpec) -> dict[str, dict[str, Any]]:
    """Every manifest of a worker by the name of its file; `kustomization.yaml`, the last, names the others."""
    files = {
        "deployment.yaml": _deployment(spec),
        **scaler_documents(spec),
        "poddisruptionbudget.yaml": _budget(spec),
        "service.yaml": _service(spec),
        "servicemonitor.yaml": _monitor(spec),
    }
    kustomization: dict[str, Any] = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    if spec.namespace:
        kustomization["namespace"] = spec.namespace
        for document in files.values():
            document["metadata"]["namespace"] = spec.namespace
    return {**files, "kustomization.yaml": kustomization | {"resources": list(files)}}


def as_yaml(spec: WorkerSpec) -> dict[str, str]:
    """As :func:`worker_documents`, written as YAML. Raises ImportError without PyYAML; the text names the extra."""
    check_installed("yaml", "k8s")
    import yaml

    class Plain(yaml.SafeDumper):
        """Writes what is used twice twice, and lists indented."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            super().increase_indent(flow, False)

    def written(name: str, document: Mapping[str, Any]) -> str:
        about = f"# {_ABOUT[spec.scaler]}\n" if name in ("hpa.yaml", "scaledobject.yaml") else ""
        text: str = yaml.dump(document, Dumper=Plain, sort_keys=False, allow_unicode=True, width=120)
        return about + text

    return {name: written(name, document) for name, document in worker_documents(spec).items()}


def stream(files: Mapping[str, str]) -> str:
    """One YAML stream for ``kubectl apply -f -``: every manifest but the kustomization."""
    return "".join(f"---\n# {name}\n{text}" for name, text in files.items() if name != "kustomization.yaml")


def write(files: Mapping[str, str], folder: Path, *, force: bool = False) -> list[Path]:
    """Write the files into *folder*, which is made where it is missing: their paths.

    Raises:
        OSError: it cannot be written.
        ValueError: other text is in one of them already, and *force* was not asked for; then none is written.
    """
    for name, text in files.items():
        path = folder / name
        if not force and path.exists() and path.read_text(encoding="utf-8") != text:
            raise ValueError(f"out: got {path}, which has other text in it; expected none, for it may have been edited; try --force")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in files]


def _meta(spec: WorkerSpec) -> dict[str, Any]:
    return {"name": spec.name, "labels": spec.labels}


def _selector(spec: WorkerSpec) -> dict[str, Any]:
    return {"matchLabels": {"app.kubernetes.io/name": spec.name}}


def _deployment(spec: WorkerSpec) -> dict[str, Any]:
    # Without `replicas`: an autoscaler decides, and every apply would set them back.
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta(spec),
        "spec": {
            "selector": _selector(spec),
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": spec.labels}, "spec": _pod(spec)},
        },
    }


def _pod(spec: WorkerSpec) -> dict[str, Any]:
    apart = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    return {
        "terminationGracePeriodSeconds": spec.termination,
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "topologySpreadConstraints": [apart | {"labelSelector": _selector(spec)}],
        "containers": [_container(spec)],
    }


def _container(spec: WorkerSpec) -> dict[str, Any]:
    return {
        "name": "worker",
        "image": spec.image,
        "command": ["cio-load", "worker"],
        "args": _arguments(spec),
        "env": [_secret("CIO_QUEUE_URL", spec.queue_url), _secret("CIO_SITE_ID", spec.site_id), _secret("CIO_TRACK_API_KEY", spec.api_key)],
        "ports": [{"name": "metrics", "containerPort": spec.port}],
        "startupProbe": _probe("/healthz", every=2, failures=30),
        "livenessProbe": _probe("/healthz", every=10, failures=3),
        "readinessProbe": _probe("/readyz", every=5, failures=2),
        "resources": {"requests": {"cpu": spec.cpu, "memory": spec.memory}, "limits": {"memory": spec.memory}},
        "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
    }


def _arguments(spec: WorkerSpec) -> list[str]:
    said = [
        *("--queue", spec.queue, "--shards", str(spec.shards), "--concurrency", str(spec.concurrency)),
        *(("--batch", str(spec.batch)) if spec.batch > 1 else ()),
        *("--rate", f"{show_number(spec.rate)}/s", "--region", spec.region, "--grace", show_duration(spec.grace)),
        *("--listen", f"0.0.0.0:{spec.port}"),
    ]
    return [*said, "--live"] if spec.live else said


def _secret(variable: str, where: SecretKey) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": where.name, "key": where.key}}}


def _probe(path: str, *, every: int, failures: int) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": "metrics"}, "periodSeconds": every, "timeoutSeconds": 2, "failureThreshold": failures}


def _budget(spec: WorkerSpec) -> dict[str, Any]:
    # A pod that is not ready holds no node up: it has no jobs.
    said = {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow", "selector": _selector(spec)}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": _meta(spec), "spec": said}


def _service(spec: WorkerSpec) -> dict[str, Any]:
    ports = [{"name": "metrics", "port": spec.port, "targetPort": "metrics"}]
    said = {"clusterIP": "None", "selector": _selector(spec)["matchLabels"], "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": _meta(spec), "spec": said}


def _monitor(spec: WorkerSpec) -> dict[str, Any]:
    endpoints = [{"port": "metrics", "path": "/metrics", "interval": SCRAPE}]
    said = {"selector": _selector(spec), "endpoints": endpoints}
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": _meta(spec), "spec": said}
