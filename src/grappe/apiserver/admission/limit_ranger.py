"""LimitRanger: default requests and limits, and the bounds of one pod, container or claim."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from grappe.api import Object
from grappe.api.quantity import canonical, spell
from grappe.api.resources import PODS
from grappe.apiserver.admission.kinds import LIMIT_RANGES, PERSISTENT_VOLUME_CLAIMS
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.plugin import Plugin, refuse
from grappe.apiserver.admission.pod_amounts import (
    Amounts,
    amounts,
    container_amounts,
    pod_amounts,
)
from grappe.apiserver.registry.interface import AdmissionRequest, Operation

_NOTE = "kubernetes.io/limit-ranger"


class LimitRanger(Plugin):
    """https://kubernetes.io/docs/concepts/policy/limit-range/"""

    def __init__(self, live: Live) -> None:
        self._live = live

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        if bucket == PODS.bucket:
            return operation == "CREATE" and not subresource
        changes = operation in ("CREATE", "UPDATE")
        return bucket == PERSISTENT_VOLUME_CLAIMS.bucket and changes and not subresource

    def admit(self, request: AdmissionRequest) -> None:
        if request.served.bucket == PODS.bucket:
            for items in self._items(request):
                set_defaults(request.obj or {}, items)

    def validate(self, request: AdmissionRequest) -> None:
        obj = request.obj or {}
        wrong = [problem for items in self._items(request) for problem in exceeded(obj, items)]
        if wrong:
            told = wrong[0] if len(wrong) == 1 else f"[{', '.join(wrong)}]"
            raise refuse(request, told)

    def _items(self, request: AdmissionRequest) -> Iterator[list[Object]]:
        for limits in self._live.list(LIMIT_RANGES, request.namespace):
            yield (limits.get("spec") or {}).get("limits") or []


def set_defaults(pod: Object, items: list[Object]) -> None:
    """Fill in requests and limits that containers do not name, in place, and note it."""
    requests: dict[str, str] = {}
    limits: dict[str, str] = {}
    for item in items:
        if item.get("type") == "Container":
            requests |= item.get("defaultRequest") or {}
            limits |= item.get("default") or {}
    notes: list[str] = []
    for field, word in (("containers", "container"), ("initContainers", "init container")):
        for container in pod["spec"].get(field) or ():
            for side, defaults in (("requests", requests), ("limits", limits)):
                added = _fill(container, side, defaults)
                if added:
                    told = f"{side[:-1]} for {word} {container.get('name', '')}"
                    notes.append(f"{', '.join(added)} {told}")
    if notes:
        metadata = pod["metadata"]
        note = f"LimitRanger plugin set: {'; '.join(notes)}"
        metadata["annotations"] = {**(metadata.get("annotations") or {}), _NOTE: note}


def _fill(container: Object, side: str, defaults: dict[str, str]) -> list[str]:
    resources = container.get("resources") or {}
    have = resources.get(side) or {}
    added = sorted(defaults.keys() - have.keys())
    if added:
        filled = {**have, **{name: defaults[name] for name in added}}
        container["resources"] = {**resources, side: filled}
    return added


def exceeded(obj: Object, items: list[Object]) -> Iterator[str]:
    """What breaks the limits, in Kubernetes' words."""
    spec = obj.get("spec") or {}
    for item in items:
        match item.get("type"):
            case "Container" if "containers" in spec:
                for field in ("containers", "initContainers"):
                    for container in spec.get(field) or ():
                        requests = container_amounts(container, "requests")
                        limits = container_amounts(container, "limits")
                        yield from _compare(item, "Container", requests, limits)
            case "Pod" if "containers" in spec:
                requests, limits = pod_amounts(spec, "requests"), pod_amounts(spec, "limits")
                yield from _compare(item, "Pod", requests, limits)
            case "PersistentVolumeClaim" if "containers" not in spec:
                requests = amounts((spec.get("resources") or {}).get("requests"))
                yield from _bounds(item, "PersistentVolumeClaim", requests, requests)


def _compare(item: Object, kind: str, requests: Amounts, limits: Amounts) -> Iterator[str]:
    yield from _bounds(item, kind, requests, limits)
    for name, text in sorted((item.get("maxLimitRequestRatio") or {}).items()):
        told = f"{name} max limit to request ratio per {kind} is {canonical(text)}, but "
        request, limit = requests.get(name), limits.get(name)
        if not request:
            yield f"{told}no request is specified or request is 0"
        elif not limit:
            yield f"{told}no limit is specified or limit is 0"
        elif limit / request > amounts({name: text})[name]:
            yield f"{told}provided ratio is {limit / request:.6f}"


def _bounds(item: Object, kind: str, requests: Amounts, limits: Amounts) -> Iterator[str]:
    for name, text in sorted((item.get("min") or {}).items()):
        least = amounts({name: text})[name]
        told = f"minimum {name} usage per {kind} is {canonical(text)}"
        request, limit = requests.get(name), limits.get(name)
        if request is None:
            yield f"{told}.  No request is specified"
        elif request < least:
            yield f"{told}, but request is {_spelled(request, text)}"
        elif limit is not None and limit < least:
            yield f"{told}, but limit is {_spelled(limit, text)}"
    for name, text in sorted((item.get("max") or {}).items()):
        most = amounts({name: text})[name]
        told = f"maximum {name} usage per {kind} is {canonical(text)}"
        request, limit = requests.get(name), limits.get(name)
        if limit is None:
            yield f"{told}.  No limit is specified"
        elif limit > most:
            yield f"{told}, but limit is {_spelled(limit, text)}"
        elif request is not None and request > most:
            yield f"{told}, but request is {_spelled(request, text)}"


def _spelled(value: Decimal, like: str) -> str:
    return spell(value, str(like))
