"""Rules of webhooks and admission policies: what is refused, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from grappe.api.validation.resource_rules import resource_rule

RULE = {
    "operations": ["CREATE"],
    "apiGroups": [""],
    "apiVersions": ["v1"],
    "resources": ["pods"],
}


def fields(**changes: Any) -> list[str]:
    return [cause.field for cause in resource_rule({**RULE, **changes}, "r")]


def test_an_empty_rule_lacks_everything_in_kubernetes_order() -> None:
    found = [cause.field for cause in resource_rule({}, "r")]
    assert found == ["r.operations", "r.apiGroups", "r.apiVersions", "r.resources"]


def test_operations_are_judged_before_groups() -> None:
    assert fields(operations=["EAT"], apiGroups=[]) == ["r.operations[0]", "r.apiGroups"]


@pytest.mark.parametrize("field", ["operations", "apiGroups", "apiVersions"])
def test_everything_leaves_no_room_for_more(field: str) -> None:
    assert fields(**{field: ["*"]}) == []
    assert fields(**{field: ["*", "CREATE"]}) == [f"r.{field}"]


@pytest.mark.parametrize(
    ("resources", "refused"),
    [
        (["*", "pods/status"], []),
        (["pods", "pods/*"], []),
        (["*", "pods"], ["r.resources"]),
        (["pods", "*"], []),  # Kubernetes judges by the last plain name
        (["*/*"], []),
        (["*/*", "pods"], ["r.resources"]),
        (["pods/*", "pods/status"], ["r.resources[1]"]),
        (["pods/status", "pods/*"], []),
        (["*/status", "pods/status"], ["r.resources[1]"]),
        (["pods/*", "pods/*"], ["r.resources[1]"]),
        (["", "pods"], ["r.resources[0]"]),
    ],
)
def test_resources_do_not_say_a_thing_twice(resources: list[str], refused: list[str]) -> None:
    assert fields(resources=resources) == refused


def test_a_scope_is_one_of_three() -> None:
    assert fields(scope="Cluster") == fields(scope="*") == []
    assert fields(scope="Galaxy") == ["r.scope"]
