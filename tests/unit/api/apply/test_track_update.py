import copy
from typing import Any

import pytest

from grappe.api import Object
from grappe.api.apply import track_update
from grappe.api.schema import builtin_schema, crd_schema

T1, T2, T3 = (f"2026-01-01T00:00:0{i}Z" for i in (1, 2, 3))


def tracked(
    old: Object | None,
    new: Object,
    manager: str = "me",
    *,
    api_version: str = "v1",
    kind: str = "ConfigMap",
    now: str = T1,
    subresource: str = "",
) -> Object:
    before = copy.deepcopy(old)
    new = copy.deepcopy(new)
    track_update(
        old,
        new,
        manager=manager,
        api_version=api_version,
        schema=builtin_schema(api_version, kind),
        now=now,
        subresource=subresource,
    )
    assert old == before
    return new


def owners(obj: Object) -> dict[str, Any]:
    return {e["manager"]: e["fieldsV1"] for e in obj["metadata"].get("managedFields", [])}


def config_map(**data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}


def test_creating_owns_everything_but_the_name() -> None:
    obj = config_map(x="1")
    obj["metadata"]["labels"] = {"app": "web"}
    entry = tracked(None, obj)["metadata"]["managedFields"]
    assert entry == [
        {
            "manager": "me",
            "operation": "Update",
            "apiVersion": "v1",
            "time": T1,
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                "f:data": {".": {}, "f:x": {}},
            },
        }
    ]


def test_a_deployment_is_owned_as_kubernetes_writes_it() -> None:
    obj = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "progressDeadlineSeconds": 600,
            "replicas": 1,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {
                "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
                "type": "RollingUpdate",
            },
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [
                        {
                            "name": "nginx",
                            "image": "nginx",
                            "resources": {},
                            "ports": [{"containerPort": 80, "protocol": "TCP"}],
                        }
                    ],
                    "dnsPolicy": "ClusterFirst",
                    "securityContext": {},
                },
            },
        },
    }
    found = tracked(None, obj, api_version="apps/v1", kind="Deployment")
    assert owners(found)["me"] == {
        "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
        "f:spec": {
            "f:progressDeadlineSeconds": {},
            "f:replicas": {},
            "f:selector": {},
            "f:strategy": {
                "f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}},
                "f:type": {},
            },
            "f:template": {
                "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                "f:spec": {
                    "f:containers": {
                        'k:{"name":"nginx"}': {
                            ".": {},
                            "f:name": {},
                            "f:image": {},
                            "f:resources": {},
                            "f:ports": {
                                ".": {},
                                'k:{"containerPort":80,"protocol":"TCP"}': {
                                    ".": {},
                                    "f:containerPort": {},
                                    "f:protocol": {},
                                },
                            },
                        }
                    },
                    "f:dnsPolicy": {},
                    "f:securityContext": {},
                },
            },
        },
    }


def test_values_that_are_there_from_the_start_are_not_owned() -> None:
    obj = {"metadata": {"name": "a"}, "spec": {"replicas": 1}, "status": {"replicas": 0}}
    found = tracked(None, obj, api_version="apps/v1", kind="ReplicaSet")
    assert owners(found)["me"] == {"f:spec": {"f:replicas": {}}}


def test_custom_resources_own_their_spec_too() -> None:
    schema = crd_schema(
        {
            "type": "object",
            "properties": {
                "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
            },
        }
    )
    obj: Object = {"metadata": {"name": "a"}, "spec": {"a": {"b": [1]}, "c": 1}}
    track_update(None, obj, manager="m", api_version="x/v1", schema=schema, now=T1)
    assert owners(obj)["m"] == {"f:spec": {".": {}, "f:a": {".": {}, "f:b": {}}, "f:c": {}}}


def test_who_changes_a_field_takes_it_over() -> None:
    first = tracked(None, config_map(x="1", y="1"), "one")
    second = tracked(first, {**first, "data": {"x": "2", "y": "1"}}, "two", now=T2)
    assert owners(second) == {
        "one": {"f:data": {".": {}, "f:y": {}}},
        "two": {"f:data": {"f:x": {}}},
    }
    third = tracked(second, {**second, "data": {"y": "1"}}, "three", now=T3)
    assert owners(third) == {"one": {"f:data": {".": {}, "f:y": {}}}}


