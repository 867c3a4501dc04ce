"""What is wrong with what a definition says of a version: its schema, its subresources, its
columns, its selectable fields.

Kubernetes keeps what all versions say alike in one place, and names that place in its messages:
`spec.validation.openAPIV3Schema` for the schema of a definition with one version.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from grappe.api import Object
from grappe.api.causes import duplicate, forbidden, invalid, required, struct, too_many
from grappe.api.errors import Cause
from grappe.api.schema import Node, mentions_rules, structure_of
from grappe.api.schema.field_paths import FieldPathError, field_at

_COLUMN_TYPES = "boolean,date,integer,number,string"
_COLUMN_FORMATS = "byte,date,date-time,double,float,int32,int64,password"
_LONGEST_WARNING = 256
_MOST_SELECTABLE = 8
_SELECTABLE = ("string", "boolean", "integer")
_AT_THE_ROOT = {
    "description": "Description",
    "type": "Type",
    "format": "Format",
    "title": "Title",
    "maximum": "Maximum",
    "exclusiveMaximum": "ExclusiveMaximum",
    "minimum": "Minimum",
    "exclusiveMinimum": "ExclusiveMinimum",
    "maxLength": "MaxLength",
    "minLength": "MinLength",
    "pattern": "Pattern",
    "maxItems": "MaxItems",
    "minItems": "MinItems",
    "uniqueItems": "UniqueItems",
    "multipleOf": "MultipleOf",
    "required": "Required",
    "items": "Items",
    "properties": "Properties",
    "externalDocs": "ExternalDocs",
    "example": "Example",
    "x-kubernetes-preserve-unknown-fields": "XPreserveUnknownFields",
    "x-kubernetes-validations": "XValidations",
}
"""What may stand at the root of a schema beside a status subresource, in Go's words."""


class Parts(NamedTuple):
    """What a version says, or all of them; None for what the other place says."""

    schema: Object | None = None
    subresources: Object | None = None
    columns: Sequence[Object] | None = None
    selectable: Sequence[Object] | None = None


def parts_of(versions: Sequence[Object]) -> tuple[Parts, list[Parts]]:
    """What all versions say alike, and what is left that each says."""
    said = [
        Parts(
            v.get("schema"),
            v.get("subresources"),
            v.get("additionalPrinterColumns"),
            v.get("selectableFields"),
        )
        for v in versions
    ]
    if not said:
        return Parts(), []
    alike = [all(part == values[0] for part in values) for values in zip(*said, strict=True)]
    common, rest = _picked(said[0], alike), [not same for same in alike]
    return common, [_picked(own, rest) for own in said]


def _picked(parts: Parts, wanted: Sequence[bool]) -> Parts:
    kept: list[Any] = [p if take else None for p, take in zip(parts, wanted, strict=True)]
    return Parts(*kept)


def schema_of(version: Object) -> Object | None:
    found: Object | None = (version.get("schema") or {}).get("openAPIV3Schema")
    return found


def has_status(subresources: Object | None) -> bool:
    return (subresources or {}).get("status") is not None


def warning_problems(version: Object, at: str) -> Iterator[Cause]:
    """Of its `deprecationWarning`."""
    warning, place = version.get("deprecationWarning"), f"{at}.deprecationWarning"
    if warning is None:
        return
    if not version.get("deprecated"):
        yield invalid(place, warning, "can only be set for deprecated versions")
        return
    if len(warning.encode()) > _LONGEST_WARNING:
        yield invalid(place, warning, f"must be <= {_LONGEST_WARNING} characters long")
    if not warning:
        yield invalid(place, warning, "must not be an empty string")
    for index, letter in enumerate(warning):
        if not letter.isprintable():
            at_byte = len(warning[:index].encode())
            told = "non-printable character found at index"
            detail = f"must only contain printable UTF-8 characters; {told} {at_byte}"
            yield invalid(place, warning, detail)
            break


def schema_problems(schema: Object | None, at: str, *, status: bool) -> Iterator[Cause]:
    """Of a `schema`; `status`: it is of a version with a status subresource."""
    openapi, place = (schema or {}).get("openAPIV3Schema"), f"{at}.openAPIV3Schema"
    if openapi is None:
        return
    root = list(_root(openapi, place, status=status))
    structure = structure_of(openapi, place)
    yield from root
    yield from structure.causes
    if root or structure.causes or not mentions_rules(openapi):
        return
    from grappe.api.cel.rule_problems import rule_problems  # loads the CEL library

    wrong = rule_problems(openapi, place)
    yield from wrong or _defaults(structure.ruled_defaults)


