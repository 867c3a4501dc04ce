"""The operation CONNECT: what admission is shown of exec, attach, portforward and proxy.

https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
"""

from __future__ import annotations

from urllib.parse import parse_qs

from grappe.api import Object
from grappe.apiserver.registry.backend import Backend, Call
from grappe.apiserver.registry.routing import flag
from grappe.apiserver.registry.writing import admission_request

_STREAMS = ("stdin", "stdout", "stderr", "tty")
_KINDS = {"exec": "PodExecOptions", "attach": "PodAttachOptions"}


async def connect_admission(backend: Backend, call: Call) -> None:
    """Have a connection admitted; ApiError when it is refused."""
    options = connect_options(call)
    request = admission_request(call, "CONNECT", options, None, name=call.info.name, dry_run=False)
    await backend.admission.admit(request)
    await backend.admission.validate(request)


def connect_options(call: Call) -> Object:
    """The options of a connection as an object."""
    info = call.info
    if info.subresource == "proxy":
        kind = f"{call.served.resource.kind}ProxyOptions"
        return {"kind": kind, "apiVersion": "v1", "path": f"/{info.tail}"}
    found = parse_qs(call.request.query, keep_blank_values=True)
    if info.subresource == "portforward":
        ports = [
            int(port)
            for text in found.get("ports", ())
            for port in text.split(",")
            if port.isdecimal()
        ]
        return {"kind": "PodPortForwardOptions", "apiVersion": "v1", "ports": ports}
    options: Object = {"kind": _KINDS[info.subresource], "apiVersion": "v1"}
    options |= {name: True for name in _STREAMS if flag(info.query, name)}
    if info.query.get("container"):
        options["container"] = info.query["container"]
    if info.subresource == "exec":
        options["command"] = found.get("command", [])
    return options
