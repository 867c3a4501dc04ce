"""POST: what the server adds, checks and refuses."""

from __future__ import annotations

import re

import pytest

from grappe.apiserver.registry.interface import AdmissionRequest
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    PODS,
    ask,
    config_map,
    deployment,
    pod,
)


async def test_a_new_object_gets_what_the_server_decides(cluster: TestCluster) -> None:
    sent = config_map("a", {"k": "v"}, uid="mine", resourceVersion="", generation=7, selfLink="/x")
    reply = await ask(cluster, "POST", CONFIG_MAPS, sent)
    assert reply.status == 201
    metadata = reply.body["metadata"]
    assert reply.body["data"] == {"k": "v"}
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", metadata["uid"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["creationTimestamp"])
    assert int(metadata["resourceVersion"]) > 0
    assert metadata["namespace"] == "default"
    assert "generation" not in metadata
    assert "selfLink" not in metadata
    again = await ask(cluster, "GET", f"{CONFIG_MAPS}/a")
    assert again.body == reply.body


async def test_the_same_name_twice_is_a_conflict(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))
    reply = await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))
    assert reply.status == 409
    assert reply.body["reason"] == "AlreadyExists"
    assert reply.message == 'configmaps "a" already exists'
    assert reply.body["details"] == {"name": "a", "kind": "configmaps"}


async def test_generated_names_use_five_characters_of_kubernetes_alphabet(
    cluster: TestCluster,
) -> None:
    sent = config_map("")
    sent["metadata"] = {"generateName": "job-"}
    names = set()
    for _ in range(5):
        reply = await ask(cluster, "POST", CONFIG_MAPS, sent)
        assert reply.status == 201
        assert reply.body["metadata"]["generateName"] == "job-"
        names.add(reply.body["metadata"]["name"])
    assert len(names) == 5
    assert all(re.fullmatch("job-[bcdfghjklmnpqrstvwxz2456789]{5}", name) for name in names)


async def test_an_object_without_a_name_is_invalid(cluster: TestCluster) -> None:
    sent = config_map("")
    reply = await ask(cluster, "POST", CONFIG_MAPS, sent)
    assert reply.status == 422
    assert reply.message == (
        'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required'
    )


async def test_an_object_that_was_read_is_not_created_again(cluster: TestCluster) -> None:
    made = (await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))).body
    made["metadata"]["name"] = "b"
    reply = await ask(cluster, "POST", CONFIG_MAPS, made)
    assert reply.status == 400
    assert reply.message == "resourceVersion should not be set on objects to be created"


async def test_a_bad_name_is_invalid(cluster: TestCluster) -> None:
    reply = await ask(cluster, "POST", CONFIG_MAPS, config_map("Not_A_Name"))
    assert reply.status == 422
    assert reply.body["details"]["causes"][0]["field"] == "metadata.name"


async def test_an_object_of_another_namespace_is_refused(cluster: TestCluster) -> None:
    reply = await ask(cluster, "POST", CONFIG_MAPS, config_map("a", namespace="kube-system"))
    assert reply.status == 400
    assert reply.message == (
        "the namespace of the provided object does not match the namespace sent on the request"
    )


async def test_an_object_of_another_version_is_refused(cluster: TestCluster) -> None:
    sent = {**deployment("a"), "apiVersion": "apps/v1beta1"}
    reply = await ask(cluster, "POST", DEPLOYMENTS, sent)
    assert reply.status == 400
    assert reply.message == (
        "the API version in the data (apps/v1beta1) does not match the expected API version "
        "(apps/v1)"
    )


async def test_an_object_of_another_kind_is_refused(cluster: TestCluster) -> None:
    reply = await ask(cluster, "POST", PODS, config_map("a"))
    assert reply.status == 400
    assert reply.message.startswith('ConfigMap in version "v1" cannot be handled as a Pod')


async def test_a_body_that_is_no_json_is_refused(cluster: TestCluster) -> None:
    reply = await ask(cluster, "POST", CONFIG_MAPS, b"{not json")
    assert reply.status == 400
    assert reply.message.startswith(
        "the object provided is unrecognized (must be of type ConfigMap)"
    )


async def test_a_list_as_body_is_refused(cluster: TestCluster) -> None:
    reply = await ask(cluster, "POST", CONFIG_MAPS, b"[1, 2]")
    assert reply.status == 400


async def test_yaml_is_taken_like_json(cluster: TestCluster) -> None:
    text = b"metadata:\n  name: a\n  annotations: {day: 2026-01-31}\ndata: {k: v}\n"
    headers = {"content-type": "application/yaml"}
    reply = await ask(cluster, "POST", CONFIG_MAPS, text, headers)
    assert reply.status == 201
    assert reply.body["metadata"]["annotations"] == {"day": "2026-01-31"}


