"""`matchConditions` of webhooks and policies: expressions that say whether a request is theirs.

    conditions = compile_match_conditions(webhook["matchConditions"], authorizer)
    if conditions.matches(request, review["request"]): ...

Compiled once; a request is one that all conditions hold for.
https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#matching-requests-matchconditions
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grappe.api import Object
from grappe.api.cel.admission import Budget, OutOfBudget, compile_condition
from grappe.api.cel.costs import PER_MATCH_CONDITIONS
from grappe.api.cel.program import Program
from grappe.api.cel.values import EvaluationError
from grappe.apiserver.admission.expressions import authorizer_inputs, request_input
from grappe.apiserver.auth.authorizer import Authorizer
from grappe.apiserver.registry.interface import AdmissionRequest


class MatchConditionError(ValueError):
    """Conditions that could not be evaluated, while none of them is false: what the failure
    policy is for."""


class MatchConditions:
    """Compiled conditions. Safe to share between requests."""

    def __init__(self, conditions: Sequence[tuple[str, Program]], authorizer: Authorizer) -> None:
        """(expression, program) of each, in their order."""
        self._conditions = tuple(conditions)
        self._authorizer = authorizer

    def matches(self, request: AdmissionRequest, shown: Object | None = None) -> bool:
        """Whether all conditions hold. `shown` is the `request` of an AdmissionReview, with the
        objects in the version that is wanted; without it they are the request's own.
        MatchConditionError when some have no value and none is false."""
        if shown is None:
            about: Object = request_input(request)
            inputs = {"object": request.obj, "oldObject": request.old, "request": about}
        else:
            about = {k: v for k, v in shown.items() if k not in ("object", "oldObject")}
            old = shown.get("oldObject")
            inputs = {"object": shown.get("object"), "oldObject": old, "request": about}
        return self.hold({**inputs, **authorizer_inputs(self._authorizer, request)})

    def hold(self, inputs: Mapping[str, Any]) -> bool:
        """The same, of expressions' variables."""
        budget = Budget(PER_MATCH_CONDITIONS)
        errors: list[str] = []
        for source, program in self._conditions:
            try:
                if budget.evaluate(program, inputs, source) is False:
                    return False
            except EvaluationError as error:
                errors.append(str(error))
            except OutOfBudget as error:
                errors.append(str(error))
                break
        if errors:
            told = dict.fromkeys(errors)
            raise MatchConditionError(errors[0] if len(told) == 1 else f"[{', '.join(told)}]")
        return True


def compile_match_conditions(
    conditions: Sequence[Object], authorizer: Authorizer, *, params: bool = False
) -> MatchConditions:
    """From `matchConditions` as they are written. ExpressionError (a ValueError) for one that
    does not compile; what is stored has been checked."""
    return MatchConditions(
        [(c["expression"], compile_condition(c["expression"], params=params)) for c in conditions],
        authorizer,
    )
