"""`pods/log`, `exec`, `attach` and `portforward`: passed on to the pod's node.

https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
"""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, urlencode

from grappe.api import Object
from grappe.api.errors import Cause, bad_request, invalid, not_found
from grappe.apiserver.http.messages import Answer, Response, Tunnel
from grappe.apiserver.registry.backend import Backend, Call
from grappe.apiserver.registry.codec import decode
from grappe.apiserver.registry.routing import flag
from grappe.apiserver.registry.subresources.connecting import connect_admission
from grappe.apiserver.registry.subresources.nodes import kubelet_address
from grappe.apiserver.tunnel import kubelet_tunnel

_LOG_NUMBERS = {"tailLines": 0, "sinceSeconds": 1, "limitBytes": 1}
_LOG_PARAMETERS = (
    "follow",
    "limitBytes",
    "previous",
    "sinceSeconds",
    "sinceTime",
    "stream",
    "tailLines",
    "timestamps",
)
# The kubelet's names of the streams a client asks for.
_STREAMS = {"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}


def log(backend: Backend, call: Call) -> Answer:
    """A container's log, followed or not. A pod without a node has none yet."""
    query = call.info.query
    _check_log(call)
    pod = _pod(backend, call)
    container = container_of(pod, query.get("container", ""))
    if not pod["spec"].get("nodeName"):
        return Response(200, b"", "text/plain")
    asked = {name: query[name] for name in _LOG_PARAMETERS if query.get(name)}
    metadata = pod["metadata"]
    path = f"/containerLogs/{metadata['namespace']}/{metadata['name']}/{quote(container)}"
    return _to_kubelet(backend, call, pod, path, urlencode(asked))


async def execute(backend: Backend, call: Call) -> Answer:
    """exec and attach, by subresource."""
    query = call.info.query
    pod = _connectable(backend, call)
    container = container_of(pod, query.get("container", ""))
    given = [(kubelet, "1") for name, kubelet in _STREAMS.items() if flag(query, name)]
    if call.info.subresource == "attach" and not given:
        given = [("output", "1"), ("error", "1")]
    if not any(name != "tty" for name, _ in given):
        raise bad_request("you must specify at least 1 of stdin, stdout, stderr")
    if call.info.subresource == "exec":
        command = [
            (name, value)
            for name, value in parse_qsl(call.request.query, keep_blank_values=True)
            if name == "command"
        ]
        if not command:
            raise bad_request("you must specify at least one command for the container")
        given += command
    await connect_admission(backend, call)
    metadata = pod["metadata"]
    path = f"/{call.info.subresource}/{metadata['namespace']}/{metadata['name']}/{quote(container)}"
    return _to_kubelet(backend, call, pod, path, urlencode(given))


async def forward(backend: Backend, call: Call) -> Answer:
    """portforward: the client's connection is joined to the node's."""
    pod = _connectable(backend, call)
    await connect_admission(backend, call)
    metadata = pod["metadata"]
    path = f"/portForward/{metadata['namespace']}/{metadata['name']}"
    return _to_kubelet(backend, call, pod, path, call.request.query)


def _pod(backend: Backend, call: Call) -> Object:
    record = backend.store.get(call.served.bucket, call.key)
    if record is None:
        raise not_found(call.served.resource.plural, call.info.name)
    return decode(call.served, record)


def _connectable(backend: Backend, call: Call) -> Object:
    if "upgrade" not in call.request.headers:
        raise bad_request("Upgrade request required")
    pod = _pod(backend, call)
    if not pod["spec"].get("nodeName"):
        raise bad_request(f"pod {call.info.name} does not have a host assigned")
    return pod


def _to_kubelet(backend: Backend, call: Call, pod: Object, path: str, query: str) -> Tunnel:
    host, port = kubelet_address(backend, pod["spec"]["nodeName"])
    target = f"{path}?{query}" if query else path
    return kubelet_tunnel(backend.kubelet_tls(), host, port, target, call.request)


def container_of(pod: Object, asked: str) -> str:
    """The container a request is about; ApiError 400 when that is not clear."""
    spec, name = pod["spec"], pod["metadata"]["name"]
    kinds = ("containers", "initContainers", "ephemeralContainers")
    names = {kind: [c["name"] for c in spec.get(kind) or ()] for kind in kinds}
    if not asked:
        if len(names["containers"]) == 1:
            return str(names["containers"][0])
        told = f"a container name must be specified for pod {name}"
        told += f", choose one of: [{' '.join(names['containers'])}]"
        if names["initContainers"]:
            told += f" or one of the init containers: [{' '.join(names['initContainers'])}]"
        if names["ephemeralContainers"]:
            told += (
                f" or one of the ephemeral containers: [{' '.join(names['ephemeralContainers'])}]"
            )
        raise bad_request(told)
    if not any(asked in listed for listed in names.values()):
        raise bad_request(f"container {asked} is not valid for pod {name}")
    return asked


def _check_log(call: Call) -> None:
    query, causes = call.info.query, []
    for name, least in _LOG_NUMBERS.items():
        text = query.get(name)
        if not text:
            continue
        try:
            value = int(text)
        except ValueError:
            raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None
        if value < least:
            message = f"Invalid value: {value}: must be greater than or equal to {least}"
            causes.append(Cause(name, "FieldValueInvalid", message))
    if query.get("sinceSeconds") and query.get("sinceTime"):
        message = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
        causes.append(Cause("sinceSeconds", "FieldValueForbidden", message))
    if causes:
        raise invalid("PodLogOptions", call.info.name, causes)
