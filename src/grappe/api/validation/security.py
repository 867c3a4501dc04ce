"""Security contexts of pods and containers.

https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from grappe.api import Object, names
from grappe.api.causes import duplicate, forbidden, invalid, not_supported, required, too_long
from grappe.api.validation.paths import descending_path
from grappe.api.validation.rules import Causes, identity, one_of, well_formed

_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
_SYSCTL = re.compile(r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?")
_SYSCTL_RULE = (
    "must have at most 253 characters and match regex "
    "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"
)
_IPC_SYSCTLS = ("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")
_PROFILE_PATH_MAX = 4095
_SPEC_MAX = 64 * 1024
_ON_LINUX_ONLY = "cannot be set for a windows pod"
_WINDOWS_LACKS_POD = (
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "fsGroup",
    "fsGroupChangePolicy",
    "sysctls",
    "runAsUser",
    "runAsGroup",
    "supplementalGroups",
    "supplementalGroupsPolicy",
    "seLinuxChangePolicy",
)
_WINDOWS_LACKS_SPEC = ("hostUsers", "hostPID", "hostIPC", "shareProcessNamespace")
_WINDOWS_LACKS_CONTAINER = (
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
)
_USER_SIGNS = re.compile(r'["/\\:;|=,+*?<>@\[\]]')
_NETBIOS = re.compile(r'[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}')
_DNS_LABEL = "[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DNS = re.compile(rf"{_DNS_LABEL}(\.{_DNS_LABEL})*")


def containers_of(spec: Object, at: str) -> Iterator[tuple[Object, str]]:
    """Every container of a pod spec and where it stands."""
    for part in ("initContainers", "containers", "ephemeralContainers"):
        for i, container in enumerate(spec.get(part) or ()):
            yield container, f"{at}.{part}[{i}]"


def pod_context(context: Object, spec: Object, at: str) -> Causes:
    """`spec` is the pod spec that the context is part of."""
    for field in ("fsGroup", "runAsUser", "runAsGroup"):
        yield from identity(context.get(field), f"{at}.{field}")
    for i, group in enumerate(context.get("supplementalGroups") or ()):
        yield from identity(group, f"{at}.supplementalGroups[{i}]")
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        yield invalid(f"{at}.shareProcessNamespace", True, detail)
    yield from _sysctls(context.get("sysctls") or (), spec, f"{at}.sysctls")
    for field, choice in (
        ("fsGroupChangePolicy", ("Always", "OnRootMismatch")),
        ("supplementalGroupsPolicy", ("Merge", "Strict")),
        ("seLinuxChangePolicy", ("MountOption", "Recursive")),
    ):
        if field in context and context[field] not in choice:
            yield not_supported(f"{at}.{field}", context[field], choice)
    yield from _profiles(context, at)


def container_context(context: Object, at: str, *, host_users: bool) -> Causes:
    for field in ("runAsUser", "runAsGroup"):
        yield from identity(context.get(field), f"{at}.{field}")
    mount = context.get("procMount")
    if mount is not None:
        if mount not in ("Default", "Unmasked"):
            yield not_supported(f"{at}.procMount", mount, ("Default", "Unmasked"))
        if mount == "Unmasked" and host_users:
            yield invalid(f"{at}.procMount", mount, "`hostUsers` must be false to use `Unmasked`")
    if context.get("allowPrivilegeEscalation") is False:
        refused = "cannot set `allowPrivilegeEscalation` to false and"
        if context.get("privileged"):
            yield invalid(at, context, f"{refused} `privileged` to true")
        if "CAP_SYS_ADMIN" in ((context.get("capabilities") or {}).get("add") or ()):
            yield invalid(at, context, f"{refused} `capabilities.Add` CAP_SYS_ADMIN")
    yield from _profiles(context, at)


def _profiles(context: Object, at: str) -> Causes:
    if (profile := context.get("seccompProfile")) is not None:
        yield from _seccomp(profile, f"{at}.seccompProfile")
    if (options := context.get("windowsOptions")) is not None:
        yield from _windows_options(options, f"{at}.windowsOptions")
    if (profile := context.get("appArmorProfile")) is not None:
        yield from _app_armor(profile, f"{at}.appArmorProfile")


def _seccomp(profile: Object, at: str) -> Causes:
    kind, path = profile.get("type"), profile.get("localhostProfile")
    if not kind:
        yield required(f"{at}.type", "type is required when seccompProfile is set")
    else:
        yield from one_of(kind, f"{at}.type", _PROFILES)
    if kind == "Localhost":
        if path is None:
            detail = "must be set when seccomp type is Localhost"
            yield required(f"{at}.localhostProfile", detail)
        else:
            yield from descending_path(path, f"{at}.localhostProfile")
    elif path is not None:
        detail = "can only be set when seccomp type is Localhost"
        yield invalid(f"{at}.localhostProfile", profile, detail)


def _app_armor(profile: Object, at: str) -> Causes:
    kind, name = profile.get("type"), profile.get("localhostProfile")
    where = f"{at}.localhostProfile"
    if kind == "Localhost":
        if not name or not name.strip():
            if name and not name.strip():
                yield invalid(where, name, "must not be padded with whitespace")
            else:
                yield required(where, "must be set when AppArmor type is Localhost")
        elif name != name.strip():
            yield invalid(where, name, "must not be padded with whitespace")
        if name and len(name.encode()) > _PROFILE_PATH_MAX:
            yield too_long(where, _PROFILE_PATH_MAX)
    elif not kind:
        yield required(f"{at}.type", "type is required when appArmorProfile is set")
    elif kind not in _PROFILES:
        yield not_supported(f"{at}.type", kind, _PROFILES)
    elif name is not None:
        yield invalid(where, name, "can only be set when AppArmor type is Localhost")


def _sysctls(sysctls: list[Object] | tuple[()], spec: Object, at: str) -> Causes:
    seen: set[str] = set()
    for i, sysctl in enumerate(sysctls):
        name, where = sysctl.get("name") or "", f"{at}[{i}].name"
        if not name:
            yield required(where)
        elif len(name) > names.SUBDOMAIN_MAX or not _SYSCTL.fullmatch(name):
            yield invalid(where, name, _SYSCTL_RULE)
        elif name in seen:
            yield duplicate(where, name)
        dotted = name.replace("/", ".")
        if spec.get("hostNetwork") and dotted.startswith("net."):
            yield invalid(where, name, "may not be specified when 'hostNetwork' is true")
        elif spec.get("hostIPC") and dotted.startswith(_IPC_SYSCTLS):
            yield invalid(where, name, "may not be specified when 'hostIPC' is true")
        seen.add(name)


def _windows_options(options: Object, at: str) -> Causes:
    if (name := options.get("gmsaCredentialSpecName")) is not None:
        where = f"{at}.gmsaCredentialSpecName"
        yield from well_formed(name, where, names.dns_subdomain_problems)
    if (text := options.get("gmsaCredentialSpec")) is not None:
        where = f"{at}.gmsaCredentialSpec"
        if not text:
            yield invalid(where, text, "gmsaCredentialSpec cannot be an empty string")
        elif len(text.encode()) > _SPEC_MAX:
            yield invalid(where, text, "gmsaCredentialSpec size must be under 64 KiB")
    if (name := options.get("runAsUserName")) is not None:
        for problem in _user_problems(name):
            yield invalid(f"{at}.runAsUserName", name, problem)


def _user_problems(name: str) -> Iterator[str]:
    """`DOMAIN\\USER` or `USER`, as Windows takes them."""
    if not name:
        yield "runAsUserName cannot be an empty string"
        return
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in name):
        yield "runAsUserName cannot contain control characters"
        return
    if name.count("\\") > 1:
        yield "runAsUserName cannot contain more than one backslash"
        return
    domain, backslash, user = name.rpartition("\\")
    if len(domain) >= 256:
        yield "runAsUserName's Domain length must be under 256 characters"
    if backslash and not (_NETBIOS.fullmatch(domain) or _DNS.fullmatch(domain)):
        yield "runAsUserName's Domain doesn't match the NetBios nor the DNS format"
    if not user:
        yield "runAsUserName's User cannot be empty"
    elif len(user) > 104:
        yield "runAsUserName's User length must not be longer than 104 characters"
    if user and not user.strip(". "):
        yield "runAsUserName's User cannot contain only periods or spaces"
    if _USER_SIGNS.search(user):
        yield ("runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]")


def host_users(spec: Object, at: str) -> Causes:
    """A pod with users of its own shares no other namespace with the host."""
    if spec.get("hostUsers") is False:
        for field, shown in (
            ("hostNetwork", "hostNetwork"),
            ("hostPID", "HostPID"),
            ("hostIPC", "HostIPC"),
        ):
            if spec.get(field):
                yield forbidden(f"{at}.{shown}", "when `pod.Spec.HostUsers` is false")


def says_anything(spec: Object) -> bool:
    """Whether a pod spec has any security context with something in it."""
    if spec.get("securityContext"):
        return True
    return any("securityContext" in c for c, _ in containers_of(spec, ""))


def host_process(spec: Object, at: str) -> Causes:
    """Windows HostProcess containers: all of a pod's, and on the host's network."""

    def asked(context: Object | None) -> bool | None:
        return ((context or {}).get("windowsOptions") or {}).get("hostProcess")

    whole = asked(spec.get("securityContext"))
    those, count = 0, 0
    for container, where in containers_of(spec, at):
        own = asked(container.get("securityContext"))
        count += 1
        if whole is not None and own is not None and whole != own:
            detail = "pod hostProcess value must be identical if both are specified, was " + (
                "true" if whole else "false"
            )
            yield invalid(f"{where}.securityContext.windowsOptions.hostProcess", own, detail)
        those += bool(whole if own is None else own)
    if those:
        if those != count:
            detail = (
                "If pod contains any hostProcess containers then all containers must be "
                "HostProcess containers"
            )
            yield invalid(at, "", detail)
        if not spec.get("hostNetwork"):
            detail = "hostNetwork must be true if pod contains any hostProcess containers"
            yield invalid(f"{at}.hostNetwork", False, detail)


def operating_system(spec: Object, at: str) -> Causes:
    """What the other system's pods have must not be set."""
    name = spec["os"].get("name")
    if not name:
        yield required(f"{at}.os.name", "cannot be empty")
        return
    if name not in ("linux", "windows"):
        yield not_supported(f"{at}.os", name, ("linux", "windows"))
        return
    context = spec.get("securityContext") or {}
    where = f"{at}.securityContext"
    if name == "linux":
        detail = "windows options cannot be set for a linux pod"
        if "windowsOptions" in context:
            yield forbidden(f"{where}.windowsOptions", detail)
        for container, place in containers_of(spec, at):
            if "windowsOptions" in (container.get("securityContext") or {}):
                yield forbidden(f"{place}.securityContext.windowsOptions", detail)
        return
    for field in _WINDOWS_LACKS_POD:
        if context.get(field) not in (None, []):
            yield forbidden(f"{where}.{field}", _ON_LINUX_ONLY)
    for field in _WINDOWS_LACKS_SPEC:
        if spec.get(field) or (field in ("hostUsers", "shareProcessNamespace") and field in spec):
            yield forbidden(f"{at}.{field}", _ON_LINUX_ONLY)
    for container, place in containers_of(spec, at):
        own = container.get("securityContext") or {}
        for field in _WINDOWS_LACKS_CONTAINER:
            if field in own:
                yield forbidden(f"{place}.securityContext.{field}", _ON_LINUX_ONLY)
