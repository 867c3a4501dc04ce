"""Reading a pod's spec (pure)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Literal, NamedTuple

from grappe.api import Object

Kind = Literal["init", "main", "ephemeral"]


class Declared(NamedTuple):
    """A container of the spec. `restartable`: an init container that is a sidecar."""

    kind: Kind
    spec: Object

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def restartable(self) -> bool:
        return self.kind == "init" and self.spec.get("restartPolicy") == "Always"


def containers(pod: Object) -> Iterator[Declared]:
    """Init containers, then the main ones, then the ephemeral ones, in the order of the spec."""
    spec = pod["spec"]
    for container in spec.get("initContainers") or ():
        yield Declared("init", container)
    for container in spec.get("containers") or ():
        yield Declared("main", container)
    for container in spec.get("ephemeralContainers") or ():
        yield Declared("ephemeral", container)


def find(pod: Object, name: str) -> Declared | None:
    return next((c for c in containers(pod) if c.name == name), None)


def uid(pod: Object) -> str:
    return str(pod["metadata"].get("uid", ""))


def described(pod: Object) -> str:
    """`name_namespace(uid)`, as the kubelet names pods in messages."""
    meta = pod["metadata"]
    return f"{meta['name']}_{meta['namespace']}({meta.get('uid', '')})"


def field_path(declared: Declared) -> str:
    """The part of the pod an event about a container points to."""
    lists = {"init": "initContainers", "main": "containers", "ephemeral": "ephemeralContainers"}
    return f"spec.{lists[declared.kind]}{{{declared.name}}}"


def grace_period(pod: Object) -> float:
    """Seconds a stopping pod gets: what the deletion asks for, else what the spec says."""
    asked = pod["metadata"].get("deletionGracePeriodSeconds")
    if asked is not None:
        return float(asked)
    return float(pod["spec"].get("terminationGracePeriodSeconds", 30))


def definition_hash(container: Object) -> str:
    """Changes when a running container has to be replaced: its name or image did."""
    text = json.dumps([container["name"], container.get("image", "")])
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def is_terminal(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def host_network(pod: Object) -> bool:
    return bool(pod["spec"].get("hostNetwork"))


def hostname(pod: Object) -> str:
    """The pod's hostname: spec.hostname or its name, cut to 63 characters."""
    return str(pod["spec"].get("hostname") or pod["metadata"]["name"])[:63].rstrip("-.")


def fqdn(pod: Object, cluster_domain: str) -> str:
    """hostname.subdomain.namespace.svc.DOMAIN when the pod has a subdomain, else empty."""
    subdomain = pod["spec"].get("subdomain")
    if not subdomain:
        return ""
    return f"{hostname(pod)}.{subdomain}.{pod['metadata']['namespace']}.svc.{cluster_domain}"


def log_directory(pod: Object) -> str:
    """The name of the pod's directory of logs."""
    meta = pod["metadata"]
    return f"{meta['namespace']}_{meta['name']}_{meta.get('uid', '')}"
