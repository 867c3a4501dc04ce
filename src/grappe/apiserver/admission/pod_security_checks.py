"""The Pod Security Standards, as checks of a pod's spec.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from grappe.api import Object

Check = Callable[[Object, Object], str]
"""(metadata, spec) → what is wrong in Kubernetes' words; empty when nothing is."""

_CAPABILITIES = frozenset(
    (
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    )
)
_SYSCTLS = frozenset(
    (
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
    )
)
_SYSCTLS_1_27 = _SYSCTLS | {"net.ipv4.ip_local_reserved_ports"}
_SYSCTLS_1_29 = _SYSCTLS_1_27 | {
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
}
_SYSCTLS_1_32 = _SYSCTLS_1_29 | {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}
_SELINUX_TYPES = frozenset(("", "container_t", "container_init_t", "container_kvm_t"))
_SELINUX_TYPES_1_31 = _SELINUX_TYPES | {"container_engine_t"}
_VOLUMES = frozenset(
    (
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    )
)


def _containers(spec: Object) -> Iterator[Object]:
    for field in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(field) or ()


def _context(thing: Object) -> dict[str, Any]:
    found = thing.get("securityContext")
    return found if isinstance(found, dict) else {}


def _named(names: list[str], kind: str = "container") -> str:
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"{kind} {quoted}" if len(names) == 1 else f"{kind}s {quoted}"


def _those(spec: Object, wrong: Callable[[Object], bool]) -> list[str]:
    return [container.get("name", "") for container in _containers(spec) if wrong(container)]


