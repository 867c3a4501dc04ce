"""Make the schema data of one Kubernetes version from the package `kubernetes-validate`.

    python tools/generate_schema.py 1.36

writes `src/grappe/api/schema/data/kubernetes-VERSION.json.gz` (definitions without descriptions)
and `…-descriptions.json.gz`. The package holds the definitions of Kubernetes' OpenAPI document
with their `x-kubernetes-*` marks; see docs/schema.md. They do not say which scalars Go leaves out
of JSON when they are zero: that comes from the table of protobuf messages, which
`generate_protobuf.py` makes of the Go types' tags, and so must be there first.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

Definition = dict[str, Any]

DATA = Path(__file__).parent.parent / "src/grappe/api/schema/data"

# The published document leaves defaults out. These are the ones that identify an entry of a list
# (a list map key may be omitted when it has a default), from the Go types' `+default` marks.
KEY_DEFAULTS = {
    ("io.k8s.api.core.v1.ContainerPort", "protocol"): "TCP",
    ("io.k8s.api.core.v1.ServicePort", "protocol"): "TCP",
}
# Types that are more to Kubernetes than their JSON type.
FORMATS = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": "string", "format": "quantity"},
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {
        "type": "string",
        "format": "int-or-string",
    },
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": {"type": "string", "format": "micro-time"},
}
# Types that are a schema or something else, which OpenAPI has no words for. `decode` reads them.
_APIEXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
ALTERNATIVES = {
    f"{_APIEXTENSIONS}JSONSchemaPropsOrArray": "array",
    f"{_APIEXTENSIONS}JSONSchemaPropsOrBool": "boolean",
    f"{_APIEXTENSIONS}JSONSchemaPropsOrStringArray": "strings",
}
KEPT = (
    "$ref",
    "type",
    "format",
    "required",
    "additionalProperties",
    "items",
    "properties",
    "default",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
    "x-kubernetes-patch-strategy",
    "x-kubernetes-patch-merge-key",
    "x-kubernetes-unions",
    "x-kubernetes-group-version-kind",
)


def source(version: str) -> Path:
    """The package's definitions of one version."""
    found = importlib.util.find_spec("kubernetes_validate")
    if found is None or not found.submodule_search_locations:
        sys.exit("kubernetes-validate is not installed: pip install -e '.[dev]'")
    root = Path(found.submodule_search_locations[0]) / "kubernetes-json-schema"
    return root / f"v{version}.0-local" / "_definitions.json"


SCALARS = {"string", "bytes", "bool", "int32", "int64", "double"}


def messages(version: str) -> dict[str, list[list[Any]]]:
    """Message → its fields: [number, JSON name, shape, type, marks]."""
    path = DATA.parent.parent / f"protobuf/data/kubernetes-{version}.json.gz"
    found: dict[str, list[list[Any]]] = json.loads(gzip.decompress(path.read_bytes()))["messages"]
    return found


def omits_zero(name: str, known: dict[str, list[list[Any]]]) -> list[str]:
    """The scalars of a definition that are left out when zero: no pointers, `omitempty`."""
    message = name.replace("io.k8s.", "k8s.io.", 1).replace("-", "_")
    return sorted(_omitted(message, known))


def _omitted(message: str, known: dict[str, list[list[Any]]]) -> list[str]:
    found: list[str] = []
    for _, name, shape, kind, marks in known.get(message, ()):
        if "i" in marks:
            found += _omitted(kind, known)
        elif shape == "one" and kind in SCALARS and not set("pz") & set(marks):
            found.append(name)
    return found


def compact(node: Definition) -> Definition:
    """One schema without descriptions, and without the `null` that the package adds to types."""
    out: Definition = {}
    for key in KEPT:
        if key not in node:
            continue
        value = node[key]
        if key == "type" and isinstance(value, list):
            value = next(t for t in value if t != "null")
        elif key == "$ref":
            value = value.replace("#/$defs/", "#/definitions/")
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            value = compact(value)
        elif key == "properties":
            value = {name: compact(inner) for name, inner in sorted(value.items())}
        out[key] = value
    return out


def describe(node: Definition) -> Any:
    """The descriptions of one definition: [own, {property: text}]."""
    own = node.get("description", "")
    inner = {
        name: found["description"]
        for name, found in sorted(node.get("properties", {}).items())
        if found.get("description")
    }
    return [own, inner]


def kinds(definitions: dict[str, Definition]) -> dict[str, str]:
    """`apiVersion Kind` → the definition that is the kind's own."""
    found = {}
    for name, definition in definitions.items():
        marks = definition.get("x-kubernetes-group-version-kind", [])
        if len(marks) != 1:  # DeleteOptions, WatchEvent…: parts of every group
            continue
        group, version, kind = (marks[0][k] for k in ("group", "version", "kind"))
        found[f"{group}/{version} {kind}" if group else f"{version} {kind}"] = name
    return dict(sorted(found.items()))


def write(path: Path, value: Any) -> None:
    """Compressed and byte for byte reproducible."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    path.write_bytes(gzip.compress(text, 9, mtime=0))
    print(f"{path.name}: {path.stat().st_size:,} bytes, {len(text):,} unpacked")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("version", help="such as 1.36")
    version = parser.parse_args().version
    raw: dict[str, Definition] = json.loads(source(version).read_text())["$defs"]
    definitions = {name: compact(node) for name, node in sorted(raw.items())}
    for name, fixed in FORMATS.items():
        definitions[name] = dict(fixed)
    for name, other in ALTERNATIVES.items():
        definitions[name] = {
            "x-grappe-schema": f"{_APIEXTENSIONS}JSONSchemaProps",
            "x-grappe-or": other,
        }
    known = messages(version)
    for name, definition in definitions.items():
        if omitted := omits_zero(name, known):
            definition["x-grappe-omits-zero"] = omitted
    for (name, field), default in KEY_DEFAULTS.items():
        definitions[name]["properties"][field]["default"] = default
    DATA.mkdir(parents=True, exist_ok=True)
    write(
        DATA / f"kubernetes-{version}.json.gz",
        {"kinds": kinds(raw), "definitions": definitions},
    )
    write(
        DATA / f"kubernetes-{version}-descriptions.json.gz",
        {name: describe(node) for name, node in sorted(raw.items())},
    )


if __name__ == "__main__":
    main()
