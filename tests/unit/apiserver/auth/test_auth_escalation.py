from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.auth.rbac.escalation import compact, uncovered
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
