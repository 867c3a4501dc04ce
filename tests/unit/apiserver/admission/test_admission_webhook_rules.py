"""Which requests a webhook's rules speak of, and what its answers say."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.resources import DEPLOYMENTS, NAMESPACES, NODES, PODS, Resource
from grappe.apiserver.admission.webhooks.review import (
    InvalidAnswerError,
    denial,
    read_answer,
    review_version,
)
from grappe.apiserver.admission.webhooks.rules import Rule, exempt

_RESOURCES = (PODS, DEPLOYMENTS, NAMESPACES, NODES)


def made(**change: Any) -> Rule:
    whole = {
        "operations": ["CREATE"],
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "resources": ["pods"],
    }
    return Rule.of(whole | change)


@pytest.mark.parametrize(
    ("rule", "operation", "resource", "subresource", "matches"),
    [
        (made(), "CREATE", PODS, "", True),
        (made(), "UPDATE", PODS, "", False),
        (made(), "CREATE", PODS, "status", False),
        (made(operations=["*"]), "CONNECT", PODS, "", True),
        (made(resources=["pods/*"]), "CREATE", PODS, "status", True),
        (made(resources=["pods/*"]), "CREATE", PODS, "", True),
        (made(resources=["*"]), "CREATE", PODS, "status", False),
        (made(resources=["*/*"]), "CREATE", PODS, "status", True),
        (made(resources=["*/scale"]), "CREATE", PODS, "status", False),
        (made(apiVersions=["v2"]), "CREATE", PODS, "", False),
        (made(resources=["*"]), "CREATE", DEPLOYMENTS, "", False),
        (made(resources=["*"], apiGroups=["*"]), "CREATE", DEPLOYMENTS, "", True),
        (made(scope="Cluster"), "CREATE", PODS, "", False),
        (made(scope="Namespaced"), "CREATE", PODS, "", True),
        (made(scope="Namespaced", resources=["*"]), "CREATE", NAMESPACES, "", False),
        (made(scope="Cluster", resources=["*"]), "CREATE", NAMESPACES, "", True),
    ],
)
def test_rules(
    rule: Rule, operation: str, resource: Resource, subresource: str, matches: bool
) -> None:
    assert rule.matches(operation, resource, subresource) is matches


_words = st.lists(st.sampled_from(["*", "", "apps", "v1", "CREATE", "DELETE", "pods", "nodes/*"]))


@given(
    st.fixed_dictionaries(
        {
            "operations": _words,
            "apiGroups": _words,
            "apiVersions": _words,
            "resources": _words,
            "scope": st.sampled_from(["*", "Cluster", "Namespaced"]),
        }
    ),
    st.sampled_from(["CREATE", "UPDATE", "DELETE", "CONNECT"]),
    st.sampled_from(_RESOURCES),
    st.sampled_from(["", "status"]),
)
def test_what_matches_is_named_and_a_wider_rule_matches_it_too(
    rule: dict[str, Any], operation: str, resource: Resource, subresource: str
) -> None:
    """`names` decides which plugins a request meets at all: it may not miss a match."""
    found = Rule.of(rule)
    if found.matches(operation, resource, subresource):
        assert found.names(operation, resource.plural, subresource)
        for field in ("operations", "apiGroups", "apiVersions"):
            assert Rule.of(rule | {field: ["*"]}).matches(operation, resource, subresource)


def test_the_cluster_cannot_lock_its_own_admission() -> None:
    for plural in ("mutatingwebhookconfigurations", "validatingadmissionpolicybindings"):
        assert exempt("DELETE", f"admissionregistration.k8s.io/{plural}", "")
    assert not exempt("DELETE", "/pods", "")


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
_FIELDS = ("allowed", "patch", "patchType", "status", "warnings", "auditAnnotations")
_response = st.fixed_dictionaries({}, optional=dict.fromkeys(_FIELDS, _json))


@given(_json | st.fixed_dictionaries({"response": _response | _json}), st.booleans())
def test_any_answer_is_a_verdict_or_told_to_be_none(answer: Any, mutating: bool) -> None:
    if isinstance(answer, dict) and isinstance(answer.get("response"), dict):
        response = {**answer["response"], "uid": "u"}
        answer = {
            "kind": "AdmissionReview",
            "apiVersion": "admission.k8s.io/v1",
            "response": response,
        }
    try:
        verdict = read_answer(answer, "v1", "u", mutating=mutating)
    except InvalidAnswerError:
        return
    assert verdict.allowed is (answer["response"].get("allowed") is True)
    error = denial("w", verdict.status)
    assert 400 <= error.code <= 599
    orjson.dumps(error.status())


def test_an_empty_patch_is_none() -> None:
    patch = base64.b64encode(b"[]").decode()
    answer = {"response": {"allowed": True, "patch": patch, "patchType": "JSONPatch"}}
    assert read_answer(answer, "v1beta1", "u", mutating=True).patch is None


def test_the_first_version_both_speak_is_spoken() -> None:
    assert review_version(["v9", "v1beta1", "v1"]) == "v1beta1"
    assert review_version(["v9"]) is None
