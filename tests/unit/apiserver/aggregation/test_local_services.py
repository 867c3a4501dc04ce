"""When an APIService of this server is set right, and when it is somebody else's."""

from __future__ import annotations

import pytest

from grappe.api import Object
from grappe.api.resources import BUILTIN
from grappe.apiserver.aggregation.local import local_services, settled

LABEL = "kube-aggregator.kubernetes.io/automanaged"


def service(managed: str, priority: int = 1) -> Object:
    labels = {LABEL: managed} if managed else {}
    return {"metadata": {"name": "v1.g", "labels": labels}, "spec": {"versionPriority": priority}}


ONSTART, ALWAYS, NOBODYS = service("onstart"), service("true"), service("")


@pytest.mark.parametrize(
    ("wanted", "found", "at_start", "later"),
    [
        (None, None, "", ""),
        (ONSTART, None, "create", ""),
        (ALWAYS, None, "create", "create"),
        (None, NOBODYS, "", ""),
        (ONSTART, service("", 2), "", ""),
        (ALWAYS, service("", 2), "", ""),
        (None, ONSTART, "delete", ""),
        (ONSTART, service("onstart", 2), "update", ""),
        (ALWAYS, service("onstart", 2), "update", ""),
        (None, ALWAYS, "delete", "delete"),
        (ONSTART, service("true", 2), "update", ""),
        (ALWAYS, service("true", 2), "update", "update"),
        (ALWAYS, ALWAYS, "", ""),
        (None, service("another"), "", ""),
    ],
)
def test_labels_say_whose_an_api_service_is(
    wanted: Object | None, found: Object | None, at_start: str, later: str
) -> None:
    assert settled(wanted, found, True) == at_start
    assert settled(wanted, found, False) == later


def test_api_services_themselves_are_not_among_them() -> None:
    found = local_services(BUILTIN, [])
    assert "v1.apps" in found
    assert "v1.apiregistration.k8s.io" not in found
