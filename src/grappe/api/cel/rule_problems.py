"""What is wrong with the validation rules of a CustomResourceDefinition's schema, in apiextensions'
wording: rules that do not compile, that could cost too much, that point nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from grappe.api import Object, causes
from grappe.api.cel import environment
from grappe.api.cel.ast import Expr, identifiers
from grappe.api.cel.costs import ESTIMATED_DEFINITION, ESTIMATED_RULE
from grappe.api.cel.estimates import cardinality, estimate, largest, shape_of
from grappe.api.cel.library import CompileError, Environment
from grappe.api.cel.rules import KEYWORD, variables_of
from grappe.api.errors import Cause
from grappe.api.schema import Node
from grappe.api.schema.field_paths import FieldPathError, field_at

_REASONS = (
    "FieldValueDuplicate",
    "FieldValueForbidden",
    "FieldValueInvalid",
    "FieldValueRequired",
)
_ADVICE = (
    "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, "
    "maps, and strings are declared)"
)
_CONTRIBUTED = (
    "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"
)
_TOTAL = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
_NO_TYPE = (
    "Internal error: internal error: failed to construct type information for "
    "x-kubernetes-validations rules: unable to convert structural schema to CEL declarations"
)
_UNRELATED = "oldSelf cannot be used on the uncorrelatable portion of the schema within"
_MESSAGE = "messageExpression"
_LINE_BREAK = re.compile(r"[\n\r]")


def rule_problems(openapi: Object, path: str) -> list[Cause]:
    """Of a schema that is well formed otherwise, found at `path`. Expressions are looked at where
    nothing else is wrong."""
    root = Node(openapi, custom=True, embedded=True)
    found = _Problems()
    found.walk(root, path, (), root=True, lost="")
    return [*found.causes, *found.total(path)]


class _Problems:
    def __init__(self) -> None:
        self.causes: list[Cause] = []
        self._costs: list[tuple[str, int]] = []

    def total(self, path: str) -> Iterator[Cause]:
        spent = sum(cost for _, cost in self._costs)
        if spent <= ESTIMATED_DEFINITION:
            return
        for place, cost in self._costs:
            if cost * 100 >= ESTIMATED_DEFINITION:
                yield causes.forbidden(place, _CONTRIBUTED)
        yield causes.forbidden(path, _over(_TOTAL, spent, ESTIMATED_DEFINITION))

    def walk(
        self, node: Node, path: str, limits: tuple[int | None, ...], *, root: bool, lost: str
    ) -> None:
        """`limits` are those of the lists and maps above; `lost` is the one among them whose items
        have no identity over time."""
        before = len(self.causes)
        self._below(node, path, limits, root=root, lost=lost)
        rules = node.raw.get(KEYWORD) or ()
        places = [f"{path}.{KEYWORD}[{index}]" for index in range(len(rules))]
        malformed = [
            cause
            for rule, place in zip(rules, places, strict=True)
            for cause in written_problems(rule, node, place)
        ]
        self.causes += malformed
        if not rules or len(self.causes) > before:
            return
        if not node.raw.get("type") and not node.raw.get("x-kubernetes-int-or-string"):
            self.causes.append(Cause(f"{path}.{KEYWORD}", "InternalError", _NO_TYPE))
            return
        for rule, place in zip(rules, places, strict=True):
            self._rule(rule, node, place, limits, root=root, lost=lost)

    def _below(
        self, node: Node, path: str, limits: tuple[int | None, ...], *, root: bool, lost: str
    ) -> None:
        if node.type == "array":
            at = (*limits, largest(node) if "maxItems" in node.raw else None)
            by_key = node.raw.get("x-kubernetes-list-type") == "map"
            below = lost if by_key else lost or path
            self.walk(node.items, f"{path}.items", at, root=False, lost=below)
        elif node.type == "object":
            if node.raw.get("x-kubernetes-map-type") == "atomic":
                lost = lost or path
            for name, child in node.properties.items():
                if child.custom:
                    place = f"{path}.properties[{name}]"
                    self.walk(child, place, limits, root=False, lost=lost)
            if node.values is not None and node.values.custom:
                at = (*limits, largest(node) if "maxProperties" in node.raw else None)
                place = f"{path}.additionalProperties"
                self.walk(node.values, place, at, root=False, lost=lost)

    def _rule(
        self,
        rule: Object,
        node: Node,
        path: str,
        limits: tuple[int | None, ...],
        *,
        root: bool,
        lost: str,
    ) -> None:
        source = rule["rule"]
        optional = bool(rule.get("optionalOldSelf"))
        env = environment(variables_of(node, root=root, optional_old=optional))
        scope = {"self": shape_of(node), "oldSelf": shape_of(node)}
        for place, text, wanted, what in (
            (f"{path}.rule", source, "bool", "rule"),
            (f"{path}.messageExpression", rule.get("messageExpression"), "string", _MESSAGE),
        ):
            if not text:
                continue
            told, expr = _compiled(env, text, wanted)
            if told or expr is None:
                self.causes.append(_refused(place, rule, told))
                continue
            if what == "rule":
                self._transition(rule, "oldSelf" in identifiers(expr), path, lost)
            cost = estimate(expr, scope) * cardinality(limits, node)
            self._costs.append((place, cost))
            if cost > ESTIMATED_RULE:
                told = _over(f"estimated {what} cost", cost, ESTIMATED_RULE)
                self.causes.append(causes.forbidden(place, told))

    def _transition(self, rule: Object, uses_old: bool, path: str, lost: str) -> None:
        if uses_old and lost:
            told = f"{_UNRELATED} {lost}"
            self.causes.append(causes.invalid(f"{path}.rule", rule["rule"], told))
        if not uses_old and rule.get("optionalOldSelf") is not None:
            told = "may not be set if oldSelf is not used in rule"
            place = f"{path}.optionalOldSelf"
            self.causes.append(causes.invalid(place, rule["optionalOldSelf"], told))


def written_problems(rule: Object, node: Node, path: str) -> Iterator[Cause]:
    """What is wrong with a rule without regard to its expressions."""
    source, message = (rule.get("rule") or "").strip(), rule.get("message") or ""
    place = f"{path}.message"
    if not source:
        yield causes.required(f"{path}.rule", "rule is not specified")
    elif message and not message.strip():
        yield causes.invalid(place, message, "must be non-empty if specified")
    elif _LINE_BREAK.search(message.strip()):
        yield causes.invalid(place, message, "must not contain line breaks")
    elif _LINE_BREAK.search(source) and not message.strip():
        yield causes.required(place, "message must be specified if rule contains line breaks")
    expression = rule.get("messageExpression") or ""
    if expression and not expression.strip():
        told = "messageExpression must be non-empty if specified"
        yield causes.required(f"{path}.messageExpression", told)
    if rule.get("reason") is not None and rule["reason"] not in _REASONS:
        yield causes.not_supported(f"{path}.reason", rule["reason"], _REASONS)
    yield from _field_path(rule.get("fieldPath") or "", node, f"{path}.fieldPath")


def _field_path(where: str, node: Node, place: str) -> Iterator[Cause]:
    if not where:
        return
    if not where.strip():
        yield causes.invalid(place, where, "must be non-empty if specified")
    if _LINE_BREAK.search(where):
        yield causes.invalid(place, where, "must not contain line breaks")
    try:
        field_at(node, where)
    except FieldPathError:
        yield causes.invalid(place, where, "must be a valid path")


def _compiled(env: Environment, text: str, wanted: str) -> tuple[str, Expr | None]:
    """What is wrong with an expression, or the expression."""
    try:
        checked = env.check(text)
    except CompileError as error:
        what = "" if wanted == "bool" else "messageExpression "
        return f"{what}compilation failed: {error}", None
    if checked.result not in (wanted, "dyn"):
        what = "cel expression" if wanted == "bool" else "messageExpression"
        return f"{what} must evaluate to a {wanted}", None
    return "", checked.expr


def _refused(place: str, rule: Object, told: str) -> Cause:
    """With the rule as Go writes the struct it keeps it in."""
    shown = {
        "Rule": rule["rule"],
        "Message": rule.get("message") or "",
        "MessageExpression": rule.get("messageExpression") or "",
        "Reason": rule.get("reason"),
        "FieldPath": rule.get("fieldPath") or "",
        "OptionalOldSelf": rule.get("optionalOldSelf"),
    }
    return Cause(place, "FieldValueInvalid", f"Invalid value: {causes.struct(shown)}: {told}")


def _over(what: str, cost: int, limit: int) -> str:
    factor = cost / limit
    if factor > 100:
        told = "more than 100x"
    elif factor < 1.5:
        told = f"{factor:f}x"
    else:
        told = f"{factor:.1f}x"
    return f"{what} exceeds budget by factor of {told} {_ADVICE}"
