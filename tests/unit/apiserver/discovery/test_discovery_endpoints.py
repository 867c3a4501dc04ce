import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.errors import ApiError
from grappe.api.resources import BUILTIN, Resource
from grappe.apiserver.discovery.endpoints import Endpoints
from grappe.apiserver.discovery.groups import group_resources, version_order
from grappe.apiserver.discovery.health import Health
from grappe.apiserver.discovery.negotiation import discovery_form
from grappe.apiserver.http.messages import Request, Response
from grappe.base.metrics import Registry

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
KUBECTL = f"{AGGREGATED},{AGGREGATED.replace('v=v2', 'v=v2beta1')},application/json"
WIDGET = Resource(
    "example.com",
    "v1",
    "widgets",
    "Widget",
    singular="widget",
    short_names=("wd",),
    subresources=frozenset(["status", "scale"]),
)


class Server:
    def __init__(self) -> None:
        self.resources = list(BUILTIN)
        self.generation = 0
        self.store_works = True
        health = Health({"etcd": lambda: self.store_works}, {"started": lambda: True}, Registry())
        self.endpoints = Endpoints(
            lambda: self.resources, lambda: self.generation, health, {}, "127.0.0.1:6443"
        )

    def get(self, path: str, query: str = "", **headers: str) -> Response:
        found = self.endpoints.answer(Request("GET", path, query, headers))
        assert found is not None
        return found

    def json(self, path: str, **headers: str):
        return orjson.loads(self.get(path, **headers).body)


@pytest.fixture
def server() -> Server:
    return Server()


def test_groups_are_listed_with_their_preferred_version(server: Server) -> None:
    groups = {group["name"]: group for group in server.json("/apis")["groups"]}
    assert groups["autoscaling"]["preferredVersion"]["groupVersion"] == "autoscaling/v2"
    assert [v["version"] for v in groups["autoscaling"]["versions"]] == ["v2", "v1"]
    assert server.json("/apis/apps")["kind"] == "APIGroup"
    assert server.json("/api")["versions"] == ["v1"]


def test_a_version_lists_resources_and_their_subresources(server: Server) -> None:
    resources = {r["name"]: r for r in server.json("/api/v1")["resources"]}
    assert resources["pods"]["shortNames"] == ["po"]
    assert resources["pods"]["namespaced"] is True
    assert resources["pods/eviction"]["group"] == "policy"
    assert resources["serviceaccounts/token"]["kind"] == "TokenRequest"
    assert resources["pods/log"]["verbs"] == ["get"]
    scale = {r["name"]: r for r in server.json("/apis/apps/v1")["resources"]}["deployments/scale"]
    assert (scale["group"], scale["version"], scale["kind"]) == ("autoscaling", "v1", "Scale")


