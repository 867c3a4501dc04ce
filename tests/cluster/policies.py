"""Admission policies for tests."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest

from grappe.api.errors import ApiError
from grappe.api.resources import Resource, builtin_kind
from grappe.testing.cluster import TestCluster

GROUP = "admissionregistration.k8s.io/v1"


def kind(name: str, api_version: str = GROUP) -> Resource:
    found = builtin_kind(api_version, name)
    assert found is not None, name
    return found


VALIDATING = kind("ValidatingAdmissionPolicy")
VALIDATING_BINDING = kind("ValidatingAdmissionPolicyBinding")
MUTATING = kind("MutatingAdmissionPolicy")
MUTATING_BINDING = kind("MutatingAdmissionPolicyBinding")


def matching(
    resource: str = "configmaps", group: str = "", operations: tuple[str, ...] = ("*",), **more: Any
) -> dict[str, Any]:
    """matchConstraints of one resource; `more` is merged in."""
    rule = {
        "apiGroups": [group],
        "apiVersions": ["v1"],
        "operations": list(operations),
        "resources": [resource],
    }
    return {"resourceRules": [rule], **more}


async def validate(
    cluster: TestCluster,
    *expressions: str | dict[str, Any],
    name: str = "policy",
    match: dict[str, Any] | None = None,
    binding: dict[str, Any] | None = None,
    **spec: Any,
) -> None:
    """A ValidatingAdmissionPolicy that counts, with one binding of the same name."""
    validations = [e if isinstance(e, dict) else {"expression": e} for e in expressions]
    whole = {"matchConstraints": match or matching(), "validations": validations, **spec}
    await cluster.client.create(VALIDATING, {"metadata": {"name": name}, "spec": whole})
    bound = {"policyName": name, "validationActions": ["Deny"], **(binding or {})}
    await cluster.client.create(VALIDATING_BINDING, {"metadata": {"name": name}, "spec": bound})


async def mutate(
    cluster: TestCluster,
    *mutations: dict[str, Any],
    name: str = "policy",
    match: dict[str, Any] | None = None,
    binding: dict[str, Any] | None = None,
    **spec: Any,
) -> None:
    """A MutatingAdmissionPolicy that counts, with one binding of the same name."""
    whole = {
        "matchConstraints": match or matching(operations=("CREATE",)),
        "reinvocationPolicy": "Never",
        "mutations": list(mutations),
        **spec,
    }
    await cluster.client.create(MUTATING, {"metadata": {"name": name}, "spec": whole})
    bound = {"policyName": name, **(binding or {})}
    await cluster.client.create(MUTATING_BINDING, {"metadata": {"name": name}, "spec": bound})


def applying(expression: str) -> dict[str, Any]:
    return {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}


def patching(expression: str) -> dict[str, Any]:
    return {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}


def config_map(name: str = "a", namespace: str = "default", **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "data": data}


async def refusal(made: Awaitable[Any]) -> ApiError:
    """How the write was refused."""
    with pytest.raises(ApiError) as error:
        await made
    return error.value
