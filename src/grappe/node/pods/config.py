"""From a pod to what the runtime is asked to make (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grappe.api import Object
from grappe.node.pods import resize, resources, security, spec
from grappe.node.pods.expansion import expand
from grappe.node.runtime.config import ContainerConfig, Dns, Mount, PortMapping, SandboxConfig
from grappe.node.runtime.interface import (
    LABEL_CONTAINER_NAME,
    LABEL_POD_NAME,
    LABEL_POD_NAMESPACE,
    LABEL_POD_UID,
    Image,
)
from grappe.node.settings import NodeSettings

ANNOTATION_HASH = "io.kubernetes.container.hash"
ANNOTATION_RESTARTS = "io.kubernetes.container.restartCount"
ANNOTATION_MESSAGE_PATH = "io.kubernetes.container.terminationMessagePath"
ANNOTATION_MESSAGE_POLICY = "io.kubernetes.container.terminationMessagePolicy"
ANNOTATION_GRACE = "io.kubernetes.pod.terminationGracePeriod"


def labels(pod: Object) -> dict[str, str]:
    """By which a sandbox is found again, with the pod's own."""
    meta = pod["metadata"]
    return {
        **(meta.get("labels") or {}),
        LABEL_POD_NAME: meta["name"],
        LABEL_POD_NAMESPACE: meta["namespace"],
        LABEL_POD_UID: spec.uid(pod),
    }


def _ports(pod: Object) -> tuple[PortMapping, ...]:
    if spec.host_network(pod):
        return ()
    return tuple(
        PortMapping(
            port.get("protocol", "TCP"),
            port["containerPort"],
            port["hostPort"],
            port.get("hostIP", ""),
        )
        for declared in spec.containers(pod)
        for port in declared.spec.get("ports") or ()
        if port.get("hostPort")
    )


def cgroup_parent(pod: Object, settings: NodeSettings) -> str:
    """The pod's own cgroup below its QoS class's."""
    if not settings.cgroup_root:
        return ""
    qos = resources.qos_class(pod)
    middle = "" if qos == "Guaranteed" else f"/{qos.lower()}"
    return f"{settings.cgroup_root}{middle}/pod{spec.uid(pod)}"


def sandbox(pod: Object, settings: NodeSettings, *, attempt: int, dns: Dns) -> SandboxConfig:
    """The pod's sandbox."""
    meta = pod["metadata"]
    sysctls = (pod["spec"].get("securityContext") or {}).get("sysctls") or ()
    return SandboxConfig(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=spec.uid(pod),
        attempt=attempt,
        # runc refuses a hostname where there is no UTS namespace of the pod's own.
        hostname="" if spec.host_network(pod) else spec.hostname(pod),
        log_directory=str(settings.log_root / spec.log_directory(pod)),
        dns=dns,
        ports=_ports(pod),
        labels=labels(pod),
        annotations=meta.get("annotations") or {},
        cgroup_parent=cgroup_parent(pod, settings),
        sysctls={entry["name"]: entry["value"] for entry in sysctls},
        security=security.of_sandbox(pod),
    )


def container(
    pod: Object,
    declared: spec.Declared,
    *,
    attempt: int,
    image: Image,
    env: Sequence[tuple[str, str]],
    mounts: Sequence[Mount],
    machine_memory: int,
    target: str = "",
) -> ContainerConfig:
    """One container. `target`: id of the container an ephemeral one looks into. Raises
    SecurityError."""
    own = declared.spec
    variables: Mapping[str, str] = dict(env)
    name = declared.name
    own_labels = {
        LABEL_CONTAINER_NAME: name,
        LABEL_POD_NAME: pod["metadata"]["name"],
        LABEL_POD_NAMESPACE: pod["metadata"]["namespace"],
        LABEL_POD_UID: spec.uid(pod),
    }
    limits = resources.limits(pod, own, machine_memory)
    annotations = {
        resize.ANNOTATION: resize.remembered(limits),
        ANNOTATION_HASH: spec.definition_hash(own),
        ANNOTATION_RESTARTS: str(attempt),
        ANNOTATION_MESSAGE_PATH: own.get("terminationMessagePath", "/dev/termination-log"),
        ANNOTATION_MESSAGE_POLICY: own.get("terminationMessagePolicy", "File"),
        ANNOTATION_GRACE: str(pod["spec"].get("terminationGracePeriodSeconds", 30)),
    }
    return ContainerConfig(
        name=name,
        image=own["image"],
        attempt=attempt,
        command=tuple(expand(text, variables) for text in own.get("command") or ()),
        args=tuple(expand(text, variables) for text in own.get("args") or ()),
        working_dir=own.get("workingDir", ""),
        env=tuple(env),
        mounts=tuple(mounts),
        labels=own_labels,
        annotations=annotations,
        log_path=f"{name}/{attempt}.log",
        stdin=bool(own.get("stdin")),
        stdin_once=bool(own.get("stdinOnce")),
        tty=bool(own.get("tty")),
        limits=limits,
        security=security.of_container(pod, own, image, target),
    )
