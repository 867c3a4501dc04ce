"""Which rule of an audit policy decides, and which policies are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.audit import load_policy, read_policy
from grappe.apiserver.audit.default_policy import DEFAULT_POLICY
from grappe.apiserver.audit.policy import Level, Policy, PolicyError, parse_policy
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.interface import RequestInfo
from grappe.base.errors import UserError

JANE = User("jane", ("devs", "system:authenticated"))
SYSTEM = User("system:kube-scheduler", ("system:authenticated",))
NODE = User("system:node:a", ("system:nodes", "system:authenticated"))


def policy(*rules: dict[str, Any], **facts: Any) -> Policy:
    return parse_policy(
        {"kind": "Policy", "apiVersion": "audit.k8s.io/v1", "rules": list(rules), **facts}
    )


def asks(
    verb: str, resource: str, name: str = "", namespace: str = "default", group: str = ""
) -> RequestInfo:
    plural, _, subresource = resource.partition("/")
    return RequestInfo(verb, "/x", {}, True, group, "v1", namespace, plural, name, subresource)


def path(path: str, verb: str = "get") -> RequestInfo:
    return RequestInfo(verb, path)


def level(found: Policy, user: User, info: RequestInfo) -> Level:
    decision = found.decide(user, info)
    return decision.level if decision else Level.NONE


@pytest.mark.parametrize(
    ("rule", "info", "matches"),
    [
        ({}, asks("get", "pods"), True),
        ({}, path("/healthz"), True),
        ({"users": ["jane"]}, asks("get", "pods"), True),
        ({"users": ["joe"]}, asks("get", "pods"), False),
        ({"userGroups": ["x", "devs"]}, asks("get", "pods"), True),
        ({"userGroups": ["x"]}, asks("get", "pods"), False),
        ({"verbs": ["list"]}, asks("get", "pods"), False),
        ({"namespaces": ["default"]}, asks("get", "pods"), True),
        ({"namespaces": ["other"]}, asks("get", "pods"), False),
        ({"namespaces": [""]}, asks("get", "nodes", namespace=""), True),
        ({"namespaces": ["default"]}, path("/healthz"), False),
        ({"resources": [{"group": ""}]}, asks("get", "pods/log"), True),
        ({"resources": [{"group": "apps"}]}, asks("get", "pods"), False),
        ({"resources": [{"resources": ["pods"]}]}, asks("get", "pods/log"), False),
        ({"resources": [{"resources": ["pods/log"]}]}, asks("get", "pods/log"), True),
        ({"resources": [{"resources": ["pods/*"]}]}, asks("get", "pods/log"), True),
        ({"resources": [{"resources": ["pods/*"]}]}, asks("get", "pods"), True),
        ({"resources": [{"resources": ["*/log"]}]}, asks("get", "pods/log"), True),
        ({"resources": [{"resources": ["*/log"]}]}, asks("get", "pods"), False),
        ({"resources": [{"resources": ["*"]}]}, asks("get", "pods/log"), True),
        (
            {"resources": [{"resources": ["pods"], "resourceNames": ["a"]}]},
            asks("get", "pods", "a"),
            True,
        ),
        (
            {"resources": [{"resources": ["pods"], "resourceNames": ["a"]}]},
            asks("get", "pods", "b"),
            False,
        ),
        ({"nonResourceURLs": ["/healthz"]}, path("/healthz"), True),
        ({"nonResourceURLs": ["/healthz"]}, path("/healthz/etcd"), False),
        ({"nonResourceURLs": ["/healthz*"]}, path("/healthz/etcd"), True),
        ({"nonResourceURLs": ["*"]}, path("/metrics"), True),
        ({"nonResourceURLs": ["*"]}, asks("get", "pods"), False),
        ({"resources": [{}]}, path("/healthz"), False),
    ],
)
def test_what_a_rule_matches(rule: dict[str, Any], info: RequestInfo, matches: bool) -> None:
    found = policy({"level": "Metadata", **rule})
    assert level(found, JANE, info) == (Level.METADATA if matches else Level.NONE)
    assert level(found, JANE, info) == (Level.METADATA if matches else Level.NONE)  # remembered


def test_the_first_rule_that_matches_decides() -> None:
    found = policy(
        {"level": "None", "users": ["joe"]},
        {"level": "Request", "namespaces": ["default"], "omitStages": ["RequestReceived"]},
        {"level": "Metadata", "omitManagedFields": False},
        omitManagedFields=True,
        omitStages=["Panic"],
    )
    decision = found.decide(JANE, asks("get", "pods"))
    assert decision == (Level.REQUEST, {"RequestReceived", "Panic"}, True)
    assert found.decide(JANE, asks("get", "pods", namespace="x")) == (1, {"Panic"}, False)
    assert found.decide(User("joe"), asks("get", "pods")) is None


@pytest.mark.parametrize("resource", ["secrets", "serviceaccounts/token"])
def test_the_body_of_a_secret_is_never_told(resource: str) -> None:
    found = policy({"level": "RequestResponse"})
    assert level(found, JANE, asks("create", resource)) == Level.METADATA
    assert level(found, JANE, asks("create", "configmaps")) == Level.REQUEST_RESPONSE
    review = asks("create", "tokenreviews", group="authentication.k8s.io")
    assert level(found, JANE, review) == Level.METADATA


@pytest.mark.parametrize(
    ("user", "info", "told"),
    [
        (JANE, path("/healthz"), False),
        (JANE, path("/api"), False),
        (JANE, asks("get", "configmaps", "a"), False),
        (JANE, asks("list", "pods"), False),
        (JANE, asks("get", "secrets", "a"), True),
        (SYSTEM, asks("list", "secrets"), False),
        (NODE, asks("get", "secrets", "a"), False),
        (JANE, asks("get", "pods/exec", "a"), True),
        (JANE, asks("create", "configmaps"), True),
        (SYSTEM, asks("create", "pods/binding", "a"), True),
        (JANE, asks("update", "pods/status", "a"), True),
        (NODE, asks("update", "pods/status", "a"), False),
        (NODE, asks("update", "leases", "a", group="coordination.k8s.io"), False),
        (JANE, asks("create", "events"), False),
        (JANE, asks("create", "selfsubjectaccessreviews", group="authorization.k8s.io"), False),
        (JANE, asks("deletecollection", "rollouts", group="argoproj.io"), True),
    ],
)
def test_the_default_policy_tells_of_writes(user: User, info: RequestInfo, told: bool) -> None:
    found = parse_policy(DEFAULT_POLICY)
    assert level(found, user, info) == (Level.METADATA if told else Level.NONE)


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ([], "rules must be a list with at least one rule"),
        ([{"level": "Everything"}], "rules[0].level must be one of None, Metadata"),
        ([{"level": "None", "user": ["a"]}], "rules[0] has no field 'user'"),
        ([{"level": "None", "omitStages": ["Begun"]}], "'Begun' is none of RequestReceived"),
        ([{"level": "None", "nonResourceURLs": ["healthz"]}], "must begin with '/'"),
        ([{"level": "None", "nonResourceURLs": ["/a*b"]}], "'*' only at its end"),
        (
            [{"level": "None", "nonResourceURLs": ["/a"], "namespaces": ["b"]}],
            "cannot speak of resources and of nonResourceURLs",
        ),
        ([{"level": "None", "resources": [{"group": "apps/v1"}]}], "without its version"),
        ([{"level": "None", "resources": [{"resourceNames": ["a"]}]}], "needs resources"),
        ([{"level": "None", "verbs": "get"}], "rules[0].verbs must be a list of strings"),
    ],
)
def test_a_policy_that_is_wrong_is_refused(rules: list[Any], told: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy(*rules)
    assert told in str(caught.value)


def test_a_policy_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    assert level(load_policy(file), JANE, asks("create", "pods")) == Level.METADATA
    file.write_text("kind: Policy\napiVersion: audit.k8s.io/v1\nrules: [{level: Request}]\n")
    assert level(load_policy(file), JANE, asks("get", "pods")) == Level.REQUEST
    for text in ("a: [", "kind: Pod", "\x00"):
        file.write_text(text)
        with pytest.raises(UserError) as caught:
            read_policy(file)
        assert str(file) in caught.value.message


NAMES = st.sampled_from(["a", "b", ""])
SETS = st.lists(NAMES, max_size=2)
RULES = st.fixed_dictionaries(
    {"level": st.sampled_from(["None", "Metadata", "Request"])},
    optional={
        "users": SETS,
        "verbs": st.lists(st.sampled_from(["get", "create"]), max_size=1),
        "namespaces": SETS,
        "resources": st.lists(
            st.fixed_dictionaries(
                {"resources": st.just(["pods"])}, optional={"resourceNames": SETS}
            ),
            max_size=2,
        ),
    },
)


@given(st.lists(RULES, min_size=1, max_size=4), NAMES, NAMES, NAMES)
def test_what_is_remembered_changes_no_decision(
    rules: list[dict[str, Any]], user: str, namespace: str, name: str
) -> None:
    found = policy(*rules)
    info = asks("get", "pods", name, namespace)
    expected = Level.NONE
    for rule in rules:
        if rule.get("users") and user not in rule["users"]:
            continue
        if rule.get("verbs") and "get" not in rule["verbs"]:
            continue
        if rule.get("namespaces") and namespace not in rule["namespaces"]:
            continue
        resources = rule.get("resources")
        names = [each.get("resourceNames") or [] for each in resources or []]
        if resources and not any(not each or name in each for each in names):
            continue
        expected = {"None": Level.NONE, "Metadata": Level.METADATA, "Request": Level.REQUEST}[
            rule["level"]
        ]
        break
    assert level(found, User(user), info) == expected