def _root(openapi: Object, place: str, *, status: bool) -> Iterator[Cause]:
    if status:
        for keyword, value in openapi.items():
            if keyword == "type" and value != "object":
                told = 'only "object" is allowed as the type at the root of the schema if the '
                yield invalid(f"{place}.type", value, f"{told}status subresource is enabled")
                break
            if value not in (None, "", False, [], {}) and keyword not in _AT_THE_ROOT:
                allowed = " ".join(_AT_THE_ROOT.values())
                told = f"only [{allowed}] fields are allowed at the root of the schema if the "
                yield invalid(place, openapi, f"{told}status subresource is enabled")
                break
    if openapi.get("nullable"):
        yield forbidden(f"{place}.nullable", "nullable cannot be true at the root")


def _defaults(defaults: Sequence[tuple[Node, Any, str]]) -> Iterator[Cause]:
    """Defaults must keep the rules of their own schema."""
    from grappe.api.cel.rules import check_rules, rule_tree

    for node, value, place in defaults:
        tree = rule_tree(node, root=False)
        if tree is not None:
            for cause in check_rules(tree, [], value, None):
                below = cause.field if cause.field != "<nil>" else ""
                field = f"{place}{'' if below.startswith('[') or not below else '.'}{below}"
                yield cause._replace(field=field)


def scale_problems(subresources: Object | None, at: str) -> Iterator[Cause]:
    scale = (subresources or {}).get("scale")
    if scale is None:
        return
    for field, roots, told in (
        ("specReplicasPath", (".spec.",), "under .spec"),
        ("statusReplicasPath", (".status.",), "under .status"),
        ("labelSelectorPath", (".spec.", ".status."), "under either .spec or .status"),
    ):
        path, place = scale.get(field) or "", f"{at}.scale.{field}"
        if not path:
            if field != "labelSelectorPath":
                yield required(place)
        elif not path.startswith("."):
            yield invalid(place, path, "must be a simple json path starting with .")
        elif not path.startswith(roots):
            yield invalid(place, path, f"should be a json path {told}")


def column_problems(columns: Sequence[Object] | None, at: str) -> Iterator[Cause]:
    for index, column in enumerate(columns or ()):
        place = f"{at}[{index}]"
        if not column.get("name"):
            yield required(f"{place}.name")
        kind, form = column.get("type") or "", column.get("format") or ""
        if not kind:
            yield required(f"{place}.type", f"must be one of {_COLUMN_TYPES}")
        elif kind not in _COLUMN_TYPES.split(","):
            yield invalid(f"{place}.type", kind, f"must be one of {_COLUMN_TYPES}")
        if form and form not in _COLUMN_FORMATS.split(","):
            yield invalid(f"{place}.format", form, f"must be one of {_COLUMN_FORMATS}")
        path = column.get("jsonPath") or ""
        if not path:
            yield required(f"{place}.JSONPath")
        elif not path.startswith("."):
            yield invalid(f"{place}.JSONPath", path, "must be a simple json path starting with .")


def selectable_problems(
    fields: Sequence[Object] | None, openapi: Object | None, at: str
) -> Iterator[Cause]:
    if not fields or openapi is None:
        return
    root, seen = Node(openapi, custom=True), set()
    for index, field in enumerate(fields):
        path, place = field.get("jsonPath") or "", f"{at}[{index}].jsonPath"
        if not path:
            yield required(place)
            continue
        try:
            names, found = field_at(root, path, brackets=False)
        except FieldPathError as error:
            yield invalid(place, path, f"is an invalid path: {error}")
            continue
        if names[0] == "metadata":
            yield invalid(place, path, "must not point to fields in metadata")
        if found.raw.get("type") not in _SELECTABLE:
            told = "must point to a field of type string, boolean or integer. Enum string fields "
            yield invalid(place, path, f"{told}and strings with formats are allowed.")
        if names in seen:
            yield duplicate(place, path)
        seen.add(names)
    if len(seen) > _MOST_SELECTABLE:
        yield too_many(at, len(seen), _MOST_SELECTABLE)


def shown_versions(versions: Sequence[Object], rest: Sequence[Parts]) -> str:
    """`spec.versions` as Kubernetes shows them: as it keeps them."""
    return struct(
        [
            {
                "Name": version.get("name") or "",
                "Served": bool(version.get("served")),
                "Storage": bool(version.get("storage")),
                "Deprecated": bool(version.get("deprecated")),
                "DeprecationWarning": version.get("deprecationWarning"),
                "Schema": own.schema,
                "Subresources": own.subresources,
                "AdditionalPrinterColumns": own.columns,
                "SelectableFields": own.selectable,
            }
            for version, own in zip(versions, rest, strict=True)
        ]
    )
