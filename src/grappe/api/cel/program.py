"""Expressions as programs: a tree of closures over the activation.

The activation is one dict of variables, with the meter among them; what a comprehension binds gets
a key of its own. Whatever an expression does that costs is counted, once for each turn of a loop
and by the size of what a function is given, so that an expression that explodes ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from grappe.api.cel.ast import (
    Call,
    Comprehension,
    Const,
    Expr,
    Ident,
    ListExpr,
    Select,
    StructExpr,
    identifiers,
)
from grappe.api.cel.costs import PRICES, Meter, steps
from grappe.api.cel.folds import LAZY, METER, Activation, Run, bound, fold
from grappe.api.cel.operators import index
from grappe.api.cel.registry import implementation, known
from grappe.api.cel.values import (
    NONE,
    CelError,
    ObjectValue,
    Optional,
    TypeValue,
    no_overload,
)

_TYPES = {
    "bool": "bool", "bytes": "bytes", "double": "double", "duration": "google.protobuf.Duration",
    "int": "int", "list": "list", "map": "map", "null_type": "null_type", "string": "string",
    "timestamp": "google.protobuf.Timestamp", "type": "type", "uint": "uint",
}  # fmt: skip


class Program:
    """An expression that can be evaluated. `mentions` are the names in it."""

    __slots__ = ("_base", "_run", "mentions")

    def __init__(self, expr: Expr) -> None:
        builder = _Builder()
        self._run = builder.build(expr, {})
        self._base = steps(expr)
        self.mentions = identifiers(expr)

    def evaluate(self, variables: Mapping[str, Any], meter: Meter) -> Any:
        """The value; EvaluationError. What it cost is added to the meter."""
        meter.spend(self._base)
        try:
            return self._run({**variables, METER: meter})
        except RecursionError:
            raise CelError("expression is nested too deeply") from None


class _Builder:
    """Turns expressions into closures; `scope` maps names bound by comprehensions to keys."""

    def __init__(self) -> None:
        self._bound = 0

    def build(self, expr: Expr, scope: Mapping[str, str]) -> Run:
        match expr:
            case Const():
                value = expr.value
                return lambda env: value
            case Ident():
                return _ident(expr.name, scope)
            case Select():
                return self._select(expr, scope)
            case Call():
                return self._call(expr, scope)
            case ListExpr():
                return self._list(expr, scope)
            case StructExpr():
                return self._struct(expr, scope)
            case Comprehension():
                return self._fold(expr, scope)
        raise AssertionError(expr)

    # -- fields ------------------------------------------------------------------------------------
    def _select(self, expr: Select, scope: Mapping[str, str]) -> Run:
        field = expr.field
        if isinstance(expr.operand, Ident):
            qualified = f"{expr.operand.name}.{field}"
            if expr.operand.name == "variables" or qualified == "authorizer.requestResource":
                return _ident(qualified, scope)
        operand = self.build(expr.operand, scope)
        return _has(operand, field) if expr.test else _field(operand, field)

    # -- calls -------------------------------------------------------------------------------------
    def _call(self, expr: Call, scope: Mapping[str, str]) -> Run:
        name = expr.function
        special = {
            "_&&_": self._and,
            "_||_": self._or,
            "_?_:_": self._conditional,
            "@not_strictly_false": self._not_strictly_false,
            "_?._": self._optional_select,
        }.get(name)
        if special is not None:
            return special(expr, scope)
        if expr.target is not None and name in ("or", "orValue"):
            return self._or_else(expr, scope)
        if name == "cel.@block":
            raise CelError("unsupported expression")
        args = [] if expr.target is None else [expr.target]
        args += expr.args
        if expr.target is not None:
            qualified = _dotted(expr.target)
            if qualified and qualified not in scope and known(f"{qualified}.{name}"):
                name, args = f"{qualified}.{name}", list(expr.args)
        impl = implementation(name, len(args))
        if impl is None:
            raise CelError(f"no such overload: {name}")
        return _calling(impl, [self.build(arg, scope) for arg in args], PRICES.get(name))

    def _and(self, expr: Call, scope: Mapping[str, str]) -> Run:
        left, right = (self.build(arg, scope) for arg in expr.args)

        def run(env: Activation) -> bool:
            try:
                first = left(env)
            except CelError as error:
                if right(env) is False:
                    return False
                raise error
            if first is False:
                return False
            second = right(env)
            if second is False:
                return False
            if first is not True or second is not True:
                raise no_overload()
            return True

        return run

    def _or(self, expr: Call, scope: Mapping[str, str]) -> Run:
        left, right = (self.build(arg, scope) for arg in expr.args)

        def run(env: Activation) -> bool:
            try:
                first = left(env)
            except CelError as error:
                if right(env) is True:
                    return True
                raise error
            if first is True:
                return True
            second = right(env)
            if second is True:
                return True
            if first is not False or second is not False:
                raise no_overload()
            return False

        return run

    def _conditional(self, expr: Call, scope: Mapping[str, str]) -> Run:
        condition, then, otherwise = (self.build(arg, scope) for arg in expr.args)

        def run(env: Activation) -> Any:
            found = condition(env)
            if found is True:
                return then(env)
            if found is False:
                return otherwise(env)
            raise no_overload()

        return run

    def _not_strictly_false(self, expr: Call, scope: Mapping[str, str]) -> Run:
        inner = self.build(expr.args[0], scope)

        def run(env: Activation) -> bool:
            try:
                return inner(env) is not False
            except CelError:
                return True

        return run

    def _optional_select(self, expr: Call, scope: Mapping[str, str]) -> Run:
        operand = self.build(expr.args[0], scope)
        field = expr.args[1]
        assert isinstance(field, Const)
        name = field.value

        def run(env: Activation) -> Optional:
            found = operand(env)
            if isinstance(found, Optional):
                if not found.present:
                    return NONE
                found = found.value()
            if not isinstance(found, dict):
                raise no_overload()
            return Optional(found[name]) if name in found else NONE

        return run

    def _or_else(self, expr: Call, scope: Mapping[str, str]) -> Run:
        assert expr.target is not None
        first, second = self.build(expr.target, scope), self.build(expr.args[0], scope)
        unwrap = expr.function == "orValue"

        def run(env: Activation) -> Any:
            found = first(env)
            if not isinstance(found, Optional):
                raise no_overload()
            if not found.present:
                return second(env)
            return found.value() if unwrap else found

        return run

    # -- literals ----------------------------------------------------------------------------------
    def _list(self, expr: ListExpr, scope: Mapping[str, str]) -> Run:
        elements = [self.build(one, scope) for one in expr.elements]
        if not expr.optional:
            return lambda env: [element(env) for element in elements]
        optional = expr.optional

        def run(env: Activation) -> list[Any]:
            made = []
            for place, element in enumerate(elements):
                value = element(env)
                if place not in optional:
                    made.append(value)
                elif value.present:
                    made.append(value.value())
            return made

        return run

    def _struct(self, expr: StructExpr, scope: Mapping[str, str]) -> Run:
        entries = [
            (self.build(e.key, scope), self.build(e.value, scope), e.optional) for e in expr.entries
        ]

        kind = expr.name

        def run(env: Activation) -> dict[Any, Any]:
            made: dict[Any, Any] = {}
            if kind:
                made = ObjectValue()
                made.type = kind
            for key, value, optional in entries:
                name, found = key(env), value(env)
                if optional:
                    if not found.present:
                        continue
                    found = found.value()
                if name in made:
                    raise CelError(f"Failed with repeated key: {name}")
                made[name] = found
            return made

        return run

    # -- comprehensions ----------------------------------------------------------------------------
    def _fold(self, expr: Comprehension, scope: Mapping[str, str]) -> Run:
        self._bound += 1
        return fold(expr, scope, self._bound, self.build)


def _dotted(expr: Expr) -> str:
    """`a.b` of nothing but names; else empty."""
    if isinstance(expr, Ident):
        return expr.name
    if isinstance(expr, Select) and not expr.test:
        above = _dotted(expr.operand)
        return f"{above}.{expr.field}" if above else ""
    return ""


def _ident(name: str, scope: Mapping[str, str]) -> Run:
    key = scope.get(name, name)
    if LAZY in key:
        return bound(key)

    def run(env: Activation) -> Any:
        try:
            return env[key]
        except KeyError:
            pass
        if name.startswith("variables."):
            return env["variables"](name.removeprefix("variables."), env[METER])
        found = _TYPES.get(name)
        if found is None:
            raise CelError(f"no such attribute(s): {name}")
        return TypeValue(found)

    return run


def _field(operand: Run, field: str) -> Run:
    def run(env: Activation) -> Any:
        found = operand(env)
        try:
            return found[field]
        except KeyError:
            raise CelError(f"no such key: {field}") from None
        except TypeError:
            if isinstance(found, Optional):
                return index(found, field)
            raise no_overload() from None

    return run


def _has(operand: Run, field: str) -> Run:
    def run(env: Activation) -> bool:
        found = operand(env)
        if isinstance(found, Optional):
            if not found.present:
                return False
            found = found.value()
        if not isinstance(found, dict):
            raise no_overload()
        return field in found

    return run


def _calling(impl: Callable[..., Any], args: list[Run], price: Any) -> Run:
    if price is not None:

        def priced(env: Activation) -> Any:
            values = [arg(env) for arg in args]
            env[METER].spend(price(*values))
            return _applied(impl, values)

        return priced
    if len(args) == 1:
        only = args[0]
        return lambda env: _applied(impl, [only(env)])
    return lambda env: _applied(impl, [arg(env) for arg in args])


def _applied(impl: Callable[..., Any], values: list[Any]) -> Any:
    try:
        return impl(*values)
    except (TypeError, AttributeError):  # an argument of a type the checker could not know
        raise no_overload() from None
