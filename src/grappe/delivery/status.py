"""An Application's status, as Argo CD writes it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from grappe.api import Object
from grappe.base.clock import rfc3339
from grappe.delivery.diff.compare import Compared
from grappe.delivery.health import HealthStatus, aggregate, assess
from grappe.delivery.health.verdict import worst
from grappe.delivery.resource import COMPARE_OPTIONS, SYNC_OPTIONS, Ref, options, ref_of
from grappe.delivery.sync.order import sort_key

_OF_SPEC = ("source", "sources", "destination", "ignoreDifferences")


def resources(compared: Sequence[Compared]) -> list[Object]:
    """`status.resources`, in the order of a sync."""
    listed = []
    for one in sorted(compared, key=lambda c: (c.wave, sort_key(c.ref))):
        obj = one.target.object if one.target is not None else one.live
        assert obj is not None  # one of them is there
        group, _, version = obj["apiVersion"].rpartition("/")
        entry: Object = {
            "version": version,
            "kind": one.ref.kind,
            "name": one.ref.name,
            "status": "Synced" if one.in_sync else "OutOfSync",
        }
        if group:
            entry["group"] = group
        if one.ref.namespace:
            entry["namespace"] = one.ref.namespace
        if one.requires_pruning:
            entry["requiresPruning"] = True
        if one.wave:
            entry["syncWave"] = one.wave
        if one.live is None:
            entry["health"] = {"status": "Missing"}
        elif (health := one.health) is not None:
            told = {"message": health.message} if health.message else {}
            entry["health"] = {"status": health.status, **told}
        listed.append(entry)
    return listed


def resources_unknown(before: Sequence[Object], live: Sequence[Object]) -> list[Object]:
    """`status.resources` when what is wanted cannot be known: those listed before, as they are."""
    there = {ref_of(obj): obj for obj in live}
    listed = []
    for old in before:
        entry = {**old, "status": "Unknown"}
        entry.pop("health", None)
        ref = Ref(old.get("group") or "", old["kind"], old.get("namespace") or "", old["name"])
        if ref not in there:
            entry["health"] = {"status": "Missing"}
        elif (found := assess(there[ref])) is not None:
            told = {"message": found.message} if found.message else {}
            entry["health"] = {"status": found.status, **told}
        listed.append(entry)
    return listed


def health_unknown(resources: Sequence[Object]) -> HealthStatus:
    """The health of those: the worst; Unknown when there are none."""
    found: HealthStatus = "Healthy"
    for entry in resources:
        found = worst(found, (entry.get("health") or {}).get("status") or "Healthy")
    return found if resources else "Unknown"


def sync(spec: Mapping[str, Any], compared: Sequence[Compared], revisions: Sequence[str]) -> Object:
    """`status.sync` after a comparison."""
    drift = any(not c.in_sync and not _extraneous(c) for c in compared)
    return {
        "status": "OutOfSync" if drift else "Synced",
        **_revisions(spec, revisions),
        "comparedTo": {key: spec[key] for key in _OF_SPEC if spec.get(key)},
    }


def sync_unknown(spec: Mapping[str, Any]) -> Object:
    """`status.sync` when the sources cannot be read."""
    return {
        "status": "Unknown",
        "comparedTo": {key: spec[key] for key in _OF_SPEC if spec.get(key)},
    }


def _revisions(spec: Mapping[str, Any], revisions: Sequence[str]) -> Object:
    if spec.get("sources"):
        return {"revisions": list(revisions)}
    return {"revision": revisions[0]}


def _extraneous(compared: Compared) -> bool:
    """What the Application does not hold against itself: IgnoreExtraneous, and Prune=false."""
    if not compared.requires_pruning or compared.live is None:
        return False
    return "IgnoreExtraneous" in options(compared.live, COMPARE_OPTIONS) or (
        "Prune=false" in options(compared.live, SYNC_OPTIONS)
    )


def health(compared: Sequence[Compared], before: Mapping[str, Any], now: float) -> Object:
    """`status.health`; the time is that of its last change. What is to be pruned does not count."""
    status = aggregate((c.live, c.health) for c in compared if not c.requires_pruning)
    return health_of(status, before, now)


def health_of(status: str, before: Mapping[str, Any], now: float) -> Object:
    old = before.get("health") or {}
    same = old.get("status") == status and old.get("lastTransitionTime")
    return {"status": status, "lastTransitionTime": same or rfc3339(now)}


def images(compared: Sequence[Compared]) -> list[str]:
    """Every container image of the live objects' pods."""
    found: set[str] = set()
    for one in compared:
        spec = (one.live or {}).get("spec") or {}
        pod = _pod_spec(one.ref.kind, spec)
        for section in ("initContainers", "containers"):
            found |= {c["image"] for c in pod.get(section) or () if c.get("image")}
    return sorted(found)


def _pod_spec(kind: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    if kind == "Pod":
        return spec
    if kind == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    template = spec.get("template")
    inner = template.get("spec") if isinstance(template, dict) else None
    return inner if isinstance(inner, dict) else {}


def conditions(
    before: Sequence[Object], wanted: Iterable[tuple[str, str]], now: float
) -> list[Object]:
    """`status.conditions`: (type, message) of what is wrong now; times of what stays are kept."""
    known = {(c.get("type"), c.get("message")): c for c in before}
    made: list[Object] = []
    for kind, message in dict.fromkeys(wanted):
        since = known.get((kind, message), {}).get("lastTransitionTime")
        made.append({"type": kind, "message": message, "lastTransitionTime": since or rfc3339(now)})
    return sorted(made, key=lambda c: (c["type"], c["message"]))


def history(
    before: Sequence[Object], state: Mapping[str, Any], limit: int, now: float
) -> list[Object]:
    """`status.history` with the sync that has just succeeded."""
    result = state["syncResult"]
    entry: Object = {
        "id": max((int(h["id"]) for h in before), default=-1) + 1,
        "deployStartedAt": state["startedAt"],
        "deployedAt": rfc3339(now),
        "initiatedBy": (state.get("operation") or {}).get("initiatedBy") or {},
    }
    for key in ("revision", "revisions", "source", "sources"):
        if result.get(key):
            entry[key] = result[key]
    return [*before, entry][-limit:] if limit else []


def merge_patch(before: Any, after: Any) -> Any:
    """The merge patch (RFC 7386) that makes `after` of `before`, both mappings; {} when equal."""
    patch: Object = {}
    for key in before.keys() - after.keys():
        patch[key] = None
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            if inner := merge_patch(old, value):
                patch[key] = inner
        elif key not in before or value != old:
            patch[key] = value
    return patch
