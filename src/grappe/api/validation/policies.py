"""Admission policies and their bindings, expressions included.

https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from grappe.api import Object, names
from grappe.api.causes import duplicate, forbidden, invalid, not_supported, required, too_many
from grappe.api.validation.policy_expressions import Expressions
from grappe.api.validation.resource_rules import resource_rule
from grappe.api.validation.rules import Causes, label_selector

_FAILURE_POLICIES = ("Fail", "Ignore")
_MATCH_POLICIES = ("Equivalent", "Exact")
_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized")
_ACTIONS = ("Audit", "Deny", "Warn")
_PATCH_TYPES = ("ApplyConfiguration", "JSONPatch")
_REINVOCATION_POLICIES = ("IfNeeded", "Never")
_MOST_CONDITIONS = 64
_MOST_ANNOTATIONS = 20
_LONGEST_VALUE_EXPRESSION = 5 * 1024
_IDENTIFIER = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")
_RESERVED = frozenset(
    ("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function")
    + ("if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while")
)


def validating(obj: Object) -> Causes:
    """A ValidatingAdmissionPolicy."""
    spec = obj.get("spec") or {}
    expressions = Expressions(spec)
    yield from _policy(spec, expressions)
    validations, notes = spec.get("validations") or [], spec.get("auditAnnotations") or []
    if not validations and not notes:
        detail = "validations or auditAnnotations must contain at least one item"
        yield required("spec.validations", detail)
        yield required("spec.auditAnnotations", detail)
    for index, validation in enumerate(validations):
        yield from _validation(validation, f"spec.validations[{index}]", expressions)
    if len(notes) > _MOST_ANNOTATIONS:
        detail = f"must not have more than {_MOST_ANNOTATIONS} auditAnnotations"
        yield invalid("spec.auditAnnotations", notes, detail)
    seen: set[str] = set()
    for index, note in enumerate(notes):
        at, key = f"spec.auditAnnotations[{index}]", note.get("key") or ""
        yield from _annotation(note, at, obj["metadata"].get("name") or "", expressions)
        if key in seen:
            yield duplicate(f"{at}.key", key)
        seen.add(key)


def mutating(obj: Object) -> Causes:
    """A MutatingAdmissionPolicy."""
    spec = obj.get("spec") or {}
    expressions = Expressions(spec)
    yield from _policy(spec, expressions)
    mutations = spec.get("mutations") or []
    if not mutations:
        yield required("spec.mutations", "mutations must contain at least one item")
    for index, mutation in enumerate(mutations):
        yield from _mutation(mutation, f"spec.mutations[{index}]", expressions)
    yield from _chosen(spec, "reinvocationPolicy", "spec", _REINVOCATION_POLICIES)


def validating_binding(obj: Object) -> Causes:
    """A ValidatingAdmissionPolicyBinding."""
    yield from mutating_binding(obj)
    yield from _actions((obj.get("spec") or {}).get("validationActions") or [])


def mutating_binding(obj: Object) -> Causes:
    """A MutatingAdmissionPolicyBinding."""
    spec = obj.get("spec") or {}
    name = spec.get("policyName") or ""
    if not name:
        yield required("spec.policyName")
    else:
        for problem in names.dns_subdomain_problems(name):
            yield invalid("spec.policyName", name, problem)
    if spec.get("paramRef") is not None:
        yield from _param_ref(spec["paramRef"], "spec.paramRef")
    if spec.get("matchResources") is not None:
        yield from _match_resources(spec["matchResources"], "spec.matchResources")


def _chosen(part: Object, field: str, at: str, supported: Sequence[str]) -> Causes:
    value = part.get(field)
    if not value:
        yield required(f"{at}.{field}")
    elif value not in supported:
        yield not_supported(f"{at}.{field}", value, supported)


def _policy(spec: Object, expressions: Expressions) -> Causes:
    """What both kinds of policy have."""
    yield from _chosen(spec, "failurePolicy", "spec", _FAILURE_POLICIES)
    if spec.get("paramKind") is not None:
        yield from _param_kind(spec["paramKind"], "spec.paramKind")
    constraints = spec.get("matchConstraints")
    if constraints is None:
        yield required("spec.matchConstraints")
    else:
        yield from _match_resources(constraints, "spec.matchConstraints")
        if not constraints.get("resourceRules"):
            yield required("spec.matchConstraints.resourceRules")
    yield from _conditions(spec.get("matchConditions") or [], expressions)
    for index, variable in enumerate(spec.get("variables") or ()):
        yield from _variable(variable, index, f"spec.variables[{index}]", expressions)


def _param_kind(kind: Object, at: str) -> Causes:
    version = kind.get("apiVersion") or ""
    where = f"{at}.apiVersion"
    if not version:
        yield required(where)
    elif version.count("/") > 1:
        yield invalid(where, version, f"unexpected GroupVersion string: {version}")
    else:
        group, _, plain = version.rpartition("/")
        for problem in names.dns_subdomain_problems(group) if group else ():
            yield invalid(where, group, problem)
        if not plain:
            yield invalid(where, version, "version must be specified")
        else:
            for problem in names.dns_1035_label_problems(plain):
                yield invalid(where, plain, problem)
    name = kind.get("kind") or ""
    if not name:
        yield required(f"{at}.kind")
    elif problems := names.dns_1035_label_problems(name.lower()):
        told = f"may have mixed case, but should otherwise match: {','.join(problems)}"
        yield invalid(f"{at}.kind", name, told)


def _match_resources(resources: Object, at: str) -> Causes:
    yield from _chosen(resources, "matchPolicy", at, _MATCH_POLICIES)
    for field in ("namespaceSelector", "objectSelector"):
        yield from label_selector(resources.get(field), f"{at}.{field}")
    for field in ("resourceRules", "excludeResourceRules"):
        for index, rule in enumerate(resources.get(field) or ()):
            yield from _named_rule(rule, f"{at}.{field}[{index}]")


def _named_rule(rule: Object, at: str) -> Causes:
    seen: set[str] = set()
    for index, name in enumerate(rule.get("resourceNames") or ()):
        where = f"{at}.resourceNames[{index}]"
        for problem in names.path_segment_problems(name):
            yield invalid(where, name, problem)
        if name in seen:
            yield duplicate(where, name)
        seen.add(name)
    yield from resource_rule(rule, at)


def _conditions(conditions: list[Object], expressions: Expressions) -> Causes:
    at = "spec.matchConditions"
    if len(conditions) > _MOST_CONDITIONS:
        yield too_many(at, len(conditions), _MOST_CONDITIONS)
    seen: set[str] = set()
    for index, condition in enumerate(conditions):
        source, name = (condition.get("expression") or "").strip(), condition.get("name") or ""
        where = f"{at}[{index}]"
        if not source:
            yield required(f"{where}.expression")
        else:
            yield from expressions.condition(source, f"{where}.expression")
        if not name:
            yield required(f"{where}.name")
            continue
        for problem in names.qualified_name_problems(name):
            yield invalid(f"{where}.name", name, problem)
        if name in seen:
            yield duplicate(f"{where}.name", name)
        seen.add(name)


def _variable(variable: Object, index: int, at: str, expressions: Expressions) -> Causes:
    name = variable.get("name") or ""
    if not name.strip():
        yield required(f"{at}.name", "name is not specified")
    elif not _IDENTIFIER.fullmatch(name) or name in _RESERVED:
        yield invalid(f"{at}.name", name, "name is not a valid CEL identifier")
    if not (variable.get("expression") or "").strip():
        yield required(f"{at}.expression", "expression is not specified")
    else:
        yield from expressions.variable(index, f"{at}.expression")


def _validation(validation: Object, at: str, expressions: Expressions) -> Causes:
    source, message = validation.get("expression") or "", validation.get("message") or ""
    if not source.strip():
        yield required(f"{at}.expression", "expression is not specified")
    else:
        yield from expressions.value(source, f"{at}.expression", ("bool",), "bool")
    told = validation.get("messageExpression") or ""
    if told and not told.strip():
        yield invalid(f"{at}.messageExpression", told, "must be non-empty if specified")
    elif told:
        yield from expressions.value(
            told, f"{at}.messageExpression", ("string",), "string", authorizer=False
        )
    if message and not message.strip():
        yield invalid(f"{at}.message", message, "message must be non-empty if specified")
    elif re.search(r"[\n\r]", message.strip()):
        yield invalid(f"{at}.message", message, "message must not contain line breaks")
    reason = validation.get("reason")
    if reason is not None and reason not in _REASONS:
        yield not_supported(f"{at}.reason", reason, _REASONS)


def _annotation(note: Object, at: str, policy: str, expressions: Expressions) -> Causes:
    key, source = note.get("key") or "", (note.get("valueExpression") or "").strip()
    for problem in names.qualified_name_problems(f"{policy}/{key}"):
        yield invalid(f"{at}.key", f"{policy}/{key}", problem)
    where = f"{at}.valueExpression"
    if not source:
        yield required(where, "valueExpression is not specified")
    elif len(source.encode()) > _LONGEST_VALUE_EXPRESSION:
        yield required(where, f"must not exceed {_LONGEST_VALUE_EXPRESSION} bytes in length")
    else:
        results = ("string", "null")
        yield from expressions.value(source, where, results, "one of [string null_type]")


def _mutation(mutation: Object, at: str, expressions: Expressions) -> Causes:
    yield from _chosen(mutation, "patchType", at, _PATCH_TYPES)
    kind = mutation.get("patchType")
    for patch_type, field in (
        ("ApplyConfiguration", "applyConfiguration"),
        ("JSONPatch", "jsonPatch"),
    ):
        part, where = mutation.get(field), f"{at}.{field}"
        if kind != patch_type:
            if part is not None and kind in _PATCH_TYPES:
                yield invalid(where, part, f"must not be specified when patchType is {kind}")
        elif part is None:
            yield required(where, f"must be specified when patchType is {patch_type}")
        elif not (part.get("expression") or "").strip():
            yield required(f"{where}.expression", "expression is not specified")
        else:
            yield from expressions.mutation(part["expression"], f"{where}.expression")


def _param_ref(reference: Object, at: str) -> Causes:
    name, selector = reference.get("name") or "", reference.get("selector")
    exclusive = "name and selector are mutually exclusive"
    for problem in names.path_segment_problems(name) if name else ():
        yield invalid(f"{at}.name", name, problem)
    if name and selector is not None:
        yield forbidden(f"{at}.name", exclusive)
        yield forbidden(f"{at}.selector", exclusive)
    yield from label_selector(selector, f"{at}.selector")
    if not name and selector is None:
        yield required(at, "one of name or selector must be specified")
    yield from _chosen(reference, "parameterNotFoundAction", at, ("Deny", "Allow"))


def _actions(actions: list[str]) -> Causes:
    at = "spec.validationActions"
    for index, action in enumerate(actions):
        if action not in _ACTIONS:
            yield not_supported(f"{at}[{index}]", action, _ACTIONS)
        if action in actions[:index]:
            yield duplicate(f"{at}[{index}]", action)
    if "Deny" in actions and "Warn" in actions:
        detail = (
            "must not contain both Deny and Warn (repeating the same validation failure "
            "information in the API response and headers serves no purpose)"
        )
        yield invalid(at, actions, detail)
    if not actions:
        yield required(at, "at least one validation action is required")
