"""One change of a valid object of each kind, and the causes it is refused with: all of them, in
order. Wording and paths are Kubernetes 1.36's."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.api.defaults import apply_defaults
from grappe.api.resources import builtin_kind
from grappe.api.schema import DecodingError, builtin_schema
from grappe.api.validation import validate_create, validate_update
from tests.cluster.test_api_every_kind import KINDS, OBJECTS, PARTICULAR

Object = dict[str, Any]
# Their rules are told with the feature they belong to.
ELSEWHERE = {"certificatesigningrequests", "apiservices"}


def made(plural: str, group: str | None = None) -> Object:
    """A valid object of a kind, with its defaults."""
    resource = next(r for r in KINDS if r.plural == plural and (group is None or r.group == group))
    body = PARTICULAR.get((resource.group, plural)) or OBJECTS[plural]
    meta = {"name": "a", "uid": "u", "resourceVersion": "1"}
    said = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta, **body}
    obj: Object = json.loads(json.dumps(said))  # no part of it is shared with another
    if resource.namespaced:
        obj["metadata"]["namespace"] = "default"
    builtin_schema(resource.api_version, resource.kind).decode(obj)
    apply_defaults(resource, obj)
    if plural == "jobs":
        labels = {p + k: v for p in ("", "batch.kubernetes.io/") for k, v in
                  (("controller-uid", "u"), ("job-name", "a"))}  # fmt: skip
        obj["spec"]["template"]["metadata"]["labels"].update(labels)
        uid = {"batch.kubernetes.io/controller-uid": "u"}
        obj["spec"]["selector"] = {"matchLabels": uid}
    return obj


def changed(obj: Object, path: str, value: Any) -> Object:
    """`obj` with one field set (`spec.containers.0.image`)."""
    found = copy.deepcopy(obj)
    *way, last = path.split(".")
    at: Any = found
    for step in way:
        at = at[int(step)] if isinstance(at, list) else at.setdefault(step, {})
    if isinstance(at, list):
        at[int(last)] = value
    elif value is None:
        at.pop(last, None)
    else:
        at[last] = value
    return found


def told(causes: Any) -> list[str]:
    return [f"{c.field}: {c.message}" for c in causes]


def refused(obj: Object, old: Object | None = None, subresource: str = "") -> list[str]:
    resource = builtin_kind(obj["apiVersion"], obj["kind"])
    assert resource is not None
    if old is None:
        return told(validate_create(resource, obj))
    return told(validate_update(resource, obj, old, subresource))


@pytest.mark.parametrize(
    "resource", [r for r in KINDS if r.plural not in ELSEWHERE], ids=lambda r: r.qualified
)
def test_a_valid_object_of_each_kind_is_valid_when_new_and_when_changed(resource: Any) -> None:
    obj = made(resource.plural, resource.group)
    assert refused(obj) == []
    labelled = changed(obj, "metadata.labels", {"x": "y"})
    assert refused(labelled, obj) == []
    assert refused(labelled, obj, "status") == [] or resource.plural == "namespaces"


NEW = [
    ("pods", "spec.containers.0.ports", [{"containerPort": 1, "name": "UPPER", "protocol": "TCP"}],
     ['spec.containers[0].ports[0].name: Invalid value: "UPPER": must contain only alpha-numeric '
      "characters (a-z, 0-9), and hyphens (-)",
      'spec.containers[0].ports[0].name: Invalid value: "UPPER": must contain at least one letter '
      "(a-z)"]),
    ("pods", "spec.containers.0.resources", {"requests": {"gpus": "1"}},
     ['spec.containers[0].resources.requests[gpus]: Invalid value: "gpus": must be a standard '
      "resource type or fully qualified",
      'spec.containers[0].resources.requests[gpus]: Invalid value: "gpus": must be a standard '
      "resource for containers"]),
    ("pods", "spec.containers.0.resources", {"requests": {"example.com/gpu": "1"}},
     ["spec.containers[0].resources.limits: Required value: Limit must be set for non "
      "overcommitable resources"]),
    ("pods", "spec.containers.0.resources", {"limits": {"hugepages-2Mi": "4Mi"},
                                             "requests": {"hugepages-2Mi": "4Mi"}},
     ["spec.containers[0].resources: Forbidden: HugePages require cpu or memory"]),
    ("pods", "spec.containers.0.restartPolicy", "Perhaps",
     ['spec.containers[0].restartPolicy: Unsupported value: "Perhaps": supported values: '
      '"Always", "Never", "OnFailure"']),
    ("pods", "spec.initContainers", [{"name": "main", "image": "i", "livenessProbe":
                                      {"exec": {"command": ["x"]}}}],
     ['spec.initContainers[0].name: Duplicate value: "main"',
      "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers "
      "without restartPolicy=Always"]),
    ("pods", "spec.ephemeralContainers", [{"name": "e", "image": "i"}],
     ["spec.ephemeralContainers: Forbidden: cannot be set on create"]),
    ("pods", "spec.tolerations", [{"operator": "Equal", "value": "v"}],
     ['spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` '
      'is empty, which means "match all values and all keys"']),
    ("pods", "spec.securityContext", {"runAsUser": -1, "sysctls": [{"name": "Bad!"}]},
     ["spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, "
      "inclusive",
      'spec.securityContext.sysctls[0].name: Invalid value: "Bad!": must have at most 253 '
      "characters and match regex "
      r"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"]),
    ("pods", "spec.topologySpreadConstraints", [{"maxSkew": 0, "topologyKey": "z",
                                                 "whenUnsatisfiable": "ScheduleAnyway",
                                                 "minDomains": 1}],
     ["spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
      "spec.topologySpreadConstraints[0].minDomains: Invalid value: 1: can only use minDomains if "
      "whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway"]),
    ("pods", "spec.volumes", [{"name": "v", "nfs": {"server": "s", "path": "p"}}],
     ['spec.volumes[0].nfs.path: Invalid value: "p": must be an absolute path']),
    ("pods", "spec.dnsPolicy", "None",
     ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"]),
    ("daemonsets", "spec.updateStrategy", {"type": "RollingUpdate", "rollingUpdate":
                                           {"maxSurge": 1, "maxUnavailable": 1}},
     ["spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when "
      "maxUnavailable is non-zero"]),
    ("deployments", "spec.template.metadata.labels", {"app": "y"},
     ['spec.template.metadata.labels: Invalid value: {"app":"y"}: `selector` does not match '
      "template `labels`"]),
    ("statefulsets", "spec.podManagementPolicy", "Sometimes",
     ['spec.podManagementPolicy: Invalid value: "Sometimes": must be \'OrderedReady\' or '
      "'Parallel'"]),
    ("controllerrevisions", "data", None, ["data: Required value: data is mandatory"]),
    ("jobs", "spec.successPolicy", {"rules": []},
     ['spec.successPolicy: Invalid value: {"rules":[]}: requires indexed completion mode']),
    ("jobs", "spec.podFailurePolicy", {"rules": [{"action": "FailJob"}]},
     ["spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and "
      "OnPodConditions is required",
      'spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: '
      '"Failed"']),
    ("cronjobs", "spec.schedule", "61 * * * *",
     ['spec.schedule: Invalid value: "61 * * * *": end of range (61) above maximum (59): 61']),
    ("cronjobs", "spec.timeZone", "Mars/Olympus",
     ['spec.timeZone: Invalid value: "Mars/Olympus": unknown time zone Mars/Olympus']),
    ("services", "spec.sessionAffinity", "ClientIP",
     ["spec.sessionAffinityConfig: Required value: when session affinity type is ClientIP"]),
    ("services", "spec.externalIPs", ["127.0.0.1"],
     ['spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range '
      "(127.0.0.0/8, ::1/128)"]),
    ("services", "spec.loadBalancerClass", "example.com/x",
     ["spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'"]),
    ("persistentvolumeclaims", "spec.resources.requests.storage", "0",
     ['spec.resources[storage]: Invalid value: "0": must be greater than zero']),
    ("persistentvolumes", "spec.accessModes", ["ReadWriteOncePod", "ReadOnlyMany"],
     ["spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"]),
    ("persistentvolumes", "spec.hostPath.path", "/a/../b",
     ['spec.hostPath.path: Invalid value: "/a/../b": must not contain \'..\'']),
    ("horizontalpodautoscalers", "spec.behavior", {"scaleDown": {"policies": []}},
     ["spec.behavior.scaleDown.policies: Required value: must specify at least one Policy"]),
    ("poddisruptionbudgets", "spec.minAvailable", "101%",
     ['spec.minAvailable: Invalid value: "101%": must not be greater than 100%']),
    ("ingresses", "spec.defaultBackend", {},
     ['spec.defaultBackend: Invalid value: "": resource or service backend is required']),
    ("networkpolicies", "spec.ingress", [{"from": [{}]}],
     ["spec.ingress[0].from[0]: Required value: must specify a peer"]),
    ("resourcequotas", "spec.hard", {"pods": "500m"},
     ['spec.hard[pods]: Invalid value: "500m": must be an integer']),
    ("resourcequotas", "spec.scopes", ["BestEffort", "NotBestEffort"],
     ['spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes']),
    ("limitranges", "spec.limits.0", {"type": "Pod", "min": {"cpu": "2"}, "max": {"cpu": "1"}},
     ['spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1']),
    ("rolebindings", "subjects", [{"kind": "User", "name": "u"}],
     ['subjects[0].apiGroup: Unsupported value: "": supported values: '
      '"rbac.authorization.k8s.io"']),
    ("priorityclasses", "metadata.name", "system-mine",
     ["metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for "
      "system use only. error: system-mine is not a known system priority class"]),
    ("storageclasses", "volumeBindingMode", "Later",
     ['volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", '
      '"WaitForFirstConsumer"']),
    ("volumeattributesclasses", "parameters", {},
     ["parameters: Required value: must contain at least one key/value pair"]),
    ("flowschemas", "spec.matchingPrecedence", 0,
     ["spec.matchingPrecedence: Invalid value: 0: must be a positive value"]),
    ("secrets", "type", "kubernetes.io/basic-auth",
     ["data[username]: Required value", "data[password]: Required value"]),
]  # fmt: skip


@pytest.mark.parametrize(("plural", "path", "value", "expected"), NEW, ids=lambda v: str(v)[:40])
def test_what_a_new_object_is_refused_for(
    plural: str, path: str, value: Any, expected: list[str]
) -> None:
    assert refused(changed(made(plural), path, value)) == expected


UPDATES = [
    ("pods", "spec.containers.0.command", ["x"], "spec: Forbidden: pod updates may not change"),
    ("pods", "spec.schedulingGates", [{"name": "a/b"}],
     "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new"),
    ("statefulsets", "spec.serviceName", "other",
     "spec: Forbidden: updates to statefulset spec for fields other than 'replicas'"),
    ("deployments", "spec.selector.matchLabels.app", "y", "spec.template.metadata.labels: "),
    ("jobs", "spec.completions", 7, "spec.completions: Invalid value: 7: field is immutable"),
    ("persistentvolumeclaims", "spec.accessModes", ["ReadOnlyMany"],
     "spec: Forbidden: spec is immutable after creation except resources.requests and"),
    ("persistentvolumes", "spec.hostPath.path", "/b",
     "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable"),
    ("storageclasses", "provisioner", "x.io/y",
     'provisioner: Invalid value: "x.io/y": field is immutable'),
    ("priorityclasses", "value", 5, "value: Forbidden: may not be changed in an update."),
    ("ingressclasses", "spec.controller", "x.io/y",
     'spec.controller: Invalid value: "x.io/y": field is immutable'),
    ("rolebindings", "roleRef.name", "edit", "roleRef: Invalid value: {"),
    ("runtimeclasses", "handler", "b", 'handler: Invalid value: "b": field is immutable'),
    ("endpointslices", "addressType", "IPv6",
     'addressType: Invalid value: "IPv6": field is immutable'),
    ("volumeattachments", "spec.nodeName", "n2", "spec: Invalid value: {"),
    ("resourceclaims", "spec", {}, "spec: Invalid value: {}: field is immutable"),
    ("servicecidrs", "spec.cidrs", ["10.9.0.0/24"],
     'spec.cidrs[0]: Invalid value: "10.9.0.0/24": field is immutable'),
]  # fmt: skip


@pytest.mark.parametrize(("plural", "path", "value", "start"), UPDATES, ids=lambda v: str(v)[:40])
def test_what_an_update_is_refused_for(plural: str, path: str, value: Any, start: str) -> None:
    old = made(plural)
    found = refused(changed(old, path, value), old)
    assert found, "nothing was refused"
    assert found[0].startswith(start), found


def test_a_bound_claim_grows_and_never_shrinks_below_what_it_has() -> None:
    old = made("persistentvolumeclaims")
    old["status"] = {"phase": "Bound", "capacity": {"storage": "1Gi"}}
    size = "spec.resources.requests.storage"
    assert refused(changed(old, size, "2Gi"), old) == []
    assert refused(changed(old, size, "1Mi"), old) == [
        "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"
    ]


def test_a_resize_keeps_the_quality_of_service() -> None:
    old = changed(made("pods"), "spec.containers.0.resources", {"requests": {"cpu": "1"}})
    more = changed(old, "spec.containers.0.resources.requests.cpu", "2")
    assert refused(more, old, "resize") == []
    none = changed(old, "spec.containers.0.resources.requests", {})
    assert refused(none, old, "resize") == [
        'spec: Invalid value: "": Pod QOS Class may not change as a result of resizing',
        "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed",
    ]


def test_a_huge_range_of_indexes_takes_no_memory() -> None:
    job = made("jobs")
    job["spec"].update(completions=2**31 - 1, completionMode="Indexed")
    rule = {"succeededIndexes": f"0-{2**31 - 2}", "succeededCount": 5}
    job["spec"]["successPolicy"] = {"rules": [rule]}
    assert refused(job) == []


values = st.recursive(
    st.booleans() | st.integers(-5, 70_000) | st.text(max_size=6)
    | st.sampled_from(["1Gi", "-1", "10%", "a/b", "..", "/x", "10.0.0.0/8", "None", "Always"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)  # fmt: skip


def _paths(value: Any, at: str = "") -> list[str]:
    found = []
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in entries:
        if "." in str(key):
            continue
        here = f"{at}.{key}" if at else str(key)
        found.append(here)
        if isinstance(inner, (dict, list)):
            found += _paths(inner, here)
    return found


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_whatever_is_changed_gives_causes_and_never_anything_else(data: Any) -> None:
    """Any field of any kind, taken away or made anything of whatever type the schema lets pass."""
    resource = data.draw(st.sampled_from([r for r in KINDS if r.plural not in ELSEWHERE]))
    old = made(resource.plural, resource.group)
    paths = [p for p in _paths(old) if p.split(".")[0] not in ("apiVersion", "kind", "metadata")]
    if not paths:
        return
    new = changed(old, data.draw(st.sampled_from(paths)), data.draw(st.none() | values))
    try:
        builtin_schema(resource.api_version, resource.kind).decode(new)
    except DecodingError:
        return
    apply_defaults(resource, new)
    for causes in (
        validate_create(resource, new),
        validate_update(resource, new, old),
        validate_update(resource, new, old, "status"),
    ):
        assert all(isinstance(c.field, str) and c.reason.startswith("Field") for c in causes)


@pytest.mark.parametrize(
    "selector",
    [
        {"matchLabels": {"app": ":"}},
        {"matchLabels": {"a b": ""}},
        {"matchExpressions": [{"key": "app", "operator": "Like"}]},
    ],
    ids=["value", "key", "operator"],
)
def test_a_bad_selector_of_a_workload_is_told_and_not_raised(selector: Object) -> None:
    resource = builtin_kind("apps/v1", "DaemonSet")
    assert resource is not None
    obj = {
        "metadata": {"name": "d", "namespace": "default"},
        "spec": {"selector": selector, "template": {"metadata": {"labels": {"app": "d"}}}},
    }
    fields = [cause.field for cause in validate_create(resource, obj)]
    assert any(field.startswith("spec.selector.match") for field in fields)
