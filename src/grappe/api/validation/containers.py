"""Containers of a pod: image, ports, environment, mounts, probes, resources, security."""

from __future__ import annotations

from collections.abc import Iterable

from grappe.api import Object, names, quantity
from grappe.api.causes import duplicate, forbidden, invalid, not_found, required
from grappe.api.validation.rules import (
    Causes,
    amount,
    named,
    not_negative,
    one_of,
    port_number,
    port_number_or_name,
    positive,
)

_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_TERMINATION_POLICIES = ("FallbackToLogsOnError", "File")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
_STANDARD_RESOURCES = {"cpu", "memory", "ephemeral-storage"}


def validate_all(spec: Object, at: str) -> Causes:
    """Every container of a pod spec, and what must hold between them."""
    volumes = {v.get("name") for v in spec.get("volumes") or ()}
    if not spec.get("containers"):
        yield required(f"{at}.containers")
    seen: set[str] = set()
    for part in ("initContainers", "containers", "ephemeralContainers"):
        for i, container in enumerate(spec.get(part) or ()):
            where = f"{at}.{part}[{i}]"
            name = container.get("name")
            if name and name in seen:
                yield duplicate(f"{where}.name", name)
            seen.add(name)
            yield from validate(container, where, volumes, init=part == "initContainers")
    if spec.get("hostNetwork"):
        yield from _host_ports_equal(spec.get("containers") or (), f"{at}.containers")
    yield from _host_ports_unique(spec.get("containers") or (), f"{at}.containers")


def validate(container: Object, at: str, volumes: set[str], *, init: bool) -> Causes:
    """One container; `volumes` are the names its mounts may use."""
    yield from named(container.get("name"), f"{at}.name", names.dns_label_problems)
    image = container.get("image")
    if not image:
        yield required(f"{at}.image")
    elif image.strip() != image:
        detail = "must not have leading or trailing whitespace"
        yield invalid(f"{at}.image", image, detail)
    yield from _ports(container.get("ports") or (), f"{at}.ports")
    yield from _environment(container, at)
    yield from _mounts(container.get("volumeMounts") or (), f"{at}.volumeMounts", volumes)
    yield from one_of(
        container.get("imagePullPolicy"), f"{at}.imagePullPolicy", _PULL_POLICIES, optional=True
    )
    yield from one_of(
        container.get("terminationMessagePolicy"),
        f"{at}.terminationMessagePolicy",
        _TERMINATION_POLICIES,
        optional=True,
    )
    yield from resources(container.get("resources") or {}, f"{at}.resources")
    yield from _security(container.get("securityContext") or {}, f"{at}.securityContext")
    sidecar = init and container.get("restartPolicy") == "Always"
    if init and not sidecar:
        for field in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
            if container.get(field):
                yield forbidden(
                    f"{at}.{field}",
                    "may not be set for init containers without restartPolicy=Always",
                )
        return
    yield from _probes(container, at)
    for hook in ("postStart", "preStop"):
        handler = (container.get("lifecycle") or {}).get(hook)
        if handler is not None:
            yield from _handler(handler, f"{at}.lifecycle.{hook}")


def _ports(ports: Iterable[Object], at: str) -> Causes:
    seen = set()
    for i, port in enumerate(ports):
        where = f"{at}[{i}]"
        if name := port.get("name"):
            for problem in names.port_name_problems(name):
                yield invalid(f"{where}.name", name, problem)
            if name in seen:
                yield duplicate(f"{where}.name", name)
            seen.add(name)
        if not port.get("containerPort"):
            yield required(f"{where}.containerPort")
        else:
            yield from port_number(port["containerPort"], f"{where}.containerPort")
        if port.get("hostPort"):
            yield from port_number(port["hostPort"], f"{where}.hostPort")
        yield from one_of(port.get("protocol"), f"{where}.protocol", _PROTOCOLS)


def _host_ports_equal(containers: Iterable[Object], at: str) -> Causes:
    for i, container in enumerate(containers):
        for j, port in enumerate(container.get("ports") or ()):
            if port.get("hostPort") != port.get("containerPort"):
                yield invalid(
                    f"{at}[{i}].ports[{j}].hostPort",
                    port.get("hostPort", 0),
                    "must match `containerPort` when `hostNetwork` is true",
                )


def _host_ports_unique(containers: Iterable[Object], at: str) -> Causes:
    seen = set()
    for i, container in enumerate(containers):
        for j, port in enumerate(container.get("ports") or ()):
            if not port.get("hostPort"):
                continue
            key = (port.get("protocol"), port.get("hostIP", ""), port["hostPort"])
            if key in seen:
                shown = f"{key[0]}/{key[1]}/{key[2]}"
                yield duplicate(f"{at}[{i}].ports[{j}].hostPort", shown)
            seen.add(key)


def _environment(container: Object, at: str) -> Causes:
    for i, variable in enumerate(container.get("env") or ()):
        where = f"{at}.env[{i}]"
        yield from named(variable.get("name"), f"{where}.name", names.env_name_problems)
        source = variable.get("valueFrom")
        if source is None:
            continue
        given = [k for k, v in source.items() if v is not None]
        if not given:
            detail = (
                "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, "
                "`secretKeyRef` or `fileKeyRef`"
            )
            yield invalid(f"{where}.valueFrom", "", detail)
        elif len(given) > 1:
            detail = "may not have more than one field specified at a time"
            yield invalid(f"{where}.valueFrom", "", detail)
        elif variable.get("value"):
            detail = "may not be specified when `value` is not empty"
            yield invalid(f"{where}.valueFrom", "", detail)
        for kind in ("configMapKeyRef", "secretKeyRef"):
            if reference := source.get(kind):
                yield from named(
                    reference.get("key"), f"{where}.valueFrom.{kind}.key", names.config_key_problems
                )
        if (reference := source.get("fieldRef")) and not reference.get("fieldPath"):
            yield required(f"{where}.valueFrom.fieldRef.fieldPath")
    for i, source in enumerate(container.get("envFrom") or ()):
        where = f"{at}.envFrom[{i}]"
        given = [k for k in ("configMapRef", "secretRef") if source.get(k) is not None]
        if len(given) > 1:
            detail = "may not have more than one field specified at a time"
            yield invalid(where, "", detail)
        elif not given:
            yield invalid(where, "", "must specify one of: `configMapRef` or `secretRef`")


