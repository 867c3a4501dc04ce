from copy import deepcopy

import pytest

from grappe.api import Object
from grappe.apiserver.crd.strategy import complete
from grappe.apiserver.crd.validation import definition_problems, update_problems

SCHEMA = {
    "type": "object",
    "properties": {"spec": {"type": "object", "properties": {"n": {"type": "integer"}}}},
}
WIDGETS: Object = {
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}
        ],
    },
    "status": {"storedVersions": ["v1"]},
}


def widgets(**changes: object) -> Object:
    """The good definition with values put at `a__b__0__c` paths; None takes a field away."""
    obj = deepcopy(WIDGETS)
    for path, value in changes.items():
        *way, last = (int(step) if step.isdigit() else step for step in path.split("__"))
        place = obj
        for step in way:
            place = place[step] if isinstance(step, int) else place.setdefault(step, {})
        if value is None:
            place.pop(last)
        else:
            place[last] = value
    complete(obj)
    return obj


def told(obj: Object) -> list[str]:
    return [f"{cause.field}: {cause.message}" for cause in definition_problems(obj)]


def test_a_good_definition_has_no_problems_and_gets_its_defaults() -> None:
    obj = widgets()
    assert told(obj) == []
    assert obj["spec"]["names"]["singular"] == "widget"
    assert obj["spec"]["names"]["listKind"] == "WidgetList"
    assert obj["spec"]["conversion"] == {"strategy": "None"}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"metadata__name": "x"},
            'metadata.name: Invalid value: "x": must be spec.names.plural+"."+spec.group',
        ),
        (
            {"spec__scope": "Galaxy"},
            'spec.scope: Unsupported value: "Galaxy": supported values: "Cluster", "Namespaced"',
        ),
        ({"spec__scope": None}, "spec.scope: Required value"),
        ({"spec__names__kind": None}, "spec.names.kind: Required value"),
        (
            {"spec__names__listKind": "Widget"},
            'spec.names.listKind: Invalid value: "Widget": kind and listKind may not be the same',
        ),
        (
            {"spec__names__shortNames": ["W!"]},
            'spec.names.shortNames[0]: Invalid value: "W!": a DNS-1035 label',
        ),
        (
            {"spec__versions__0__storage": False},
            "must have exactly one version marked as storage version",
        ),
        (
            {"spec__versions__0__schema": None},
            "spec.versions[0].schema.openAPIV3Schema: Required value",
        ),
        (
            {"spec__versions__0__name": "V_1"},
            'spec.versions[0].name: Invalid value: "V_1": a DNS-1035 label',
        ),
        (
            {
                "spec__versions__0__schema": {
                    "openAPIV3Schema": {"type": "array", "items": {"type": "string"}}
                }
            },
            "must be object at the root",
        ),
        (
            {"spec__preserveUnknownFields": True},
            "spec.preserveUnknownFields: Invalid value: true: cannot set to true",
        ),
        (
            {
                "spec__versions__0__subresources": {
                    "scale": {"specReplicasPath": ".status.n", "statusReplicasPath": ".status.n"}
                }
            },
            'specReplicasPath: Invalid value: ".status.n": should be a json path under .spec',
        ),
        (
            {"spec__versions__0__subresources": {"scale": {"specReplicasPath": ".spec.n"}}},
            "spec.subresources.scale.statusReplicasPath: Required value",
        ),
        (
            {
                "spec__versions__0__additionalPrinterColumns": [
                    {"name": "A", "type": "list", "jsonPath": ".a"}
                ]
            },
            'type: Invalid value: "list": must be one of boolean,date,integer,number,string',
        ),
        (
            {"spec__versions__0__additionalPrinterColumns": [{"name": "A", "type": "string"}]},
            "spec.additionalPrinterColumns[0].JSONPath: Required value",
        ),
        (
            {
                "spec__versions__0__additionalPrinterColumns": [
                    {"name": "A", "type": "string", "jsonPath": "a"}
                ]
            },
            "must be a simple json path starting with .",
        ),
        (
            {"spec__conversion": {"strategy": "Magic"}},
            'Unsupported value: "Magic": supported values: "None", "Webhook"',
        ),
        (
            {"spec__conversion": {"strategy": "Webhook"}},
            "spec.conversion.webhookClientConfig: Required value",
        ),
        ({"spec__group": "example"}, "should be a domain with at least one dot"),
    ],
)
def test_a_wrong_definition_says_what_and_where(changes: dict[str, object], problem: str) -> None:
    assert any(problem in text for text in told(widgets(**changes)))


def test_duplicate_versions_are_refused() -> None:
    obj = widgets()
    obj["spec"]["versions"].append({**obj["spec"]["versions"][0], "storage": False})
    assert any("must contain unique version names" in text for text in told(obj))


def test_a_protected_group_needs_an_approval() -> None:
    obj = widgets(spec__group="x.k8s.io", metadata__name="widgets.x.k8s.io")
    assert any("protected groups must have approval annotation" in text for text in told(obj))
    obj["metadata"]["annotations"] = {"api-approved.kubernetes.io": "unapproved, experimental"}
    assert told(obj) == []


def test_what_is_established_cannot_change_its_scope_or_kind() -> None:
    old = widgets()
    old["status"] = {
        "conditions": [{"type": "Established", "status": "True"}],
        "storedVersions": ["v1"],
    }
    new = deepcopy(old)
    new["spec"]["scope"] = "Cluster"
    new["spec"]["names"]["kind"] = "Gadget"
    fields = {cause.field for cause in update_problems(new, old)}
    assert fields == {"spec.scope", "spec.names.kind"}


def test_a_stored_version_cannot_be_taken_away() -> None:
    old = widgets()
    old["status"] = {"storedVersions": ["v1beta1", "v1"]}
    (cause,) = update_problems(deepcopy(old), old)
    assert (cause.field, cause.message) == (
        "status.storedVersions[0]",
        'Invalid value: "v1beta1": missing from spec.versions; v1beta1 was previously a storage '
        "version, and must remain in spec.versions until a storage migration ensures no data "
        "remains persisted in v1beta1 and removes v1beta1 from status.storedVersions",
    )
