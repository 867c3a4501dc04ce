import pytest

from grappe.api.errors import ApiError
from grappe.apiserver.auth.access import Access
from grappe.apiserver.http.messages import User

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
    assert token not in str(status)


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
