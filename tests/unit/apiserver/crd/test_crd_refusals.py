"""Definitions are refused in Kubernetes' words, at its paths."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from grappe.api import Object
from grappe.apiserver.crd.strategy import complete
from grappe.apiserver.crd.validation import definition_problems

CASES = yaml.safe_load(Path(__file__).with_name("refusals.yaml").read_text())
AT = "spec.validation.openAPIV3Schema.properties[spec].properties[a]"


def schema(**properties: Object) -> Object:
    spec = {"type": "object", "properties": properties}
    return {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}


def tabs(change: dict[str, Any]) -> Object:
    version = {"name": "v1", "served": True, "storage": True, "schema": schema()}
    names = {"plural": "tabs", "singular": "tab", "kind": "Tab", "listKind": "TabList"}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    for where, value in deepcopy(change).items():
        if where == "property":
            version["schema"] = schema(a=value)
        elif where.startswith("spec."):
            spec[where.removeprefix("spec.")] = value
        else:
            version[where] = value
    if version.get("selectableFields") is not None:
        version["schema"] = version["schema"] or schema()
    stored = {"storedVersions": [version["name"]]}
    return {
        "metadata": {"name": f"{spec['names']['plural']}.{spec['group']}"},
        "spec": spec,
        "status": stored,
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["told"])[:60])
def test_a_definition_is_refused_as_kubernetes_does(case: dict[str, Any]) -> None:
    obj = tabs(case["change"])
    complete(obj)
    found = [
        f"{c.field.replace(AT, '@')}: {c.reason.removeprefix('FieldValue')}: {c.message}"
        for c in definition_problems(obj)
        if c.field != "spec.version"
    ]
    assert sorted(text.replace(AT, "@") for text in found) == sorted(
        text.replace(AT, "@") for text in case["told"]
    )
