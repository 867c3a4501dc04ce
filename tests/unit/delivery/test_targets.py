import pytest

from grappe.api.resources import builtin_kind
from grappe.delivery.application import parse
from grappe.delivery.render.directory import Manifest, RenderError
from grappe.delivery.resource import TRACKING, Ref
from grappe.delivery.targets import prepare

from .test_application import application


def prepared(*objects, namespace="shop"):
    app = parse(application(destination={"name": "in-cluster", "namespace": namespace}))
    manifests = [Manifest(obj, f"a.yaml:{n}") for n, obj in enumerate(objects)]
    return prepare(manifests, app, builtin_kind)


def made(kind, name="x", api_version="v1", **meta):
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **meta}}


def test_objects_get_their_namespace_and_their_mark():
    given = made("ConfigMap")
    [target] = prepared(given).kept
    assert target.object["metadata"]["namespace"] == "shop"
    assert target.object["metadata"]["annotations"] == {TRACKING: "web:/ConfigMap:shop/x"}
    assert given == made("ConfigMap")


def test_a_namespace_of_its_own_is_kept_and_one_that_makes_no_sense_dropped():
    own, cluster = prepared(
        made("ConfigMap", namespace="other"), made("Namespace", namespace="odd")
    ).kept
    assert own.ref == Ref("", "ConfigMap", "other", "x")
    assert cluster.ref == Ref("", "Namespace", "", "x")


def test_a_namespace_that_nobody_names_is_told():
    with pytest.raises(RenderError, match=r"a.yaml:0: ConfigMap x has no namespace"):
        prepared(made("ConfigMap"), namespace="")


def test_of_one_object_given_twice_the_last_counts_and_a_warning_is_given():
    first, second = made("ConfigMap"), {**made("ConfigMap"), "data": {"a": "2"}}
    targets = prepared(first, second)
    assert [t.object.get("data") for t in targets.kept] == [{"a": "2"}]
    [(kind, message)] = targets.warnings
    assert kind == "RepeatedResourceWarning"
    assert message == ("Resource /ConfigMap/shop/x appeared 2 times among application resources.")


@pytest.mark.parametrize("scope", ["Cluster", "Namespaced"])
def test_a_kind_that_comes_along_has_the_scope_its_definition_says(scope):
    crd = made("CustomResourceDefinition", "ws.e.com", "apiextensions.k8s.io/v1")
    crd["spec"] = {"group": "e.com", "scope": scope, "names": {"kind": "W"}}
    _, widget = prepared(crd, made("W", api_version="e.com/v1")).kept
    assert widget.resource is None
    assert widget.ref.namespace == ("shop" if scope == "Namespaced" else "")


def hook(value):
    return made("Job", api_version="batch/v1", annotations={"argocd.argoproj.io/hook": value})


def test_hooks_are_kept_apart_and_skipped_ones_dropped():
    targets = prepared(hook("PreSync,PostSync"), hook("Skip"), hook("Nonsense"))
    [both] = targets.hooks
    assert both.phases == ("PreSync", "PostSync")
    assert len(targets.kept) == 1


def test_an_object_that_gets_a_new_name_each_time_is_a_hook():
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "job-"}}
    [target] = prepared(job).hooks
    assert target.phases == ("Sync",)


def test_status_and_what_the_server_writes_are_not_applied():
    obj = {**made("ConfigMap", creationTimestamp=None, managedFields=[]), "status": {}}
    [target] = prepared(obj).kept
    assert sorted(target.object) == ["apiVersion", "kind", "metadata"]
    assert sorted(target.object["metadata"]) == ["annotations", "name", "namespace"]