# -- baseline --------------------------------------------------------------------------------------
def _host_namespaces(metadata: Object, spec: Object) -> str:
    wrong = [f"{name}=true" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    return f"host namespaces ({', '.join(wrong)})" if wrong else ""


def _privileged(metadata: Object, spec: Object) -> str:
    wrong = _those(spec, lambda c: bool(_context(c).get("privileged")))
    if not wrong:
        return ""
    return f"privileged ({_named(wrong)} must not set securityContext.privileged=true)"


def _capabilities(metadata: Object, spec: Object) -> str:
    def added(container: Object) -> set[str]:
        return set((_context(container).get("capabilities") or {}).get("add") or ())

    wrong = _those(spec, lambda c: bool(added(c) - _CAPABILITIES))
    if not wrong:
        return ""
    extra = sorted({cap for c in _containers(spec) for cap in added(c)} - _CAPABILITIES)
    told = ", ".join(f'"{cap}"' for cap in extra)
    return (
        f"non-default capabilities ({_named(wrong)} must not include {told} in "
        "securityContext.capabilities.add)"
    )


def _host_path(metadata: Object, spec: Object) -> str:
    wrong = [v.get("name", "") for v in spec.get("volumes") or () if "hostPath" in v]
    return f"hostPath volumes ({_named(wrong, 'volume')})" if wrong else ""


def _host_ports(metadata: Object, spec: Object) -> str:
    ports: list[str] = []

    def uses(container: Object) -> bool:
        own = [str(p["hostPort"]) for p in container.get("ports") or () if p.get("hostPort")]
        ports.extend(own)
        return bool(own)

    wrong = _those(spec, uses)
    if not wrong:
        return ""
    kind = "hostPort" if len(set(ports)) == 1 else "hostPorts"
    verb = "uses" if len(wrong) == 1 else "use"
    told = ", ".join(sorted(set(ports), key=int))
    return f"hostPort ({_named(wrong)} {verb} {kind} {told})"


def _app_armor(metadata: Object, spec: Object) -> str:
    def bad(thing: Object) -> bool:
        return (_context(thing).get("appArmorProfile") or {}).get("type") == "Unconfined"

    wrong = _those(spec, bad)
    who = (["pod"] if bad(spec) else []) + ([_named(wrong)] if wrong else [])
    if not who:
        return ""
    return (
        f"forbidden AppArmor profile ({' and '.join(who)} must not set AppArmor profile type to "
        '"Unconfined")'
    )


def _selinux_of(types: frozenset[str]) -> Check:
    def bad(thing: Object) -> bool:
        options = _context(thing).get("seLinuxOptions") or {}
        return (
            options.get("type", "") not in types
            or bool(options.get("user"))
            or bool(options.get("role"))
        )

    def check(metadata: Object, spec: Object) -> str:
        wrong = _those(spec, bad)
        who = (["pod"] if bad(spec) else []) + ([_named(wrong)] if wrong else [])
        if not who:
            return ""
        return f"seLinuxOptions ({' and '.join(who)} set forbidden securityContext.seLinuxOptions)"

    return check


def _proc_mount(metadata: Object, spec: Object) -> str:
    wrong = _those(spec, lambda c: _context(c).get("procMount") not in (None, "Default"))
    if not wrong:
        return ""
    return f'procMount ({_named(wrong)} must not set securityContext.procMount to "Unmasked")'


def _seccomp_baseline(metadata: Object, spec: Object) -> str:
    def bad(thing: Object) -> bool:
        return (_context(thing).get("seccompProfile") or {}).get("type") == "Unconfined"

    wrong = _those(spec, bad)
    who = (["pod"] if bad(spec) else []) + ([_named(wrong)] if wrong else [])
    if not who:
        return ""
    return (
        f"seccompProfile ({' and '.join(who)} must not set securityContext.seccompProfile.type "
        'to "Unconfined")'
    )


def _sysctls_of(allowed: frozenset[str]) -> Check:
    def check(metadata: Object, spec: Object) -> str:
        wrong = sorted({s.get("name", "") for s in _context(spec).get("sysctls") or ()} - allowed)
        return f"forbidden sysctls ({', '.join(wrong)})" if wrong else ""

    return check


def _host_process(metadata: Object, spec: Object) -> str:
    def bad(thing: Object) -> bool:
        return bool((_context(thing).get("windowsOptions") or {}).get("hostProcess"))

    wrong = _those(spec, bad)
    who = (["pod"] if bad(spec) else []) + ([_named(wrong)] if wrong else [])
    if not who:
        return ""
    return (
        f"hostProcess ({' and '.join(who)} must not set "
        "securityContext.windowsOptions.hostProcess=true)"
    )


def _handler_hosts(metadata: Object, spec: Object) -> str:
    """Hosts that probes and hooks name: a way to have the node ask anybody."""

    def hosts(container: Object) -> set[str]:
        hooks = container.get("lifecycle") or {}
        handlers = [container.get(f"{kind}Probe") for kind in ("liveness", "readiness", "startup")]
        handlers += [hooks.get("postStart"), hooks.get("preStop")]
        found = (
            ((handler or {}).get(kind) or {}).get("host")
            for handler in handlers
            for kind in ("httpGet", "tcpSocket")
        )
        return {host for host in found if host}

    wrong = sorted(set(_those(spec, lambda c: bool(hosts(c)))))
    if not wrong:
        return ""
    named = sorted({host for container in _containers(spec) for host in hosts(container)})
    verb = "uses" if len(wrong) == 1 else "use"
    quoted = ", ".join(f'"{host}"' for host in named)
    return (
        f"probe or lifecycle host ({_named(wrong)} {verb} "
        f"probe or lifecycle host{'s' if len(named) > 1 else ''} {quoted})"
    )


# -- restricted ------------------------------------------------------------------------------------
def _volume_types(metadata: Object, spec: Object) -> str:
    wrong: list[str] = []
    types: set[str] = set()
    for volume in spec.get("volumes") or ():
        bad = set(volume) - {"name"} - _VOLUMES
        if bad:
            wrong.append(volume.get("name", ""))
            types |= bad
    if not wrong:
        return ""
    kinds = ", ".join(f'"{kind}"' for kind in sorted(types))
    verb = "uses" if len(wrong) == 1 else "use"
    word = "type" if len(types) == 1 else "types"
    return (
        f"restricted volume types ({_named(wrong, 'volume')} {verb} restricted volume {word} "
        f"{kinds})"
    )


def _privilege_escalation(metadata: Object, spec: Object) -> str:
    wrong = _those(spec, lambda c: _context(c).get("allowPrivilegeEscalation") is not False)
    if not wrong:
        return ""
    return (
        f"allowPrivilegeEscalation != false ({_named(wrong)} must set "
        "securityContext.allowPrivilegeEscalation=false)"
    )


def _drop_all(metadata: Object, spec: Object) -> str:
    def capabilities(container: Object) -> dict[str, Any]:
        return _context(container).get("capabilities") or {}

    keep = _those(spec, lambda c: "ALL" not in (capabilities(c).get("drop") or ()))
    adds = _those(
        spec, lambda c: bool(set(capabilities(c).get("add") or ()) - {"NET_BIND_SERVICE"})
    )
    told = []
    if keep:
        told.append(f'{_named(keep)} must set securityContext.capabilities.drop=["ALL"]')
    if adds:
        extra = sorted(
            {cap for c in _containers(spec) for cap in capabilities(c).get("add") or ()}
            - {"NET_BIND_SERVICE"}
        )
        quoted = ", ".join(f'"{cap}"' for cap in extra)
        told.append(f"{_named(adds)} must not include {quoted} in securityContext.capabilities.add")
    return f"unrestricted capabilities ({'; '.join(told)})" if told else ""


def _non_root(metadata: Object, spec: Object) -> str:
    of_pod = _context(spec).get("runAsNonRoot")
    explicit = _those(spec, lambda c: _context(c).get("runAsNonRoot") is False)
    if explicit or of_pod is False:
        who = (["pod"] if of_pod is False else []) + ([_named(explicit)] if explicit else [])
        return (
            f"runAsNonRoot != true ({' and '.join(who)} must not set "
            "securityContext.runAsNonRoot=false)"
        )
    silent = _those(spec, lambda c: _context(c).get("runAsNonRoot") is None)
    if of_pod or not silent:
        return ""
    return (
        f"runAsNonRoot != true (pod or {_named(silent)} must set securityContext.runAsNonRoot=true)"
    )


def _user(metadata: Object, spec: Object) -> str:
    wrong = _those(spec, lambda c: _context(c).get("runAsUser") == 0)
    who = (["pod"] if _context(spec).get("runAsUser") == 0 else []) + (
        [_named(wrong)] if wrong else []
    )
    return f"runAsUser=0 ({' and '.join(who)} must not set runAsUser=0)" if who else ""


def _seccomp_restricted(metadata: Object, spec: Object) -> str:
    def kind(thing: Object) -> str | None:
        found = (_context(thing).get("seccompProfile") or {}).get("type")
        return str(found) if found else None

    good = ("RuntimeDefault", "Localhost")
    if kind(spec) not in (None, *good):
        return (
            "seccompProfile (pod must not set securityContext.seccompProfile.type to "
            f'"{kind(spec)}")'
        )
    bad = _those(spec, lambda c: kind(c) not in (None, *good))
    if bad:
        return (
            f"seccompProfile ({_named(bad)} must not set securityContext.seccompProfile.type to "
            '"Unconfined")'
        )
    silent = _those(spec, lambda c: kind(c) is None)
    if kind(spec) or not silent:
        return ""
    return (
        f"seccompProfile (pod or {_named(silent)} must set securityContext.seccompProfile.type "
        'to "RuntimeDefault" or "Localhost")'
    )


def _not_for_windows(check: Check) -> Check:
    """As `check`, of pods that say they are for Linux, or nothing."""

    def found(metadata: Object, spec: Object) -> str:
        windows = (spec.get("os") or {}).get("name") == "windows"
        return "" if windows else check(metadata, spec)

    return found


class Standard(NamedTuple):
    """One demand of a level. `versions` are (minor version of Kubernetes, check), the youngest
    first; `instead_of` is the demand of a lower level that it repeats, only stricter."""

    name: str
    versions: tuple[tuple[int, Check], ...]
    instead_of: str = ""


BASELINE = (
    Standard("hostNamespaces", ((0, _host_namespaces),)),
    Standard("privileged", ((0, _privileged),)),
    Standard("capabilities", ((0, _capabilities),)),
    Standard("hostPathVolumes", ((0, _host_path),)),
    Standard("hostPorts", ((0, _host_ports),)),
    Standard("hostProbesAndHostLifecycle", ((34, _handler_hosts),)),
    Standard("appArmorProfile", ((0, _app_armor),)),
    Standard(
        "seLinuxOptions",
        ((31, _selinux_of(_SELINUX_TYPES_1_31)), (0, _selinux_of(_SELINUX_TYPES))),
    ),
    Standard("procMount", ((0, _proc_mount),)),
    Standard("seccompProfile", ((19, _seccomp_baseline),)),
    Standard(
        "sysctls",
        (
            (32, _sysctls_of(_SYSCTLS_1_32)),
            (29, _sysctls_of(_SYSCTLS_1_29)),
            (27, _sysctls_of(_SYSCTLS_1_27)),
            (0, _sysctls_of(_SYSCTLS)),
        ),
    ),
    Standard("windowsHostProcess", ((0, _host_process),)),
)
RESTRICTED = (
    Standard(
        "allowPrivilegeEscalation",
        ((25, _not_for_windows(_privilege_escalation)), (8, _privilege_escalation)),
    ),
    Standard("drop", ((25, _not_for_windows(_drop_all)), (22, _drop_all)), "capabilities"),
    Standard("restrictedVolumes", ((0, _volume_types),), "hostPathVolumes"),
    Standard("runAsNonRoot", ((0, _non_root),)),
    Standard("runAsUser", ((23, _user),)),
    Standard(
        "seccomp",
        ((25, _not_for_windows(_seccomp_restricted)), (19, _seccomp_restricted)),
        "seccompProfile",
    ),
)
