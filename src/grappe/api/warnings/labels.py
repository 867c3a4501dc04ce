"""Deprecated labels of nodes, wherever something selects nodes by them
(https://kubernetes.io/docs/reference/labels-annotations-taints/)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from grappe.api import Object
from grappe.api.names import label_value_problems

DEPRECATED = {
    "app.kubernetes.io/created-by": "deprecated since v1.9",
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/instance-type": (
        'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead'
    ),
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": (
        'deprecated since v1.17; use "topology.kubernetes.io/region" instead'
    ),
    "failure-domain.beta.kubernetes.io/zone": (
        'deprecated since v1.17; use "topology.kubernetes.io/zone" instead'
    ),
    "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
    "scheduler.alpha.kubernetes.io/preferAvoidPods": (
        "deprecated since v1.22; use Taints and Tolerations instead"
    ),
}


def expressions(found: Iterable[Object], at: str, *, values: bool = False) -> Iterator[str]:
    """`matchExpressions` of a selector of nodes; `values`: also those that no label can have."""
    for i, rule in enumerate(found):
        key = rule.get("key")
        if key in DEPRECATED:
            yield f"{at}[{i}].key: {key} is {DEPRECATED[key]}"
        for j, value in enumerate(rule.get("values") or () if values else ()):
            for problem in label_value_problems(value):
                yield f"{at}[{i}].values[{j}]: {value} is invalid, {problem}"


def label_selector(selector: Object | None, at: str) -> Iterator[str]:
    """A `metav1.LabelSelector` of nodes."""
    if not selector:
        return
    yield from expressions(selector.get("matchExpressions") or (), f"{at}.matchExpressions")
    for key in selector.get("matchLabels") or ():
        if key in DEPRECATED:
            yield f"{at}.matchLabels.{key}: {DEPRECATED[key]}"


def term(found: Object | None, at: str, *, values: bool = False) -> Iterator[str]:
    """A term of a `NodeSelector`."""
    rules = (found or {}).get("matchExpressions") or ()
    yield from expressions(rules, f"{at}.matchExpressions", values=values)
