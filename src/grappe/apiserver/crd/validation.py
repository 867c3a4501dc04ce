"""What is wrong with a CustomResourceDefinition, in apiextensions' wording."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from grappe.api import Object
from grappe.api.causes import forbidden, invalid, not_supported, required
from grappe.api.errors import Cause
from grappe.api.names import dns_1035_label_problems, dns_subdomain_problems
from grappe.api.schema import crd_schema_problems, mentions_rules
from grappe.api.validation.webhooks import client_config
from grappe.apiserver.crd.json_path import JsonPathError, json_path
from grappe.apiserver.crd.status import is_protected

_SCOPES = ("Cluster", "Namespaced")
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_SIMPLE_PATH = re.compile(r"(?:\.[A-Za-z_][A-Za-z0-9_]*|\['[^']+'\])+")
# Forms of JSONPath that are valid although columns with them stay empty here.
_BEYOND = re.compile(r"\.\.|\[[^\]]*[:,][^\]]*\]")
_APPROVAL = "api-approved.kubernetes.io"


def definition_problems(obj: Object) -> list[Cause]:
    """Everything wrong with a new definition (defaults applied)."""
    spec = obj.get("spec") or {}
    return [
        *_name(obj, spec),
        *_approval(obj, spec),
        *_group_and_scope(spec),
        *_versions(spec),
        *_names(spec.get("names") or {}),
        *_conversion(spec.get("conversion") or {}),
    ]


def update_problems(new: Object, old: Object) -> list[Cause]:
    """Everything wrong with an updated definition."""
    found = definition_problems(new)
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    names, had = spec.get("names") or {}, before.get("names") or {}
    fixed = [
        ("spec.group", spec.get("group"), before.get("group")),
        ("spec.names.plural", names.get("plural"), had.get("plural")),
    ]
    if any(
        c.get("type") == "Established" and c.get("status") == "True"
        for c in (old.get("status") or {}).get("conditions") or ()
    ):
        fixed += [
            ("spec.scope", spec.get("scope"), before.get("scope")),
            ("spec.names.kind", names.get("kind"), had.get("kind")),
        ]
    found += [invalid(field, now, "field is immutable") for field, now, was in fixed if now != was]
    return [*found, *stored_version_problems(new)]


def stored_version_problems(obj: Object) -> Iterator[Cause]:
    """A version that objects are stored in cannot be taken away."""
    versions = {v.get("name") for v in (obj.get("spec") or {}).get("versions") or ()}
    stored = (obj.get("status") or {}).get("storedVersions") or ()
    for index, version in enumerate(stored):
        if version not in versions:
            where = f"status.storedVersions[{index}]"
            yield invalid(where, version, "must appear in spec.versions")


def _name(obj: Object, spec: Object) -> Iterator[Cause]:
    name = obj["metadata"].get("name", "")
    plural, group = (spec.get("names") or {}).get("plural", ""), spec.get("group", "")
    if name != f"{plural}.{group}":
        yield invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group')


def _approval(obj: Object, spec: Object) -> Iterator[Cause]:
    if not is_protected(spec.get("group") or ""):
        return
    where = f"metadata.annotations[{_APPROVAL}]"
    approval = (obj["metadata"].get("annotations") or {}).get(_APPROVAL)
    if not approval:
        yield required(
            where,
            f'protected groups must have approval annotation "{_APPROVAL}", see '
            "https://github.com/kubernetes/enhancements/pull/1111",
        )
    elif not approval.startswith(("https://", "unapproved")):
        yield invalid(
            where,
            approval,
            f'protected groups must have approval annotation "{_APPROVAL}" with either a URL or '
            'a reason starting with "unapproved", see '
            "https://github.com/kubernetes/enhancements/pull/1111",
        )


def _group_and_scope(spec: Object) -> Iterator[Cause]:
    group = spec.get("group") or ""
    if not group:
        yield required("spec.group")
    else:
        problems = dns_subdomain_problems(group)
        if problems:
            yield invalid("spec.group", group, ",".join(problems))
        elif "." not in group:
            yield invalid("spec.group", group, "should be a domain with at least one dot")
    scope = spec.get("scope") or ""
    if not scope:
        yield required("spec.scope")
    elif scope not in _SCOPES:
        yield not_supported("spec.scope", scope, _SCOPES)
    if spec.get("preserveUnknownFields"):
        yield invalid(
            "spec.preserveUnknownFields",
            True,
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
            "spec.versions[*].schema instead",
        )


def _names(names: Object) -> Iterator[Cause]:
    for field in ("plural", "singular", "kind", "listKind"):
        name, where = names.get(field) or "", f"spec.names.{field}"
        if not name:
            if field in ("plural", "kind"):
                yield required(where)
            continue
        mixed = field in ("kind", "listKind")
        problems = dns_1035_label_problems(name.lower() if mixed else name)
        if problems:
            told = ",".join(problems)
            if mixed:
                told = f"may have mixed case, but should otherwise match: {told}"
            yield invalid(where, name, told)
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        yield invalid(
            "spec.names.listKind", names["listKind"], "kind and listKind may not be the same"
        )
    for field in ("shortNames", "categories"):
        for index, name in enumerate(names.get(field) or ()):
            problems = dns_1035_label_problems(name)
            if problems:
                yield invalid(f"spec.names.{field}[{index}]", name, ",".join(problems))


def _versions(spec: Object) -> Iterator[Cause]:
    versions = spec.get("versions") or []
    names = [version.get("name") or "" for version in versions]
    for index, version in enumerate(versions):
        where = f"spec.versions[{index}]"
        problems = dns_1035_label_problems(names[index])
        if problems:
            yield invalid(f"{where}.name", names[index], ",".join(problems))
        yield from _version(version, where)
    if len(set(names)) != len(names):
        yield invalid("spec.versions", versions, "must contain unique version names")
    if sum(bool(version.get("storage")) for version in versions) != 1:
        yield invalid(
            "spec.versions", versions, "must have exactly one version marked as storage version"
        )


def _version(version: Object, where: str) -> Iterator[Cause]:
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    if schema is None:
        yield required(f"{where}.schema.openAPIV3Schema", "schemas are required")
    else:
        yield from _schema(schema, f"{where}.schema.openAPIV3Schema")
    warning = version.get("deprecationWarning")
    if warning is not None and not version.get("deprecated"):
        yield invalid(
            f"{where}.deprecationWarning", warning, "can only be set for deprecated versions"
        )
    scale = (version.get("subresources") or {}).get("scale")
    if scale is not None:
        yield from _scale(scale, f"{where}.subresources.scale")
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        yield from _column(column, f"{where}.additionalPrinterColumns[{index}]")
    selectable = version.get("selectableFields") or ()
    for index, field in enumerate(selectable):
        path, place = field.get("jsonPath") or "", f"{where}.selectableFields[{index}].jsonPath"
        if not path:
            yield required(place)
        elif not _SIMPLE_PATH.fullmatch(path) or path.startswith(".metadata"):
            yield invalid(place, path, "is an invalid path: must be a simple path to a field")
    if len(selectable) > 8:
        yield Cause(
            f"{where}.selectableFields",
            "FieldValueTooMany",
            f"Too many: {len(selectable)}: must have at most 8 items",
        )


def _schema(schema: Object, where: str) -> list[Cause]:
    found = crd_schema_problems(schema, where)
    if found or not mentions_rules(schema):
        return found
    from grappe.api.cel.rule_problems import rule_problems  # loads the CEL library

    return rule_problems(schema, where)


def _scale(scale: Object, where: str) -> Iterator[Cause]:
    for field, roots, told in (
        ("specReplicasPath", (".spec.",), "should be a json path under .spec"),
        ("statusReplicasPath", (".status.",), "should be a json path under .status"),
        (
            "labelSelectorPath",
            (".spec.", ".status."),
            "should be a json path under either .status or .spec",
        ),
    ):
        path = scale.get(field) or ""
        if not path:
            if field != "labelSelectorPath":
                yield required(f"{where}.{field}")
        elif not _SIMPLE_PATH.fullmatch(path) or not path.startswith(roots):
            yield invalid(f"{where}.{field}", path, told)


def _column(column: Object, where: str) -> Iterator[Cause]:
    if not column.get("name"):
        yield required(f"{where}.name")
    kind = column.get("type") or ""
    if not kind:
        yield required(f"{where}.type", f"must be one of {','.join(_COLUMN_TYPES)}")
    elif kind not in _COLUMN_TYPES:
        yield invalid(f"{where}.type", kind, f"must be one of {','.join(_COLUMN_TYPES)}")
    path: Any = column.get("jsonPath")
    if not path:
        yield required(f"{where}.jsonPath", "JSONPath is required")
        return
    try:
        json_path(path)
    except JsonPathError as error:
        if not _BEYOND.search(path):
            yield invalid(f"{where}.jsonPath", path, str(error))


def _conversion(conversion: Object) -> Iterator[Cause]:
    strategy = conversion.get("strategy") or "None"
    webhook = conversion.get("webhook")
    if strategy not in ("None", "Webhook"):
        yield not_supported("spec.conversion.strategy", strategy, ("None", "Webhook"))
    elif strategy == "Webhook":
        yield from _conversion_webhook(webhook or {}, "spec.conversion.webhook")
    elif webhook is not None:
        yield forbidden(
            "spec.conversion.webhook", "should not be set when strategy is not set to Webhook"
        )


def _conversion_webhook(webhook: Object, at: str) -> Iterator[Cause]:
    config = webhook.get("clientConfig")
    if not config:
        yield required(f"{at}.clientConfig", "required when strategy is set to Webhook")
    else:
        yield from client_config(config, f"{at}.clientConfig")
    versions = webhook.get("conversionReviewVersions") or []
    where = f"{at}.conversionReviewVersions"
    if not versions:
        yield required(where)
        return
    for index, version in enumerate(versions):
        if version in versions[:index]:
            yield invalid(f"{where}[{index}]", version, "duplicate version")
        for problem in dns_1035_label_problems(version):
            yield invalid(f"{where}[{index}]", version, problem)
    if not any(version in ("v1", "v1beta1") for version in versions):
        yield invalid(where, versions, "must include at least one of v1, v1beta1")
