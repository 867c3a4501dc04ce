"""What the server says it serves: operations and schemas out of its OpenAPI v3 documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from grappe.testing.cluster import TestCluster

Schemas = Mapping[str, Mapping[str, Any]]
_REFERENCE = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `schema` is that of the object the path is about, if it has one;
    its references point into `schemas`. `query` are (name, type) pairs."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    api_version: str
    kind: str
    schema: Mapping[str, Any] | None
    schemas: Schemas

    def referred(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """`schema`, or what it only refers to."""
        reference = schema.get("$ref") or next(
            (one["$ref"] for one in schema.get("allOf", ()) if "$ref" in one), None
        )
        if reference is None:
            return schema
        return self.schemas.get(str(reference).removeprefix(_REFERENCE), {})


async def operations(cluster: TestCluster) -> list[Operation]:
    """Every operation of every document, in a fixed order."""
    index = await _read(cluster, "/openapi/v3")
    found: list[Operation] = []
    for name in sorted(index["paths"]):
        document = await _read(cluster, f"/openapi/v3/{name}")
        schemas = document.get("components", {}).get("schemas", {})
        by_kind = {
            (one.get("group", ""), one["version"], one["kind"]): schema
            for schema in schemas.values()
            for one in schema.get("x-kubernetes-group-version-kind", ())
        }
        for path, methods in sorted(document["paths"].items()):
            shared = methods.get("parameters", [])
            for method, operation in methods.items():
                if method == "parameters":
                    continue
                kind = operation.get("x-kubernetes-group-version-kind", {})
                group, version = kind.get("group", ""), kind.get("version", "")
                found.append(
                    Operation(
                        method.upper(),
                        path,
                        tuple(
                            (one["name"], one.get("schema", {}).get("type", "string"))
                            for one in (*operation.get("parameters", ()), *shared)
                            if one.get("in") == "query"
                        ),
                        f"{group}/{version}" if group else version,
                        kind.get("kind", ""),
                        by_kind.get((group, version, kind.get("kind", ""))),
                        schemas,
                    )
                )
    return found


async def _read(cluster: TestCluster, path: str) -> Any:
    answer = await cluster.transport.request("GET", path, {}, {}, b"")
    assert answer.status == 200, path
    return orjson.loads(answer.body)
