"""`x-kubernetes-validations`: the rules of a custom kind's schema, evaluated on its objects.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from grappe.api import Object, causes
from grappe.api.cel import environment
from grappe.api.cel.costs import LONGEST_MESSAGE, PER_REQUEST, Meter
from grappe.api.cel.program import Program
from grappe.api.cel.types import DYN, Adapter, Schemas, Type, adapter
from grappe.api.cel.values import NONE, CostExceeded, EvaluationError, Optional
from grappe.api.errors import Cause
from grappe.api.schema import Node
from grappe.base.turns import pause

if TYPE_CHECKING:
    from grappe.api.cel.library import Environment

KEYWORD = "x-kubernetes-validations"
_OVER_BUDGET = (
    "validation failed due to running out of cost budget, no further validation rules will be run"
)
_BLOCKING = frozenset(
    (
        "FieldValueNotSupported",
        "FieldValueRequired",
        "FieldValueTooLong",
        "FieldValueTooMany",
        "FieldValueTypeInvalid",
    )
)
_NOT_SHOWN = ("object", "array")
_NOT_CHECKED = (
    "some validation rules were not checked because the object was invalid; correct the existing "
    "errors to complete validation"
)


@dataclass(slots=True)
class Branch:
    """A place of the schema with rules at or below it. What is needed to evaluate `rules` is made
    when they are first evaluated."""

    node: Node
    root: bool
    rules: tuple[Rule, ...]
    fields: Mapping[str, Branch] = field(default_factory=dict)
    values: Branch | None = None
    items: Branch | None = None
    adapt: Adapter | None = None
    ready: bool = False

    @property
    def type_name(self) -> str:
        return str(self.node.raw.get("type") or "")


@dataclass(slots=True)
class Rule:
    """One rule as it stands in the schema, and its programs."""

    source: Object
    program: Program | None = None
    message: Program | None = None

    @property
    def optional_old(self) -> bool:
        return bool(self.source.get("optionalOldSelf"))

    @property
    def told(self) -> str:
        """What stands for the rule in messages."""
        return (self.source.get("message") or "").strip() or self.source["rule"].strip()

    @property
    def uses_old(self) -> bool:
        return self.program is not None and "oldSelf" in self.program.mentions


def rule_tree(node: Node, *, root: bool = True) -> Branch | None:
    """The places with rules; None when there are none. Does not load the library."""
    rules = tuple(Rule(source) for source in node.raw.get(KEYWORD) or () if source.get("rule"))
    fields = {}
    values = items = None
    if node.type == "array":
        items = rule_tree(node.items, root=False)
    elif node.type == "object":
        for name, child in node.properties.items():
            below = rule_tree(child, root=False) if child.custom else None
            if below is not None:
                fields[name] = below
        if node.values is not None and node.values.custom:
            values = rule_tree(node.values, root=False)
    if not (rules or fields or values or items):
        return None
    return Branch(node, root, rules, fields, values, items)


def variables_of(node: Node, *, root: bool, optional_old: bool) -> Mapping[str, Type]:
    """What a rule at `node` may mention."""
    found = Schemas("self").type_of(node, resource=root)
    return {"self": found, "oldSelf": DYN if optional_old else found}


def _prepare(branch: Branch) -> None:
    branch.adapt = adapter(branch.node)
    environments: dict[bool, Environment] = {}
    for rule in branch.rules:
        env = environments.get(rule.optional_old)
        if env is None:
            env = environments[rule.optional_old] = environment(
                variables_of(branch.node, root=branch.root, optional_old=rule.optional_old)
            )
        rule.program = Program(env.check(rule.source["rule"]).expr)
        if rule.source.get("messageExpression"):
            rule.message = Program(env.check(rule.source["messageExpression"]).expr)
    branch.ready = True


def check_rules(tree: Branch, found: list[Cause], obj: Any, old: Any = None) -> list[Cause]:
    """`found`, the schema's own causes, and then those of the rules. `old` is the object before
    an update."""
    if any(cause.reason in _BLOCKING for cause in found):
        return [*found, causes.invalid("<nil>", None, _NOT_CHECKED)]
    return [*found, *_Evaluation().of(tree, obj, old, "")]


class _OutOfBudget(Exception):
    """No further rule may run."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.message)
        self.cause = cause


