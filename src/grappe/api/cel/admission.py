"""What expressions about admission may mention: object, oldObject, request, params, variables,
namespaceObject, authorizer.

https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#validation-expression
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from grappe.api.cel import environment
from grappe.api.cel.costs import Meter
from grappe.api.cel.program import Program
from grappe.api.cel.types import (
    BOOL,
    DYN,
    STRING,
    Adapter,
    Schemas,
    Type,
    adapter,
    list_of,
    map_of,
    object_of,
)
from grappe.api.cel.values import CelError, EvaluationError
from grappe.api.schema import builtin_schema
from grappe.base.turns import pause

if TYPE_CHECKING:
    from grappe.api.cel.ast import Expr
    from grappe.api.cel.library import Environment

REQUEST_RESOURCE = "authorizer.requestResource"


class ExpressionError(ValueError):
    """An expression that cannot be compiled, in Kubernetes' words."""


class Variable(NamedTuple):
    name: str
    expression: str


@cache
def request_type() -> Type:
    """`request`: an AdmissionReview's, without its objects."""
    kind = object_of(
        "kubernetes.GroupVersionKind", dict.fromkeys(("group", "version", "kind"), STRING)
    )
    resource = object_of(
        "kubernetes.GroupVersionResource", dict.fromkeys(("group", "version", "resource"), STRING)
    )
    user = object_of(
        "kubernetes.UserInfo",
        {
            "username": STRING,
            "uid": STRING,
            "groups": list_of(STRING),
            "extra": map_of(list_of(STRING)),
        },
    )
    texts = ("uid", "subResource", "requestSubResource", "name", "namespace", "operation")
    return object_of(
        "kubernetes.AdmissionRequest",
        {
            "kind": kind,
            "resource": resource,
            "requestKind": kind,
            "requestResource": resource,
            **dict.fromkeys(texts, STRING),
            "userInfo": user,
            "dryRun": BOOL,
            "options": DYN,
        },
    )


@cache
def namespace_type() -> Type:
    return Schemas("namespaces").type_of(builtin_schema("v1", "Namespace").root)


@cache
def namespace_adapter() -> Adapter:
    return adapter(builtin_schema("v1", "Namespace").root) or (lambda value: value)


def _declared(
    *, params: Type | None, namespace: bool, authorizer: bool, about: Type
) -> dict[str, Type]:
    found = {"object": about, "oldObject": about, "request": request_type()}
    if params is not None:
        found["params"] = params
    if namespace:
        found["namespaceObject"] = namespace_type()
    if authorizer:
        found["authorizer"] = Type("Authorizer")
        found[REQUEST_RESOURCE] = Type("ResourceCheck")
    return found


@cache
def _plain(*, params: bool, namespace: bool, authorizer: bool) -> Environment:
    declared = _declared(
        params=DYN if params else None, namespace=namespace, authorizer=authorizer, about=DYN
    )
    return environment(declared)


def compile_condition(source: str, *, params: bool = False) -> Program:
    """A match condition; ExpressionError."""
    env = _plain(params=params, namespace=False, authorizer=True)
    return Program(_checked(env, source, ("bool",), "bool").expr)


def _checked(env: Environment, source: str, results: Sequence[str], told: str) -> Any:
    from grappe.api.cel.library import CompileError

    try:
        found = env.check(source)
    except CompileError as error:
        raise ExpressionError(f"compilation failed: {error}") from None
    if results and found.result not in (*results, "dyn"):
        raise ExpressionError(f"must evaluate to {told}")
    return found


