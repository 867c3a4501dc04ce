"""What is wrong with a CustomResourceDefinition, in apiextensions' wording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grappe.api import Object
from grappe.api.causes import forbidden, invalid, not_supported, required
from grappe.api.errors import Cause
from grappe.api.names import dns_1035_label_problems, dns_subdomain_problems
from grappe.api.validation.webhooks import client_config
from grappe.apiserver.crd.status import is_protected
from grappe.apiserver.crd.version_validation import (
    Parts,
    column_problems,
    has_status,
    parts_of,
    scale_problems,
    schema_of,
    schema_problems,
    selectable_problems,
    shown_versions,
    warning_problems,
)

_SCOPES = ("Cluster", "Namespaced")
_APPROVAL = "api-approved.kubernetes.io"


def definition_problems(obj: Object) -> list[Cause]:
    """Everything wrong with a new definition (defaults applied)."""
    return [*_name(obj, obj.get("spec") or {}), *_problems(obj), *_approval(obj, None)]


def _problems(obj: Object) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    names, versions = spec.get("names") or {}, spec.get("versions") or []
    common, rest = parts_of(versions)
    yield from _group_and_scope(spec)
    yield from _versions(spec, rest)
    for field in ("plural", "singular", "kind", "listKind"):
        if not names.get(field):
            yield required(f"spec.names.{field}")
    yield from _names(names, "spec.names")
    yield from _common(common, versions)
    yield from _conversion(spec.get("conversion") or {})
    yield from status_problems(obj)
    if spec.get("preserveUnknownFields"):
        yield invalid(
            "spec.preserveUnknownFields",
            True,
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
            "spec.versions[*].schema instead",
        )


def update_problems(new: Object, old: Object) -> list[Cause]:
    """Everything wrong with an updated definition."""
    found = [*_problems(new), *_approval(new, old)]
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
    return found


def status_problems(obj: Object) -> Iterator[Cause]:
    """What is wrong with what is served and stored."""
    yield from _names((obj.get("status") or {}).get("acceptedNames") or {}, "status.acceptedNames")
    yield from _stored_versions(obj)


def _name(obj: Object, spec: Object) -> Iterator[Cause]:
    name = obj["metadata"].get("name", "")
    plural, group = (spec.get("names") or {}).get("plural", ""), spec.get("group", "")
    if name != f"{plural}.{group}":
        yield invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group')


def _approval(obj: Object, old: Object | None) -> Iterator[Cause]:
    """Nobody is asked again for what was stored before."""
    if not is_protected((obj.get("spec") or {}).get("group") or ""):
        return
    where = f"metadata.annotations[{_APPROVAL}]"
    approval = _approved(obj)
    if old is not None and approval == _approved(old):
        return
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


def _approved(obj: Object) -> str | None:
    found: str | None = (obj["metadata"].get("annotations") or {}).get(_APPROVAL)
    return found


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


def _names(names: Object, at: str) -> Iterator[Cause]:
    for field in ("plural", "singular", "kind", "listKind"):
        name, where = names.get(field) or "", f"{at}.{field}"
        if not name:
            continue
        mixed = field in ("kind", "listKind")
        problems = dns_1035_label_problems(name.lower() if mixed else name)
        if problems:
            told = ",".join(problems)
            if mixed:
                told = f"may have mixed case, but should otherwise match: {told}"
            yield invalid(where, name, told)
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        yield invalid(f"{at}.listKind", names["listKind"], "kind and listKind may not be the same")
    for field in ("shortNames", "categories"):
        for index, name in enumerate(names.get(field) or ()):
            problems = dns_1035_label_problems(name)
            if problems:
                yield invalid(f"{at}.{field}[{index}]", name, ",".join(problems))


def _versions(spec: Object, rest: Sequence[Parts]) -> Iterator[Cause]:
    versions = spec.get("versions") or []
    for index, version in enumerate(versions):
        if schema_of(version) is None:
            yield required(f"spec.versions[{index}].schema.openAPIV3Schema")
    for index, version in enumerate(versions):
        where, own = f"spec.versions[{index}]", rest[index]
        problems = dns_1035_label_problems(version.get("name") or "")
        if problems:
            yield invalid(f"{where}.name", version.get("name") or "", ",".join(problems))
        yield from warning_problems(version, where)
        yield from _parts(own, f"{where}.schema", where, version)
    names = [version.get("name") or "" for version in versions]
    shown = f"Invalid value: {shown_versions(versions, rest)}"
    if len(set(names)) != len(names):
        told = f"{shown}: must contain unique version names"
        yield Cause("spec.versions", "FieldValueInvalid", told)
    if sum(bool(version.get("storage")) for version in versions) != 1:
        told = f"{shown}: must have exactly one version marked as storage version"
        yield Cause("spec.versions", "FieldValueInvalid", told)
    if versions and names[0]:
        problems = dns_1035_label_problems(names[0])
        if problems:
            yield invalid("spec.version", names[0], ",".join(problems))


def _parts(parts: Parts, schema: str, at: str, version: Object) -> Iterator[Cause]:
    """What one version says, or all of them do."""
    status = has_status(version.get("subresources"))
    yield from schema_problems(parts.schema, schema, status=status)
    yield from scale_problems(parts.subresources, f"{at}.subresources")
    yield from column_problems(parts.columns, f"{at}.additionalPrinterColumns")
    selectable = f"{at}.selectableFields"
    yield from selectable_problems(parts.selectable, schema_of(version), selectable)


def _common(common: Parts, versions: Sequence[Object]) -> Iterator[Cause]:
    if not versions:
        return
    status = any(has_status(version.get("subresources")) for version in versions)
    about = {**versions[0], "subresources": {"status": {}} if status else {}}
    yield from _parts(common, "spec.validation", "spec", about)


def _stored_versions(obj: Object) -> Iterator[Cause]:
    """A version that objects are stored in cannot be taken away."""
    stored = (obj.get("status") or {}).get("storedVersions") or []
    if not stored:
        yield invalid("status.storedVersions", stored, "must have at least one stored version")
        return
    versions = (obj.get("spec") or {}).get("versions") or ()
    names = {version.get("name") for version in versions}
    for version in versions:
        if version.get("storage") and version.get("name") not in stored:
            told = f"must have the storage version {version.get('name')}"
            yield invalid("status.storedVersions", stored, told)
    for index, name in enumerate(stored):
        if name not in names:
            told = (
                f"missing from spec.versions; {name} was previously a storage version, and must "
                f"remain in spec.versions until a storage migration ensures no data remains "
                f"persisted in {name} and removes {name} from status.storedVersions"
            )
            yield invalid(f"status.storedVersions[{index}]", name, told)


def _conversion(conversion: Object) -> Iterator[Cause]:
    strategy, webhook = conversion.get("strategy") or "", conversion.get("webhook") or {}
    if not strategy:
        yield required("spec.conversion.strategy")
    elif strategy not in ("None", "Webhook"):
        yield not_supported("spec.conversion.strategy", strategy, ("None", "Webhook"))
    if strategy == "Webhook":
        yield from _conversion_webhook(webhook, "spec.conversion")
        return
    told = "should not be set when strategy is not set to Webhook"
    if webhook.get("clientConfig") is not None:
        yield forbidden("spec.conversion.webhookClientConfig", told)
    if webhook.get("conversionReviewVersions"):
        yield forbidden("spec.conversion.conversionReviewVersions", told)


def _conversion_webhook(webhook: Object, at: str) -> Iterator[Cause]:
    config = webhook.get("clientConfig")
    if config is None:
        yield required(f"{at}.webhookClientConfig", "required when strategy is set to Webhook")
    else:
        yield from client_config(config, f"{at}.webhookClientConfig")
    versions = webhook.get("conversionReviewVersions") or []
    where = f"{at}.conversionReviewVersions"
    if not versions:
        yield required(where)
        return
    for index, version in enumerate(versions):
        if version in versions[:index]:
            yield invalid(f"{where}[{index}]", version, "duplicate version")
            continue
        for problem in dns_1035_label_problems(version):
            yield invalid(f"{where}[{index}]", version, problem)
    if not any(version in ("v1", "v1beta1") for version in versions):
        yield invalid(where, versions, "must include at least one of v1, v1beta1")
