"""Which pods a Service sends to, on which ports, and what of a pod matters for that.

Rules: https://kubernetes.io/docs/concepts/services-networking/service/ and …/endpoint-slices/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from grappe.api import Object
from grappe.client.informer import EventType, Informer
from grappe.controllers.informers import NAMESPACE
from grappe.controllers.pods import is_finished, is_ready, is_terminating
from grappe.reconcile import Controller

HEADLESS = "service.kubernetes.io/headless"


def is_headless(service: Object) -> bool:
    return bool(service["spec"].get("clusterIP") == "None")


def selects(service: Object, labels: Mapping[str, str] | None) -> bool:
    """Whether a Service's selector matches; one without a selector selects nothing."""
    wanted = service["spec"].get("selector")
    found = labels or {}
    return bool(wanted) and all(found.get(k) == v for k, v in wanted.items())


def is_served_by_pods(service: Object) -> bool:
    """Whether its endpoints are for controllers to write: it has a selector and is not a mere
    name for something outside."""
    return bool(service["spec"].get("selector")) and service["spec"].get("type") != "ExternalName"


def has_address(pod: Object) -> bool:
    """Whether a pod can be an endpoint at all."""
    return bool(pod["status"].get("podIP")) and not is_finished(pod)


def addresses(pod: Object, family: str) -> list[str]:
    """The pod's addresses of a family, `IPv4` or `IPv6`."""
    listed = [p["ip"] for p in pod["status"].get("podIPs") or () if p.get("ip")]
    return [ip for ip in listed or [pod["status"]["podIP"]] if (":" in ip) == (family == "IPv6")]


def target_port(pod: Object, port: Object) -> int | None:
    """The number a service port leads to on this pod; None when the pod has no port of that
    name."""
    wanted = port.get("targetPort")
    if wanted is None or wanted == 0 or wanted == "":
        return int(port["port"])
    if isinstance(wanted, int):
        return wanted
    sidecars = (
        c for c in pod["spec"].get("initContainers") or () if c.get("restartPolicy") == "Always"
    )
    for container in (*pod["spec"]["containers"], *sidecars):
        for found in container.get("ports") or ():
            same_protocol = (found.get("protocol") or "TCP") == (port.get("protocol") or "TCP")
            if found.get("name") == wanted and same_protocol:
                return int(found["containerPort"])
    return None


def ports_on(service: Object, pod: Object) -> list[Object]:
    """The ports of an endpoint: name, port, protocol and application protocol."""
    found = []
    for port in service["spec"].get("ports") or ():
        number = target_port(pod, port)
        if number is None:
            continue
        made: Object = {
            "name": port.get("name") or "",
            "port": number,
            "protocol": port.get("protocol") or "TCP",
        }
        if port.get("appProtocol"):
            made["appProtocol"] = port["appProtocol"]
        found.append(made)
    return found


def hostname(service: Object, pod: Object) -> str:
    """The name the pod has in DNS under the Service, if it asks for one."""
    spec = pod["spec"]
    named = spec.get("hostname") and spec.get("subdomain") == service["metadata"]["name"]
    return str(spec["hostname"]) if named else ""


def reference(pod: Object) -> Object:
    meta = pod["metadata"]
    return {
        "kind": "Pod",
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
    }


def _matters(pod: Object) -> tuple[object, ...]:
    """What endpoints show of a pod."""
    status, spec = pod["status"], pod["spec"]
    return (
        pod["metadata"]["uid"],
        status.get("podIPs"),
        status.get("podIP"),
        is_ready(pod),
        is_finished(pod),
        is_terminating(pod),
        spec.get("nodeName"),
        spec.get("hostname"),
        spec.get("subdomain"),
    )


class ServiceWatch:
    """Enqueues the Services whose endpoints a change of a pod may touch."""

    def __init__(self, controller: Controller, services: Informer, pods: Informer) -> None:
        self._controller = controller
        self._services = services
        pods.add_handler(self._changed)

    def _changed(self, event_type: EventType, pod: Object, old: Object | None) -> None:
        labels = pod["metadata"].get("labels")
        before = old["metadata"].get("labels") if old is not None else None
        if event_type == "MODIFIED" and old is not None:
            if labels == before and _matters(pod) == _matters(old):
                return
        elif not has_address(pod):
            return
        for service in self._services.by_index(NAMESPACE, pod["metadata"]["namespace"]):
            if selects(service, labels) or (before is not None and selects(service, before)):
                self._controller.enqueue_object(service)


def selected(service: Object, pods: Iterable[Object]) -> list[Object]:
    """The pods that may be endpoints of a Service, in order of name."""
    found = [p for p in pods if has_address(p) and selects(service, p["metadata"].get("labels"))]
    return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))
