"""JSON paths, negotiation, parameters, quality of service, warnings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.errors import ApiError
from grappe.api.quality import quality_of_service
from grappe.apiserver.registry.answers import warning_headers
from grappe.apiserver.registry.jsonpath import set_at, steps, value_at
from grappe.apiserver.registry.negotiation import PLAIN, Form, negotiate
from grappe.apiserver.registry.parameters import list_options, write_options


def _code(call: Callable[[], object]) -> int:
    try:
        call()
    except ApiError as error:
        return error.code
    return 200


def test_a_json_path_is_walked_and_made() -> None:
    obj: dict[str, Any] = {"spec": {"a.b": {"c": 1}}}
    assert steps(".spec['a.b'].c") == ("spec", "a.b", "c")
    assert value_at(obj, ".spec['a.b'].c") == 1
    assert value_at(obj, ".spec.none.c") is None
    set_at(obj, ".status.replicas", 3)
    assert obj["status"] == {"replicas": 3}


@pytest.mark.parametrize("path", ["", "spec", ".spec[0]", ".a..b", ".a b"])
def test_what_is_no_simple_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError):
        steps(path)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", PLAIN),
        ("application/json", PLAIN),
        ("*/*", PLAIN),
        ("application/vnd.kubernetes.protobuf,application/json", Form(media="protobuf")),
        ("application/vnd.kubernetes.protobuf;q=0.5,application/json", PLAIN),
        ("*/*,application/yaml", Form(media="yaml")),
        ("text/html,application/json;q=0.9,*/*;q=0.8", PLAIN),
        (
            "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,"
            "application/json;as=Table;v=v1;g=meta.k8s.io",
            Form("Table"),
        ),
        (
            "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
            Form("PartialObjectMetadata", "v1", "protobuf"),
        ),
        ("application/yaml", Form(media="yaml")),
        ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", Form("Table")),
        (
            "application/json;as=Table;g=meta.k8s.io;v=v1beta1, application/json",
            Form("Table", "v1beta1"),
        ),
        ("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", PLAIN),
        (
            "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
            Form("PartialObjectMetadataList"),
        ),
        ("application/json;stream=watch", PLAIN),
    ],
)
def test_the_first_form_that_can_be_given_is_taken(accept: str, expected: Form) -> None:
    assert negotiate(accept) == expected


@given(st.text(max_size=60))
def test_any_accept_header_is_answered(accept: str) -> None:
    assert _code(lambda: negotiate(accept)) in (200, 406)


def test_the_field_manager_is_the_agent_unless_named() -> None:
    agent = {"user-agent": "kubectl/v1.36 (linux)"}
    assert write_options({}, agent, "CreateOptions").manager == "kubectl"
    assert write_options({"fieldManager": "me"}, agent, "CreateOptions").manager == "me"
    assert write_options({}, {}, "CreateOptions").manager == "unknown"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"fieldManager": "x" * 129}, "fieldManager"),
        ({"fieldManager": "a\nb"}, "fieldManager"),
        ({"fieldValidation": "Maybe"}, "fieldValidation"),
        ({"dryRun": "Most"}, "dryRun"),
    ],
)
def test_options_that_make_no_sense_are_invalid(query: dict[str, str], field: str) -> None:
    with pytest.raises(ApiError) as caught:
        write_options(query, {}, "CreateOptions")
    assert caught.value.code == 422
    assert caught.value.details is not None
    assert caught.value.details["causes"][0]["field"] == field


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "limit",
                "continue",
                "resourceVersion",
                "resourceVersionMatch",
                "timeoutSeconds",
                "sendInitialEvents",
                "allowWatchBookmarks",
            ]
        ),
        st.text(max_size=5) | st.sampled_from(["1", "0", "true", "Exact", "NotOlderThan"]),
    ),
    st.booleans(),
)
def test_any_list_options_are_read_or_refused(query: dict[str, str], watch: bool) -> None:
    assert _code(lambda: list_options(query, watch=watch)) in (200, 400, 422)


def _pod(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "x", "resources": r} for r in resources]}}


FULL = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (_pod({}), "BestEffort"),
        (_pod({"requests": {"cpu": "0"}}), "BestEffort"),
        (_pod({"requests": {"cpu": "1"}}), "Burstable"),
        (_pod({"requests": FULL, "limits": FULL}), "Guaranteed"),
        (_pod({"requests": FULL, "limits": {"cpu": "1000m", "memory": "1024Mi"}}), "Guaranteed"),
        (_pod({"requests": FULL, "limits": FULL}, {}), "Burstable"),
        (_pod({"requests": {**FULL, "cpu": "0.5"}, "limits": FULL}), "Burstable"),
        (_pod({"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}), "Burstable"),
    ],
)
def test_quality_of_service(pod: dict[str, Any], expected: str) -> None:
    assert quality_of_service(pod) == expected


@given(st.lists(st.text()))
def test_warnings_are_quoted_so_that_no_header_can_be_forged(texts: list[str]) -> None:
    for name, value in warning_headers(texts):
        assert name == "Warning"
        assert value.startswith('299 - "')
        assert "\r" not in value
        assert "\n" not in value
