import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api import Object
from grappe.apiserver.auth.rbac.default_roles import default_bindings, default_roles
from grappe.apiserver.auth.rbac.escalation import compact, uncovered
from grappe.apiserver.auth.rbac.reconcile import completed
from grappe.apiserver.auth.rbac.rules import Rule, compile_rules, granted_names

words = st.frozensets(st.sampled_from(["a", "b", "*"]), min_size=1, max_size=2)
rules = st.lists(
    st.builds(
        Rule,
        words,
        words,
        st.frozensets(st.sampled_from(["x", "y", "x/s", "*/s", "*"]), min_size=1, max_size=2),
        st.frozensets(st.sampled_from(["n", "m"]), max_size=2),
    ),
    max_size=3,
)


def test_nothing_is_missing_from_what_grants_everything() -> None:
    every = compile_rules([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}])
    asked = compile_rules(
        [{"verbs": ["get", "*"], "apiGroups": [""], "resources": ["pods", "*/scale"]}]
    )
    assert uncovered(every, asked) == []
    assert len(uncovered([], asked)) == 4


@given(rules)
def test_rules_cover_themselves(some: list[Rule]) -> None:
    assert uncovered(some, some) == []


@given(
    rules,
    rules,
    st.sampled_from("ab"),
    st.sampled_from("ab"),
    st.sampled_from("xy"),
    st.sampled_from(["", "s"]),
)
def test_covered_rules_grant_nothing_more(owned, asked, verb, group, resource, subresource) -> None:
    if uncovered(owned, asked):
        return
    wanted = granted_names(asked, verb, group, resource, subresource)
    have = granted_names(owned, verb, group, resource, subresource)
    if wanted is True:
        assert have is True
    elif wanted:
        assert have is True or (have and wanted <= have)


@given(rules)
def test_missing_parts_added_leave_nothing_missing(asked: list[Rule]) -> None:
    assert uncovered(compact(uncovered([], asked)), asked) == []


@pytest.mark.parametrize(
    "obj", [*default_roles(), *default_bindings()], ids=lambda o: o["metadata"]["name"]
)
def test_a_default_object_needs_no_completion(obj: Object) -> None:
    assert completed(obj, obj) is None


def role(rules: list[Object], **metadata: object) -> Object:
    return {"metadata": {"name": "r", **metadata}, "rules": rules}


READ = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}
WRITE = {"verbs": ["create", "delete"], "apiGroups": [""], "resources": ["pods"]}


def test_missing_rules_and_labels_are_added_and_others_kept() -> None:
    live = role([WRITE], labels={"mine": "1"})
    found = completed(live, role([READ, WRITE], labels={"a": "b"}))
    assert found == role([WRITE, READ], labels={"a": "b", "mine": "1"})
    assert live == role([WRITE], labels={"mine": "1"})


def test_an_object_that_asks_to_be_left_alone_is() -> None:
    frozen = {"rbac.authorization.kubernetes.io/autoupdate": "false"}
    assert completed(role([], annotations=frozen), role([READ])) is None


def test_missing_subjects_are_added() -> None:
    one, two = ({"kind": "User", "name": name} for name in "ab")
    live = {"metadata": {"name": "b"}, "subjects": [one]}
    found = completed(live, {"metadata": {"name": "b"}, "subjects": [two]})
    assert found is not None
    assert found["subjects"] == [one, two]
