import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.auth.rbac.rules import compile_rules, granted_names


def rule(**fields: list[str]):
    return compile_rules([fields])


@pytest.mark.parametrize(
    ("resources", "resource", "subresource", "granted"),
    [
        (["pods"], "pods", "", True),
        (["pods"], "pods", "log", False),
        (["pods/log"], "pods", "log", True),
        (["pods/log"], "pods", "", False),
        (["*"], "pods", "", True),
        (["*"], "pods", "log", True),
        (["*/scale"], "deployments", "scale", True),
        (["*/scale"], "deployments", "status", False),
        (["*/scale"], "deployments", "", False),
        (["pods/*"], "pods", "log", False),
    ],
)
def test_resources(resources, resource, subresource, granted) -> None:
    rules = rule(verbs=["get"], apiGroups=[""], resources=resources)
    assert granted_names(rules, "get", "", resource, subresource) is granted


def test_verbs_and_groups_must_match_too() -> None:
    rules = rule(verbs=["get"], apiGroups=["apps"], resources=["deployments"])
    assert granted_names(rules, "get", "apps", "deployments", "") is True
    assert granted_names(rules, "list", "apps", "deployments", "") is False
    assert granted_names(rules, "get", "", "deployments", "") is False


def test_names_of_several_rules_add_up_and_a_rule_without_names_grants_all() -> None:
    named = [
        {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": [name]}
        for name in ("a", "b")
    ]
    assert granted_names(compile_rules(named), "get", "", "secrets", "") == {"a", "b"}
    every = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    assert granted_names(compile_rules([*named, every]), "get", "", "secrets", "") is True


@pytest.mark.parametrize(
    ("granted", "path", "allowed"),
    [
        ("/healthz", "/healthz", True),
        ("/healthz", "/healthz/etcd", False),
        ("/healthz/*", "/healthz/etcd", True),
        ("/healthz/*", "/healthz", False),
        ("/api*", "/apis", True),
        ("*", "/anything", True),
    ],
)
def test_paths(granted: str, path: str, allowed: bool) -> None:
    (compiled,) = rule(verbs=["get"], nonResourceURLs=[granted])
    assert compiled.covers_path("get", path) is allowed
    assert not compiled.covers_path("post", path)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
names = st.sampled_from(["verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs"])


@given(json | st.lists(st.dictionaries(names, json, max_size=5), max_size=3))
def test_rules_of_any_shape_never_fail_and_grant_nothing_they_do_not_say(value: object) -> None:
    rules = compile_rules(value)
    assert granted_names(rules, "get", "no-such-group", "pods", "") is False or any(
        "*" in rule.groups for rule in rules
    )
