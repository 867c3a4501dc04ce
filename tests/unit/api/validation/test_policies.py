"""What is refused of admission policies and their bindings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.cel.admission import Composition, ExpressionError, Variable, compile_condition
from grappe.api.defaults import apply_defaults
from grappe.api.resources import builtin_kind
from grappe.api.validation import validate_create

RULE = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["pods"]}
VALIDATING: dict[str, Any] = {
    "matchConstraints": {"resourceRules": [RULE]},
    "validations": [{"expression": "true"}],
}
MUTATING: dict[str, Any] = {
    "matchConstraints": {"resourceRules": [RULE]},
    "reinvocationPolicy": "Never",
    "mutations": [
        {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "Object{}"}}
    ],
}
BINDING: dict[str, Any] = {"policyName": "p", "validationActions": ["Deny"]}


def problems(kind: str, spec: dict[str, Any]) -> list[tuple[str, str]]:
    resource = builtin_kind("admissionregistration.k8s.io/v1", kind)
    assert resource is not None
    obj = {"metadata": {"name": "p"}, "spec": spec}
    apply_defaults(resource, obj)
    return [(cause.field, cause.message) for cause in validate_create(resource, obj)]


def policy(**changes: Any) -> list[tuple[str, str]]:
    return problems("ValidatingAdmissionPolicy", {**VALIDATING, **changes})


def test_what_is_right_passes() -> None:
    assert policy() == []
    assert problems("MutatingAdmissionPolicy", MUTATING) == []
    assert problems("ValidatingAdmissionPolicyBinding", BINDING) == []
    assert problems("MutatingAdmissionPolicyBinding", {"policyName": "p"}) == []
    assert (
        policy(
            paramKind={"apiVersion": "v1", "kind": "ConfigMap"},
            variables=[
                {"name": "a", "expression": "object.spec.x"},
                {"name": "b", "expression": "variables.a + 1"},
                {"name": "c", "expression": "quantity('1Gi')"},
            ],
            validations=[
                {
                    "expression": "variables.b == params.data.x && variables.c.isInteger() && "
                    "authorizer.path('/').check('get').allowed()",
                    "messageExpression": "'is ' + string(namespaceObject.metadata.name)",
                }
            ],
            auditAnnotations=[{"key": "k", "valueExpression": "'x' + object.metadata.name"}],
            matchConditions=[{"name": "n", "expression": "request.name == params.data.x"}],
        )
        == []
    )


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"failurePolicy": "Maybe"}, "spec.failurePolicy", "Unsupported value"),
        ({"matchConstraints": None}, "spec.matchConstraints", "Required value"),
        ({"matchConstraints": {}}, "spec.matchConstraints.resourceRules", "Required value"),
        ({"validations": []}, "spec.validations",
         "Required value: validations or auditAnnotations must contain at least one item"),
        ({"paramKind": {"apiVersion": "a/b/c", "kind": "K"}}, "spec.paramKind.apiVersion",
         "unexpected GroupVersion string: a/b/c"),
        ({"paramKind": {"apiVersion": "v1"}}, "spec.paramKind.kind", "Required value"),
        ({"validations": [{"expression": " "}]}, "spec.validations[0].expression",
         "Required value: expression is not specified"),
        ({"validations": [{"expression": "nope"}]}, "spec.validations[0].expression",
         "Invalid value: \"nope\": compilation failed: ERROR: <input>:1:1: undeclared reference to "
         "'nope' (in container '')\n | nope\n | ^"),
        ({"validations": [{"expression": "1"}]}, "spec.validations[0].expression",
         'Invalid value: "1": must evaluate to bool'),
        ({"validations": [{"expression": "params.x == 1"}]}, "spec.validations[0].expression",
         "undeclared reference to 'params'"),
        ({"validations": [{"expression": "true", "messageExpression": "1"}]},
         "spec.validations[0].messageExpression", "must evaluate to string"),
        ({"validations": [{"expression": "true", "messageExpression":
          "authorizer.path('/').check('get').reason()"}]},
         "spec.validations[0].messageExpression", "undeclared reference to 'authorizer'"),
        ({"validations": [{"expression": "true", "message": "a\nb"}]},
         "spec.validations[0].message", "message must not contain line breaks"),
        ({"validations": [{"expression": "true", "reason": "Sorry"}]},
         "spec.validations[0].reason", "Unsupported value"),
        ({"variables": [{"name": "a-b", "expression": "1"}]}, "spec.variables[0].name",
         "name is not a valid CEL identifier"),
        ({"variables": [{"name": "a", "expression": "variables.b"},
                        {"name": "b", "expression": "1"}]},
         "spec.variables[0].expression", "compilation failed"),
        ({"auditAnnotations": [{"key": "k", "valueExpression": "1"}]},
         "spec.auditAnnotations[0].valueExpression",
         "must evaluate to one of [string null_type]"),
        ({"matchConditions": [{"name": "x", "expression": "object.x"},
                              {"name": "x", "expression": "true"}]},
         "spec.matchConditions[1].name", 'Duplicate value: "x"'),
        ({"matchConditions": [{"name": "x", "expression": "'a'"}]},
         "spec.matchConditions[0].expression", "must evaluate to bool"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_policy_is_told(
    changes: dict[str, Any], field: str, message: str
) -> None:
    found = policy(**changes)
    assert any(at == field and message in told for at, told in found), found


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("Object{spec: Object.spec{x: nope}}", "undeclared reference to 'nope'"),
        ("Object{", "Syntax error"),
        ("Thing{}", "undeclared reference to 'Thing'"),
        ("Object{data: {'a': object.data.nope()}}", "undeclared reference to 'nope'"),
        ("[1].map(x, y)", "undeclared reference to 'y'"),
    ],
)
def test_mutations_name_only_what_is_declared(expression: str, told: str) -> None:
    mutation = {"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}
    ((field, message),) = problems("MutatingAdmissionPolicy", {**MUTATING, "mutations": [mutation]})
    assert field == "spec.mutations[0].jsonPatch.expression"
    assert told in message


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"mutations": []}, "spec.mutations", "mutations must contain at least one item"),
        ({"mutations": [{"patchType": "Nope"}]}, "spec.mutations[0].patchType", "Unsupported"),
        ({"mutations": [{"patchType": "JSONPatch"}]}, "spec.mutations[0].jsonPatch", "Required"),
        ({"reinvocationPolicy": ""}, "spec.reinvocationPolicy", "Required value"),
    ],
)
def test_what_is_wrong_with_mutations_is_told(
    changes: dict[str, Any], field: str, message: str
) -> None:
    found = problems("MutatingAdmissionPolicy", {**MUTATING, **changes})
    assert any(at == field and message in told for at, told in found), found


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"policyName": ""}, "spec.policyName", "Required value"),
        ({"validationActions": []}, "spec.validationActions",
         "at least one validation action is required"),
        ({"validationActions": ["Deny", "Warn"]}, "spec.validationActions",
         "must not contain both Deny and Warn"),
        ({"validationActions": ["Audit", "Audit"]}, "spec.validationActions[1]", "Duplicate"),
        ({"paramRef": {}}, "spec.paramRef", "one of name or selector must be specified"),
        ({"paramRef": {"name": "a"}}, "spec.paramRef.parameterNotFoundAction", "Required value"),
        ({"paramRef": {"name": "a", "selector": {}}}, "spec.paramRef.name",
         "name and selector are mutually exclusive"),
        ({"matchResources": {"matchPolicy": "Odd"}}, "spec.matchResources.matchPolicy",
         "Unsupported value"),
        ({"matchResources": {"resourceRules": [{**RULE, "operations": ["*", "CREATE"]}]}},
         "spec.matchResources.resourceRules[0].operations", "must not specify other operations"),
        ({"matchResources": {"resourceRules": [{**RULE, "resources": ["*", "pods"]}]}},
         "spec.matchResources.resourceRules[0].resources",
         "must not specify other resources without subresources"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_binding_is_told(
    changes: dict[str, Any], field: str, message: str
) -> None:
    found = problems("ValidatingAdmissionPolicyBinding", {**BINDING, **changes})
    assert any(at == field and message in told for at, told in found), found


pieces = st.sampled_from(
    ("object", "request", ".name", ".all(x,", "x", ")", "(", "[", "]", "{", "}", "'a'", "1", "1u",
     "2.5", " + ", " && ", "?", ":", "!", "null", "size(", ".?a", "[?0]", "Object", "\n", "\x00",
     "é", "b'\\xff'", "r'\\'", "type(", "optional.of(", "cel.bind(x,", ",", "variables.", "-")
)  # fmt: skip


@given(st.lists(pieces, max_size=12).map("".join))
def test_no_text_does_more_than_not_compile(source: str) -> None:
    composition = Composition([Variable("v", source)], params=None)
    for compiled in (
        lambda: compile_condition(source),
        lambda: composition.check_mutation(source),
        lambda: composition.compile(f"variables.v == {source}", ("bool",), "bool"),
    ):
        try:
            compiled()
        except ExpressionError:
            pass
