import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.errors import ApiError
from grappe.apiserver.auth.access import Access
from grappe.apiserver.auth.jwt import SigningKey, TokenError
from grappe.apiserver.auth.service_accounts import ISSUER, read_token
from grappe.apiserver.http.messages import Request, User
from grappe.base.clock import ManualClock, parse_rfc3339, rfc3339

from .conftest import Objects


def asking(
    token: str = "", certificate: tuple[str, tuple[str, ...]] | None = None, **headers: str
) -> Request:
    if token:
        headers["authorization"] = f"Bearer {token}"
    return Request("GET", "/api", "", headers, certificate=certificate)


def refused(access: Access, token: str) -> None:
    with pytest.raises(ApiError) as error:
        access.authenticate(asking(token))
    assert (error.value.code, error.value.message) == (401, "Unauthorized")


@pytest.fixture
async def account(objects: Objects) -> str:
    return (await objects.put("v1", "ServiceAccount", "ci", "dev"))["metadata"]["uid"]


def request_token(access: Access, **spec: object) -> str:
    return access.token_requests.create("dev", "ci", {"spec": spec})["status"]["token"]


async def test_a_certificate_says_name_and_groups(access: Access) -> None:
    found = access.authenticate(asking(certificate=("jane", ("devs", "ops"))))
    assert found == User("jane", ("devs", "ops", "system:authenticated"))


async def test_no_credentials_are_the_anonymous_user(access: Access) -> None:
    assert access.authenticate(asking()) == User("system:anonymous", ("system:unauthenticated",))


async def test_an_in_process_request_brings_its_user(access: Access) -> None:
    request = asking()
    request.user = User("me")
    assert access.authenticate(request) == User("me")


async def test_a_good_certificate_wins_over_a_bad_token(access: Access) -> None:
    assert access.authenticate(asking("nonsense", ("jane", ()))).name == "jane"


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "\xff.\xff.\xff", "..", "e30.e30."])
async def test_a_bad_token_is_refused(access: Access, token: str) -> None:
    refused(access, token)


async def test_a_service_account_token_says_who(access: Access, account: str) -> None:
    found = access.authenticate(asking(request_token(access)))
    assert found.name == "system:serviceaccount:dev:ci"
    assert found.groups == (
        "system:serviceaccounts",
        "system:serviceaccounts:dev",
        "system:authenticated",
    )
    assert found.uid == account
    assert found.extra["authentication.kubernetes.io/credential-id"][0].startswith("JTI=")


async def test_a_token_expires(access: Access, account: str, clock: ManualClock) -> None:
    token = request_token(access, expirationSeconds=600)
    access.authenticate(asking(token))
    clock.advance(661)
    refused(access, token)


async def test_a_token_ends_with_its_service_account(
    access: Access, account: str, objects: Objects
) -> None:
    token = request_token(access)
    access.authenticate(asking(token))
    await objects.delete("v1", "ServiceAccount", "ci", "dev")
    refused(access, token)
    await objects.put("v1", "ServiceAccount", "ci", "dev")
    refused(access, token)


async def test_a_bound_token_ends_with_its_pod(
    access: Access, account: str, objects: Objects
) -> None:
    await objects.put("v1", "Node", "n1", uid="node-uid")
    await objects.put(
        "v1",
        "Pod",
        "web",
        "dev",
        uid="pod-uid",
        spec={"serviceAccountName": "ci", "nodeName": "n1"},
    )
    token = request_token(
        access, boundObjectRef={"kind": "Pod", "apiVersion": "v1", "name": "web", "uid": "pod-uid"}
    )
    extra = access.authenticate(asking(token)).extra
    assert extra["authentication.kubernetes.io/pod-name"] == ("web",)
    assert extra["authentication.kubernetes.io/node-uid"] == ("node-uid",)
    await objects.delete("v1", "Node", "n1")
    access.authenticate(asking(token))
    await objects.delete("v1", "Pod", "web", "dev")
    refused(access, token)


async def test_a_token_goes_on_while_what_it_is_bound_to_changes(
    access: Access, account: str, objects: Objects, clock: ManualClock
) -> None:
    pod = {"spec": {"serviceAccountName": "ci"}, "uid": "pod-uid"}
    await objects.put("v1", "Pod", "web", "dev", **pod)
    token = request_token(
        access, boundObjectRef={"kind": "Pod", "apiVersion": "v1", "name": "web", "uid": "pod-uid"}
    )
    user = access.authenticate(asking(token))
    assert access.authenticate(asking(token)) is user
    await objects.put("v1", "Pod", "web", "dev", **pod, status={"phase": "Running"})
    assert access.authenticate(asking(token)) is user
    await objects.put("v1", "ServiceAccount", "ci", "dev", uid=account, labels={"a": "b"})
    assert access.authenticate(asking(token)) is user
    clock.advance(3600 + 61)
    refused(access, token)
    clock.advance(-3600)
    access.authenticate(asking(token))
    await objects.delete("v1", "Pod", "web", "dev")
    await objects.put("v1", "Pod", "web", "dev", spec=pod["spec"], uid="another")
    refused(access, token)


