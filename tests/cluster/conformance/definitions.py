"""CustomResourceDefinitions for tests."""

from __future__ import annotations

from typing import Any

from tests.cluster.conformance.conftest import Api

Object = dict[str, Any]

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
OPEN: Object = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def version(
    name: str = "v1", *, storage: bool = True, served: bool = True, **schema: Any
) -> Object:
    """A version; `schema` are the members of its OpenAPI schema, without any: everything goes."""
    return {
        "name": name,
        "served": served,
        "storage": storage,
        "schema": {"openAPIV3Schema": {"type": "object", **schema} if schema else OPEN},
    }


def definition(group: str, *versions: Object, kind: str = "Foo", **labels: str) -> Object:
    plural = f"{kind.lower()}s"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", "labels": labels},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {
                "plural": plural,
                "singular": kind.lower(),
                "kind": kind,
                "listKind": f"{kind}List",
            },
            "versions": list(versions or [version()]),
        },
    }


def custom(group: str, name: str, at: str = "v1", kind: str = "Foo", **fields: Any) -> Object:
    return {
        "apiVersion": f"{group}/{at}",
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        **fields,
    }


def objects(group: str, at: str = "v1", plural: str = "foos") -> str:
    return f"/apis/{group}/{at}/namespaces/default/{plural}"


async def define(api: Api, crd: Object) -> Object:
    """Create the definition; once answered it is served."""
    return await api.ok("POST", DEFINITIONS, crd)  # type: ignore[no-any-return]
