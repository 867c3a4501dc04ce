import time

import pytest

from grappe.api.errors import ApiError
from grappe.apiserver.auth.access import Access
from grappe.apiserver.auth.rbac.default_roles import default_bindings, default_roles
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.interface import RequestInfo

from .conftest import Objects, user

READ_PODS = [{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}]
JANE = User("jane", ("system:authenticated",))


def ask(
    verb: str,
    plural: str,
    *,
    group: str = "",
    namespace: str = "",
    name: str = "",
    subresource: str = "",
) -> RequestInfo:
    return RequestInfo(verb, "/", {}, True, group, "v1", namespace, plural, name, subresource)


def refusal(access: Access, who: User, info: RequestInfo) -> ApiError:
    with pytest.raises(ApiError) as refused:
        access.authorize(who, info)
    assert refused.value.code == 403
    return refused.value


async def test_system_masters_may_do_everything(access: Access) -> None:
    admin = User("admin", ("system:masters",))
    access.authorize(admin, ask("delete", "nodes", name="n"))
    access.authorize(admin, RequestInfo("get", "/metrics"))


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (
            ask("list", "pods", namespace="default"),
            'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the '
            'namespace "default"',
        ),
        (
            ask("get", "pods", namespace="default", name="web", subresource="log"),
            'pods "web" is forbidden: User "jane" cannot get resource "pods/log" in API group "" '
            'in the namespace "default"',
        ),
        (
            ask("patch", "deployments", group="apps", namespace="x", name="web"),
            'deployments.apps "web" is forbidden: User "jane" cannot patch resource "deployments" '
            'in API group "apps" in the namespace "x"',
        ),
        (
            ask("list", "nodes"),
            'nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the '
            "cluster scope",
        ),
        (
            RequestInfo("get", "/metrics"),
            'forbidden: User "jane" cannot get path "/metrics"',
        ),
    ],
)
async def test_a_refusal_says_what_kubernetes_says(access: Access, info, message) -> None:
    error = refusal(access, JANE, info)
    assert error.message == message
    assert error.reason == "Forbidden"


async def test_a_refusal_names_its_subject_in_details(access: Access) -> None:
    error = refusal(access, JANE, ask("get", "deployments", group="apps", name="web"))
    assert error.details == {"name": "web", "group": "apps", "kind": "deployments"}


async def test_a_role_binding_grants_in_its_namespace_only(
    access: Access, objects: Objects
) -> None:
    await objects.role("reader", READ_PODS, "dev")
    await objects.bind("reader", user("jane"), namespace="dev")
    access.authorize(JANE, ask("list", "pods", namespace="dev"))
    refusal(access, JANE, ask("list", "pods", namespace="prod"))
    refusal(access, JANE, ask("list", "pods"))
    refusal(access, User("joe"), ask("list", "pods", namespace="dev"))


async def test_a_role_binding_may_grant_a_cluster_role_in_its_namespace(
    access: Access, objects: Objects
) -> None:
    await objects.role("reader", READ_PODS)
    await objects.bind("reader", user("jane"), namespace="dev", kind="ClusterRole")
    access.authorize(JANE, ask("get", "pods", namespace="dev", name="a"))
    refusal(access, JANE, ask("get", "pods", namespace="prod", name="a"))


async def test_a_cluster_role_binding_grants_everywhere(access: Access, objects: Objects) -> None:
    await objects.role("reader", READ_PODS)
    await objects.bind("reader", {"kind": "Group", "name": "system:authenticated"})
    access.authorize(JANE, ask("list", "pods"))
    access.authorize(JANE, ask("list", "pods", namespace="any"))


async def test_a_service_account_is_bound_by_namespace_and_name(
    access: Access, objects: Objects
) -> None:
    await objects.role("reader", READ_PODS, "dev")
    await objects.bind(
        "reader", {"kind": "ServiceAccount", "name": "ci", "namespace": "tools"}, namespace="dev"
    )
    access.authorize(User("system:serviceaccount:tools:ci"), ask("list", "pods", namespace="dev"))
    refusal(access, User("system:serviceaccount:dev:ci"), ask("list", "pods", namespace="dev"))


async def test_every_change_counts_at_once(access: Access, objects: Objects) -> None:
    info = ask("list", "pods", namespace="dev")
    refusal(access, JANE, info)
    await objects.role("reader", READ_PODS, "dev")
    await objects.bind("reader", user("jane"), namespace="dev")
    access.authorize(JANE, info)
    await objects.role("reader", [], "dev")
    refusal(access, JANE, info)
    await objects.role("reader", READ_PODS, "dev")
    access.authorize(JANE, info)
    await objects.delete("rbac.authorization.k8s.io/v1", "RoleBinding", "reader", "dev")
    refusal(access, JANE, info)


