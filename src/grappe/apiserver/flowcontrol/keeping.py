"""How the default objects of flow control are kept: which live one is put right, or taken away.

https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#defaults
"""

from __future__ import annotations

from collections.abc import Iterator

from grappe.api import Object
from grappe.apiserver.flowcontrol.objects import AUTO_UPDATE, flow_objects, is_mandatory

_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


def put_right(live: Object, wanted: Object) -> Object | None:
    """`live` as it is to be, None when it is. Its annotation says whether it is kept like
    `wanted`; without one it is, while nobody has changed its spec. A mandatory object cannot be
    taken over, but for the seats of the level `exempt`."""
    metadata = live["metadata"]
    notes = metadata.get("annotations") or {}
    said = _BOOLEANS.get(notes.get(AUTO_UPDATE, ""))
    ours = said if said is not None else metadata.get("generation", 1) == 1
    ours = ours or is_mandatory(wanted)
    better = dict(live)
    if ours and not _alike(live.get("spec") or {}, wanted["spec"]):
        better["spec"] = wanted["spec"]
    if said is not ours:
        told = "true" if ours else "false"
        better["metadata"] = {**metadata, "annotations": {**notes, AUTO_UPDATE: told}}
    return None if better == live else better


def _alike(spec: Object, wanted: Object) -> bool:
    exempt = spec.get("exempt")
    if exempt and "exempt" in wanted:
        wanted = {**wanted, "exempt": exempt}
    return spec == wanted


def unwanted(live: list[Object], kind: str) -> Iterator[str]:
    """The names of those of a kind that an earlier Kubernetes made, and that nobody took over."""
    wanted = {obj["metadata"]["name"] for obj in flow_objects() if obj["kind"] == kind}
    for obj in live:
        notes = obj["metadata"].get("annotations") or {}
        if obj["metadata"]["name"] not in wanted and _BOOLEANS.get(notes.get(AUTO_UPDATE, "")):
            yield obj["metadata"]["name"]