async def test_an_unknown_content_type_is_refused(cluster: TestCluster) -> None:
    headers = {"content-type": "text/csv"}
    reply = await ask(cluster, "POST", CONFIG_MAPS, b"a,b", headers)
    assert reply.status == 415


async def test_a_dry_run_answers_but_stores_nothing(cluster: TestCluster) -> None:
    before = cluster.store.revision
    reply = await ask(cluster, "POST", CONFIG_MAPS, config_map("a"), dryRun="All")
    assert reply.status == 201
    assert reply.body["metadata"]["uid"]
    assert "resourceVersion" not in reply.body["metadata"]
    assert cluster.store.revision == before
    assert (await ask(cluster, "GET", f"{CONFIG_MAPS}/a")).status == 404


async def test_a_dry_run_still_finds_conflicts(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))
    reply = await ask(cluster, "POST", CONFIG_MAPS, config_map("a"), dryRun="All")
    assert reply.status == 409


async def test_an_unknown_dry_run_stage_is_invalid(cluster: TestCluster) -> None:
    reply = await ask(cluster, "POST", CONFIG_MAPS, config_map("a"), dryRun="Some")
    assert reply.status == 422
    assert 'Unsupported value: ["Some"]: supported values: "All"' in reply.message


async def test_unknown_fields_are_dropped_with_a_warning(cluster: TestCluster) -> None:
    sent = deployment("a")
    sent["spec"]["replica"] = 3
    reply = await ask(cluster, "POST", DEPLOYMENTS, sent)
    assert reply.status == 201
    assert "replica" not in reply.body["spec"]
    assert reply.headers["Warning"] == '299 - "unknown field \\"spec.replica\\""'


async def test_a_strict_writer_is_refused_for_unknown_and_duplicate_fields(
    cluster: TestCluster,
) -> None:
    text = b'{"metadata":{"name":"a"},"data":{"k":"1","k":"2"},"extra":1}'
    reply = await ask(cluster, "POST", CONFIG_MAPS, text, fieldValidation="Strict")
    assert reply.status == 400
    assert reply.message == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: '
        'unknown field "extra", duplicate field "data.k"'
    )
    assert (await ask(cluster, "GET", f"{CONFIG_MAPS}/a")).status == 404


async def test_an_ignoring_writer_hears_nothing(cluster: TestCluster) -> None:
    sent = {**config_map("a"), "extra": 1}
    reply = await ask(cluster, "POST", CONFIG_MAPS, sent, fieldValidation="Ignore")
    assert reply.status == 201
    assert "Warning" not in reply.headers


async def test_a_value_of_the_wrong_type_cannot_be_handled(cluster: TestCluster) -> None:
    sent = deployment("a")
    sent["spec"]["replicas"] = "three"
    reply = await ask(cluster, "POST", DEPLOYMENTS, sent)
    assert reply.status == 400
    assert reply.message.startswith(
        'Deployment in version "v1" cannot be handled as a Deployment: '
        "json: cannot unmarshal string into Go struct field"
    )


async def test_status_brought_along_is_dropped(cluster: TestCluster) -> None:
    sent = {**pod("a"), "status": {"phase": "Running"}}
    reply = await ask(cluster, "POST", PODS, sent)
    assert reply.body["status"] == {"phase": "Pending", "qosClass": "BestEffort"}


async def test_the_writer_becomes_manager_of_the_fields_it_set(cluster: TestCluster) -> None:
    headers = {"user-agent": "my-tool/1.2 (linux)"}
    reply = await ask(cluster, "POST", CONFIG_MAPS, config_map("a", {"k": "v"}), headers)
    (entry,) = reply.body["metadata"]["managedFields"]
    assert entry["manager"] == "my-tool"
    assert entry["operation"] == "Update"
    assert entry["fieldsV1"] == {"f:data": {".": {}, "f:k": {}}}
    sent = config_map("b", {"k": "v"})
    named = await ask(cluster, "POST", CONFIG_MAPS, sent, headers, fieldManager="me")
    assert named.body["metadata"]["managedFields"][0]["manager"] == "me"


async def test_what_nobody_serves_is_not_found(cluster: TestCluster) -> None:
    for path in (
        "/apis/nobody.example.com/v1/things",
        "/api/v1/namespaces/default/things",
        "/nowhere",
        f"{PODS}/a/nothing",
        f"{PODS}/a/log/more",
    ):
        reply = await ask(cluster, "GET", path)
        assert (reply.status, reply.body["reason"]) == (404, "NotFound"), path
        assert reply.message == "the server could not find the requested resource"


