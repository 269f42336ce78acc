"""The options beside scenarios and thresholds: the shortcuts that make one scenario, and what has no counterpart here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_cio_load.errors import near_miss
from pytest_cio_load.k6.scenarios import DEFAULT

if TYPE_CHECKING:
    from pytest_cio_load.k6.leftover import Leftovers

_READ = ("scenarios", "thresholds")
_SHORTCUTS = ("vus", "duration", "stages", "iterations")
_OF_INSPECT = ("maxVUs", "totalDuration")
"""What `k6 inspect --execution-requirements` adds: it follows from the scenarios."""

_CONNECTIONS = "our clients keep their connections and choose their own TLS"
_WIRE = "a setting of k6's HTTP client: set it in the client that the test uses"
_SCRIPT = "a setting of k6's own run of its script"
_SHOWN = "a setting of k6's output: the reports here have their own options, --cio-k6-summary among them"
_FIXTURE = "what is done before and after a load is a fixture here, and is in no metric"
_WHY = {
    "rps": "a cap on k6's requests per second: give the load its rate, and our client's limiter its own (cio_workspace_limit)",
    "tags": "metrics have no tags here: a metric belongs to its test",
    "setupTimeout": _FIXTURE,
    "teardownTimeout": _FIXTURE,
    "minIterationDuration": "a pause of a closed model: a rate says when iterations begin",
    "noThresholds": "its thresholds are left out",
    "executionSegment": "a part of the load: run shards, and merge their documents with `cio-load merge`",
    "executionSegmentSequence": "a part of the load: run shards, and merge their documents with `cio-load merge`",
    "throw": "an exception in the body fails its iteration here, always",
    "hosts": "name the server with --cio-target",
    "cloud": "a setting of k6's cloud",
    "ext": "a setting of k6's cloud",
    **dict.fromkeys(("noConnectionReuse", "noVUConnectionReuse", "insecureSkipTLSVerify"), _CONNECTIONS),
    **dict.fromkeys(("tlsAuth", "tlsCipherSuites", "tlsVersion"), _CONNECTIONS),
    **dict.fromkeys(("batch", "batchPerHost", "maxRedirects", "userAgent", "dns", "discardResponseBodies"), _WIRE),
    **dict.fromkeys(("blacklistIPs", "blockHostnames", "localIPs", "noCookiesReset", "httpDebug"), _WIRE),
    **dict.fromkeys(("paused", "linger", "noUsageReport"), _SCRIPT),
    **dict.fromkeys(("summaryTrendStats", "summaryTimeUnit", "systemTags", "noSummary", "summaryMode"), _SHOWN),
}

_HIDDEN = ("tlsAuth", "cloud", "ext", "hosts")
"""They may hold keys and tokens; and so may what nobody knows."""


def scenarios_of(options: Mapping[str, Any], left: Leftovers) -> tuple[dict[str, object], str]:
    """Every scenario by its name, with the place they stand in when that is not ``scenarios``.

    The shortcuts ``vus``, ``duration``, ``stages`` and ``iterations`` make the one that k6 calls "default"; where there are scenarios as
    well, they are left out.
    """
    stated = options.get("scenarios")
    shortcuts = {key: options[key] for key in _SHORTCUTS if options.get(key) is not None}
    if isinstance(stated, Mapping) and stated:
        for key, value in shortcuts.items():
            left.add(key, value, "a shortcut for a scenario, and there are scenarios")
        return {str(name): value for name, value in stated.items()}, ""
    if not shortcuts:
        return {}, ""
    return {DEFAULT: _made(shortcuts, left)}, " and ".join(shortcuts)


def _made(shortcuts: Mapping[str, Any], left: Leftovers) -> dict[str, Any]:
    if "stages" in shortcuts:
        if "duration" in shortcuts:
            left.add("duration", shortcuts["duration"], "its stages have durations of their own")
        start = {"startVUs": shortcuts["vus"]} if "vus" in shortcuts else {}
        return {"executor": "ramping-vus", "stages": shortcuts["stages"], **start}
    if "iterations" in shortcuts or "duration" not in shortcuts:
        return {"executor": "shared-iterations", **shortcuts}
    return {"executor": "constant-vus", **shortcuts}


def leave_the_rest(options: Mapping[str, Any], left: Leftovers) -> None:
    """Note every other option that says something."""
    for key, value in options.items():
        if key in (*_READ, *_SHORTCUTS, *_OF_INSPECT) or value is None or value in (False, {}, []):
            continue
        close = near_miss(key, (*_READ, *_SHORTCUTS, *_WHY))
        why = _WHY.get(key) or f"no option of k6's{'; ' + close if close else ''}"
        left.add(key, value, why, hidden=key in _HIDDEN or key not in _WHY)
