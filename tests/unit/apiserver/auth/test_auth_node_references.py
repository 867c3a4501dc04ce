"""What pods and volumes refer to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.auth.node.references import claim_of, of_pod, secrets_of


def pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web"}, "spec": spec}


@pytest.mark.parametrize(
    ("spec", "reference"),
    [
        ({"serviceAccountName": "sa"}, ("serviceaccounts", "sa")),
        ({"imagePullSecrets": [{"name": "pull"}]}, ("secrets", "pull")),
        (
            {"containers": [{"envFrom": [{"secretRef": {"name": "env"}}]}]},
            ("secrets", "env"),
        ),
        (
            {"initContainers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "key"}}}]}]},
            ("secrets", "key"),
        ),
        (
            {"ephemeralContainers": [{"env": [{"valueFrom": {"configMapKeyRef": {"name": "c"}}}]}]},
            ("configmaps", "c"),
        ),
        ({"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}, ("secrets", "s")),
        ({"volumes": [{"name": "v", "configMap": {"name": "c"}}]}, ("configmaps", "c")),
        (
            {"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "p"}}]}}]},
            ("secrets", "p"),
        ),
        (
            {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]},
            ("persistentvolumeclaims", "data"),
        ),
        ({"volumes": [{"name": "v", "ephemeral": {}}]}, ("persistentvolumeclaims", "web-v")),
        (
            {"volumes": [{"name": "v", "csi": {"nodePublishSecretRef": {"name": "csi"}}}]},
            ("secrets", "csi"),
        ),
        ({"volumes": [{"name": "v", "rbd": {"secretRef": {"name": "rbd"}}}]}, ("secrets", "rbd")),
        (
            {"resourceClaims": [{"name": "g", "resourceClaimName": "gpu"}]},
            ("resourceclaims", "gpu"),
        ),
    ],
)
def test_a_pod_refers_to(spec: dict[str, Any], reference: tuple[str, str]) -> None:
    assert list(of_pod(pod(**spec))) == [reference]


def test_claims_made_for_a_pod_are_in_its_status() -> None:
    status = {"resourceClaimStatuses": [{"name": "g", "resourceClaimName": "web-g-x"}]}
    assert list(of_pod({**pod(), "status": status})) == [("resourceclaims", "web-g-x")]


def test_a_volume_says_its_claim_and_the_secrets_a_node_needs() -> None:
    volume = {
        "spec": {
            "claimRef": {"namespace": "dev", "name": "data"},
            "csi": {
                "nodeStageSecretRef": {"namespace": "kube-system", "name": "stage"},
                "controllerPublishSecretRef": {"namespace": "kube-system", "name": "controller"},
            },
            "azureFile": {"secretName": "azure"},
        }
    }
    assert claim_of(volume) == ("dev", "data")
    assert set(secrets_of(volume)) == {("kube-system", "stage"), ("dev", "azure")}


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["spec", "metadata", "volumes", "containers", "env", "secret", "name", "csi", "rbd"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=30,
)


@given(st.dictionaries(st.sampled_from(["spec", "metadata", "status"]), _json))
def test_bodies_of_any_shape_never_fail(obj: dict[str, Any]) -> None:
    assert all(isinstance(name, str) and name for _, name in of_pod(obj))
    assert all(isinstance(name, str) for _, name in secrets_of(obj))
