"""ValidatingAdmissionPolicy: the plugin that refuses, warns of or notes what policies forbid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from grappe.api import Object
from grappe.api.cel.admission import (
    Budget,
    Composition,
    ExpressionError,
    OutOfBudget,
    Variable,
)
from grappe.api.cel.costs import LONGEST_MESSAGE, PER_REQUEST
from grappe.api.cel.program import Program
from grappe.api.cel.types import DYN
from grappe.api.cel.values import CelError, EvaluationError, type_name
from grappe.apiserver.admission.match_conditions import (
    MatchConditionError,
    MatchConditions,
    compile_match_conditions,
)
from grappe.apiserver.admission.plugin import annotate, refuse
from grappe.apiserver.admission.policies.catalog import Binding, Policies
from grappe.apiserver.admission.policies.evaluation import (
    Invocation,
    inputs,
    invocations,
)
from grappe.apiserver.admission.policies.surroundings import Surroundings
from grappe.apiserver.auth.authorizer import Authorizer
from grappe.apiserver.registry.interface import AdmissionRequest

_FAILURES = "validation.policy.admission.k8s.io/validation_failure"
_LONGEST_ANNOTATION = 10 * 1024
_CODES = {"Forbidden": 403, "RequestEntityTooLarge": 413, "Unauthorized": 401}

Compiled = Program | str
"""A program, or why there is none."""


class Denial(NamedTuple):
    """What a policy holds against a request. `error`: it could not be evaluated, and the failure
    policy makes that a denial."""

    at: int
    message: str
    reason: str = "Invalid"
    error: bool = False


class Result(NamedTuple):
    """`notes` are audit annotations."""

    denials: tuple[Denial, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()


class ValidatingProgram:
    """One policy's expressions, compiled. What does not compile any more (it did when it was
    stored) fails when it is evaluated."""

    def __init__(self, spec: Object, authorizer: Authorizer) -> None:
        self._spec = spec
        params = DYN if spec.get("paramKind") else None
        variables = [Variable(v["name"], v["expression"]) for v in spec.get("variables") or ()]
        self._composition = Composition(variables, params=params)
        self._conditions: MatchConditions | str | None = None
        if spec.get("matchConditions"):
            try:
                self._conditions = compile_match_conditions(
                    spec["matchConditions"], authorizer, params=params is not None
                )
            except ExpressionError as error:
                self._conditions = str(error)
        self._validations = [
            (
                validation,
                self._compiled(validation["expression"], ("bool",), "bool"),
                self._message(validation),
            )
            for validation in spec.get("validations") or ()
        ]
        self._notes = [
            (note["key"], note["valueExpression"], self._compiled(note["valueExpression"], (), ""))
            for note in spec.get("auditAnnotations") or ()
        ]

    def _compiled(
        self, source: str, results: Sequence[str], told: str, *, authorizer: bool = True
    ) -> Compiled:
        try:
            return self._composition.compile(source, results, told, authorizer=authorizer)
        except ExpressionError as error:
            return str(error)

    def _message(self, validation: Object) -> Compiled:
        source = validation.get("messageExpression") or ""
        if not source.strip():
            return ""
        return self._compiled(source, ("string",), "string", authorizer=False)

    def evaluate(self, found: Object, params: Object | None) -> Result:
        """`found` are the expressions' variables."""
        fails = self._spec.get("failurePolicy") != "Ignore"
        inputs = {**found, "params": params}
        try:
            if not self._matches(inputs):
                return Result()
        except MatchConditionError as error:
            return Result((Denial(0, str(error), error=True),)) if fails else Result()
        bound = self._composition.bound(inputs)
        budget = Budget(PER_REQUEST)
        try:
            denials = tuple(self._denials(bound, budget, fails))
        except OutOfBudget as error:
            return Result((Denial(0, str(error), error=True),)) if fails else Result()
        notes, failed = self._annotations(bound, fails)
        return Result((*denials, *failed), notes)

    def _matches(self, inputs: Object) -> bool:
        if self._conditions is None:
            return True
        if isinstance(self._conditions, str):
            raise MatchConditionError(self._conditions)
        return self._conditions.hold(inputs)

    def _denials(self, bound: Object, budget: Budget, fails: bool) -> Iterator[Denial]:
        for index, (validation, program, message) in enumerate(self._validations):
            try:
                if isinstance(program, str):
                    raise CelError(f"compilation error: {program}")
                if budget.evaluate(program, bound, validation["expression"]) is True:
                    continue
            except EvaluationError as error:
                if fails:
                    yield Denial(index, str(error), error=True)
                continue
            told = self._told(validation, message, bound, budget)
            yield Denial(index, told, validation.get("reason") or "Invalid")

    def _told(self, validation: Object, message: Compiled, bound: Object, budget: Budget) -> str:
        text = ""
        if isinstance(message, Program):
            try:
                found = budget.evaluate(message, bound, validation["messageExpression"])
            except (EvaluationError, OutOfBudget):
                found = ""
            text = found.strip() if isinstance(found, str) else ""
            if "\n" in text or len(text.encode()) > LONGEST_MESSAGE:
                text = ""
        text = text or (validation.get("message") or "").strip()
        return text or f"failed expression: {validation['expression'].strip()}"

    def _annotations(
        self, bound: Object, fails: bool
    ) -> tuple[tuple[tuple[str, str], ...], tuple[Denial, ...]]:
        notes: list[tuple[str, str]] = []
        failed: list[Denial] = []
        budget = Budget(PER_REQUEST)
        for key, source, program in self._notes:
            try:
                if isinstance(program, str):
                    raise CelError(f"compilation error: {program}")
                value = budget.evaluate(program, bound, source)
                if value is not None and not isinstance(value, str):
                    raise CelError(
                        f"valueExpression '{source}' resulted in unsupported return type: "
                        f"{type_name(value)}. Return type must be either string or null."
                    )
            except (EvaluationError, OutOfBudget) as error:
                if fails:
                    failed.append(Denial(0, str(error), error=True))
                continue
            if value is not None and value.strip():
                notes.append((key, value.strip()))
        return tuple(notes), tuple(failed)


