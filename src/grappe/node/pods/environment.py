"""A container's environment, from everything that can contribute to it (pure).

The order of precedence is the kubelet's: service links, envFrom in order, env in order; `$(VAR)`
sees what came before it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from grappe.api import Object
from grappe.node.pods.expansion import expand
from grappe.node.pods.fields import FieldError, field_value, resource_value


class EnvironmentFault(ValueError):
    """The environment cannot be made; the message is for the container's status."""


class Sources(NamedTuple):
    """What env entries may refer to. Objects by name; absent when they do not exist."""

    config_maps: Mapping[str, Object]
    secrets: Mapping[str, Object]
    services: Iterable[Object]
    host_ip: str
    pod_ips: tuple[str, ...]
    allocatable: Mapping[str, str]


def references(container: Object) -> tuple[set[str], set[str]]:
    """The names of the ConfigMaps and Secrets a container's environment refers to."""
    maps: set[str] = set()
    secrets: set[str] = set()
    for source in container.get("envFrom") or ():
        if "configMapRef" in source:
            maps.add(source["configMapRef"].get("name", ""))
        if "secretRef" in source:
            secrets.add(source["secretRef"].get("name", ""))
    for entry in container.get("env") or ():
        value = entry.get("valueFrom") or {}
        if "configMapKeyRef" in value:
            maps.add(value["configMapKeyRef"].get("name", ""))
        if "secretKeyRef" in value:
            secrets.add(value["secretKeyRef"].get("name", ""))
    return maps, secrets


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


def service_links(services: Iterable[Object], namespace: str, links: bool) -> dict[str, str]:
    """Docker-style variables of the namespace's services (of `kubernetes` in any case).

    https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
    """
    out: dict[str, str] = {}
    for service in sorted(services, key=lambda s: str(s["metadata"]["name"])):
        meta, spec = service["metadata"], service.get("spec") or {}
        master = meta["namespace"] == "default" and meta["name"] == "kubernetes"
        if not master and not (links and meta["namespace"] == namespace):
            continue
        address = spec.get("clusterIP") or ""
        ports = spec.get("ports") or []
        if address in ("", "None") or not ports:
            continue
        prefix = _variable(meta["name"])
        host = f"[{address}]" if ":" in address else address
        out[f"{prefix}_SERVICE_HOST"] = address
        out[f"{prefix}_SERVICE_PORT"] = str(ports[0]["port"])
        for port in ports:
            if port.get("name"):
                out[f"{prefix}_SERVICE_PORT_{_variable(port['name'])}"] = str(port["port"])
        for number, port in enumerate(ports):
            protocol = str(port.get("protocol", "TCP"))
            url = f"{protocol.lower()}://{host}:{port['port']}"
            if number == 0:
                out[f"{prefix}_PORT"] = url
            base = f"{prefix}_PORT_{port['port']}_{protocol}"
            out[base] = url
            out[f"{base}_PROTO"] = protocol.lower()
            out[f"{base}_PORT"] = str(port["port"])
            out[f"{base}_ADDR"] = address
    return out


def _text(data: str) -> str:
    return base64.b64decode(data).decode("utf-8", "replace")


def _from_source(source: Object, sources: Sources, namespace: str) -> dict[str, str]:
    prefix = source.get("prefix", "")
    if "configMapRef" in source:
        reference, known, what = source["configMapRef"], sources.config_maps, "configmap"
    elif "secretRef" in source:
        reference, known, what = source["secretRef"], sources.secrets, "secret"
    else:
        return {}
    found = known.get(reference.get("name", ""))
    if found is None:
        if reference.get("optional"):
            return {}
        raise EnvironmentFault(f'{what} "{reference.get("name", "")}" not found')
    data = found.get("data") or {}
    if what == "secret":
        data = {key: _text(value) for key, value in data.items()}
    return {prefix + key: value for key, value in data.items() if "=" not in prefix + key}


def _from_key(kind: str, reference: Object, sources: Sources, namespace: str) -> str | None:
    name, key = reference.get("name", ""), reference.get("key", "")
    secret = kind == "secretKeyRef"
    found = (sources.secrets if secret else sources.config_maps).get(name)
    what = "Secret" if secret else "ConfigMap"
    if found is None:
        if reference.get("optional"):
            return None
        raise EnvironmentFault(f'{what.lower()} "{name}" not found')
    value = (found.get("data") or {}).get(key)
    if value is None:
        if reference.get("optional"):
            return None
        raise EnvironmentFault(f"couldn't find key {key} in {what} {namespace}/{name}")
    return _text(value) if secret else str(value)


def environment(pod: Object, container: Object, sources: Sources) -> list[tuple[str, str]]:
    """(name, value) pairs, one for each name, in the order of first appearance."""
    namespace = pod["metadata"]["namespace"]
    links = pod["spec"].get("enableServiceLinks", True)
    services = service_links(sources.services, namespace, links)
    result: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        result.update(_from_source(source, sources, namespace))
    for entry in container.get("env") or ():
        name, value_from = entry["name"], entry.get("valueFrom")
        value: str | None
        if not value_from:
            value = expand(entry.get("value") or "", {**services, **result})
        elif "fieldRef" in value_from:
            path = value_from["fieldRef"].get("fieldPath", "")
            value = _field(pod, path, sources)
        elif "resourceFieldRef" in value_from:
            try:
                value = resource_value(
                    pod, value_from["resourceFieldRef"], container, sources.allocatable
                )
            except FieldError as error:
                raise EnvironmentFault(str(error)) from error
        else:
            kind = "secretKeyRef" if "secretKeyRef" in value_from else "configMapKeyRef"
            value = _from_key(kind, value_from.get(kind) or {}, sources, namespace)
        if value is not None:
            result[name] = value
    return [*result.items(), *((n, v) for n, v in services.items() if n not in result)]


def _field(pod: Object, path: str, sources: Sources) -> str:
    try:
        return field_value(pod, path, host_ip=sources.host_ip, pod_ips=sources.pod_ips)
    except FieldError as error:
        raise EnvironmentFault(str(error)) from error