async def test_what_came_with_a_websocket_token_is_not_as_good_as_the_token(
    access: Access, account: str
) -> None:
    token = request_token(access)
    hidden = base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
    protocol = f"base64url.bearer.authorization.k8s.io.{hidden}, v4.channel.k8s.io"
    for kind in ("Basic abc", ""):
        headers = {"authorization": kind} if kind else {}
        both = Request("GET", "/api", "", {**headers, "sec-websocket-protocol": protocol})
        assert access.authenticate(both).name == "system:serviceaccount:dev:ci"
        alone = Request("GET", "/healthz", "", headers)
        assert access.authenticate(alone).name == "system:anonymous"


async def test_a_token_for_others_is_not_for_us(access: Access, account: str) -> None:
    token = request_token(access, audiences=["vault"])
    refused(access, token)
    assert access.tokens.verify(token, ["vault", "x"])[1] == ["vault"]


async def test_a_token_of_another_cluster_is_refused(
    access: Access, account: str, new_key: Callable[[], bytes]
) -> None:
    claims = {
        "aud": [ISSUER],
        "iss": ISSUER,
        "exp": 2e9,
        "sub": "system:serviceaccount:dev:ci",
        "kubernetes.io": {"namespace": "dev", "serviceaccount": {"name": "ci", "uid": account}},
    }
    refused(access, SigningKey(new_key()).sign(claims))


async def test_a_browser_may_send_its_token_as_a_websocket_protocol(
    access: Access, account: str
) -> None:
    text = base64.urlsafe_b64encode(request_token(access).encode()).rstrip(b"=").decode()
    protocols = f"v5.channel.k8s.io, base64url.bearer.authorization.k8s.io.{text}"
    found = access.authenticate(asking(**{"sec-websocket-protocol": protocols}))
    assert found.name == "system:serviceaccount:dev:ci"


@pytest.mark.parametrize(
    ("spec", "code", "message"),
    [
        ({"expirationSeconds": 5}, 422, "may not specify a duration less than 10 minutes"),
        ({"expirationSeconds": 2**33}, 422, "may not specify a duration larger than 2^32 seconds"),
        (
            {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "x"}},
            404,
            'pods "x" not found',
        ),
        (
            {"boundObjectRef": {"kind": "Job", "apiVersion": "batch/v1", "name": "x"}},
            400,
            "cannot bind token to object of type batch/v1, Kind=Job",
        ),
        (
            {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "other"}},
            400,
            "different serviceaccount",
        ),
        (
            {"boundObjectRef": {"kind": "Secret", "apiVersion": "v1", "name": "s", "uid": "?"}},
            409,
            "does not match the UID",
        ),
    ],
)
async def test_a_token_request_that_cannot_be_met_says_why(
    access: Access, account: str, objects: Objects, spec, code, message
) -> None:
    await objects.put("v1", "Pod", "other", "dev", spec={"serviceAccountName": "default"})
    await objects.put("v1", "Secret", "s", "dev")
    with pytest.raises(ApiError) as error:
        request_token(access, **spec)
    assert error.value.code == code
    assert message in error.value.message


@pytest.mark.parametrize("field", ["name", "namespace"])
async def test_a_token_request_names_its_account_or_nothing(
    access: Access, account: str, field: str
) -> None:
    with pytest.raises(ApiError) as error:
        access.token_requests.create("dev", "ci", {"metadata": {field: "other"}})
    assert error.value.code == 422
    assert error.value.message == (
        f'TokenRequest.authentication.k8s.io "ci" is invalid: metadata.{field}: Invalid value: '
        f'"other": must match the service account {field} if specified'
    )


async def test_a_token_request_for_an_account_of_before_is_a_conflict(
    access: Access, account: str
) -> None:
    made = access.token_requests.create("dev", "ci", {"metadata": {"uid": account}})
    assert made["metadata"]["uid"] == account
    with pytest.raises(ApiError) as error:
        access.token_requests.create("dev", "ci", {"metadata": {"uid": "old"}})
    assert error.value.code == 409
    assert "the UID in the token request (old) does not match the UID of" in error.value.message


async def test_a_pods_usual_token_is_good_for_longer_than_it_says(
    access: Access, account: str, objects: Objects, clock: ManualClock
) -> None:
    """So that programs go on that do not read it anew; a token of another length is not."""
    await objects.put("v1", "Pod", "web", "dev", spec={"serviceAccountName": "ci"})
    pod = {"kind": "Pod", "apiVersion": "v1", "name": "web"}
    usual = {"expirationSeconds": 3607, "boundObjectRef": pod}
    made = access.token_requests.create("dev", "ci", {"spec": usual})
    token, says = made["status"]["token"], made["status"]["expirationTimestamp"]
    assert parse_rfc3339(says) == int(clock.now()) + 3607
    plain = request_token(access, expirationSeconds=3600, boundObjectRef=pod)
    unbound = request_token(access, expirationSeconds=3607)
    vault = request_token(access, audiences=["vault"], **usual)
    clock.advance(3607 + 61)
    assert access.tokens.verify(token)[0].name == "system:serviceaccount:dev:ci"
    for other, audiences in ((plain, [ISSUER]), (unbound, [ISSUER]), (vault, ["vault"])):
        with pytest.raises(TokenError, match="expired"):
            access.tokens.verify(other, audiences)
    clock.advance(365 * 24 * 3600)
    with pytest.raises(TokenError, match="expired"):
        access.tokens.verify(token)


