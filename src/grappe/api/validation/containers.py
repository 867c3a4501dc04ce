"""Containers of a pod, of each of the three kinds, and what must hold between them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from grappe.api import Object, names
from grappe.api.causes import (
    duplicate,
    forbidden,
    invalid,
    not_found,
    not_supported,
    required,
    too_many,
)
from grappe.api.validation.environment import sources, variables
from grappe.api.validation.handlers import PROBES, lifecycle, probe
from grappe.api.validation.mounts import volume_devices, volume_mounts, without_sub_paths
from grappe.api.validation.resources import requirements
from grappe.api.validation.rules import PROTOCOLS, Causes, one_of
from grappe.api.validation.security import container_context

_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_TERMINATION_POLICIES = ("File", "FallbackToLogsOnError")
_RESTART_POLICIES = ("Always", "Never", "OnFailure")
_RESIZED = ("cpu", "memory")
_RESIZE_POLICIES = ("NotRequired", "RestartContainer")
_MOST_RESTART_RULES = 20
_MOST_EXIT_CODES = 255
# An ephemeral container only looks at the pod: it offers nothing and is promised nothing.
_NOT_EPHEMERAL = (
    "ports",
    "resources",
    "resizePolicy",
    "restartPolicy",
    "restartPolicyRules",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
)


def validate_all(spec: Object, at: str, volumes: Mapping[str, Object]) -> Causes:
    """Every container of a pod spec; `volumes` are its valid volumes by name."""
    pod = _Pod(spec, volumes)
    containers = spec.get("containers") or ()
    if not containers:
        yield required(f"{at}.containers")
    yield from _ordinary(containers, f"{at}.containers", pod)
    if init := spec.get("initContainers"):
        yield from _init(init, f"{at}.initContainers", pod)
    if ephemeral := spec.get("ephemeralContainers"):
        yield from _ephemeral(ephemeral, f"{at}.ephemeralContainers", pod)


class _Pod:
    """What a container must know of its pod."""

    __slots__ = ("claims", "grace", "host_users", "names", "restart", "volumes")

    def __init__(self, spec: Object, volumes: Mapping[str, Object]) -> None:
        self.volumes = volumes
        self.grace: int | None = spec.get("terminationGracePeriodSeconds")
        self.restart = spec.get("restartPolicy")
        self.host_users = spec.get("hostUsers") is not False
        self.claims: Collection[str] = ()
        if claims := spec.get("resourceClaims"):
            self.claims = {c["name"] for c in claims if c.get("name")}
        self.names = {c.get("name") for c in spec.get("containers") or ()}


def _ordinary(containers: Iterable[Object], at: str, pod: _Pod) -> Causes:
    seen: set[Any] = set()
    host_ports = False
    for i, container in enumerate(containers):
        where = f"{at}[{i}]"
        yield from _common(container, where, pod)
        name = container.get("name")
        if name in seen:
            yield duplicate(f"{where}.name", name)
        seen.add(name)
        yield from _hooks(container, where, pod)
        if "restartPolicy" in container or "restartPolicyRules" in container:
            yield from _restart(container, where)
        host_ports = host_ports or "ports" in container
    if host_ports:
        yield from _host_ports_unique(containers, at)


def _init(containers: list[Object], at: str, pod: _Pod) -> Causes:
    for i, container in enumerate(containers):
        where = f"{at}[{i}]"
        yield from _common(container, where, pod)
        if "restartPolicy" in container or "restartPolicyRules" in container:
            yield from _restart(container, where)
        name = container.get("name")
        if name in pod.names:
            yield duplicate(f"{where}.name", name)
        elif name:
            pod.names.add(name)
        yield from _host_ports_unique([container], at)
        if container.get("restartPolicy") == "Always":
            yield from _hooks(container, where, pod)
            continue
        for field in ("lifecycle", *PROBES):
            if field in container:
                detail = "may not be set for init containers without restartPolicy=Always"
                yield forbidden(f"{where}.{field}", detail)


def _ephemeral(containers: list[Object], at: str, pod: _Pod) -> Causes:
    others = set(pod.names)
    for i, container in enumerate(containers):
        where = f"{at}[{i}]"
        yield from _common(container, where, pod)
        yield from trimmed_image(container, where)
        name = container.get("name")
        if name in pod.names:
            yield duplicate(f"{where}.name", name)
        pod.names.add(name)
        target = container.get("targetContainerName")
        if target and target not in others:
            yield not_found(f"{where}.targetContainerName", target)
        for field in _NOT_EPHEMERAL:
            if container.get(field):
                detail = "cannot be set for an Ephemeral Container"
                yield forbidden(f"{where}.{field}", detail)
        yield from without_sub_paths(container.get("volumeMounts") or (), f"{where}.volumeMounts")


def trimmed_image(container: Object, at: str) -> Causes:
    """Of a pod, not of a template: there a blank image may stand for one to be filled in."""
    image = container.get("image") or ""
    if image[:1].isspace() or image[-1:].isspace():
        yield invalid(f"{at}.image", image, "must not have leading or trailing whitespace")


def _common(container: Object, at: str, pod: _Pod) -> Causes:
    """What holds for every kind of container."""
    name = container.get("name")
    if not name:
        yield required(f"{at}.name")
    else:
        for problem in names.dns_label_problems(name):
            yield invalid(f"{at}.name", name, problem)
    if not container.get("image"):
        yield required(f"{at}.image")
    policy = container.get("terminationMessagePolicy")
    if policy and policy not in _TERMINATION_POLICIES:
        yield not_supported(f"{at}.terminationMessagePolicy", policy, _TERMINATION_POLICIES)
    if ports := container.get("ports"):
        yield from _ports(ports, f"{at}.ports")
    if env := container.get("env"):
        yield from variables(env, f"{at}.env")
    if env := container.get("envFrom"):
        yield from sources(env, f"{at}.envFrom")
    if container.get("volumeMounts"):
        yield from volume_mounts(container, f"{at}.volumeMounts", pod.volumes)
    if container.get("volumeDevices"):
        yield from volume_devices(container, f"{at}.volumeDevices", pod.volumes)
    policy = container.get("imagePullPolicy")
    if policy and policy not in _PULL_POLICIES:
        yield not_supported(f"{at}.imagePullPolicy", policy, _PULL_POLICIES)
    if wanted := container.get("resources"):
        yield from requirements(wanted, f"{at}.resources", pod.claims)
    if policies := container.get("resizePolicy"):
        yield from _resize(policies, f"{at}.resizePolicy", pod.restart)
    if context := container.get("securityContext"):
        where = f"{at}.securityContext"
        yield from container_context(context, where, host_users=pod.host_users)


def _hooks(container: Object, at: str, pod: _Pod) -> Causes:
    if (found := container.get("lifecycle")) is not None:
        yield from lifecycle(found, f"{at}.lifecycle", pod.grace)
    for kind in PROBES:
        if kind in container:
            yield from probe(container[kind], kind, f"{at}.{kind}")


def _ports(ports: Iterable[Object], at: str) -> Causes:
    seen = set()
    for i, port in enumerate(ports):
        where = f"{at}[{i}]"
        if name := port.get("name"):
            problems = names.port_name_problems(name)
            for problem in problems:
                yield invalid(f"{where}.name", name, problem)
            if not problems:
                if name in seen:
                    yield duplicate(f"{where}.name", name)
                seen.add(name)
        if not port.get("containerPort"):
            yield required(f"{where}.containerPort")
        for field in ("containerPort", "hostPort"):
            number = port.get(field)
            if number and not 1 <= number <= 65535:
                for problem in names.port_number_problems(number):
                    yield invalid(f"{where}.{field}", number, problem)
        if port.get("protocol") not in PROTOCOLS:
            yield from one_of(port.get("protocol"), f"{where}.protocol", PROTOCOLS)


def host_ports_equal(containers: Iterable[Object], at: str, *, a_pod: bool) -> Causes:
    """On the host's network a container's port is the host's; a template may leave it open."""
    for i, container in enumerate(containers):
        for j, port in enumerate(container.get("ports") or ()):
            host, own = port.get("hostPort", 0), port.get("containerPort", 0)
            if (a_pod or host) and host != own:
                detail = "must match `containerPort` when `hostNetwork` is true"
                yield invalid(f"{at}[{i}].ports[{j}].hostPort", host, detail)


