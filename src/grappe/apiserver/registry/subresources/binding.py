"""`pods/binding`: the scheduler's decision.

https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/binding-v1/
"""

from __future__ import annotations

from dataclasses import replace

from grappe.api import Object
from grappe.api.errors import Cause, conflict, invalid
from grappe.apiserver.http.messages import Response
from grappe.apiserver.registry.answers import answer_object
from grappe.apiserver.registry.backend import Backend, Call
from grappe.apiserver.registry.parameters import write_options
from grappe.apiserver.registry.subresources.bodies import admit_body, read_kind
from grappe.apiserver.registry.writing import update_object
from grappe.base.clock import rfc3339

_PODS_BINDING = "pods/binding"


async def bind(backend: Backend, call: Call) -> Response:
    """POST of a Binding to `pods/NAME/binding` or to `bindings`: 201 with a Status."""
    form = call.form
    binding = read_kind(call, "Binding", "v1")
    metadata = binding["metadata"]
    options = write_options(call.info.query, call.request.headers, "CreateOptions")
    target = binding.get("target") or {}
    node = target.get("name")
    if target.get("kind", "Node") not in ("", "Node"):
        message = f'Unsupported value: "{target["kind"]}": supported values: "Node", "<empty>"'
        raise _invalid(metadata, Cause("target.kind", "FieldValueNotSupported", message))
    if not node or not isinstance(node, str):
        raise _invalid(metadata, Cause("target.name", "FieldValueRequired", "Required value"))
    name = call.info.name or metadata.get("name") or ""
    call.info = replace(call.info, name=name, subresource="binding")
    binding = await admit_body(backend, call, binding, options.dry_run)
    metadata = binding["metadata"]
    node = (binding.get("target") or {}).get("name") or node
    now = rfc3339(backend.clock.now())

    def change(pod: Object) -> Object:
        _check(pod, metadata)
        pod["spec"]["nodeName"] = node
        if metadata.get("annotations"):
            pod["metadata"]["annotations"] = {
                **(pod["metadata"].get("annotations") or {}),
                **metadata["annotations"],
            }
        _mark_scheduled(pod, now)
        return pod

    await update_object(backend, call, change, options, subresource="binding", retry=True)
    answer: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    return answer_object(201, {**answer, "code": 201}, form)


def _invalid(metadata: Object, cause: Cause) -> Exception:
    return invalid("Binding", metadata.get("name", ""), [cause])


def _check(pod: Object, wanted: Object) -> None:
    """ApiError 409 for a pod that cannot be bound (any more)."""
    metadata, spec = pod["metadata"], pod["spec"]
    name = metadata["name"]
    if wanted.get("uid") and wanted["uid"] != metadata["uid"]:
        raise conflict(
            _PODS_BINDING,
            name,
            f"Precondition failed: UID in precondition: {wanted['uid']}, "
            f"UID in object meta: {metadata['uid']}",
        )
    why = ""
    if metadata.get("deletionTimestamp"):
        why = f"pod {name} is being deleted, cannot be assigned to a host"
    elif spec.get("nodeName"):
        why = f'pod {name} is already assigned to node "{spec["nodeName"]}"'
    elif spec.get("schedulingGates"):
        why = f"pod {name} has non-empty .spec.schedulingGates"
    if why:
        raise conflict(_PODS_BINDING, name, why)


def _mark_scheduled(pod: Object, now: str) -> None:
    status = pod.setdefault("status", {})
    others = [c for c in status.get("conditions") or () if c.get("type") != "PodScheduled"]
    condition = {
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": now,
    }
    if pod["metadata"].get("generation"):
        condition["observedGeneration"] = pod["metadata"]["generation"]
    status["conditions"] = [*others, condition]