def check(
    policies: Policies[ValidatingProgram], around: Surroundings, request: AdmissionRequest
) -> None:
    """Hold a request against the policies in force; ApiError refuses it."""
    denied: list[tuple[str, str, Denial]] = []
    notes: dict[str, list[str]] = {}
    known: dict[int, Object] = {}
    for met in invocations(policies, around, request):
        for denial in _evaluate(met, around, request, known, notes):
            denied.extend(_act(denial, met, request))
    for key, values in notes.items():
        annotate(request, key, ", ".join(values)[:_LONGEST_ANNOTATION])
    if denied:
        raise _denial(request, *denied[0])


def _evaluate(
    met: Invocation[ValidatingProgram],
    around: Surroundings,
    request: AdmissionRequest,
    known: dict[int, Object],
    notes: dict[str, list[str]],
) -> Sequence[Denial]:
    """`known` keeps the variables by the version they are in."""
    policy = met.policy
    if met.trouble:
        return (Denial(0, met.trouble, error=True),) if policy.fails_closed else ()
    found = known.get(id(met.version))
    if found is None:
        found = known[id(met.version)] = inputs(around, request, met.version)
    result = policy.program.evaluate(found, met.params)
    for key, value in result.notes:
        values = notes.setdefault(f"{policy.name}/{key}", [])
        if value not in values:
            values.append(value)
    return result.denials


def _act(
    denial: Denial, met: Invocation[ValidatingProgram], request: AdmissionRequest
) -> Iterator[tuple[str, str, Denial]]:
    """Do what the binding wants done about it; what is left is a denial. Trouble with the binding
    itself denies whatever the binding wants."""
    policy, binding = met.policy.name, met.binding
    if met.trouble:
        yield policy, binding.name, denial
        return
    for action in binding.spec.get("validationActions") or ():
        if action == "Deny":
            yield policy, binding.name, denial
        elif action == "Warn":
            request.warnings.append(
                f"Validation failed for ValidatingAdmissionPolicy '{policy}' with binding "
                f"'{binding.name}': {denial.message}"
            )
        elif action == "Audit":
            annotate(request, _FAILURES, _failure(policy, binding, denial))


def _failure(policy: str, binding: Binding, denial: Denial) -> str:
    found: list[Any] = [
        {
            "message": denial.message,
            "policy": policy,
            "binding": binding.name,
            "expressionIndex": denial.at,
            "validationActions": binding.spec.get("validationActions") or [],
        }
    ]
    return orjson.dumps(found).decode()


def _denial(request: AdmissionRequest, policy: str, binding: str, denial: Denial) -> Exception:
    told = (
        f"ValidatingAdmissionPolicy '{policy}' with binding '{binding}' denied request: "
        f"{denial.message}"
    )
    error = refuse(request, told, [{"message": told}])
    error.reason, error.code = denial.reason, _CODES.get(denial.reason, 422)
    return error
