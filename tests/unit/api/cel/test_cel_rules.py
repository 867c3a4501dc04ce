"""`x-kubernetes-validations` on objects, and what is wrong with rules themselves."""

from __future__ import annotations

from typing import Any

import pytest

from grappe.api.cel.rule_problems import rule_problems
from grappe.api.schema import CustomSchema, crd_schema


def schema(**spec: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"spec": {"type": "object", **spec}}}


def rules(*found: dict[str, Any]) -> dict[str, Any]:
    return {"x-kubernetes-validations": list(found)}


def told(custom: CustomSchema, obj: Any, old: Any = None) -> list[tuple[str, str]]:
    causes = custom.check(obj) if old is None else custom.check_update(obj, old)
    return [(cause.field, cause.message) for cause in causes]


REPLICAS = {
    "min": {"type": "integer"},
    "max": {"type": "integer"},
    "name": {"type": "string"},
}


def test_a_rule_that_is_false_is_told_at_its_place() -> None:
    custom = crd_schema(
        schema(properties=REPLICAS, **rules({"rule": "self.min <= self.max", "message": "swap"}))
    )
    assert told(custom, {"spec": {"min": 1, "max": 2}}) == []
    assert told(custom, {"spec": {"min": 3, "max": 2}}) == [("spec", "Invalid value: swap")]
    assert told(custom, {"spec": {"min": 3}}) == [
        ("spec", 'Invalid value: "object": no such key: max evaluating rule: swap')
    ]


def test_rules_at_the_root_reach_the_name() -> None:
    custom = crd_schema({"type": "object", **rules({"rule": "self.metadata.name == 'one'"})})
    assert told(custom, {"metadata": {"name": "one"}}) == []
    assert told(custom, {"metadata": {"name": "two"}}) == [
        ("<nil>", "Invalid value: failed rule: self.metadata.name == 'one'")
    ]


def test_reason_field_path_and_message_expression() -> None:
    custom = crd_schema(
        schema(
            properties=REPLICAS,
            **rules(
                {
                    "rule": "self.min < 5",
                    "messageExpression": "'%d is too much'.format([self.min])",
                    "reason": "FieldValueForbidden",
                    "fieldPath": ".min",
                }
            ),
        )
    )
    assert told(custom, {"spec": {"min": 7}}) == [("spec.min", "Forbidden: 7 is too much")]


def test_transition_rules_wait_for_something_to_compare_with() -> None:
    custom = crd_schema(
        schema(properties={"name": {"type": "string", **rules({"rule": "self == oldSelf"})}})
    )
    assert told(custom, {"spec": {"name": "a"}}) == []
    assert told(custom, {"spec": {"name": "a"}}, {"spec": {}}) == []
    assert told(custom, {"spec": {"name": "b"}}, {"spec": {"name": "a"}}) == [
        ("spec.name", 'Invalid value: "b": failed rule: self == oldSelf')
    ]


def test_optional_old_self_is_asked_on_create_too() -> None:
    rule = {"rule": "oldSelf.hasValue() || self == 'new'", "optionalOldSelf": True}
    custom = crd_schema(schema(properties={"name": {"type": "string", **rules(rule)}}))
    assert told(custom, {"spec": {"name": "new"}}) == []
    assert len(told(custom, {"spec": {"name": "x"}})) == 1
    assert told(custom, {"spec": {"name": "x"}}, {"spec": {"name": "new"}}) == []


def test_what_an_update_leaves_alone_may_stay_wrong() -> None:
    custom = crd_schema(
        schema(
            properties={
                "name": {"type": "string", **rules({"rule": "self.size() < 3"})},
                "other": {"type": "string"},
            }
        )
    )
    old = {"spec": {"name": "long", "other": "a"}}
    assert told(custom, {"spec": {"name": "long", "other": "b"}}, old) == []
    assert len(told(custom, {"spec": {"name": "longer", "other": "b"}}, old)) == 1


def test_entries_of_list_maps_are_compared_by_their_keys() -> None:
    custom = crd_schema(
        schema(
            properties={
                "ports": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {
                            "name": {"type": "string"},
                            "port": {"type": "integer", **rules({"rule": "self >= oldSelf"})},
                        },
                    },
                }
            }
        )
    )
    old = {"spec": {"ports": [{"name": "a", "port": 5}, {"name": "b", "port": 1}]}}
    assert told(custom, {"spec": {"ports": [{"name": "b", "port": 2}]}}, old) == []
    assert told(custom, {"spec": {"ports": [{"name": "a", "port": 2}]}}, old) == [
        ("spec.ports[0].port", "Invalid value: 2: failed rule: self >= oldSelf")
    ]


