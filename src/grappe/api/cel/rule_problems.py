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
    "contributed to estimated rule & messageExpression cost total exceeding cost limit for entire "
    "OpenAPIv3 schema"
)
_TOTAL = (
    "x-kubernetes-validations estimated rule & messageExpression cost total for entire OpenAPIv3 "
    "schema"
)
_MESSAGE = "messageExpression"
_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\['((?:[^'\\]|\\.)+)'\]")


def rule_problems(openapi: Object, path: str) -> list[Cause]:
    """Of a schema that is well formed otherwise, found at `path`."""
    found = _Problems()
    found.walk(Node(openapi, custom=True, embedded=True), path, (), root=True, lost="")
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
        for index, rule in enumerate(node.raw.get(KEYWORD) or ()):
            self._rule(rule, node, f"{path}.{KEYWORD}[{index}]", limits, root=root, lost=lost)
        if node.type == "array":
            at = (*limits, largest(node) if "maxItems" in node.raw else None)
            by_key = node.raw.get("x-kubernetes-list-type") == "map"
            below = lost if by_key else lost or f"{path}.items"
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
        source = rule.get("rule") or ""
        if not source.strip():
            self.causes.append(causes.required(f"{path}.rule", "rule is not specified"))
            return
        self._message(rule, source, path)
        if rule.get("reason") and rule["reason"] not in _REASONS:
            self.causes.append(causes.not_supported(f"{path}.reason", rule["reason"], _REASONS))
        self._field_path(rule, node, path)
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
            if what == "rule" and "oldSelf" in identifiers(expr) and lost:
                detail = (
                    "oldSelf cannot be used on the uncorrelatable portion of the schema within "
                )
                self.causes.append(causes.invalid(place, text, f"{detail}{lost}"))
            cost = estimate(expr, scope) * cardinality(limits, node)
            self._costs.append((place, cost))
            if cost > ESTIMATED_RULE:
                told = _over(f"estimated {what} cost", cost, ESTIMATED_RULE)
                self.causes.append(causes.forbidden(place, told))

    def _message(self, rule: Object, source: str, path: str) -> None:
        message = rule.get("message") or ""
        place = f"{path}.message"
        if message and not message.strip():
            detail = "message must be non-empty if specified"
            self.causes.append(causes.invalid(place, message, detail))
        elif "\n" in message.strip():
            detail = "message must not contain line breaks"
            self.causes.append(causes.invalid(place, message, detail))
        elif "\n" in source.strip() and not message:
            detail = "message must be specified if rule contains line breaks"
            self.causes.append(causes.required(place, detail))
        expression = rule.get("messageExpression")
        if expression is not None and expression != "" and not expression.strip():
            detail = "messageExpression must be non-empty if specified"
            self.causes.append(causes.required(f"{path}.messageExpression", detail))

    def _field_path(self, rule: Object, node: Node, path: str) -> None:
        where = rule.get("fieldPath") or ""
        if not where:
            return
        place = f"{path}.fieldPath"
        at, current = 0, node
        told = ""
        while at < len(where):
            step = _STEP.match(where, at)
            if step is None:
                told = f"expected [ or . but got: {where[at:]}"
                break
            name, at = step[1] or step[2], step.end()
            child = current.properties.get(name) or current.values
            if child is None:
                told = "does not refer to a valid field"
                break
            current = child
        if told:
            detail = f"fieldPath must be a valid path: {told}"
            self.causes.append(causes.invalid(place, where, detail))


def _compiled(env: Environment, text: str, wanted: str) -> tuple[str, Expr | None]:
    """What is wrong with an expression, or the expression."""
    try:
        checked = env.check(text)
    except CompileError as error:
        return f"compilation failed: {error}", None
    if checked.result not in (wanted, "dyn"):
        what = "cel expression" if wanted == "bool" else "messageExpression"
        return f"{what} must evaluate to a {wanted}", None
    return "", checked.expr


def _refused(place: str, rule: Object, told: str) -> Cause:
    """With the rule as Go prints it."""

    def pointer(value: object, kind: str) -> str:
        return f"(*{kind})(nil)" if value is None else f"(*{kind})(0xc000000000)"

    reason = pointer(rule.get("reason"), "apiextensions.FieldValueErrorReason")
    optional = pointer(rule.get("optionalOldSelf"), "bool")
    shown = (
        f"apiextensions.ValidationRule{{Rule:{causes.quote(rule['rule'])}, "
        f"Message:{causes.quote(rule.get('message') or '')}, "
        f"MessageExpression:{causes.quote(rule.get('messageExpression') or '')}, "
        f"Reason:{reason}, FieldPath:{causes.quote(rule.get('fieldPath') or '')}, "
        f"OptionalOldSelf:{optional}}}"
    )
    return Cause(place, "FieldValueInvalid", f"Invalid value: {shown}: {told}")


def _over(what: str, cost: int, limit: int) -> str:
    factor = cost / limit
    if factor > 100:
        told = "more than 100x"
    elif factor < 1.5:
        told = f"{factor:f}x"
    else:
        told = f"{factor:.1f}x"
    return f"{what} exceeds budget by factor of {told} {_ADVICE}"