class Composition:
    """The expressions of one policy, which share its variables. Variables that do not compile
    are remembered as `broken`, by their index."""

    def __init__(
        self,
        variables: Sequence[Variable],
        *,
        params: Type | None,
        about: Type = DYN,
        namespace: bool = True,
    ) -> None:
        self.broken: dict[int, str] = {}
        self._params, self._about, self._namespace = params, about, namespace
        self._types: dict[str, Type] = {}
        self._programs: dict[str, Program | str] = {}
        for index, variable in enumerate(variables):
            self._add(index, variable)

    def _add(self, index: int, variable: Variable) -> None:
        name = variable.name
        if not (name.isascii() and name.isidentifier()):
            return  # refused for its name
        try:
            found = _checked(self._environment(authorizer=True), variable.expression, (), "")
        except ExpressionError as error:
            self.broken[index] = str(error)
            self._programs[name] = str(error)
            self._types[f"variables.{name}"] = DYN
            return
        self._programs[name] = Program(found.expr)
        self._types[f"variables.{name}"] = found.type

    def _environment(self, *, authorizer: bool) -> Environment:
        if not self._types and self._about is DYN and self._params in (None, DYN):
            params = self._params is not None
            return _plain(params=params, namespace=self._namespace, authorizer=authorizer)
        declared = _declared(
            params=self._params,
            namespace=self._namespace,
            authorizer=authorizer,
            about=self._about,
        )
        return environment({**declared, **self._types})

    def compile(
        self, source: str, results: Sequence[str], told: str, *, authorizer: bool = True
    ) -> Program:
        """ExpressionError when it does not compile or gives nothing of `results` (`told` in
        words; empty: anything)."""
        env = self._environment(authorizer=authorizer)
        return Program(_checked(env, source, results, told).expr)

    def parse(self, source: str) -> Program:
        """An expression that makes objects (`Object{…}`, `JSONPatch{…}`): what types they have
        is known when it is evaluated. ExpressionError."""
        return Program(self._parsed(source))

    def check_mutation(self, source: str) -> None:
        """ExpressionError when a mutation's expression mentions what is not declared."""
        from grappe.api.cel.mutation import undeclared

        declared = _declared(
            params=self._params, namespace=self._namespace, authorizer=True, about=DYN
        )
        unknown = undeclared(self._parsed(source), frozenset((*declared, *self._types)))
        if unknown:
            raise ExpressionError(
                f"compilation failed: undeclared reference to '{unknown}' (in container '')"
            )

    def _parsed(self, source: str) -> Expr:
        from grappe.api.cel.library import CompileError

        try:
            return self._environment(authorizer=True).parse(source)
        except CompileError as error:
            raise ExpressionError(f"compilation failed: {error}") from None

    def bound(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """`inputs` with the variables, each of which is evaluated once, when it is asked for."""
        values: dict[str, Any] = {}
        found: dict[str, Any] = dict(inputs)

        def value_of(name: str, meter: Meter) -> Any:
            if name not in values:
                values[name] = self._evaluate(name, found, meter)
            if isinstance(values[name], CelError):
                raise values[name]
            return values[name]

        found["variables"] = value_of
        return found

    def _evaluate(self, name: str, inputs: Mapping[str, Any], meter: Meter) -> Any:
        program = self._programs.get(name)
        if program is None:
            return CelError(f"no such key: {name}")
        if isinstance(program, str):
            return CelError(f'composited variable "{name}" fails to compile: {program}')
        try:
            return program.evaluate(inputs, meter)
        except CelError as error:
            return CelError(f'composited variable "{name}" fails to evaluate: {error}')


class Budget:
    """What is left of the cost all expressions about one request may have together."""

    __slots__ = ("left",)

    def __init__(self, limit: int) -> None:
        self.left = limit

    def evaluate(self, program: Program, inputs: Mapping[str, Any], source: str) -> Any:
        """The value. EvaluationError with Kubernetes' words, OutOfBudget when nothing is left."""
        if self.left <= 0:
            raise OutOfBudget
        pause()
        meter = Meter()
        try:
            return program.evaluate(inputs, meter)
        except EvaluationError as error:
            raise CelError(f"expression '{source}' resulted in error: {error}") from None
        finally:
            self.left -= meter.spent


class OutOfBudget(Exception):
    """No further expression may be evaluated."""

    def __init__(self) -> None:
        super().__init__(
            "validation failed due to running out of cost budget, no further validation rules "
            "will be run"
        )
