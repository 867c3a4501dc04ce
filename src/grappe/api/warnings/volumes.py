"""Volumes of pods: sources that have gone, files that would lie upon each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from grappe.api import Object
from grappe.api.causes import quote
from grappe.api.warnings.amounts import fractions

GONE = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "gitRepo": "deprecated in v1.11",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}
"""Sources that need not be used any more, by their field."""
SPELLED = {"storageos": "storageOS"}
"""Fields that the warnings write in another way."""
_LISTING = (
    ("configMap", "ConfigMap", "name"),
    ("secret", "Secret", "secretName"),
    ("downwardAPI", "DownwardAPI", ""),
)


def volumes(found: list[Object], at: str) -> Iterator[str]:
    for i, volume in enumerate(found):
        for source in volume:
            if source in GONE and volume[source] is not None:
                yield f"{at}[{i}].{SPELLED.get(source, source)}: {GONE[source]}"
        ephemeral = volume.get("ephemeral")
        if ephemeral and (claim := ephemeral.get("volumeClaimTemplate")):
            place = f"{at}[{i}].ephemeral.volumeClaimTemplate.spec"
            yield from claim_spec(claim.get("spec") or {}, place)
    for volume in found:
        yield from _overlaps(volume)


def claim_spec(spec: Object, at: str) -> Iterator[str]:
    """What a claim asks for."""
    resources = spec.get("resources") or {}
    for part in ("requests", "limits"):
        if amounts := resources.get(part):
            yield from fractions(amounts, f"{at}.resources.{part}", ("storage",))


def _overlaps(volume: Object) -> Iterator[str]:
    """Files of one volume with the same path, or one within the other."""
    for field, kind, key in _LISTING:
        if (source := volume.get(field)) and _overlapping(paths := _paths(source)):
            of = f"{kind} {quote(source.get(key) or '')}" if key else kind
            yield from _clashes(paths, f"volume {quote(volume['name'])} ({of})")
    if (projected := volume.get("projected")) is not None:
        sources = projected.get("sources") or ()
        written = [path for source in sources for path in _projected(source)]
        if not all(sources) or _overlapping(written):
            yield from _projected_overlaps(sources, f"volume {quote(volume['name'])}")


def _overlapping(paths: Iterable[str]) -> bool:
    """The quick answer: among sorted paths, what a path leads is next to it."""
    return any(after.startswith(path) for path, after in pairwise(sorted(paths)))


def _projected_overlaps(sources: Iterable[Object], name: str) -> Iterator[str]:
    before: set[str] = set()
    for source in sources:
        if not source:
            yield f"{name} (Projected) has no sources provided"
            continue
        if paths := _projected(source):
            told = f"{name} (Projected {_source_name(source)})"
            yield from _clashes(paths, told)
            yield from _clashes(sorted({*paths, *before}), told)
            before.update(paths)


def _projected(source: Object) -> list[str]:
    """The paths that a projected source, which is of one kind, writes by name."""
    for found in source.values():
        if items := found.get("items"):
            return [(item.get("path") or "").rstrip("/") for item in items]
        return [found["path"].rstrip("/")] if found.get("path") else []
    return []


def _source_name(source: Object) -> str:
    for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
        if found := source.get(field):
            return f"{kind} {quote(found.get('name') or '')}"
    if found := source.get("clusterTrustBundle"):
        return f"ClusterTrustBundle {quote(found.get('name') or found.get('signerName') or '')}"
    return "DownwardAPI" if "downwardAPI" in source else "ServiceAccountToken"


def _paths(source: Object) -> list[str]:
    return [(item.get("path") or "").rstrip("/") for item in source.get("items") or ()]


def _clashes(paths: Iterable[str], told: str) -> Iterator[str]:
    seen: dict[str, None] = {}
    for path in paths:
        if path and (other := _clash(seen, path)):
            yield f"{told}: overlapping paths: {quote(path)} with {quote(other)}"
        seen[path] = None


def _clash(seen: Iterable[str], path: str) -> str:
    for other in seen:
        if other and (other.startswith(path) or path.startswith(other)):
            return other
    return ""
