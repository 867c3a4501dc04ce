from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.admission.service_account import MOUNT_PATH, give

mounts = st.lists(st.sampled_from(["/data", MOUNT_PATH]), max_size=2, unique=True)
containers = st.lists(mounts, min_size=1, max_size=3)


def pod(found: list[list[str]], **rest: Any) -> dict[str, Any]:
    return {
        "containers": [
            {"name": f"c{n}", "volumeMounts": [{"name": "own", "mountPath": p} for p in paths]}
            for n, paths in enumerate(found)
        ],
        **rest,
    }


@given(containers)
def test_every_container_finds_a_token_and_keeps_its_own_mounts(found: list[list[str]]) -> None:
    spec = pod(found)
    before = deepcopy(spec)
    give(spec, {})
    for was, now in zip(before["containers"], spec["containers"], strict=True):
        assert MOUNT_PATH in [mount["mountPath"] for mount in now["volumeMounts"]]
        assert now["volumeMounts"][: len(was["volumeMounts"])] == was["volumeMounts"]
    names = {m["name"] for c in spec["containers"] for m in c["volumeMounts"]} - {"own"}
    assert names == {volume["name"] for volume in spec.get("volumes", ())}
    settled = deepcopy(spec)
    give(spec, {})
    assert spec == settled


def test_the_pod_decides_over_its_account() -> None:
    wants = pod([[]], automountServiceAccountToken=True)
    give(wants, {"automountServiceAccountToken": False})
    assert "volumes" in wants
    quiet = pod([[]])
    give(quiet, {"automountServiceAccountToken": False})
    assert "volumes" not in quiet


def test_own_pull_secrets_are_kept() -> None:
    spec = pod([[]], imagePullSecrets=[{"name": "mine"}])
    give(spec, {"imagePullSecrets": [{"name": "theirs"}]})
    assert spec["imagePullSecrets"] == [{"name": "mine"}]
