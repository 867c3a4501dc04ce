import orjson
import pytest

from grappe.api import Object
from grappe.controllers.revisions import hash_of, history


def owner(kind: str) -> Object:
    labels = {"app": "a"}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {
            "name": "a",
            "namespace": "n",
            "uid": "u",
            "annotations": {"kubernetes.io/change-cause": "first"},
        },
        "spec": {
            "template": {
                "spec": {"restartPolicy": "Always", "containers": [{"name": "c", "image": "i"}]},
                "metadata": {"labels": labels},
            }
        },
    }


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("DaemonSet", "controller-revision-hash"),
        ("StatefulSet", "controller.kubernetes.io/hash"),
    ],
)
def test_a_revision_is_what_clients_look_for(kind: str, label: str) -> None:
    made = history(owner(kind), []).newest
    digest = hash_of(made)
    assert made["metadata"]["name"] == f"a-{digest}"
    assert made["metadata"]["labels"] == {"app": "a", label: digest}
    assert made["metadata"]["annotations"] == {"kubernetes.io/change-cause": "first"}
    assert orjson.dumps(made["data"]) == (
        b'{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"a"}},'
        b'"spec":{"containers":[{"image":"i","name":"c"}],"restartPolicy":"Always"}}}}'
    )


def test_a_template_that_is_used_again_is_numbered_anew() -> None:
    first = history(owner("DaemonSet"), []).newest
    changed = owner("DaemonSet")
    changed["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    second = history(changed, [first])
    assert second.create
    assert second.newest["revision"] == 2
    again = history(owner("DaemonSet"), [first, second.newest])
    assert again.renumber
    assert (again.newest["metadata"]["name"], again.newest["revision"]) == (
        first["metadata"]["name"],
        3,
    )
