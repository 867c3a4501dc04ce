from grappe.api.fields import index_fields, selectable_fields, stored_field, unsupported_field
from grappe.api.resources import CONFIG_MAPS, EVENTS, JOBS, NODES, PODS


def test_pod_fields() -> None:
    pod = {"spec": {"nodeName": "n1", "restartPolicy": "Always"}, "status": {"phase": "Running"}}
    found = index_fields(PODS, pod)
    assert found["spec.nodeName"] == "n1"
    assert found["status.phase"] == "Running"
    assert found["status.podIP"] == ""
    assert found["spec.hostNetwork"] == "false"


def test_values_that_are_no_strings() -> None:
    assert index_fields(NODES, {"spec": {"unschedulable": True}}) == {"spec.unschedulable": "true"}
    assert index_fields(JOBS, {"status": {"succeeded": 2}}) == {"status.successful": "2"}
    assert index_fields(NODES, {}) == {"spec.unschedulable": "false"}


def test_event_source_falls_back_to_the_reporter() -> None:
    assert index_fields(EVENTS, {"source": {"component": "kubelet"}})["source"] == "kubelet"
    assert index_fields(EVENTS, {"reportingComponent": "sched"})["source"] == "sched"


def test_every_kind_has_its_name() -> None:
    assert selectable_fields(CONFIG_MAPS) == {"metadata.name", "metadata.namespace"}
    assert selectable_fields(NODES) == {"metadata.name", "spec.unschedulable"}
    assert "involvedObject.name" in selectable_fields(EVENTS)


def test_a_pod_s_node_has_an_old_name() -> None:
    assert stored_field(PODS, "spec.host") == "spec.nodeName"
    assert "spec.host" in selectable_fields(PODS)
    assert "spec.host" not in index_fields(PODS, {"spec": {"nodeName": "n"}})


def test_fields_are_refused_as_each_kind_refuses_them() -> None:
    assert unsupported_field(PODS, "a.b") == "field label not supported: a.b"
    assert unsupported_field(JOBS, "a") == 'field label "a" not supported for batchv1.Job'
    assert unsupported_field(CONFIG_MAPS, "data") == (
        '"data" is not a known field selector: only "metadata.name", "metadata.namespace"'
    )
