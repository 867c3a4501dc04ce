"""Match conditions of webhooks and policies."""

from __future__ import annotations

from typing import Any

import pytest

from grappe.api.cel.admission import ExpressionError
from grappe.api.resources import PODS
from grappe.apiserver.admission.match_conditions import (
    MatchConditionError,
    MatchConditions,
    compile_match_conditions,
)
from grappe.apiserver.auth.authorizer import Action
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.catalog import serve_builtin
from grappe.apiserver.registry.interface import AdmissionRequest, RequestInfo


class Rules:
    """Allows exactly one verb."""

    def allows(self, user: User, action: Action) -> bool:
        return action.verb == "breakglass" and user.name == "ann"

    def reason(self, user: User, action: Action) -> str:
        return ""


def request(**changes: Any) -> AdmissionRequest:
    served = serve_builtin(PODS)
    obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": {"x": "y"}}}
    info = RequestInfo("create", "", group="", version="v1", plural="pods", namespace="default")
    return AdmissionRequest(
        operation="CREATE",
        info=info,
        served=served,
        user=User("ann", ("devs",)),
        obj=obj,
        old=None,
        namespace="default",
        name="a",
        **changes,
    )


def conditions(*expressions: str) -> MatchConditions:
    rules: Any = Rules()
    listed = [{"name": str(i), "expression": e} for i, e in enumerate(expressions)]
    return compile_match_conditions(listed, rules)


@pytest.mark.parametrize(
    ("expressions", "matches"),
    [
        (["object.metadata.name == 'a'"], True),
        (["object.metadata.name == 'a'", "object.metadata.name == 'b'"], False),
        (["request.resource.group == '' && request.kind.kind == 'Pod'"], True),
        (["request.operation == 'CREATE' && request.namespace == 'default'"], True),
        (["request.userInfo.username == 'ann' && 'devs' in request.userInfo.groups"], True),
        (["oldObject == null"], True),
        (["object.metadata.?labels['x'].orValue('') == 'y'"], True),
        (["authorizer.requestResource.check('breakglass').allowed()"], True),
        (["authorizer.requestResource.check('delete').allowed()"], False),
        (["authorizer.serviceAccount('a', 'b').group('').resource('pods')"
          ".check('breakglass').allowed()"], False),
        (["object.nope == 1", "false"], False),
    ],
)  # fmt: skip
def test_requests_match_when_every_condition_holds(expressions: list[str], matches: bool) -> None:
    assert conditions(*expressions).matches(request()) is matches


def test_what_cannot_be_evaluated_is_told() -> None:
    with pytest.raises(MatchConditionError) as error:
        conditions("object.nope == 1", "true").matches(request())
    assert str(error.value) == (
        "expression 'object.nope == 1' resulted in error: no such key: nope"
    )


def test_the_object_may_be_shown_in_another_version() -> None:
    shown = {"object": {"spec": 1}, "oldObject": None, "operation": "UPDATE"}
    found = conditions("object.spec == 1 && request.operation == 'UPDATE'")
    assert found.matches(request(), shown)


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("nope", "compilation failed: ERROR: <input>:1:1: undeclared reference to 'nope'"),
        ("request.nope", "compilation failed: ERROR: <input>:1:8: undefined field 'nope'"),
        ("'text'", "must evaluate to bool"),
    ],
)
def test_what_does_not_compile_is_refused(expression: str, told: str) -> None:
    with pytest.raises(ExpressionError, match=told.replace("(", r"\(")):
        conditions(expression)
