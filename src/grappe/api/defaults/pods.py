"""Defaults of pods and of the pod templates of every workload."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.defaults.fields import fill, fill_empty, objects, part
from grappe.api.defaults.images import pull_policy
from grappe.api.defaults.pod_resources import (
    default_pod_resources,
    requests_from_limits,
    round_to_millis,
)
from grappe.api.defaults.volumes import default_volume

_SPEC = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
}
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def default_pod_spec(spec: Object) -> None:
    """What every pod specification gets, in a pod or in a template."""
    for name, value in _SPEC.items():
        if not spec.get(name) and spec.get(name) != 0:
            spec[name] = value
    fill(spec, {"securityContext": {}})
    _service_account(spec)
    for volume in objects(spec, "volumes"):
        default_volume(volume)
    for kind in _CONTAINERS:
        for container in objects(spec, kind):
            default_container(container)


def _service_account(spec: Object) -> None:
    """`serviceAccount` is the old name of `serviceAccountName`; both are always the same."""
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account


def default_container(container: Object) -> None:
    fill_empty(container, "terminationMessagePath", "/dev/termination-log")
    fill_empty(container, "terminationMessagePolicy", "File")
    fill_empty(container, "imagePullPolicy", pull_policy(container.get("image") or ""))
    fill(container, {"resources": {}})
    round_to_millis(container["resources"])
    for port in objects(container, "ports"):
        fill_empty(port, "protocol", "TCP")
    for variable in objects(container, "env"):
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if reference is not None:
            fill_empty(reference, "apiVersion", "v1")
    for name in _PROBES:
        if name in container:
            _probe(container[name])
    lifecycle = container.get("lifecycle") or {}
    for hook in ("postStart", "preStop"):
        if "httpGet" in (lifecycle.get(hook) or {}):
            _http_get(lifecycle[hook]["httpGet"])


def _probe(probe: Object) -> None:
    for name, value in (
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ):
        if not probe.get(name):
            probe[name] = value
    if "httpGet" in probe:
        _http_get(probe["httpGet"])
    if "grpc" in probe:
        fill(probe["grpc"], {"service": ""})


def _http_get(action: Object) -> None:
    fill_empty(action, "path", "/")
    fill_empty(action, "scheme", "HTTP")


def default_pod_template(template: Object) -> None:
    default_pod_spec(part(template, "spec"))


def _pod(pod: Object) -> None:
    spec = part(pod, "spec")
    default_pod_spec(spec)
    fill(spec, {"enableServiceLinks": True})
    for kind in ("initContainers", "containers"):
        for container in objects(spec, kind):
            requests_from_limits(container["resources"])
            if spec.get("hostNetwork"):
                for port in objects(container, "ports"):
                    if not port.get("hostPort") and "containerPort" in port:
                        port["hostPort"] = port["containerPort"]
    default_pod_resources(spec)


def _pod_template(obj: Object) -> None:
    default_pod_template(part(obj, "template"))


def _replication_controller(obj: Object) -> None:
    spec = part(obj, "spec")
    fill(spec, {"replicas": 1})
    if isinstance(spec.get("template"), dict):
        default_pod_template(spec["template"])
        labels = (spec["template"].get("metadata") or {}).get("labels")
        if labels:
            if not spec.get("selector"):
                spec["selector"] = dict(labels)
            metadata = part(obj, "metadata")
            if not metadata.get("labels"):
                metadata["labels"] = dict(labels)


DEFAULTS = {
    "Pod": _pod,
    "PodTemplate": _pod_template,
    "ReplicationController": _replication_controller,
}
