"""securityContext of pod and container, combined (pure).

https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
"""

from __future__ import annotations

from pathlib import PurePosixPath

from grappe.api import Object
from grappe.node.runtime.config import NamespaceMode, Namespaces, SeccompProfile, Security
from grappe.node.runtime.interface import Image

_MASKED = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


class SecurityError(ValueError):
    """The container may not run as it is configured; the message is for its status."""


def _context(obj: Object) -> Object:
    return obj.get("securityContext") or {}


def namespaces(pod: Object, target: str = "") -> Namespaces:
    """`target` is the id of the container whose processes an ephemeral container sees."""
    spec = pod["spec"]
    pid: NamespaceMode = "container"
    if target:
        pid = "target"
    elif spec.get("hostPID"):
        pid = "node"
    elif spec.get("shareProcessNamespace"):
        pid = "pod"
    return Namespaces(
        "node" if spec.get("hostNetwork") else "pod",
        pid,
        "node" if spec.get("hostIPC") else "pod",
        target,
    )


def _seccomp(pod: Object, container: Object | None) -> SeccompProfile:
    profile = _context(container).get("seccompProfile") if container is not None else None
    profile = profile or _context(pod["spec"]).get("seccompProfile") or {}
    kind = profile.get("type", "Unconfined")
    if kind == "Localhost":
        path = PurePosixPath("/var/lib/kubelet/seccomp") / profile.get("localhostProfile", "")
        return SeccompProfile("Localhost", str(path))
    return SeccompProfile("RuntimeDefault" if kind == "RuntimeDefault" else "Unconfined")


def _groups(pod: Object) -> tuple[int, ...]:
    context = _context(pod["spec"])
    groups = [*(context.get("supplementalGroups") or ())]
    if context.get("fsGroup") is not None:
        groups.append(context["fsGroup"])
    return tuple(dict.fromkeys(groups))


def of_sandbox(pod: Object) -> Security:
    """The sandbox is privileged when a container is: the runtime asks for that."""
    context = _context(pod["spec"])
    spec = pod["spec"]
    every = [
        *(spec.get("initContainers") or ()),
        *(spec.get("containers") or ()),
        *(spec.get("ephemeralContainers") or ()),
    ]
    space = namespaces(pod)
    return Security(
        namespaces=Namespaces(space.network, space.pid, space.ipc),
        run_as_user=context.get("runAsUser"),
        run_as_group=context.get("runAsGroup") if context.get("runAsUser") is not None else None,
        supplemental_groups=_groups(pod),
        privileged=any(_context(container).get("privileged") for container in every),
        seccomp=SeccompProfile("RuntimeDefault"),
    )


def _check_not_root(pod: Object, container: Object, user: int | None, image: Image) -> None:
    asked = _context(container).get("runAsNonRoot", _context(pod["spec"]).get("runAsNonRoot"))
    if not asked:
        return
    where = (
        f'(pod: "{pod["metadata"]["name"]}_{pod["metadata"]["namespace"]}'
        f'({pod["metadata"].get("uid", "")})", container: {container["name"]})'
    )
    if user is not None:
        if user == 0:
            raise SecurityError(f"container's runAsUser breaks non-root policy {where}")
        return
    if image.username:
        raise SecurityError(
            f"container has runAsNonRoot and image has non-numeric user ({image.username}), "
            f"cannot verify user is non-root {where}"
        )
    if not image.uid:
        raise SecurityError(f"container has runAsNonRoot and image will run as root {where}")


def of_container(pod: Object, container: Object, image: Image, target: str = "") -> Security:
    """Raises SecurityError when runAsNonRoot is broken."""
    own, shared = _context(container), _context(pod["spec"])
    user = own.get("runAsUser", shared.get("runAsUser"))
    group = own.get("runAsGroup", shared.get("runAsGroup"))
    _check_not_root(pod, container, user, image)
    privileged = bool(own.get("privileged"))
    if user is None and group is not None:
        user = image.uid or 0  # CRI takes a group only together with a user
    capabilities = own.get("capabilities") or {}
    unmasked = privileged or own.get("procMount") == "Unmasked"
    return Security(
        namespaces=namespaces(pod, target),
        run_as_user=user,
        run_as_group=group,
        supplemental_groups=_groups(pod),
        privileged=privileged,
        read_only_root=bool(own.get("readOnlyRootFilesystem")),
        no_new_privileges=own.get("allowPrivilegeEscalation") is False,
        add_capabilities=tuple(capabilities.get("add") or ()),
        drop_capabilities=tuple(capabilities.get("drop") or ()),
        seccomp=SeccompProfile() if privileged else _seccomp(pod, container),
        masked_paths=() if unmasked else _MASKED,
        readonly_paths=() if unmasked else _READ_ONLY,
    )
