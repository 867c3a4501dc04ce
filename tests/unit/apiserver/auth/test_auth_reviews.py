from base64 import b64encode

import pytest

from grappe.api.errors import ApiError
from grappe.apiserver.auth.access import Access
from grappe.apiserver.http.messages import User
from grappe.base.clock import ManualClock

from .conftest import Objects, user

JANE = User("jane", ("system:authenticated",))
ADMIN = User("admin", ("system:masters",))


def review(access: Access, kind: str, spec: object, who: User = JANE, namespace: str = ""):
    obj = {"kind": kind, "apiVersion": "authorization.k8s.io/v1", "spec": spec}
    return access.reviews.create(kind, obj, who, namespace)["status"]


@pytest.fixture
async def reader(objects: Objects) -> None:
    rules = [{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "pods/log"]}]
    await objects.role("reader", rules, "dev")
    await objects.bind("reader", user("jane"), namespace="dev", name="jane-reads")


async def test_may_i_says_by_which_binding(access: Access, reader: None) -> None:
    spec = {"resourceAttributes": {"verb": "list", "resource": "pods", "namespace": "dev"}}
    assert review(access, "SelfSubjectAccessReview", spec) == {
        "allowed": True,
        "reason": 'RBAC: allowed by RoleBinding "jane-reads/dev" of Role "reader" to User "jane"',
    }
    spec["resourceAttributes"]["namespace"] = "prod"
    assert review(access, "SelfSubjectAccessReview", spec) == {"allowed": False}


async def test_may_they_asks_for_another(access: Access, reader: None) -> None:
    spec = {
        "user": "jane",
        "resourceAttributes": {
            "verb": "get",
            "resource": "pods",
            "subresource": "log",
            "namespace": "dev",
        },
    }
    assert review(access, "SubjectAccessReview", spec, ADMIN)["allowed"] is True
    spec["user"] = "joe"
    assert review(access, "SubjectAccessReview", spec, ADMIN)["allowed"] is False


async def test_paths_can_be_asked_for(access: Access) -> None:
    spec = {"nonResourceAttributes": {"verb": "get", "path": "/metrics"}}
    assert review(access, "SelfSubjectAccessReview", spec)["allowed"] is False
    assert review(access, "SelfSubjectAccessReview", spec, ADMIN)["allowed"] is True


@pytest.mark.parametrize(
    ("kind", "spec", "code"),
    [
        ("SelfSubjectAccessReview", {}, 422),
        ("SelfSubjectAccessReview", None, 422),
        ("SelfSubjectAccessReview", {"resourceAttributes": {}, "nonResourceAttributes": {}}, 422),
        ("SubjectAccessReview", {"resourceAttributes": {}}, 422),
        ("LocalSubjectAccessReview", {"user": "a", "resourceAttributes": {"namespace": "b"}}, 422),
        ("SubjectAccessReview", {"user": "a", "resourceAttributes": {"fieldSelector": {}}}, 422),
        ("LocalSubjectAccessReview", {"user": "a", "nonResourceAttributes": {"path": "/"}}, 422),
        ("SelfSubjectRulesReview", {}, 400),
        ("TokenReview", {}, 400),
    ],
)
async def test_a_question_without_sense_is_refused(access: Access, kind, spec, code) -> None:
    with pytest.raises(ApiError) as error:
        review(access, kind, spec, ADMIN, "dev")
    assert error.value.code == code


async def test_my_rules_are_listed(access: Access, reader: None) -> None:
    assert review(access, "SelfSubjectRulesReview", {"namespace": "dev"}) == {
        "resourceRules": [
            {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "pods/log"]}
        ],
        "nonResourceRules": [],
        "incomplete": False,
    }
    everything = review(access, "SelfSubjectRulesReview", {"namespace": "dev"}, ADMIN)
    assert everything["resourceRules"][0]["resources"] == ["*"]
    assert everything["nonResourceRules"][0]["nonResourceURLs"] == ["*"]


async def test_who_am_i(access: Access) -> None:
    assert review(access, "SelfSubjectReview", None) == {
        "userInfo": {"username": "jane", "groups": ["system:authenticated"]}
    }


