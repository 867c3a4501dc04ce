"""The mandatory and suggested FlowSchemas and PriorityLevelConfigurations of Kubernetes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from grappe.api import Object

AUTO_UPDATE = "apf.kubernetes.io/autoupdate-spec"
_GROUP = "flowcontrol.apiserver.k8s.io/v1"
_EVERYBODY = ("system:unauthenticated", "system:authenticated")
_MANAGER = {"kind": "User", "user": {"name": "system:kube-controller-manager"}}
_SCHEDULER = {"kind": "User", "user": {"name": "system:kube-scheduler"}}
_MANDATORY = ("exempt", "catch-all")
_LEADERS = ["get", "create", "update"]


def _account(name: str) -> Object:
    account = {"name": name, "namespace": "kube-system"}
    return {"kind": "ServiceAccount", "serviceAccount": account}


def _groups(*names: str) -> list[Object]:
    return [{"kind": "Group", "group": {"name": name}} for name in names]


def _rule(verbs: list[str], group: str, resources: list[str], *, cluster: bool = False) -> Object:
    rule: Object = {"verbs": verbs, "apiGroups": [group], "resources": resources}
    return rule | {"namespaces": ["*"]} | ({"clusterScope": True} if cluster else {})


_LEASES = _rule(_LEADERS, "coordination.k8s.io", ["leases"])
_ALL = _rule(["*"], "*", ["*"], cluster=True)
_PATHS: Object = {"verbs": ["*"], "nonResourceURLs": ["*"]}


def _schema(
    name: str,
    level: str,
    precedence: int,
    method: str,
    subjects: list[Object],
    resources: list[Object] | None = None,
    paths: list[Object] | None = None,
) -> Object:
    rule: Object = {"subjects": subjects}
    everything = resources is None and paths is None
    rule["resourceRules"] = [_ALL] if everything else resources
    rule["nonResourceRules"] = [_PATHS] if everything else paths
    spec: Object = {
        "priorityLevelConfiguration": {"name": level},
        "matchingPrecedence": precedence,
        "rules": [{part: value for part, value in rule.items() if value}],
    }
    if method:
        spec["distinguisherMethod"] = {"type": method}
    return _object("FlowSchema", name, spec)


def _level(name: str, shares: int, lendable: int, queues: int, hand: int) -> Object:
    limited: Object = {"nominalConcurrencyShares": shares, "lendablePercent": lendable}
    if queues:
        queuing = {"queues": queues, "handSize": hand, "queueLengthLimit": 50}
        limited["limitResponse"] = {"type": "Queue", "queuing": queuing}
    else:
        limited["limitResponse"] = {"type": "Reject"}
    spec = {"type": "Limited", "limited": limited}
    return _object("PriorityLevelConfiguration", name, spec)


def _object(kind: str, name: str, spec: Any) -> Object:
    metadata = {"name": name, "annotations": {AUTO_UPDATE: "true"}}
    return {"kind": kind, "apiVersion": _GROUP, "metadata": metadata, "spec": spec}


def mandatory() -> list[Object]:
    """Those that count whatever is stored."""
    return [obj for obj in flow_objects() if is_mandatory(obj)]


def is_mandatory(obj: Object) -> bool:
    return obj["metadata"]["name"] in _MANDATORY


def flow_objects() -> Iterable[Object]:
    """All of them, the levels first."""
    exempt = {"nominalConcurrencyShares": 0, "lendablePercent": 0}
    yield _object("PriorityLevelConfiguration", "exempt", {"type": "Exempt", "exempt": exempt})
    yield _level("catch-all", 5, 0, 0, 0)
    yield _level("system", 30, 33, 64, 6)
    yield _level("node-high", 40, 25, 64, 6)
    yield _level("leader-election", 10, 0, 16, 4)
    yield _level("workload-high", 40, 50, 128, 6)
    yield _level("workload-low", 100, 90, 128, 6)
    yield _level("global-default", 20, 50, 128, 6)
    probes = [{"verbs": ["get"], "nonResourceURLs": ["/healthz", "/readyz", "/livez"]}]
    nodes = [
        _rule(["*"], "", ["nodes", "nodes/status"], cluster=True),
        _rule(["*"], "coordination.k8s.io", ["leases"]),
    ]
    leaders = [_MANAGER, _SCHEDULER, _account("*")]
    yield _schema("exempt", "exempt", 1, "", _groups("system:masters"))
    yield _schema("probes", "exempt", 2, "", _groups(*_EVERYBODY), paths=probes)
    yield _schema("system-leader-election", "leader-election", 100, "ByUser", leaders, [_LEASES])
    yield _schema("system-node-high", "node-high", 400, "ByUser", _groups("system:nodes"), nodes)
    yield _schema("system-nodes", "system", 500, "ByUser", _groups("system:nodes"))
    yield _schema("kube-controller-manager", "workload-high", 800, "ByNamespace", [_MANAGER])
    yield _schema("kube-scheduler", "workload-high", 800, "ByNamespace", [_SCHEDULER])
    yield _schema(
        "kube-system-service-accounts", "workload-high", 900, "ByNamespace", [_account("*")]
    )
    accounts = _groups("system:serviceaccounts")
    yield _schema("service-accounts", "workload-low", 9000, "ByUser", accounts)
    yield _schema("global-default", "global-default", 9900, "ByUser", _groups(*_EVERYBODY))
    yield _schema("catch-all", "catch-all", 10000, "ByUser", _groups(*_EVERYBODY))