def test_rules_wait_until_the_types_are_right() -> None:
    custom = crd_schema(schema(properties=REPLICAS, **rules({"rule": "self.min < 5"})))
    found = told(custom, {"spec": {"min": "x"}})
    assert [field for field, _ in found] == ["spec.min", "<nil>"]
    assert found[1][1] == (
        'Invalid value: "null": some validation rules were not checked because the object was '
        "invalid; correct the existing errors to complete validation"
    )


def test_a_rule_that_explodes_ends_with_kubernetes_words() -> None:
    names = {"type": "array", "items": {"type": "integer"}}
    source = "self.all(a, self.all(b, self.all(c, a + b + c >= 0)))"
    custom = crd_schema(schema(properties={"n": {**names, **rules({"rule": source})}}))
    assert told(custom, {"spec": {"n": list(range(400))}}) == [
        (
            "spec.n",
            "Invalid value: \"array\": 'operation cancelled: actual cost limit exceeded': no "
            f"further validation rules will be run due to call cost exceeds limit for rule: "
            f"{source}",
        )
    ]


def problems(**spec: Any) -> list[tuple[str, str, str]]:
    return [tuple(cause) for cause in rule_problems(schema(**spec), "s")]


def test_a_rule_that_does_not_compile_is_told_with_the_rule() -> None:
    ((field, reason, message),) = problems(properties=REPLICAS, **rules({"rule": "self.nope"}))
    assert (field, reason) == ("s.properties[spec].x-kubernetes-validations[0].rule",
                               "FieldValueInvalid")  # fmt: skip
    assert message == (
        'Invalid value: {"Rule":"self.nope","Message":"","MessageExpression":"","Reason":null,'
        '"FieldPath":"","OptionalOldSelf":null}: compilation failed: ERROR: <input>:1:5: '
        "undefined field 'nope'\n | self.nope\n | ....^"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "at", "message"),
    [
        ({"rule": " "}, "rule", "Required value: rule is not specified"),
        ({"rule": "self.min"}, "rule", "cel expression must evaluate to a bool"),
        ({"rule": "true", "messageExpression": "1"}, "messageExpression",
         "messageExpression must evaluate to a string"),
        ({"rule": "true", "reason": "Nope"}, "reason", "Unsupported value"),
        ({"rule": "true", "fieldPath": ".nope"}, "fieldPath", ": must be a valid path"),
        ({"rule": "true", "message": "a\nb"}, "message", ": must not contain line breaks"),
        ({"rule": "true\n&& true"}, "message",
         "message must be specified if rule contains line breaks"),
    ],
)  # fmt: skip
def test_bad_rules_are_refused(rule: dict[str, Any], at: str, message: str) -> None:
    ((field, _, found),) = problems(properties=REPLICAS, **rules(rule))
    assert field.endswith(f"[0].{at}")
    assert message in found


def test_transition_rules_need_items_that_can_be_told_apart() -> None:
    items = {"type": "string", "maxLength": 5, **rules({"rule": "self == oldSelf"})}
    ((_, _, found),) = problems(properties={"l": {"type": "array", "maxItems": 5, "items": items}})
    assert "oldSelf cannot be used on the uncorrelatable portion of the schema within" in found


def test_rules_that_could_cost_too_much_are_refused() -> None:
    nested = "self.all(a, self.all(b, a != b || a == b))"
    unbounded = {"type": "array", "items": {"type": "string"}, **rules({"rule": nested})}
    found = problems(properties={"l": unbounded})
    assert found[0][1:] == (
        "FieldValueForbidden",
        "Forbidden: estimated rule cost exceeds budget by factor of more than 100x (try "
        "simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, "
        "maps, and strings are declared)",
    )
    bounded = {**unbounded, "maxItems": 10, "items": {"type": "string", "maxLength": 10}}
    assert problems(properties={"l": bounded}) == []


def test_schemas_without_rules_do_not_load_the_library() -> None:
    import subprocess
    import sys

    code = (
        "import sys\nfrom grappe.api.schema import crd_schema\n"
        "crd_schema({'type': 'object'}).check({'metadata': {}})\n"
        "sys.exit(any(name.startswith('cel_expr_python') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
