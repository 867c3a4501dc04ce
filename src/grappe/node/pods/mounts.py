"""The bind mounts of one container: volumes, /etc/hosts and the termination message."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, cast

from grappe.api import Object
from grappe.node.pods import dns, spec
from grappe.node.pods.expansion import expand
from grappe.node.pods.spec import Declared
from grappe.node.runtime.config import Mount
from grappe.node.settings import NodeSettings
from grappe.node.volumes.directories import within
from grappe.node.volumes.mounter import Mounter
from grappe.node.volumes.payload import MountFault

_HOSTS = "/etc/hosts"


def _volume(pod: Object, mount: Object, variables: Mapping[str, str], mounter: Mounter) -> Mount:
    path = mounter.volume_path(pod, mount["name"])
    sub_path = mount.get("subPath") or ""
    if mount.get("subPathExpr"):
        sub_path = expand(mount["subPathExpr"], variables)
        if "$(" in sub_path:
            raise MountFault(f"subPathExpr {mount['subPathExpr']} uses an unknown variable")
    target = mount["mountPath"]
    if not target.startswith("/"):
        target = "/" + target
    propagation = cast(
        Literal["None", "HostToContainer", "Bidirectional"], mount.get("mountPropagation", "None")
    )
    source = within(path, sub_path) if sub_path else path
    return Mount(target, str(source), bool(mount.get("readOnly")), propagation)


def container_mounts(
    pod: Object,
    declared: Declared,
    attempt: int,
    variables: Mapping[str, str],
    pod_ips: tuple[str, ...],
    mounter: Mounter,
    settings: NodeSettings,
) -> list[Mount]:
    """Everything bound into a container; makes the files it binds. Raises MountFault."""
    if settings.simulated:
        return []
    try:
        mounts = [
            _volume(pod, mount, variables, mounter)
            for mount in declared.spec.get("volumeMounts") or ()
        ]
        taken = {mount.container_path for mount in mounts}
        directory = mounter.pod_directory(spec.uid(pod))
        if _HOSTS not in taken:
            mounts.append(Mount(_HOSTS, str(_hosts(pod, directory, pod_ips, settings))))
        message_path = declared.spec.get("terminationMessagePath", "/dev/termination-log")
        if message_path and message_path not in taken:
            file = termination_file(settings, spec.uid(pod), declared.name, attempt)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
            file.chmod(0o666)
            mounts.append(Mount(message_path, str(file)))
        return mounts
    except OSError as error:
        raise MountFault(str(error)) from error


def _hosts(pod: Object, directory: Path, ips: tuple[str, ...], settings: NodeSettings) -> Path:
    path = directory / "etc-hosts"
    if spec.host_network(pod):
        text = Path(_HOSTS).read_text() + dns.host_aliases(pod)
    else:
        text = dns.hosts_file(pod, ips, settings.cluster_domain)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written in place: running containers have this very file mounted.
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
        path.chmod(0o644)
    return path


def termination_file(settings: NodeSettings, uid: str, name: str, attempt: int) -> Path:
    """Where an instance of a container leaves its last words."""
    return settings.pod_root / uid / "containers" / name / str(attempt)