def _host_ports_unique(containers: Iterable[Object], at: str) -> Causes:
    seen = set()
    for i, container in enumerate(containers):
        for j, port in enumerate(container.get("ports") or ()):
            if not port.get("hostPort"):
                continue
            key = f"{port.get('protocol')}/{port.get('hostIP', '')}/{port['hostPort']}"
            if key in seen:
                yield duplicate(f"{at}[{i}].ports[{j}].hostPort", key)
            seen.add(key)


def _resize(policies: Iterable[Object], at: str, restart: str | None) -> Causes:
    seen: set[str] = set()
    for i, policy in enumerate(policies):
        resource, how = policy.get("resourceName") or "", policy.get("restartPolicy") or ""
        if resource in seen:
            yield duplicate(f"{at}[{i}]", resource)
        seen.add(resource)
        yield from one_of(resource, at, _RESIZED)
        yield from one_of(how, at, _RESIZE_POLICIES)
        if restart == "Never" and how != "NotRequired":
            detail = "must be 'NotRequired' when `restartPolicy` is 'Never'"
            yield invalid(at, how, detail)


def _restart(container: Object, at: str) -> Causes:
    """When a container restarts by itself, whatever its pod does."""
    policy, rules = container.get("restartPolicy"), container.get("restartPolicyRules") or ()
    if policy is not None and policy not in _RESTART_POLICIES:
        yield not_supported(f"{at}.restartPolicy", policy, _RESTART_POLICIES)
    if rules and policy is None:
        detail = "must specify restartPolicy when restart rules are used"
        yield required(f"{at}.restartPolicy", detail)
    if len(rules) > _MOST_RESTART_RULES:
        yield too_many(f"{at}.restartPolicyRules", len(rules), _MOST_RESTART_RULES)
    for i, rule in enumerate(rules):
        where = f"{at}.restartPolicyRules[{i}]"
        yield from one_of(rule.get("action"), f"{where}.action", ("Restart",))
        codes = rule.get("exitCodes")
        if codes is None:
            yield required(f"{where}.exitCodes", "must be specified")
            continue
        yield from one_of(codes.get("operator"), f"{where}.exitCodes.operator", ("In", "NotIn"))
        values = codes.get("values") or ()
        if len(values) > _MOST_EXIT_CODES:
            yield too_many(f"{where}.exitCodes.values", len(values), _MOST_EXIT_CODES)