def test_everything_is_told_at_once_to_who_asks_for_it(server: Server) -> None:
    answer = server.get("/apis", accept=KUBECTL)
    assert answer.content_type == AGGREGATED
    items = {i["metadata"]["name"]: i for i in orjson.loads(answer.body)["items"]}
    (apps,) = items["apps"]["versions"]
    deployments = next(r for r in apps["resources"] if r["resource"] == "deployments")
    assert deployments["responseKind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}
    assert deployments["scope"] == "Namespaced"
    assert {s["subresource"] for s in deployments["subresources"]} == {"scale", "status"}
    (core,) = server.json("/api", accept=KUBECTL)["items"]
    assert "name" not in core["metadata"]


def test_an_unchanged_aggregated_document_is_not_sent_again(server: Server) -> None:
    tag = dict(server.get("/apis", accept=KUBECTL).headers)["ETag"]
    again = server.get("/apis", accept=KUBECTL, **{"if-none-match": tag})
    assert (again.status, again.body) == (304, b"")
    server.resources.append(WIDGET)
    server.generation += 1
    changed = server.get("/apis", accept=KUBECTL, **{"if-none-match": tag})
    assert changed.status == 200
    assert b"widgets" in changed.body


def test_a_custom_resource_appears_and_goes(server: Server) -> None:
    assert server.endpoints.answer(Request("GET", "/apis/example.com/v1", "", {})) is None
    server.resources.append(WIDGET)
    server.generation += 1
    names = [r["name"] for r in server.json("/apis/example.com/v1")["resources"]]
    assert names == ["widgets", "widgets/scale", "widgets/status"]
    server.resources.remove(WIDGET)
    server.generation += 1
    assert server.endpoints.answer(Request("GET", "/apis/example.com", "", {})) is None


@pytest.mark.parametrize(
    "path", ["/apix", "/apis/no", "/apis/apps/v9", "/api/v2", "/apis//v1", "/api/v1/pods/x"]
)
def test_other_paths_are_not_ours(server: Server, path: str) -> None:
    assert server.endpoints.answer(Request("GET", path, "", {})) is None


def test_discovery_cannot_be_written(server: Server) -> None:
    with pytest.raises(ApiError) as error:
        server.endpoints.answer(Request("POST", "/apis", "", {}))
    assert error.value.code == 405


def test_the_version_has_every_field_that_clients_parse(server: Server) -> None:
    version = server.json("/version")
    assert (version["major"], version["minor"]) == ("1", "36")
    assert version["gitVersion"].startswith("v1.36.")
    for name in ("gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform"):
        assert isinstance(version[name], str)


def test_the_root_lists_paths(server: Server) -> None:
    paths = server.json("/")["paths"]
    assert {"/api", "/api/v1", "/apis/apps/v1", "/healthz", "/version"} <= set(paths)


def test_health_is_one_word_or_a_line_for_each_check(server: Server) -> None:
    assert server.get("/readyz").body == b"ok"
    assert server.get("/readyz", "verbose").body == (
        b"[+]ping ok\n[+]etcd ok\n[+]started ok\nreadyz check passed\n"
    )
    assert server.get("/livez/ping").body == b"ok"
    assert server.endpoints.answer(Request("GET", "/livez/started", "", {})) is None


def test_a_failed_check_fails_without_a_reason(server: Server) -> None:
    server.store_works = False
    answer = server.get("/healthz")
    assert answer.status == 500
    assert b"[-]etcd failed: reason withheld\nhealthz check failed\n" in answer.body
    assert server.get("/healthz", "exclude=etcd").body == b"ok"


@pytest.mark.parametrize(
    ("accept", "aggregated"),
    [
        (KUBECTL, True),
        ("application/json", False),
        ("", False),
        ("*/*", False),
        (AGGREGATED.replace("v=v2", "v=v2beta1") + ",application/json", False),
        ("application/json;q=0.9," + AGGREGATED, True),
        (AGGREGATED + ";q=0,application/json", False),
        ("application/vnd.kubernetes.protobuf," + AGGREGATED, False),
    ],
)
def test_the_accept_header_decides_the_form(accept: str, aggregated: bool) -> None:
    assert discovery_form(accept).aggregated is aggregated


@given(st.text())
def test_any_accept_header_is_read(header: str) -> None:
    assert discovery_form(header).media in ("json", "yaml", "protobuf")


def test_versions_are_preferred_as_kubernetes_does() -> None:
    # The example of the versioning page of Kubernetes' documentation.
    ordered = [
        "v10",
        "v2",
        "v1",
        "v11beta2",
        "v10beta3",
        "v3beta1",
        "v12alpha1",
        "v11alpha2",
        "foo1",
        "foo10",
    ]
    backwards = ordered[::-1]
    assert sorted(backwards, key=version_order) == ordered


def test_custom_groups_follow_the_built_in_ones() -> None:
    other = Resource("aaa.example.com", "v1", "xs", "X")
    groups = list(group_resources([*BUILTIN, WIDGET, other]))
    assert groups[0] == ""
    assert groups[-2:] == ["aaa.example.com", "example.com"]
