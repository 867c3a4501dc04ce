"""From the runtime interface's records to CRI messages (pure)."""

from __future__ import annotations

from typing import Any

from grappe.node.runtime.config import (
    ContainerConfig,
    Limits,
    Namespaces,
    SandboxConfig,
    SeccompProfile,
    Security,
)
from grappe.node.runtime.containerd.messages import cri
from grappe.node.runtime.interface import Credentials

_MODES = {"pod": 0, "container": 1, "node": 2, "target": 3}
_SECCOMP = {"RuntimeDefault": 0, "Unconfined": 1, "Localhost": 2}
_PROPAGATION = {"None": 0, "HostToContainer": 1, "Bidirectional": 2}
_PROTOCOLS = {"TCP": 0, "UDP": 1, "SCTP": 2}


def _namespaces(namespaces: Namespaces) -> Any:
    return cri().NamespaceOption(
        network=_MODES[namespaces.network],
        pid=_MODES[namespaces.pid],
        ipc=_MODES[namespaces.ipc],
        target_id=namespaces.target,
    )


def _seccomp(profile: SeccompProfile) -> Any:
    return cri().SecurityProfile(profile_type=_SECCOMP[profile.kind], localhost_ref=profile.path)


def _number(value: int | None) -> Any:
    return None if value is None else cri().Int64Value(value=value)


def sandbox(config: SandboxConfig) -> Any:
    """`PodSandboxConfig`."""
    m = cri()
    security: Security = config.security
    return m.PodSandboxConfig(
        metadata=m.PodSandboxMetadata(
            name=config.name,
            uid=config.uid,
            namespace=config.namespace,
            attempt=config.attempt,
        ),
        hostname=config.hostname,
        log_directory=config.log_directory,
        dns_config=None
        if config.dns is None
        else m.DNSConfig(
            servers=config.dns.servers, searches=config.dns.searches, options=config.dns.options
        ),
        port_mappings=[
            m.PortMapping(
                protocol=_PROTOCOLS.get(port.protocol, 0),
                container_port=port.container_port,
                host_port=port.host_port,
                host_ip=port.host_ip,
            )
            for port in config.ports
        ],
        labels=config.labels,
        annotations=config.annotations,
        linux=m.LinuxPodSandboxConfig(
            cgroup_parent=config.cgroup_parent,
            sysctls=config.sysctls,
            security_context=m.LinuxSandboxSecurityContext(
                namespace_options=_namespaces(security.namespaces),
                run_as_user=_number(security.run_as_user),
                run_as_group=_number(security.run_as_group),
                supplemental_groups=security.supplemental_groups,
                privileged=security.privileged,
                seccomp=_seccomp(security.seccomp),
            ),
        ),
    )


def limits(value: Limits) -> Any:
    """`LinuxContainerResources`."""
    return cri().LinuxContainerResources(
        cpu_period=value.cpu_period,
        cpu_quota=value.cpu_quota,
        cpu_shares=value.cpu_shares,
        memory_limit_in_bytes=value.memory_limit,
        oom_score_adj=value.oom_score_adj,
    )


def _security(security: Security) -> Any:
    m = cri()
    return m.LinuxContainerSecurityContext(
        capabilities=m.Capability(
            add_capabilities=security.add_capabilities,
            drop_capabilities=security.drop_capabilities,
        ),
        privileged=security.privileged,
        namespace_options=_namespaces(security.namespaces),
        run_as_user=_number(security.run_as_user),
        run_as_group=_number(security.run_as_group),
        readonly_rootfs=security.read_only_root,
        supplemental_groups=security.supplemental_groups,
        no_new_privs=security.no_new_privileges,
        masked_paths=security.masked_paths,
        readonly_paths=security.readonly_paths,
        seccomp=_seccomp(security.seccomp),
    )


def container(config: ContainerConfig) -> Any:
    """`ContainerConfig`."""
    m = cri()
    return m.ContainerConfig(
        metadata=m.ContainerMetadata(name=config.name, attempt=config.attempt),
        image=m.ImageSpec(image=config.image),
        command=config.command,
        args=config.args,
        working_dir=config.working_dir,
        envs=[m.KeyValue(key=name, value=value) for name, value in config.env],
        mounts=[
            m.Mount(
                container_path=mount.container_path,
                host_path=mount.host_path,
                readonly=mount.read_only,
                propagation=_PROPAGATION[mount.propagation],
            )
            for mount in config.mounts
        ],
        labels=config.labels,
        annotations=config.annotations,
        log_path=config.log_path,
        stdin=config.stdin,
        stdin_once=config.stdin_once,
        tty=config.tty,
        linux=m.LinuxContainerConfig(
            resources=limits(config.limits), security_context=_security(config.security)
        ),
    )


def credentials(value: Credentials | None) -> Any:
    """`AuthConfig`, or None. Without the server's address, as the kubelet leaves it out:
    containerd reads `registry:5000` as a URL of the scheme `registry` and logs in nowhere."""
    if value is None:
        return None
    return cri().AuthConfig(
        username=value.username,
        password=value.password,
        identity_token=value.identity_token,
        registry_token=value.registry_token,
    )