async def test_is_this_token_good(access: Access, objects: Objects) -> None:
    await objects.put("v1", "ServiceAccount", "ci", "dev", uid="u1")
    token = access.token_requests.create("dev", "ci", {})["status"]["token"]
    status = review(access, "TokenReview", {"token": token}, ADMIN)
    assert status["authenticated"] is True
    assert status["user"]["username"] == "system:serviceaccount:dev:ci"
    assert status["audiences"] == ["https://kubernetes.default.svc.cluster.local"]
    status = review(access, "TokenReview", {"token": token, "audiences": ["vault"]}, ADMIN)
    assert "authenticated" not in status
    assert status["error"] == (
        '[invalid bearer token, token audiences ["https://kubernetes.default.svc.cluster.local"] '
        'is invalid for the target audiences ["vault"]]'
    )
    assert token not in str(status)


POD = {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "web"}}


async def test_why_a_token_is_not_good(
    access: Access, objects: Objects, clock: ManualClock
) -> None:
    def told(token: str) -> str:
        status = review(access, "TokenReview", {"token": token}, ADMIN)
        assert status.get("authenticated") is None
        return str(status["error"]).removeprefix("[invalid bearer token, ").removesuffix("]")

    async def pod(uid: str) -> None:
        await objects.put("v1", "Pod", "web", "dev", spec={"serviceAccountName": "ci"}, uid=uid)

    await objects.put("v1", "ServiceAccount", "ci", "dev", uid="u1")
    await pod("p1")
    bound = access.token_requests.create("dev", "ci", {"spec": POD})["status"]["token"]
    plain = access.token_requests.create("dev", "ci", {})["status"]["token"]
    await pod("p2")
    assert told(bound) == "pod UID (p2) does not match service account pod ref claim (p1)"
    await objects.delete("v1", "Pod", "web", "dev")
    assert told(bound) == "service account token has been invalidated"
    await objects.put("v1", "ServiceAccount", "ci", "dev", uid="u2")
    assert told(plain) == "service account UID (u2) does not match claim (u1)"
    await objects.put("v1", "ServiceAccount", "ci", "dev", uid="u1", deleted="2020-01-01T00:00:00Z")
    assert told(plain) == "service account dev/ci has been deleted"
    await objects.delete("v1", "ServiceAccount", "ci", "dev")
    assert told(plain) == 'serviceaccounts "ci" not found'
    clock.advance(3700)
    assert told(plain) == "service account token has expired"


async def test_why_a_token_of_a_secret_is_not_good(access: Access, objects: Objects) -> None:
    token = access.tokens.issue_lasting("dev", "ci", "u1", "held")
    held = {"token": b64encode(token.encode()).decode()}

    async def told(data: dict[str, str], **rest: object) -> str:
        await objects.put("v1", "Secret", "held", "dev", data=data, **rest)
        status = review(access, "TokenReview", {"token": token}, ADMIN)
        return str(status.get("error", "")).removeprefix("[invalid bearer token, ")

    await objects.put("v1", "ServiceAccount", "ci", "dev", uid="u1")
    assert await told(held) == ""
    assert await told({}) == "Token does not match server's copy]"
    marked = {"kubernetes.io/legacy-token-invalid-since": "2026-01-01"}
    assert (await told(held, labels=marked)).startswith(
        "the token in secret dev/held for service account dev/ci has been marked invalid."
    )
    assert await told(held, deleted="2020-01-01T00:00:00Z") == "Token has been invalidated]"


async def test_a_question_may_be_narrowed_by_fields(access: Access) -> None:
    def asking(selector: dict) -> dict:
        attributes = {"verb": "list", "resource": "pods", "fieldSelector": selector}
        return {
            "user": "system:node:n1",
            "groups": ["system:nodes"],
            "resourceAttributes": attributes,
        }

    for selector, allowed in (
        ({"rawSelector": "spec.nodeName=n1"}, True),
        ({"rawSelector": "spec.nodeName=n2"}, False),
        (
            {"requirements": [{"key": "spec.nodeName", "operator": "In", "values": ["n1"]}]},
            True,
        ),
        (
            {"requirements": [{"key": "spec.nodeName", "operator": "In", "values": ["n1", "n2"]}]},
            False,
        ),
    ):
        found = review(access, "SubjectAccessReview", asking(selector), ADMIN, "")
        assert found["allowed"] is allowed