async def test_a_token_that_a_review_found_wanting_opens_nothing_more(
    access: Access, account: str, objects: Objects
) -> None:
    """Whoever asks first after the pod is gone, and however the header is spelled."""
    await objects.put("v1", "Pod", "web", "dev", spec={"serviceAccountName": "ci"})
    token = request_token(access, boundObjectRef={"kind": "Pod", "apiVersion": "v1", "name": "web"})
    spelled = [
        Request("GET", "/api", "", {"authorization": f"{w} {token}"}) for w in ("Bearer", "bearer")
    ]
    for request in spelled:
        access.authenticate(request)
    await objects.delete("v1", "Pod", "web", "dev")
    with pytest.raises(TokenError, match="invalidated"):
        access.tokens.verify(token)  # as a TokenReview does
    for request in spelled:
        request.user = None
        with pytest.raises(ApiError):
            access.authenticate(request)


async def test_a_token_ends_a_minute_after_its_pod_should_have(
    access: Access, account: str, objects: Objects, clock: ManualClock
) -> None:
    await objects.put("v1", "Pod", "web", "dev", spec={"serviceAccountName": "ci"}, uid="u")
    token = request_token(access, boundObjectRef={"kind": "Pod", "apiVersion": "v1", "name": "web"})
    assert access.authenticate(asking(token)).name == "system:serviceaccount:dev:ci"
    await objects.put(
        "v1",
        "Pod",
        "web",
        "dev",
        spec={"serviceAccountName": "ci"},
        uid="u",
        deleted=rfc3339(clock.now() + 30),
    )
    clock.advance(89)
    assert access.authenticate(asking(token)).name == "system:serviceaccount:dev:ci"
    clock.advance(2)
    refused(access, token)


async def test_a_token_for_nobody_is_not_found(access: Access) -> None:
    with pytest.raises(ApiError, match='serviceaccounts "ci" not found'):
        request_token(access)


json = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["kubernetes.io", "namespace", "serviceaccount", "name", "uid", "pod", "aud", "exp"]
            ),
            inner,
            max_size=6,
        )
    ),
)


@given(st.dictionaries(st.sampled_from(["kubernetes.io", "aud", "exp", "nbf", "iss", "sub"]), json))
def test_claims_of_any_shape_are_refused(claims: dict) -> None:
    with pytest.raises(TokenError):
        read_token(claims)


async def test_impersonation_needs_the_verb(access: Access, objects: Objects) -> None:
    headers = {"impersonate-user": "joe", "impersonate-group": "devs\nops,all"}
    with pytest.raises(ApiError) as error:
        access.authenticate(asking(certificate=("jane", ()), **headers))
    assert error.value.message == (
        'users "joe" is forbidden: User "jane" cannot impersonate resource "users" in API group '
        '"" at the cluster scope'
    )
    rules = [{"verbs": ["impersonate"], "apiGroups": [""], "resources": ["users", "groups"]}]
    await objects.role("actor", rules)
    await objects.bind("actor", {"kind": "User", "name": "jane"})
    found = access.authenticate(asking(certificate=("jane", ()), **headers))
    assert found == User("joe", ("devs", "ops,all", "system:authenticated"))


async def test_an_impersonated_service_account_has_its_groups(access: Access) -> None:
    headers = {"impersonate-user": "system:serviceaccount:dev:ci"}
    found = access.authenticate(asking(certificate=("root", ("system:masters",)), **headers))
    assert found.groups == (
        "system:serviceaccounts",
        "system:serviceaccounts:dev",
        "system:authenticated",
    )


async def test_impersonating_groups_of_nobody_is_refused(access: Access) -> None:
    with pytest.raises(ApiError) as error:
        access.authenticate(
            asking(certificate=("root", ("system:masters",)), **{"impersonate-group": "x"})
        )
    assert error.value.code == 400


async def test_a_lasting_token_tells_of_its_use_once_a_day(
    access: Access, account: str, objects: Objects, clock: ManualClock
) -> None:
    token = access.tokens.issue_lasting("dev", "ci", account, "kept")
    held = {"token": base64.b64encode(token.encode()).decode()}
    await objects.put("v1", "Secret", "kept", "dev", data=held)
    used: list[str] = []
    access.tokens.used = used.append
    for _ in range(3):
        assert access.authenticate(asking(token)).name == "system:serviceaccount:dev:ci"
    assert used == ["dev/kept"]
    clock.advance(86_400)
    assert access.authenticate(asking(token)).name == "system:serviceaccount:dev:ci"
    assert used == ["dev/kept"] * 2