def test_nothing_changed_leaves_the_times_alone() -> None:
    first = tracked(None, config_map(x="1"), now=T1)
    again = tracked(first, first, now=T2)
    assert again["metadata"]["managedFields"] == first["metadata"]["managedFields"]


def test_a_change_by_the_same_manager_moves_its_time() -> None:
    first = tracked(None, config_map(x="1"), now=T1)
    second = tracked(first, {**first, "data": {"x": "2"}}, now=T2)
    assert [e["time"] for e in second["metadata"]["managedFields"]] == [T2]
    assert owners(second) == owners(first)


def test_subresources_have_entries_of_their_own() -> None:
    pod: Object = {"metadata": {"name": "a"}, "spec": {"nodeName": "n"}}
    first = tracked(None, pod, kind="Pod")
    second = tracked(
        first, {**first, "status": {"phase": "Running"}}, kind="Pod", subresource="status", now=T2
    )
    entries = second["metadata"]["managedFields"]
    assert [(e["manager"], e.get("subresource")) for e in entries] == [
        ("me", None),
        ("me", "status"),
    ]
    assert entries[1]["fieldsV1"] == {"f:status": {"f:phase": {}}}


def test_list_entries_are_told_apart_by_key() -> None:
    def pod(*conditions: dict[str, str]) -> Object:
        return {"metadata": {"name": "a"}, "status": {"conditions": list(conditions)}}

    first = tracked(None, pod({"type": "A", "status": "True"}), "one", kind="Pod")
    second = tracked(
        first,
        {
            **first,
            **{
                k: v
                for k, v in pod(
                    {"type": "B", "status": "True"}, {"type": "A", "status": "False"}
                ).items()
                if k == "status"
            },
        },
        "two",
        kind="Pod",
        now=T2,
    )
    assert owners(second) == {
        "one": {"f:status": {"f:conditions": {".": {}, 'k:{"type":"A"}': {".": {}, "f:type": {}}}}},
        "two": {
            "f:status": {
                "f:conditions": {
                    'k:{"type":"B"}': {".": {}, "f:type": {}, "f:status": {}},
                    'k:{"type":"A"}': {"f:status": {}},
                }
            }
        },
    }


@pytest.mark.parametrize("asked", [[], [{}]])
def test_ownership_can_be_reset(asked: list[Any]) -> None:
    first = tracked(None, config_map(x="1"), "one")
    new = copy.deepcopy(first)
    new["metadata"]["managedFields"] = asked
    assert "managedFields" not in tracked(first, new, "two")["metadata"]


def test_ownership_left_out_or_damaged_is_kept() -> None:
    first = tracked(None, config_map(x="1"), "one")
    for asked in (None, [{"operation": "Shout"}], "x"):
        new = copy.deepcopy(first)
        new["metadata"]["managedFields"] = asked
        assert owners(tracked(first, new, "two")) == owners(first)


def test_ownership_sent_is_honoured() -> None:
    first = tracked(None, config_map(x="1"), "one")
    new = copy.deepcopy(first)
    new["metadata"]["managedFields"][0]["manager"] = "renamed"
    assert set(owners(tracked(first, new, "two"))) == {"renamed"}


def test_the_oldest_of_many_updaters_are_put_together() -> None:
    obj = tracked(None, config_map(k0="0"), "m0", now="2026-01-01T00:00:00Z")
    for i in range(1, 15):
        data = {**obj["data"], f"k{i}": str(i)}
        obj = tracked(obj, {**obj, "data": data}, f"m{i}", now=f"2026-01-01T00:00:{i:02}Z")
    found = owners(obj)
    assert len(found) == 10
    assert set(found["ancient-changes"]["f:data"]) == {
        ".",
        "f:k0",
        "f:k1",
        "f:k2",
        "f:k3",
        "f:k4",
        "f:k5",
    }


def test_an_object_nobody_is_said_to_own_stays_so() -> None:
    first = tracked(None, config_map(x="1"), "one")
    first["metadata"].pop("managedFields")
    assert "managedFields" not in tracked(first, config_map(x="2"), "two")["metadata"]
