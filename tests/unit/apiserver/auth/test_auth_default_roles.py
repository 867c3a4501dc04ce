import json
from hashlib import sha256

import pytest

from grappe.api import Object
from grappe.apiserver.auth.rbac.default_roles import default_bindings, default_roles
from grappe.apiserver.auth.rbac.reconcile import completed

OURS = "grappe:"
KUBERNETES_1_36 = "7616b47ac9cbb5293ef6d13c70654b7dcbb286e263edc6b66f9102dad460ba30"
"""Of the bootstrap policy that Kubernetes 1.36.2's own tests hold it to, with its features as they
are by default: each object as JSON with sorted keys, aggregated rules left out, lines sorted."""

EVERY = (*default_roles(), *default_bindings())


def test_the_default_roles_and_bindings_are_those_of_kubernetes() -> None:
    lines = []
    for obj in EVERY:
        if not obj["metadata"]["name"].startswith(OURS):
            fields = {k: v for k, v in obj.items() if k != "rules" or "aggregationRule" not in obj}
            lines.append(json.dumps(fields, sort_keys=True))
    assert sha256("\n".join(sorted(lines)).encode()).hexdigest() == KUBERNETES_1_36


@pytest.mark.parametrize("obj", EVERY, ids=lambda o: o["metadata"]["name"])
def test_a_default_object_needs_no_completion(obj: Object) -> None:
    assert completed(obj, obj) is None


def role(rules: list[Object], **metadata: object) -> Object:
    return {"metadata": {"name": "r", **metadata}, "rules": rules}


def binding(*subjects: Object, to: str = "r") -> Object:
    ref = {"kind": "ClusterRole", "name": to}
    return {"metadata": {"name": "b"}, "roleRef": ref, "subjects": list(subjects)}


READ = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}
WRITE = {"verbs": ["create", "delete"], "apiGroups": [""], "resources": ["pods"]}
ANN, BOB = ({"kind": "User", "name": name} for name in ("ann", "bob"))
FROZEN = {"rbac.authorization.kubernetes.io/autoupdate": "false"}


def test_missing_rules_and_labels_are_added_and_others_kept() -> None:
    live = role([WRITE], labels={"mine": "1", "a": "kept"})
    found = completed(live, role([READ, WRITE], labels={"a": "b", "c": "d"}))
    assert found == role([WRITE, READ], labels={"a": "kept", "c": "d", "mine": "1"})
    assert live == role([WRITE], labels={"mine": "1", "a": "kept"})


def test_an_object_that_asks_to_be_left_alone_is() -> None:
    assert completed(role([], annotations=FROZEN), role([READ])) is None


def test_missing_subjects_are_added() -> None:
    assert completed(binding(ANN), binding(BOB)) == binding(ANN, BOB)
    assert completed(binding(ANN, BOB), binding(BOB)) is None


def test_a_binding_to_another_role_is_wrong() -> None:
    assert completed(binding(ANN, to="other"), binding(ANN)) == binding(ANN)


def test_what_an_aggregated_role_selects_is_added() -> None:
    mine, theirs = ({"matchLabels": {label: "true"}} for label in ("mine", "theirs"))
    live = {"metadata": {}, "aggregationRule": {"clusterRoleSelectors": [mine]}, "rules": [READ]}
    wanted = {**live, "aggregationRule": {"clusterRoleSelectors": [theirs]}, "rules": [WRITE]}
    found = completed(live, wanted)
    assert found == {**live, "aggregationRule": {"clusterRoleSelectors": [mine, theirs]}}


def test_a_role_that_is_not_to_be_aggregated_is_not() -> None:
    live = {**role([READ]), "aggregationRule": {"clusterRoleSelectors": []}}
    assert completed(live, role([READ])) == role([READ])
