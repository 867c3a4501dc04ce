"""MutatingAdmissionPolicy: the plugin that changes what is written."""

from __future__ import annotations

from typing import NamedTuple

from grappe.api import Object
from grappe.api.cel.admission import Budget, Composition, ExpressionError, OutOfBudget, Variable
from grappe.api.cel.costs import PER_REQUEST
from grappe.api.cel.mutation import MutationError, apply_configuration, patch_operations
from grappe.api.cel.program import Program
from grappe.api.cel.types import DYN
from grappe.api.cel.values import EvaluationError
from grappe.api.errors import ApiError
from grappe.api.patch import json_patch
from grappe.api.schema import DecodingError
from grappe.apiserver.admission.match_conditions import (
    MatchConditionError,
    MatchConditions,
    compile_match_conditions,
)
from grappe.apiserver.admission.plugin import refuse
from grappe.apiserver.admission.policies.catalog import Policies
from grappe.apiserver.admission.policies.evaluation import (
    Invocation,
    in_version,
    inputs,
    invocations,
)
from grappe.apiserver.admission.policies.surroundings import Surroundings
from grappe.apiserver.auth.authorizer import Authorizer
from grappe.apiserver.registry.interface import (
    AdmissionRequest,
    Reinvocation,
    ServedResource,
)
from grappe.apiserver.registry.writing import default


class Mutation(NamedTuple):
    """`program` is the text of what is wrong where it does not compile."""

    kind: str
    source: str
    program: Program | str


class MutatingProgram:
    """One policy's expressions, compiled."""

    def __init__(self, spec: Object, authorizer: Authorizer) -> None:
        params = DYN if spec.get("paramKind") else None
        variables = [Variable(v["name"], v["expression"]) for v in spec.get("variables") or ()]
        self.composition = Composition(variables, params=params)
        self.conditions: MatchConditions | str | None = None
        if spec.get("matchConditions"):
            try:
                self.conditions = compile_match_conditions(
                    spec["matchConditions"], authorizer, params=params is not None
                )
            except ExpressionError as error:
                self.conditions = str(error)
        self.mutations = [self._mutation(one) for one in spec.get("mutations") or ()]

    def _mutation(self, mutation: Object) -> Mutation:
        kind = mutation.get("patchType") or ""
        part = "jsonPatch" if kind == "JSONPatch" else "applyConfiguration"
        source = (mutation.get(part) or {}).get("expression") or ""
        try:
            return Mutation(kind, source, self.composition.parse(source))
        except ExpressionError as error:
            return Mutation(kind, source, str(error))

    def matches(self, found: Object) -> bool:
        """MatchConditionError."""
        if self.conditions is None:
            return True
        if isinstance(self.conditions, str):
            raise MatchConditionError(self.conditions)
        return self.conditions.hold(found)


def change(
    policies: Policies[MutatingProgram], around: Surroundings, request: AdmissionRequest
) -> None:
    """Make the mutations of the policies in force; ApiError refuses the request."""
    troubles: list[tuple[str, str]] = []
    for met in list(invocations(policies, around, request)):
        try:
            _invoke(met, around, request)
        except MutationError as error:
            if met.policy.fails_closed:
                told = f"policy '{met.policy.name}' with binding '{met.binding.name}' denied "
                reason = "Forbidden" if met.trouble else "Invalid"
                troubles.append((f"{told}request: {error}", reason))
    if troubles:
        refusal = refuse(request, "", [{"message": told} for told, _ in troubles])
        refusal.message, refusal.reason = troubles[0]
        raise refusal


def _invoke(
    met: Invocation[MutatingProgram], around: Surroundings, request: AdmissionRequest
) -> None:
    """Make one policy's mutations; MutationError."""
    if met.trouble:
        raise MutationError(met.trouble)
    policy, passes = met.policy, request.reinvocation
    key = f"policy {policy.name} {met.binding.name} {_name(met.params)}"
    if passes is None:
        passes = request.reinvocation = Reinvocation()
    if passes.running and key not in passes.due and key not in passes.invoked:
        return
    program = policy.program
    found = {**inputs(around, request, met.version), "params": met.params}
    try:
        if not program.matches(found):
            return
    except MatchConditionError as error:
        raise MutationError(str(error)) from None
    if request.obj is None:
        return
    before = request.obj
    budget = Budget(PER_REQUEST)
    for mutation in program.mutations:
        found["object"] = in_version(request.obj, request.served, met.version)
        patched = _patched(program, mutation, found, met.version, budget)
        request.obj = in_version(patched, met.version, request.served)
    if request.obj != before:
        passes.require()
        passes.wanted = True
    if policy.spec.get("reinvocationPolicy") == "IfNeeded":
        passes.invoked.add(key)


def _name(params: Object | None) -> str:
    metadata = (params or {}).get("metadata") or {}
    return f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"


def _patched(
    program: MutatingProgram,
    mutation: Mutation,
    found: Object,
    version: ServedResource,
    budget: Budget,
) -> Object:
    """The object after one mutation, with defaults. MutationError."""
    if isinstance(mutation.program, str):
        raise MutationError(f"compilation error: {mutation.program}")
    try:
        value = budget.evaluate(mutation.program, program.composition.bound(found), mutation.source)
    except (EvaluationError, OutOfBudget) as error:
        raise MutationError(str(error)) from None
    obj: Object = found["object"]
    if mutation.kind == "JSONPatch":
        try:
            patched = json_patch(obj, patch_operations(value))
            version.schema.decode(patched)
        except (ApiError, DecodingError) as error:
            raise MutationError(f"JSON Patch: {error}") from None
    else:
        patched = apply_configuration(version.schema, obj, value)
    default(version, patched)
    return patched