def _mounts(mounts: Iterable[Object], at: str, volumes: set[str]) -> Causes:
    seen = set()
    for i, mount in enumerate(mounts):
        where = f"{at}[{i}]"
        name = mount.get("name")
        if not name:
            yield required(f"{where}.name")
        elif name not in volumes:
            yield not_found(f"{where}.name", name)
        path = mount.get("mountPath")
        if not path:
            yield required(f"{where}.mountPath")
        elif path in seen:
            yield invalid(f"{where}.mountPath", path, "must be unique")
        seen.add(path)
        for field in ("subPath", "subPathExpr"):
            if inner := mount.get(field):
                if inner.startswith("/"):
                    yield invalid(f"{where}.{field}", inner, "must be a relative path")
                if ".." in inner.split("/"):
                    yield invalid(f"{where}.{field}", inner, "must not contain '..'")
        if mount.get("subPath") and mount.get("subPathExpr"):
            detail = "subPathExpr and subPath are mutually exclusive"
            yield invalid(f"{where}.subPathExpr", mount["subPathExpr"], detail)


def resources(found: Object, at: str) -> Causes:
    """Requests and limits; a request may not exceed its limit."""
    limits, requests = found.get("limits") or {}, found.get("requests") or {}
    for kind, amounts in (("limits", limits), ("requests", requests)):
        for name, value in amounts.items():
            where = f"{at}.{kind}[{name}]"
            yield from resource_name(name, f"{at}.{kind}")
            yield from amount(value, where)
    for name, value in requests.items():
        if name not in limits:
            continue
        try:
            exceeds = quantity.compare(value, limits[name]) > 0
        except quantity.QuantityError:
            continue
        if exceeds:
            shown = quantity.canonical(limits[name])
            yield invalid(
                f"{at}.requests",
                quantity.canonical(value),
                f"must be less than or equal to {name} limit of {shown}",
            )


def resource_name(name: str, at: str) -> Causes:
    """`cpu`, `memory`, … or a fully qualified extended resource."""
    for problem in names.qualified_name_problems(name):
        yield invalid(at, name, problem)
    if (
        "/" not in name
        and name not in _STANDARD_RESOURCES
        and not name.startswith(("hugepages-", "requests."))
    ):
        yield invalid(at, name, "must be a standard resource type or fully qualified")
        yield invalid(at, name, "must be a standard resource for containers")


def _probes(container: Object, at: str) -> Causes:
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(kind)
        if probe is None:
            continue
        where = f"{at}.{kind}"
        yield from _handler(probe, where)
        for field in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds"):
            yield from not_negative(probe.get(field), f"{where}.{field}")
        for field in ("successThreshold", "failureThreshold"):
            yield from not_negative(probe.get(field), f"{where}.{field}")
        if kind != "readinessProbe" and probe.get("successThreshold", 1) != 1:
            yield invalid(f"{where}.successThreshold", probe["successThreshold"], "must be 1")
        grace = probe.get("terminationGracePeriodSeconds")
        if kind == "readinessProbe" and grace is not None:
            detail = "must not be set for readinessProbes"
            yield invalid(f"{where}.terminationGracePeriodSeconds", grace, detail)
        else:
            yield from positive(grace, f"{where}.terminationGracePeriodSeconds")


def _handler(handler: Object, at: str) -> Causes:
    given = [kind for kind in _HANDLERS if handler.get(kind) is not None]
    if not given:
        yield required(at, "must specify a handler type")
    for kind in given[1:]:
        yield forbidden(f"{at}.{kind}", "may not specify more than 1 handler type")
    if (action := handler.get("exec")) and not action.get("command"):
        yield required(f"{at}.exec.command")
    if action := handler.get("httpGet"):
        if not action.get("path"):
            yield required(f"{at}.httpGet.path")
        yield from port_number_or_name(action.get("port", 0), f"{at}.httpGet.port")
        yield from one_of(action.get("scheme"), f"{at}.httpGet.scheme", ("HTTP", "HTTPS"))
        for i, header in enumerate(action.get("httpHeaders") or ()):
            where = f"{at}.httpGet.httpHeaders[{i}].name"
            yield from named(header.get("name"), where, names.header_name_problems)
    if action := handler.get("tcpSocket"):
        yield from port_number_or_name(action.get("port", 0), f"{at}.tcpSocket.port")
    if action := handler.get("grpc"):
        yield from port_number(action.get("port", 0), f"{at}.grpc.port")


def _security(context: Object, at: str) -> Causes:
    for field in ("runAsUser", "runAsGroup"):
        yield from not_negative(context.get(field), f"{at}.{field}")
    one_of_modes = ("Default", "Unmasked")
    yield from one_of(context.get("procMount"), f"{at}.procMount", one_of_modes, optional=True)
    if context.get("allowPrivilegeEscalation") is False:
        detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        if context.get("privileged"):
            yield invalid(at, context, detail)
        if "CAP_SYS_ADMIN" in ((context.get("capabilities") or {}).get("add") or []):
            detail = (
                "cannot set `allowPrivilegeEscalation` to false and "
                "`capabilities.Add` CAP_SYS_ADMIN"
            )
            yield invalid(at, context, detail)