async def test_what_was_stored_before_the_start_counts(
    objects: Objects, store, clock, new_key
) -> None:
    await objects.role("reader", READ_PODS)
    await objects.bind("reader", user("jane"))
    access = Access(store, clock, new_key())
    access.start()
    access.authorize(JANE, ask("list", "pods"))


async def test_a_binding_to_a_missing_role_is_told(access: Access, objects: Objects) -> None:
    await objects.bind("ghost", user("jane"))
    error = refusal(access, JANE, ask("list", "nodes"))
    assert error.message.endswith(
        'at the cluster scope: RBAC: clusterrole.rbac.authorization.k8s.io "ghost" not found'
    )


async def test_names_limit_what_is_granted(access: Access, objects: Objects) -> None:
    rules = [
        {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a"]}
    ]
    await objects.role("one", rules, "dev")
    await objects.bind("one", user("jane"), namespace="dev")
    access.authorize(JANE, ask("get", "secrets", namespace="dev", name="a"))
    refusal(access, JANE, ask("get", "secrets", namespace="dev", name="b"))
    refusal(access, JANE, ask("get", "secrets", namespace="dev"))


async def test_an_aggregated_role_follows_the_roles_it_selects(
    access: Access, objects: Objects
) -> None:
    outer = {"clusterRoleSelectors": [{"matchLabels": {"to": "outer"}}]}
    inner = {"clusterRoleSelectors": [{"matchLabels": {"to": "inner"}}]}
    await objects.role("outer", [], aggregationRule=outer)
    await objects.role("inner", [], aggregationRule=inner, labels={"to": "outer"})
    await objects.bind("outer", user("jane"))
    info = ask("list", "pods", namespace="dev")
    refusal(access, JANE, info)
    await objects.role("part", READ_PODS, labels={"to": "inner"})
    access.authorize(JANE, info)
    await objects.delete("rbac.authorization.k8s.io/v1", "ClusterRole", "part")
    refusal(access, JANE, info)


async def test_aggregation_in_a_circle_ends(access: Access, objects: Objects) -> None:
    selects = {"clusterRoleSelectors": [{"matchLabels": {"x": "y"}}]}
    for name in ("a", "b"):
        await objects.role(name, [], aggregationRule=selects, labels={"x": "y"})
    await objects.bind("a", user("jane"))
    refusal(access, JANE, ask("list", "pods"))


async def test_the_defaults_give_each_role_its_share(access: Access, objects: Objects) -> None:
    for obj in (*default_roles(), *default_bindings()):
        metadata = obj["metadata"]
        rest = {k: v for k, v in obj.items() if k not in ("metadata", "kind", "apiVersion")}
        await objects.put(
            obj["apiVersion"],
            obj["kind"],
            metadata["name"],
            metadata.get("namespace", ""),
            labels=metadata["labels"],
            **rest,
        )
    for role in ("view", "edit", "admin"):
        await objects.bind(role, user(role), namespace="dev", kind="ClusterRole")
    view, edit, admin = User("view"), User("edit"), User("admin")
    deployments = ask("create", "deployments", group="apps", namespace="dev")
    secrets, roles = (
        ask("get", "secrets", namespace="dev", name="s"),
        ask("create", "roles", group="rbac.authorization.k8s.io", namespace="dev"),
    )
    for who in (view, edit, admin):
        access.authorize(who, ask("list", "pods", namespace="dev"))
        refusal(access, who, ask("list", "nodes"))
    refusal(access, view, deployments)
    refusal(access, view, secrets)
    access.authorize(edit, deployments)
    access.authorize(edit, secrets)
    refusal(access, edit, roles)
    access.authorize(admin, roles)
    anonymous = User("system:anonymous", ("system:unauthenticated",))
    access.authorize(anonymous, RequestInfo("get", "/readyz"))
    refusal(access, anonymous, RequestInfo("get", "/api"))
    access.authorize(JANE, RequestInfo("get", "/api"))
    access.authorize(User("p", ("grappe:platform",)), ask("delete", "namespaces", name="x"))


async def test_a_repeated_question_costs_microseconds(access: Access, objects: Objects) -> None:
    await objects.role("reader", READ_PODS, "dev")
    await objects.bind("reader", user("jane"), namespace="dev")
    info = ask("list", "pods", namespace="dev")
    best = min(_seconds(access, info) for _ in range(5))
    assert best / 2000 < 20e-6


def _seconds(access: Access, info: RequestInfo) -> float:
    start = time.perf_counter()
    for _ in range(2000):
        access.authorize(JANE, info)
    return time.perf_counter() - start
