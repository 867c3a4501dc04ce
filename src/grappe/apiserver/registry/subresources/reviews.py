"""Requests that are answered and not stored: reviews and tokens."""

from __future__ import annotations

from dataclasses import replace

from grappe.apiserver.http.messages import Response
from grappe.apiserver.registry.answers import answer_object
from grappe.apiserver.registry.backend import Backend, Call
from grappe.apiserver.registry.decoding import read_object
from grappe.apiserver.registry.interface import NotYet
from grappe.apiserver.registry.negotiation import unacceptable
from grappe.apiserver.registry.parameters import write_options
from grappe.apiserver.registry.subresources.binding import bind
from grappe.apiserver.registry.subresources.bodies import admit_body, read_kind


async def review(backend: Backend, call: Call) -> Response:
    """POST to a resource that can only be created: a review, or a Binding."""
    kind = call.served.resource.kind
    if kind == "Binding":
        pods = backend.catalog.find("", "v1", "pods")
        assert pods is not None
        info = replace(call.info, served=pods)
        return await bind(backend, Call(call.request, info, call.user, pods, call.warnings))
    form = call.form
    if form.shape:
        raise unacceptable()
    options = write_options(call.info.query, call.request.headers, "CreateOptions")
    obj = read_object(
        call.request.body, call.request.headers, call.served, options.validation, call.warnings
    )
    try:
        answer = backend.reviews.create(kind, obj, call.user, call.info.namespace)
    except NotYet as later:
        await later.ready
        answer = backend.reviews.create(kind, obj, call.user, call.info.namespace)
    return answer_object(201, answer, form, call.warnings)


async def request_token(backend: Backend, call: Call) -> Response:
    """POST to `serviceaccounts/NAME/token`."""
    form = call.form
    obj = read_kind(call, "TokenRequest", "authentication.k8s.io/v1")
    obj = await admit_body(backend, call, obj, False)
    answer = backend.token_requests.create(call.info.namespace, call.info.name, obj)
    return answer_object(201, answer, form, call.warnings)
