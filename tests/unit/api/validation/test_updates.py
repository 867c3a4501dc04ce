"""What a change of a built-in kind is refused for: fields, reasons and words."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from grappe.api.resources import builtin_kind
from grappe.api.validation import validate_update

Object = dict[str, Any]
IMMUTABLE = "field is immutable"
TEMPLATE: Object = {
    "metadata": {"labels": {"a": "b"}},
    "spec": {
        "containers": [
            {
                "name": "c",
                "image": "i",
                "imagePullPolicy": "Always",
                "terminationMessagePolicy": "File",
            }
        ],
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
    },
}
SELECTED: Object = {"selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}
WHEN = "2026-01-01T00:00:00Z"


def told(
    api_version: str, kind: str, old: Object, changed: Object, part: str = "", sub: str = ""
) -> list[str]:
    """What is said of a change of `part` of an object (or of all of it) from `old`."""
    resource = builtin_kind(api_version, kind)
    assert resource is not None
    metadata = {"name": "x", "resourceVersion": "1", "uid": "u", "creationTimestamp": WHEN}
    if resource.namespaced:
        metadata["namespace"] = "d"
    before = {"metadata": metadata, **deepcopy(old)}
    after = deepcopy(before)
    if part:
        after[part] = {**(after.get(part) or {}), **changed}
    else:
        after |= changed
    return [
        f"{c.field}: {c.message}" for c in validate_update(resource, after, before, sub) if c.field
    ]


CLASS = {"provisioner": "p", "parameters": {"a": "b"}, "reclaimPolicy": "Delete"}


def test_storage_classes_stay_as_they_are() -> None:
    changed = {"provisioner": "q", "parameters": {"a": "c"}, "reclaimPolicy": "Retain"}
    assert told("storage.k8s.io/v1", "StorageClass", CLASS, changed) == [
        f'parameters: Invalid value: {{"a":"c"}}: {IMMUTABLE}',
        f'provisioner: Invalid value: "q": {IMMUTABLE}',
        f'reclaimPolicy: Invalid value: "Retain": {IMMUTABLE}',
    ]
    assert told("storage.k8s.io/v1", "StorageClass", CLASS, {"allowVolumeExpansion": True}) == []


def test_a_range_of_services_may_gain_a_second_one() -> None:
    def change(old: list[str], new: list[str]) -> list[str]:
        kind = ("networking.k8s.io/v1", "ServiceCIDR")
        return told(*kind, {"spec": {"cidrs": old}}, {"cidrs": new}, "spec")

    four, other, six = "10.0.0.0/24", "10.1.0.0/24", "fd00::/112"
    assert change([four], [four, six]) == []
    assert change([four], [other]) == [
        f'spec.cidrs[0]: Invalid value: "{other}": {IMMUTABLE}',
    ]
    assert change([four], [other, six]) == [
        f'spec.cidrs[0]: Invalid value: "{other}": {IMMUTABLE}',
    ]
    assert change([four, six], [four]) == [
        f'spec.cidrs: Invalid value: ["{four}"]: {IMMUTABLE}',
    ]


def _volume(key: str) -> Object:
    term = {"matchExpressions": [{"key": key, "operator": "In", "values": ["z"]}]}
    return {
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/v"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
        }
    }


def test_where_a_volume_is_stays_but_for_the_names_of_labels() -> None:
    old, zone = "failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"

    def change(before: str, after: str) -> list[str]:
        return told("v1", "PersistentVolume", _volume(before), _volume(after))

    assert change(old, zone) == []
    assert [line.partition(":")[0] for line in change(zone, old)] == ["nodeAffinity"]
    (line,) = change(zone, "kubernetes.io/os")
    assert line.endswith(": field is immutable, except for updating from beta label to GA")


def _claim(**status: Any) -> Object:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "volumeName": "v",
        "volumeAttributesClassName": "gold",
    }
    return {"spec": spec, "status": {"phase": "Bound", **status}}


@pytest.mark.parametrize(("wanted", "nothing"), [(None, "nil"), ("", "empty string")])
def test_attributes_that_a_claim_has_cannot_be_taken_back(wanted: Any, nothing: str) -> None:
    kind = ("v1", "PersistentVolumeClaim")
    changed = {"volumeAttributesClassName": wanted}
    has = "status.currentVolumeAttributesClassName"
    found = told(*kind, _claim(currentVolumeAttributesClassName="gold"), changed, "spec")
    assert found[-1:] == [
        f"spec.volumeAttributesClassName: Forbidden: update to {nothing} is forbidden when {has} "
        "is not nil"
    ]
    if wanted is None:
        assert told(*kind, _claim(), changed, "spec") == []


def test_only_what_can_grow_of_a_claim_is_told_in_its_status() -> None:
    changed = {
        "allocatedResources": {"cpu": "1", "storage": "-1", "example.com/x": "1"},
        "allocatedResourceStatuses": {"storage": "Growing", "cpu": "NodeResizePending"},
    }
    found = told("v1", "PersistentVolumeClaim", _claim(), changed, "status", "status")
    states = (
        '"ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", '
        '"NodeResizeInfeasible", "NodeResizePending"'
    )
    at = "status.allocatedResourceStatuses"
    assert found[:3] == [
        f'{at}: Unsupported value: "storage": supported values: {states}',
        f'{at}: Unsupported value: "cpu": supported values: "storage"',
        'status.allocatedResources: Unsupported value: "cpu": supported values: "storage"',
    ]
    assert [line.partition(": ")[0] for line in found[3:]] == ["status.allocatedResources[storage]"]


JOB: Object = {
    "spec": {
        "suspend": True,
        "parallelism": 1,
        "completionMode": "NonIndexed",
        **SELECTED,
        "template": {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}},
    }
}


def _moved(**container: Any) -> Object:
    template = deepcopy(JOB["spec"]["template"])
    template["spec"]["nodeSelector"] = {"zone": "a"}
    template["spec"]["containers"][0] |= container
    return {"template": template}


SUSPENDED = [{"type": "Suspended", "status": "True"}]


@pytest.mark.parametrize(
    ("status", "may"),
    [
        ({}, True),
        ({"startTime": WHEN}, False),
        ({"startTime": WHEN, "conditions": SUSPENDED}, True),
        ({"startTime": WHEN, "conditions": SUSPENDED, "active": 1}, False),
    ],
)
def test_the_pods_of_a_suspended_job_may_be_placed_otherwise(status: Object, may: bool) -> None:
    old = {**JOB, "status": status}
    found = told("batch/v1", "Job", old, _moved(resources={"limits": {"cpu": "1"}}), "spec")
    assert [line.partition(":")[0] for line in found] == ([] if may else ["spec.template"])
    found = told("batch/v1", "Job", old, _moved(image="other"), "spec")
    where = "spec.template.spec" if may else "spec.template"
    assert [line.partition(":")[0] for line in found] == [where]


def test_a_set_that_was_never_right_may_be_changed() -> None:
    set_ = {
        "spec": {
            **deepcopy(SELECTED),
            "replicas": 1,
            "podManagementPolicy": "OrderedReady",
            "updateStrategy": {"type": "OnDelete"},
        }
    }
    broken = deepcopy(set_)
    broken["spec"]["template"]["spec"]["containers"][0]["image"] = ""
    assert told("apps/v1", "StatefulSet", broken, {"replicas": 2}, "spec") == []
    assert told("apps/v1", "StatefulSet", set_, broken["spec"], "spec") == [
        "spec.template.spec.containers[0].image: Required value"
    ]


@pytest.mark.parametrize(
    ("kind", "theirs"),
    [("StatefulSet", "status.readyReplicas"), ("Deployment", "readyReplicas")],
)
def test_what_is_available_is_ready(kind: str, theirs: str) -> None:
    changed = {"replicas": 2, "availableReplicas": 2, "readyReplicas": 1}
    assert told("apps/v1", kind, {"spec": {}}, changed, "status", "status") == [
        f"status.availableReplicas: Invalid value: 2: cannot be greater than {theirs}"
    ]


@pytest.mark.parametrize("kind", ["Deployment", "DaemonSet", "StatefulSet"])
def test_collisions_are_counted_up(kind: str) -> None:
    old = {"spec": {}, "status": {"collisionCount": 3}}
    assert told("apps/v1", kind, old, {"collisionCount": 2}, "status", "status") == [
        "status.collisionCount: Invalid value: 2: cannot be decremented"
    ]


def test_selectors_of_daemon_sets_are_told_first() -> None:
    spec = {**deepcopy(SELECTED), "updateStrategy": {"type": "OnDelete"}}
    changed = {"selector": {"matchLabels": {"a": "c"}}}
    found = told("apps/v1", "DaemonSet", {"spec": spec}, changed, "spec")
    assert [line.partition(":")[0] for line in found] == [
        "spec.selector",
        "spec.template.metadata.labels",
    ]


def test_conditions_of_the_common_form_are_whole() -> None:
    fine = {"type": "A", "status": "True", "reason": "Fine", "lastTransitionTime": WHEN}
    changed = {
        "conditions": [
            fine,
            {**fine, "observedGeneration": -1},
            {"type": "B", "status": "Yes", "message": "m" * 32769},
            {**fine, "type": "C", "reason": "no reason"},
            {**fine, "type": "D", "reason": "R" * 1025},
        ]
    }
    found = told("policy/v1", "PodDisruptionBudget", {"spec": {}}, changed, "status", "status")
    at = "status.conditions"
    assert [line[:80] for line in found[:-2]] == [
        f'{at}[1].type: Duplicate value: "A"',
        f"{at}[1].observedGeneration: Invalid value: -1: must be greater than or equal to zero"[
            :80
        ],
        f'{at}[2].status: Unsupported value: "Yes": supported values: "False", "True", "Unknown"'[
            :80
        ],
        f"{at}[2].lastTransitionTime: Required value",
        f"{at}[2].reason: Required value",
        f"{at}[2].message: Too long: may not be more than 32768 bytes",
    ]
    assert found[-2].startswith(f'{at}[3].reason: Invalid value: "no reason": a condition reason ')
    assert found[-1] == f"{at}[4].reason: Too long: may not be more than 1024 bytes"


def test_families_of_a_service_stay() -> None:
    def service(*families: str) -> Object:
        addresses = ["10.0.0.1", "fd00::1"][: len(families)]
        return {
            "type": "ClusterIP",
            "clusterIP": addresses[0],
            "clusterIPs": addresses,
            "ipFamilies": list(families),
            "ipFamilyPolicy": "SingleStack" if len(families) == 1 else "PreferDualStack",
            "sessionAffinity": "None",
            "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
        }

    def change(old: Object, new: Object) -> list[str]:
        found = told("v1", "Service", {"spec": old}, new, "spec")
        return [line for line in found if line.startswith("spec.ipFamilies[0]: ")]

    at, stays = "spec.ipFamilies[0]", "may not change once set"
    both = service("IPv4", "IPv6")
    assert change(service("IPv4"), both) == []
    assert stays in change(service("IPv4"), service("IPv6"))[0]
    assert change(both, service("IPv6"))[0] == f'{at}: Invalid value: ["10.0.0.1"]: {stays}'
