"""Comprehensions: what `all`, `exists`, `map`, `filter` and the like come down to.

The plain fold is always right. The shapes the macros make are recognized and run as loops of
their own: a list or map under construction is nobody else's, so it grows in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from grappe.api.cel.ast import Call, Comprehension, Const, Expr, Ident, ListExpr
from grappe.api.cel.costs import steps
from grappe.api.cel.values import CelError, no_overload

Activation: TypeAlias = dict[str, Any]
Run: TypeAlias = Callable[[Activation], Any]
Build: TypeAlias = Callable[[Expr, Mapping[str, str]], Run]

METER = "@meter"
"""The activation's key of the meter."""

LAZY = "?"
"""In the key of a name that `cel.bind` bound: its value is computed when first asked for."""


class _Unknown:
    """Stands for the value of a bound name until somebody asks for it."""

    __slots__ = ("compute",)

    def __init__(self, compute: Run) -> None:
        self.compute = compute


def bound(key: str) -> Run:
    """Reads what `cel.bind` bound to the key. One that is never asked for never fails either."""

    def run(env: Activation) -> Any:
        found = env[key]
        if found.__class__ is _Unknown:
            found = env[key] = found.compute(env)
        return found

    return run


def fold(expr: Comprehension, scope: Mapping[str, str], mark: int, build: Build) -> Run:
    """`mark` is unique within the program: bound names get keys with it."""
    accu, first, second = (f"{n}#{mark}" for n in (expr.accu, expr.var, expr.var2 or "@"))
    after = {**scope, expr.accu: accu}
    inside = {**after, expr.var: first}
    if expr.var2:
        inside[expr.var2] = second
    start = build(expr.init, scope)
    if expr.range == ListExpr(()) and expr.condition == Const(False):  # cel.bind
        key = f"{expr.accu}{LAZY}{mark}"
        return _binding(key, start, build(expr.result, {**scope, expr.accu: key}))
    result = build(expr.result, after)
    ranged = build(expr.range, scope)
    loop = _Loop(ranged, first, second if expr.var2 else "", 1 + steps(expr.step))
    judged = _judged(expr)
    if judged is not None:
        return _quantifier(loop, build(judged, inside), expr.init == Const(True))
    step = _grown(expr.step, expr.accu, accu, inside, build) or build(expr.step, inside)
    condition = None if expr.condition == Const(True) else build(expr.condition, inside)
    return _plain(loop, accu, start, condition, step, result)


class _Loop:
    """How the range is walked: what each turn binds and costs."""

    __slots__ = ("_cost", "_first", "_ranged", "_second")

    def __init__(self, ranged: Run, first: str, second: str, cost: int) -> None:
        self._ranged, self._first, self._second = ranged, first, second
        self._cost = cost

    def turns(self, env: Activation) -> Iterable[None]:
        """One turn for each item, with the item bound."""
        items = self._ranged(env)
        first, second, cost, spend = self._first, self._second, self._cost, env[METER].spend
        if second:
            for key, item in _pairs(items):
                spend(cost)
                env[first], env[second] = key, item
                yield
            return
        if not isinstance(items, list | dict):
            raise no_overload()
        for item in items:
            spend(cost)
            env[first] = item
            yield


def _pairs(items: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(items, dict):
        return items.items()
    if isinstance(items, list):
        return enumerate(items)
    raise no_overload()


def _binding(key: str, start: Run, result: Run) -> Run:
    unknown = _Unknown(start)

    def run(env: Activation) -> Any:
        env[key] = unknown
        return result(env)

    return run


def _plain(
    loop: _Loop, accu: str, start: Run, condition: Run | None, step: Run, result: Run
) -> Run:
    def run(env: Activation) -> Any:
        env[accu] = start(env)
        for _ in loop.turns(env):
            if condition is not None and not condition(env):
                break
            env[accu] = step(env)
        return result(env)

    return run


def _judged(expr: Comprehension) -> Expr | None:
    """The predicate of `all` and `exists`: a fold of `accu && p` or `accu || p` from true or
    false."""
    step, operator = expr.step, {True: "_&&_", False: "_||_"}
    if (
        isinstance(expr.init, Const)
        and isinstance(expr.init.value, bool)
        and isinstance(step, Call)
        and step.function == operator[expr.init.value]
        and step.args[0] == expr.result == Ident(expr.accu)
    ):
        return step.args[1]
    return None


def _quantifier(loop: _Loop, predicate: Run, every: bool) -> Run:
    """`all` (every) or `exists`: an error counts only when no other item decides."""

    def run(env: Activation) -> bool:
        failure: CelError | None = None
        for _ in loop.turns(env):
            try:
                found = predicate(env)
            except CelError as error:
                failure = failure or error
                continue
            if found is every:
                continue
            if found is (not every):
                return not every
            failure = failure or no_overload()
        if failure is not None:
            raise failure
        return every

    return run


def _grown(step: Expr, name: str, accu: str, inside: Mapping[str, str], build: Build) -> Run | None:
    """A step that adds to the list or map under construction, perhaps on a condition."""
    match step:
        case Call("_?_:_", (wanted, then, Ident(other))) if other == name:
            adding = _grown(then, name, accu, inside, build)
            if adding is None:
                return None
            return _chosen(build(wanted, inside), adding, accu)
        case Call("_+_", (Ident(to), ListExpr((element,), optional))) if to == name:
            return None if optional else _appending(build(element, inside), accu)
        case Call("cel.@mapInsert", (Ident(to), key, value)) if to == name:
            return _inserting(build(key, inside), build(value, inside), accu)
        case Call("cel.@mapInsert", (Ident(to), entries)) if to == name:
            return _merging(build(entries, inside), accu)
    return None


def _chosen(wanted: Run, adding: Run, accu: str) -> Run:
    def run(env: Activation) -> Any:
        found = wanted(env)
        if found is True:
            return adding(env)
        if found is False:
            return env[accu]
        raise no_overload()

    return run


def _appending(element: Run, accu: str) -> Run:
    def run(env: Activation) -> Any:
        made = element(env)
        env[accu].append(made)
        return env[accu]

    return run


def _insert(into: dict[Any, Any], key: Any, value: Any) -> None:
    if key in into:
        raise CelError(f"insert failed: key {key!r} already exists")
    into[key] = value


def _inserting(key: Run, value: Run, accu: str) -> Run:
    def run(env: Activation) -> Any:
        _insert(env[accu], key(env), value(env))
        return env[accu]

    return run


def _merging(entries: Run, accu: str) -> Run:
    def run(env: Activation) -> Any:
        for key, value in entries(env).items():
            _insert(env[accu], key, value)
        return env[accu]

    return run
