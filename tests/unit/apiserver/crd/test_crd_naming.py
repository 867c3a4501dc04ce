import orjson

from grappe.api import Object
from grappe.apiserver.crd.definition import Definition, read_definition
from grappe.apiserver.crd.naming import judge_names
from grappe.apiserver.crd.status import wanted_status

NOW = "2026-01-01T00:00:00Z"


def definition(plural: str, kind: str, group: str = "example.com", **rest: object) -> Definition:
    names = {"plural": plural, "kind": kind, **rest.pop("names", {})}  # type: ignore[dict-item]
    obj: Object = {
        "metadata": {"name": f"{plural}.{group}", "uid": plural, **rest.pop("metadata", {})},  # type: ignore[dict-item]
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": names,
            "versions": [{"name": "v1", "served": True, "storage": True}],
        },
        **rest,
    }
    return read_definition(orjson.dumps(obj), 1)


def accepted(plural: str, kind: str, **rest: object) -> Definition:
    found = definition(plural, kind, **rest)
    status = wanted_status(found, judge_names(found, ()), NOW)
    return definition(plural, kind, status=status, **rest)


def conditions(status: Object) -> dict[str, tuple[str, str]]:
    return {c["type"]: (c["status"], c["reason"]) for c in status["conditions"]}


def test_free_names_are_accepted_and_established() -> None:
    widgets = definition("widgets", "Widget", names={"shortNames": ["wd"]})
    status = wanted_status(widgets, judge_names(widgets, ()), NOW)
    assert conditions(status) == {
        "NamesAccepted": ("True", "NoConflicts"),
        "Established": ("True", "InitialNamesAccepted"),
    }
    assert status["acceptedNames"] == {
        "plural": "widgets",
        "singular": "widget",
        "kind": "Widget",
        "listKind": "WidgetList",
        "shortNames": ["wd"],
    }
    assert status["storedVersions"] == ["v1"]


def test_a_settled_status_stays_as_it_is() -> None:
    widgets = accepted("widgets", "Widget")
    later = "2027-01-01T00:00:00Z"
    assert wanted_status(widgets, judge_names(widgets, [widgets]), later) == widgets.status


def test_a_taken_kind_is_not_established() -> None:
    first = accepted("widgets", "Widget")
    second = definition("gadgets", "Widget")
    verdict = judge_names(second, [first])
    assert (verdict.reason, verdict.message) == (
        "ListKindConflict",
        '"WidgetList" is already in use',
    )
    status = wanted_status(second, verdict, NOW)
    assert conditions(status) == {
        "NamesAccepted": ("False", "ListKindConflict"),
        "Established": ("False", "NotAccepted"),
    }


def test_a_taken_short_name_keeps_the_ones_accepted_before() -> None:
    first = accepted("widgets", "Widget", names={"shortNames": ["wd"]})
    second = definition("wands", "Wand", names={"shortNames": ["wd", "wa"]})
    verdict = judge_names(second, [first])
    assert verdict.reason == "ShortNamesConflict"
    assert verdict.names.short_names == ()
    assert verdict.names.plural == "wands"


def test_other_groups_do_not_conflict() -> None:
    first = accepted("widgets", "Widget")
    assert judge_names(definition("widgets", "Widget", group="other.com"), [first]).accepted


def test_a_definition_once_established_stays_so_when_its_new_names_are_taken() -> None:
    first = accepted("widgets", "Widget", names={"shortNames": ["wd"]})
    second = accepted("wands", "Wand")
    renamed = definition("wands", "Wand", names={"shortNames": ["wd"]}, status=second.status)
    status = wanted_status(renamed, judge_names(renamed, [first, second]), NOW)
    assert conditions(status)["Established"][0] == "True"
    assert conditions(status)["NamesAccepted"][0] == "False"


def test_a_protected_group_says_whether_it_is_approved() -> None:
    url = "https://example.com/pr/1"
    approval = {"annotations": {"api-approved.kubernetes.io": url}}
    found = definition("things", "Thing", group="x.k8s.io", metadata=approval)
    status = wanted_status(found, judge_names(found, ()), NOW)
    assert conditions(status)["KubernetesAPIApprovalPolicyConformant"] == (
        "True",
        "ApprovedAnnotation",
    )


def test_a_new_storage_version_is_added_to_the_stored_ones() -> None:
    widgets = accepted("widgets", "Widget")
    widgets.status["storedVersions"] = ["v1beta1"]
    assert wanted_status(widgets, judge_names(widgets, ()), NOW)["storedVersions"] == [
        "v1beta1",
        "v1",
    ]
