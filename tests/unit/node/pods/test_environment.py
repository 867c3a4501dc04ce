"""A container's environment."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api import Object
from grappe.node.pods.environment import EnvironmentFault, Sources, environment, references
from grappe.node.pods.expansion import expand

from .worlds import pod


def config_map(**data: str) -> Object:
    return {"data": data}


def secret(**data: str) -> Object:
    return {"data": {k: base64.b64encode(v.encode()).decode() for k, v in data.items()}}


def service(called: str, ip: str = "10.96.0.9", namespace: str = "ns", **port: Any) -> Object:
    return {
        "metadata": {"name": called, "namespace": namespace},
        "spec": {"clusterIP": ip, "ports": [{"port": 80, "protocol": "TCP", **port}]},
    }


def env_of(container: Object, of: Object | None = None, **known: Any) -> dict[str, str]:
    sources = Sources(
        known.get("maps", {}),
        known.get("secrets", {}),
        known.get("services", ()),
        "192.0.2.1",
        ("10.0.0.1",),
        {"cpu": "4", "memory": "1Gi"},
    )
    return dict(environment(of or pod(), {"name": "c0", **container}, sources))


def test_values_expand_what_came_before_them() -> None:
    env = [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$(A)$(B)$$(A)$(NOPE)"},
    ]
    assert env_of({"env": env}) == {"A": "1", "B": "1$(B)$(A)$(NOPE)"}


def test_env_overrides_env_from_and_a_prefix_is_put_before_keys() -> None:
    container = {
        "envFrom": [{"configMapRef": {"name": "m"}}, {"prefix": "S_", "secretRef": {"name": "s"}}],
        "env": [{"name": "K", "value": "own"}],
    }
    found = env_of(container, maps={"m": config_map(K="map", L="l")}, secrets={"s": secret(K="x")})
    assert found == {"K": "own", "L": "l", "S_K": "x"}


def test_the_downward_api_gives_fields_and_resources() -> None:
    env = [
        {"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "L", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a']"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "C", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        {
            "name": "M",
            "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}},
        },
    ]
    of = pod()
    of["metadata"]["labels"] = {"a": "b"}
    resources = {"limits": {"memory": "64Mi"}}
    assert env_of({"env": env, "resources": resources}, of) == {
        "N": "p",
        "L": "b",
        "IP": "10.0.0.1",
        "C": "4",
        "M": "64",
    }


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"envFrom": [{"configMapRef": {"name": "m"}}]}, 'configmap "m" not found'),
        (
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
            'secret "s" not found',
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "k"}}}]},
            "couldn't find key k in ConfigMap ns/x",
        ),
    ],
)
def test_what_is_missing_is_named_as_the_kubelet_does(container: Object, message: str) -> None:
    with pytest.raises(EnvironmentFault) as raised:
        env_of(container, maps={"x": config_map()})
    assert str(raised.value) == message


def test_what_is_optional_may_be_missing() -> None:
    optional = {"name": "m", "optional": True}
    key = {"configMapKeyRef": {**optional, "key": "k"}}
    container = {
        "envFrom": [{"configMapRef": optional}],
        "env": [{"name": "A", "valueFrom": key}],
    }
    assert env_of(container) == {}


def test_service_links_are_docker_style_variables() -> None:
    found = env_of({}, services=[service("my-db", port=5432, name="pg")])
    assert found == {
        "MY_DB_SERVICE_HOST": "10.96.0.9",
        "MY_DB_SERVICE_PORT": "5432",
        "MY_DB_SERVICE_PORT_PG": "5432",
        "MY_DB_PORT": "tcp://10.96.0.9:5432",
        "MY_DB_PORT_5432_TCP": "tcp://10.96.0.9:5432",
        "MY_DB_PORT_5432_TCP_PROTO": "tcp",
        "MY_DB_PORT_5432_TCP_PORT": "5432",
        "MY_DB_PORT_5432_TCP_ADDR": "10.96.0.9",
    }


def test_without_service_links_only_the_api_server_is_named() -> None:
    services = [service("db"), service("kubernetes", "10.96.0.1", "default", port=443)]
    found = env_of({}, pod(enableServiceLinks=False), services=services)
    assert found["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"
    assert not any(name.startswith("DB_") for name in found)
    assert env_of({}, services=[service("headless", "None"), service("other", namespace="x")]) == {}


def test_references_are_those_of_env_and_env_from() -> None:
    container = {
        "envFrom": [{"configMapRef": {"name": "a"}}, {"secretRef": {"name": "b"}}],
        "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "c", "key": "k"}}}],
    }
    assert references(container) == ({"a"}, {"b", "c"})


@given(st.text(alphabet="$()AB x", max_size=30), st.dictionaries(st.sampled_from("AB"), st.text()))
def test_expansion_never_fails_and_leaves_text_without_references_alone(
    text: str, variables: dict[str, str]
) -> None:
    out = expand(text, variables)
    if "$" not in text:
        assert out == text