class _Evaluation:
    """The rules of one object, within one budget."""

    def __init__(self) -> None:
        self._left = PER_REQUEST

    def of(self, tree: Branch, obj: Any, old: Any, path: str) -> list[Cause]:
        found: list[Cause] = []
        try:
            for cause in self._walk(tree, obj, old, path):
                found.append(cause)
        except _OutOfBudget as error:
            found.append(error.cause)
        return found

    def _walk(self, branch: Branch, obj: Any, old: Any, path: str) -> Iterator[Cause]:
        if obj is None:
            return
        if branch.rules:
            yield from self._rules(branch, obj, old, path)
        if branch.items is not None and isinstance(obj, list):
            match_old = _correlated(branch.node, old)
            for index, item in enumerate(obj):
                yield from self._walk(branch.items, item, match_old(item), f"{path}[{index}]")
        elif isinstance(obj, dict):
            before = old if isinstance(old, dict) else {}
            for name, below in branch.fields.items():
                if name in obj:
                    place = f"{path}.{name}" if path else name
                    yield from self._walk(below, obj[name], before.get(name), place)
            if branch.values is not None:
                for key in obj.keys() - branch.node.properties.keys():
                    place = f"{path}[{key}]"
                    yield from self._walk(branch.values, obj[key], before.get(key), place)

    def _rules(self, branch: Branch, obj: Any, old: Any, path: str) -> Iterator[Cause]:
        if not branch.ready:
            _prepare(branch)
        place, kind = path or "<nil>", branch.type_name
        try:
            now = obj if branch.adapt is None else branch.adapt(obj)
            before = old if branch.adapt is None or old is None else branch.adapt(old)
        except EvaluationError as error:
            yield causes.invalid(place, kind, str(error))
            return
        unchanged = old is not None and type(old) is type(obj) and old == obj
        for rule in branch.rules:
            if rule.uses_old and old is None and not rule.optional_old:
                continue
            variables = {"self": now, "oldSelf": before}
            if rule.optional_old:
                variables["oldSelf"] = NONE if old is None else Optional(before)
            cause = self._one(rule, variables, place, kind, obj)
            if cause is not None and (rule.uses_old or not unchanged):
                yield cause

    def _one(self, rule: Rule, variables: Object, place: str, kind: str, obj: Any) -> Cause | None:
        assert rule.program is not None
        pause()
        if self._left <= 0:
            raise _OutOfBudget(causes.invalid(place, kind, _OVER_BUDGET))
        meter = Meter()
        try:
            if rule.program.evaluate(variables, meter) is True:
                self._spend(meter, place, kind)
                return None
        except CostExceeded as error:
            told = f"'{error}': no further validation rules will be run due to call cost exceeds "
            told += f"limit for rule: {rule.told}"
            raise _OutOfBudget(causes.invalid(place, kind, told)) from None
        except EvaluationError as error:
            self._spend(meter, place, kind)
            if str(error).startswith("no such overload"):
                told = f"'{error}': call arguments did not match a supported operator, function or "
                return causes.invalid(place, kind, f"{told}macro signature for rule: {rule.told}")
            return causes.invalid(place, kind, f"{error} evaluating rule: {rule.told}")
        self._spend(meter, place, kind)
        return self._failed(rule, variables, place, kind, obj)

    def _spend(self, meter: Meter, place: str, kind: str) -> None:
        self._left -= meter.spent
        if self._left < 0:
            raise _OutOfBudget(causes.invalid(place, kind, _OVER_BUDGET))

    def _failed(self, rule: Rule, variables: Object, place: str, kind: str, obj: Any) -> Cause:
        where = rule.source.get("fieldPath") or ""
        if where:
            place = where.removeprefix(".") if place == "<nil>" else f"{place}{where}"
        detail = self._message(rule, variables, place, kind) if rule.message else ""
        if not detail:
            detail = (rule.source.get("message") or "").strip() or f"failed rule: {rule.told}"
        match rule.source.get("reason"):
            case "FieldValueForbidden":
                return causes.forbidden(place, detail)
            case "FieldValueRequired":
                return causes.required(place, detail)
            case "FieldValueDuplicate":
                if kind in _NOT_SHOWN:
                    return Cause(place, "FieldValueDuplicate", "Duplicate value")
                return causes.duplicate(place, obj)
        if kind in _NOT_SHOWN:
            return causes.unfit(place, detail)
        return causes.invalid(place, obj, detail)

    def _message(self, rule: Rule, variables: Object, place: str, kind: str) -> str:
        """What messageExpression gives; empty when it gives nothing to show."""
        assert rule.message is not None
        meter = Meter()
        try:
            found = rule.message.evaluate(variables, meter)
        except CostExceeded:
            told = "no further validation rules will be run due to call cost exceeds limit for "
            told += f"messageExpression: {causes.quote(rule.source['messageExpression'])}"
            raise _OutOfBudget(causes.invalid(place, kind, told)) from None
        except EvaluationError:
            found = ""
        self._spend(meter, place, kind)
        text = found.strip() if isinstance(found, str) else ""
        return "" if "\n" in text or len(text.encode()) > LONGEST_MESSAGE else text


def _correlated(node: Node, old: Any) -> Any:
    """From an item to what it was before: only entries of list maps can be told."""
    keys = node.raw.get("x-kubernetes-list-map-keys") or ()
    if not isinstance(old, list) or node.raw.get("x-kubernetes-list-type") != "map":
        return lambda item: None

    def key(item: Any) -> tuple[str, ...]:
        return tuple(repr(item.get(name)) for name in keys) if isinstance(item, dict) else ()

    before = {key(item): item for item in old}
    return lambda item: before.get(key(item))
