"""AppArmor profiles of a new pod: annotations become fields."""

from __future__ import annotations

from typing import Any

import pytest

from grappe.api.app_armor import fields_from_annotations

KEY = "container.apparmor.security.beta.kubernetes.io/"
OLD = 'deprecated since v1.30; use the "appArmorProfile" field instead'


def pod(annotation: str | None, own: Any = None, whole: Any = None, **spec: Any) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "a"}
    if own:
        container["securityContext"] = {"appArmorProfile": own}
    metadata = {} if annotation is None else {"annotations": {f"{KEY}a": annotation}}
    context = {"appArmorProfile": whole} if whole else {}
    return {
        "metadata": metadata,
        "spec": {"containers": [container], "securityContext": context, **spec},
    }


DEFAULT = {"type": "RuntimeDefault"}
UNCONFINED = {"type": "Unconfined"}


@pytest.mark.parametrize(
    ("made", "profile", "warned"),
    [
        (pod(None), None, False),
        (pod("runtime/default"), DEFAULT, True),
        (pod("unconfined"), UNCONFINED, True),
        (pod("localhost/p"), {"type": "Localhost", "localhostProfile": "p"}, True),
        (pod("localhost/"), None, True),
        (pod("localhost/ p"), None, True),
        (pod("localhost/" + "p" * 4096), None, True),
        (pod(""), None, True),
        (pod("unconfined", own=DEFAULT), DEFAULT, False),
        (pod("runtime/default", whole=DEFAULT), None, False),
        (pod("unconfined", whole=DEFAULT), UNCONFINED, True),
        (pod("unconfined", os={"name": "windows"}), None, False),
    ],
)
def test_an_annotation_without_a_field_becomes_one(made: Any, profile: Any, warned: bool) -> None:
    assert fields_from_annotations(made) == [f"metadata.annotations[{KEY}a]: {OLD}"] * warned
    context = made["spec"]["containers"][0].get("securityContext", {})
    assert context.get("appArmorProfile") == profile


def test_only_the_container_that_is_named_is_changed() -> None:
    made = pod("unconfined", initContainers=[{"name": "b"}])
    fields_from_annotations(made)
    assert made["spec"]["initContainers"] == [{"name": "b"}]
