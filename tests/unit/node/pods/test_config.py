"""From a pod to DNS, resources, security, images and mounts: the pure parts."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from grappe.api import Object
from grappe.node.pods import config, dns, resources, security, spec
from grappe.node.pods.admission import admit
from grappe.node.pods.images import _REFERENCE, credentials_for
from grappe.node.runtime.config import Dns
from grappe.node.runtime.interface import Image
from grappe.node.settings import NodeSettings

from .worlds import pod

SETTINGS = NodeSettings("c", "n", "192.0.2.1", Path("/d"), cgroup_root="/grappe/c")
NODE_DNS = Dns(("9.9.9.9",), ("corp.example",), ("timeout:2",))
IMAGE = Image("sha256:1", (), (), 1, None, "", False)


def with_resources(requests: Object | None = None, limits: Object | None = None) -> Object:
    of = pod()
    of["spec"]["containers"][0]["resources"] = {"requests": requests or {}, "limits": limits or {}}
    return of


def resolver(of: Object) -> Dns:
    return dns.resolver(of, cluster_dns="10.96.0.10", cluster_domain="cluster.local", node=NODE_DNS)


def test_cluster_first_searches_the_namespace_then_the_cluster_then_the_host() -> None:
    assert resolver(pod()) == Dns(
        ("10.96.0.10",),
        ("ns.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example"),
        ("ndots:5",),
    )


@pytest.mark.parametrize("of", [pod(dnsPolicy="Default"), pod(hostNetwork=True)])
def test_the_nodes_own_resolver(of: Object) -> None:
    assert resolver(of) == NODE_DNS


def test_a_node_without_a_reachable_resolver_lets_pods_ask_the_clusters() -> None:
    found = dns.resolver(
        pod(dnsPolicy="Default"), cluster_dns="10.96.0.10", cluster_domain="x", node=Dns()
    )
    assert found == Dns(("10.96.0.10",))


def test_dns_config_alone_or_added() -> None:
    extra = {
        "nameservers": ["1.1.1.1"],
        "searches": ["a.example"],
        "options": [{"name": "ndots", "value": "2"}],
    }
    assert resolver(pod(dnsPolicy="None", dnsConfig=extra)) == Dns(
        ("1.1.1.1",), ("a.example",), ("ndots:2",)
    )
    both = resolver(pod(dnsConfig=extra))
    assert both.servers == ("10.96.0.10", "1.1.1.1")
    assert both.options == ("ndots:2",)


def test_resolv_conf_without_servers_on_loopback() -> None:
    text = "# x\nnameserver 127.0.0.53\nnameserver 8.8.8.8\nsearch a b\noptions edns0 trust-ad\n"
    assert dns.parse_resolv_conf(text) == Dns(("8.8.8.8",), ("a", "b"), ("edns0", "trust-ad"))


def test_hosts_file_names_the_pod_and_its_aliases() -> None:
    of = pod(subdomain="sub", hostAliases=[{"ip": "1.2.3.4", "hostnames": ["x", "y"]}])
    text = dns.hosts_file(of, ["10.0.0.1"], "cluster.local")
    assert "10.0.0.1\tp.sub.ns.svc.cluster.local\tp\n" in text
    assert text.endswith("1.2.3.4\tx\ty\n")


@pytest.mark.parametrize(
    ("requests", "limits", "qos"),
    [
        ({}, {}, "BestEffort"),
        ({"cpu": "1"}, {}, "Burstable"),
        ({}, {"cpu": "1", "memory": "1Gi"}, "Guaranteed"),
        ({"cpu": "1", "memory": "1Gi"}, {"cpu": "1000m", "memory": "1024Mi"}, "Guaranteed"),
        ({"cpu": "1"}, {"cpu": "2", "memory": "1Gi"}, "Burstable"),
    ],
)
def test_qos_class(requests: Object, limits: Object, qos: str) -> None:
    assert resources.qos_class(with_resources(requests, limits)) == qos


def test_cgroup_values_of_a_container() -> None:
    of = with_resources({"cpu": "250m", "memory": "256Mi"}, {"cpu": "1500m", "memory": "512Mi"})
    found = resources.limits(of, of["spec"]["containers"][0], 4 << 30)
    assert (found.cpu_shares, found.cpu_quota, found.cpu_period) == (256, 150_000, 100_000)
    assert found.memory_limit == 512 << 20
    assert found.oom_score_adj == 1000 - 1000 * 256 // 4096
    assert resources.limits(pod(), {"name": "c"}, 4 << 30).oom_score_adj == 1000


def test_a_large_init_container_counts_instead_of_the_sum() -> None:
    of = pod(main=2, init=("once", "sidecar"))
    for container, cpu in zip(
        [*of["spec"]["initContainers"], *of["spec"]["containers"]],
        ("4", "1", "1", "1"),
        strict=True,
    ):
        container["resources"] = {"requests": {"cpu": cpu}}
    assert resources.pod_request(of, "cpu") == 4000
    of["spec"]["initContainers"][0]["resources"] = {}
    assert resources.pod_request(of, "cpu") == 3000


def test_a_node_without_room_rejects() -> None:
    of = with_resources({"cpu": "2"})
    allocatable = {"cpu": "3", "memory": "1Gi", "pods": "2"}
    assert admit(of, [], allocatable) is None
    refused = admit(of, [of], allocatable)
    assert refused is not None
    assert refused.reason == "OutOfcpu"
    assert refused.message.endswith("cpu, requested: 2000, used: 2000, capacity: 3000")
    many = admit(pod(), [pod(), pod()], allocatable)
    assert many is not None
    assert many.reason == "OutOfpods"


@pytest.mark.parametrize(
    ("mine", "taken", "refused"),
    [
        ({"hostPort": 80}, {"hostPort": 80}, True),
        ({"hostPort": 80}, {"hostPort": 80, "hostIP": "127.0.0.1"}, True),
        ({"hostPort": 80, "hostIP": "127.0.0.2"}, {"hostPort": 80, "hostIP": "127.0.0.1"}, False),
        ({"hostPort": 80}, {"hostPort": 80, "protocol": "UDP"}, False),
        ({"hostPort": 80}, {"hostPort": 81}, False),
        ({"containerPort": 80}, {"containerPort": 80}, False),
    ],
)
def test_a_port_of_the_host_is_given_once(mine: Object, taken: Object, refused: bool) -> None:
    def with_port(port: Object) -> Object:
        return pod(containers=[{"name": "c", "image": "x", "ports": [port]}])

    allocatable = {"cpu": "3", "memory": "1Gi", "pods": "9"}
    found = admit(with_port(mine), [with_port(taken)], allocatable)
    assert (found is not None) == refused
    if found is not None:
        assert found.reason == "NodePorts"
        assert found.message == (
            "Pod was rejected: Predicate NodePorts failed: "
            "node(s) didn't have free ports for the requested pod ports"
        )


def test_cgroups_are_sorted_by_qos_class() -> None:
    assert config.cgroup_parent(pod(), SETTINGS) == "/grappe/c/besteffort/podu1"
    guaranteed = with_resources({}, {"cpu": "1", "memory": "1Gi"})
    assert config.cgroup_parent(guaranteed, SETTINGS) == "/grappe/c/podu1"


def test_a_host_network_pod_has_no_hostname_of_its_own() -> None:
    found = config.sandbox(pod(hostNetwork=True), SETTINGS, attempt=0, dns=Dns())
    assert found.hostname == ""
    assert found.security.namespaces.network == "node"


def test_commands_expand_variables() -> None:
    of = pod()
    container = of["spec"]["containers"][0]
    container.update(command=["run", "$(A)"], args=["$(B)"])
    declared = spec.Declared("main", container)
    found = config.container(
        of, declared, attempt=2, image=IMAGE, env=[("A", "1")], mounts=[], machine_memory=1 << 30
    )
    assert (found.command, found.args) == (("run", "1"), ("$(B)",))
    assert (found.log_path, found.annotations[config.ANNOTATION_RESTARTS]) == ("c0/2.log", "2")


def test_the_containers_security_context_wins() -> None:
    of = pod(securityContext={"runAsUser": 1, "fsGroup": 5, "supplementalGroups": [6]})
    own = {
        "runAsUser": 2,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], "add": ["CHOWN"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    found = security.of_container(of, {"name": "c", "securityContext": own}, IMAGE)
    assert (found.run_as_user, found.supplemental_groups) == (2, (6, 5))
    assert found.read_only_root
    assert found.no_new_privileges
    assert found.drop_capabilities == ("ALL",)
    assert found.seccomp.kind == "RuntimeDefault"


@pytest.mark.parametrize(
    ("context", "image", "message"),
    [
        ({"runAsUser": 0}, IMAGE, "container's runAsUser breaks non-root policy"),
        ({}, IMAGE, "image will run as root"),
        ({}, IMAGE._replace(username="web"), "image has non-numeric user (web)"),
    ],
)
def test_run_as_non_root_is_checked(context: Object, image: Image, message: str) -> None:
    container = {"name": "c", "securityContext": {"runAsNonRoot": True, **context}}
    with pytest.raises(security.SecurityError) as raised:
        security.of_container(pod(), container, image)
    assert message in str(raised.value)
    assert security.of_container(
        pod(), container | {"securityContext": {"runAsNonRoot": True}}, IMAGE._replace(uid=1000)
    )


@pytest.mark.parametrize(
    ("reference", "good"),
    [
        ("busybox", True),
        ("localhost/a/b:1", True),
        ("registry.example:5000/a@sha256:" + "0" * 64, True),
        ("UPPER", False),
        ("a b", False),
        ("a:b:c", False),
        ("", False),
    ],
)
def test_image_names(reference: str, good: bool) -> None:
    assert bool(_REFERENCE.match(reference)) is good


def test_pull_secrets_are_chosen_by_registry() -> None:
    auths = {
        "https://index.docker.io/v1/": {"auth": base64.b64encode(b"me:pw").decode()},
        "other.example": {"username": "x", "password": "y"},
    }
    data = base64.b64encode(json.dumps({"auths": auths}).encode()).decode()
    secrets = [{"data": {".dockerconfigjson": data}}, {"data": {".dockerconfigjson": "?"}}]
    assert [c.username for c in credentials_for("busybox:1", secrets)] == ["me"]
    assert [c.password for c in credentials_for("other.example/a", secrets)] == ["y"]
    assert credentials_for("third.example/a", secrets) == []