async def test_a_verb_the_resource_has_not_is_not_allowed(cluster: TestCluster) -> None:
    reply = await ask(cluster, "DELETE", "/api/v1/namespaces")
    assert reply.status == 405
    reply = await ask(cluster, "POST", f"{CONFIG_MAPS}/a", config_map("a"))
    assert reply.status == 405


async def test_what_is_deprecated_is_warned_of_on_create_apply_and_dry_run(
    cluster: TestCluster,
) -> None:
    body = pod("old", nodeSelector={"beta.kubernetes.io/os": "linux"})
    expected = (
        '299 - "spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use '
        '\\"kubernetes.io/os\\" instead"'
    )
    reply = await ask(cluster, "POST", PODS, body, dryRun="All")
    assert reply.headers["Warning"] == expected
    apply = {"content-type": "application/apply-patch+yaml"}
    reply = await ask(cluster, "PATCH", f"{PODS}/old", body, apply, fieldManager="me")
    assert (reply.status, reply.headers["Warning"]) == (201, expected)
    # Neither a refusal nor an update of the pod warns of it.
    reply = await ask(cluster, "POST", PODS, body)
    assert reply.status == 409
    reply = await ask(cluster, "PATCH", f"{PODS}/old", {"metadata": {"labels": {"a": "b"}}}, {
        "content-type": "application/merge-patch+json"})  # fmt: skip
    assert reply.status == 200
    assert "Warning" not in reply.headers


async def test_many_warnings_leave_room_in_the_headers(cluster: TestCluster) -> None:
    env = [{"name": "A" * 600, "value": str(i)} for i in range(100)]
    containers = [{"name": "main", "image": "web:1", "env": env}]
    body = pod("many", containers=containers)
    reply = await ask(cluster, "POST", PODS, body)
    assert reply.status == 201
    assert 200 < len(reply.headers["Warning"]) < 5000


async def test_a_generated_name_that_is_taken_is_made_up_again(
    cluster: TestCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    suffixes = iter(["aaaaa", "aaaaa", "aaaaa", "bbbbb"])
    backend = cluster.api._registry._backend
    monkeypatch.setattr(backend, "random_suffix", lambda: next(suffixes))
    sent = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"generateName": "again-"}}
    names = [(await ask(cluster, "POST", CONFIG_MAPS, sent)).body["metadata"]["name"]]
    names.append((await ask(cluster, "POST", CONFIG_MAPS, sent)).body["metadata"]["name"])
    assert names == ["again-aaaaa", "again-bbbbb"]
    monkeypatch.setattr(backend, "random_suffix", lambda: "aaaaa")
    reply = await ask(cluster, "POST", CONFIG_MAPS, sent)
    assert (reply.status, reply.body["reason"]) == (409, "AlreadyExists")
    assert reply.message == (
        'configmaps "again-aaaaa" already exists, the server was not able to generate a unique '
        "name for the object"
    )
    assert reply.body["details"]["retryAfterSeconds"] == 1
    assert reply.headers["Retry-After"] == "1"


async def test_a_name_that_is_taken_during_admission_is_made_up_again(
    cluster: TestCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = cluster.api._registry._backend
    suffixes = iter(["ccccc", "ddddd"])
    monkeypatch.setattr(backend, "random_suffix", lambda: next(suffixes))
    validate = backend.admission.validate

    async def slowly(request: AdmissionRequest) -> None:
        if request.name == "race-ccccc":
            monkeypatch.setattr(backend.admission, "validate", validate)
            await ask(cluster, "POST", CONFIG_MAPS, config_map("race-ccccc"))
        await validate(request)

    monkeypatch.setattr(backend.admission, "validate", slowly)
    sent = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"generateName": "race-"}}
    reply = await ask(cluster, "POST", CONFIG_MAPS, sent)
    assert (reply.status, reply.body["metadata"]["name"]) == (201, "race-ddddd")


async def test_an_app_armor_annotation_becomes_a_field(cluster: TestCluster) -> None:
    key = "container.apparmor.security.beta.kubernetes.io/main"
    made = pod("armed")
    made["metadata"]["annotations"] = {key: "runtime/default"}
    reply = await ask(cluster, "POST", PODS, made)
    assert reply.status == 201
    context = reply.body["spec"]["containers"][0]["securityContext"]
    assert context == {"appArmorProfile": {"type": "RuntimeDefault"}}
    assert f"metadata.annotations[{key}]: deprecated since v1.30" in reply.headers["Warning"]
