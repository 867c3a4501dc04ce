"""From an authorized request for a resource to the code that answers it."""

from __future__ import annotations

from collections.abc import Awaitable

from grappe.api.errors import ApiError, method_not_allowed
from grappe.apiserver.http.messages import Answer, Request, User
from grappe.apiserver.registry import deleting, reading, verbs
from grappe.apiserver.registry.backend import Backend, Call
from grappe.apiserver.registry.coming import Coming
from grappe.apiserver.registry.interface import RequestInfo
from grappe.apiserver.registry.parameters import RevisionAheadError
from grappe.apiserver.registry.subresources import streams
from grappe.apiserver.registry.subresources.binding import bind
from grappe.apiserver.registry.subresources.eviction import evict
from grappe.apiserver.registry.subresources.proxy import proxy
from grappe.apiserver.registry.subresources.reviews import request_token, review
from grappe.apiserver.registry.subresources.scale import change_scale, get_scale
from grappe.apiserver.registry.watching import Watches
from grappe.apiserver.registry.yaml_bodies import is_long_yaml, parsed


def path_not_found() -> ApiError:
    """What a path nobody serves answers."""
    return ApiError(
        404,
        "NotFound",
        "the server could not find the requested resource",
        {},
    )


class Registry:
    """Answers requests for resources. Reads are answered at once, writes by a coroutine."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._watches = Watches(backend)
        self._coming = Coming(backend.store)

    def answer(self, request: Request, user: User, info: RequestInfo) -> Answer | Awaitable[Answer]:
        """The answer to a request that is authenticated and authorized; ApiError otherwise."""
        served = info.served
        if served is None:
            raise path_not_found()
        if request.body and is_long_yaml(request.body, request.headers):
            return self._answer_parsed(request, user, info)
        resource = served.resource
        if not resource.namespaced and info.namespace and info.plural != "namespaces":
            raise path_not_found()
        call = Call(request, info, user, served)
        if served.deprecation_warning:
            call.warnings.append(served.deprecation_warning)
        if not info.subresource and info.verb not in resource.verbs:
            raise method_not_allowed(resource.plural, resource.group)
        try:
            return self._subresource(call) if info.subresource else self._whole(call)
        except RevisionAheadError as ahead:
            return self._answer_later(call, ahead.asked)

    async def _answer_later(self, call: Call, revision: int) -> Answer:
        """The answer to a read once its revision has come; ApiError 504 when it does not."""
        await self._coming.wait(revision)
        found = self._subresource(call) if call.info.subresource else self._whole(call)
        return await found if isinstance(found, Awaitable) else found

    async def _answer_parsed(self, request: Request, user: User, info: RequestInfo) -> Answer:
        """As `answer`, once a long YAML body has been read beside the loop."""
        request.body = await parsed(request.body)
        found = self.answer(request, user, info)
        return await found if isinstance(found, Awaitable) else found

    def _whole(self, call: Call) -> Answer | Awaitable[Answer]:
        backend, info = self._backend, call.info
        unscoped = call.served.resource.namespaced and not info.namespace
        if unscoped and info.name and info.verb not in ("list", "watch"):
            raise path_not_found()
        if unscoped and info.verb not in ("list", "watch"):
            raise method_not_allowed(info.plural, info.group)
        match info.verb:
            case "get":
                return reading.get(backend, call)
            case "list":
                return reading.list_objects(backend, call)
            case "watch":
                return self._watches.watch(call)
            case "create" if call.served.resource.verbs == ("create",):
                return review(backend, call)
            case "create":
                return verbs.create(backend, call)
            case "update":
                return verbs.update(backend, call)
            case "patch":
                return verbs.patch(backend, call)
            case "delete":
                return deleting.delete(backend, call)
            case "deletecollection":
                return deleting.delete_collection(backend, call)
        raise method_not_allowed(info.plural, info.group)

    def _subresource(self, call: Call) -> Answer | Awaitable[Answer]:
        backend, info = self._backend, call.info
        if info.subresource not in call.served.resource.subresources:
            raise path_not_found()
        if info.tail and info.subresource != "proxy":
            raise path_not_found()
        match (info.subresource, info.verb):
            case ("status" | "approval" | "ephemeralcontainers" | "resize", "get"):
                return reading.get(backend, call)
            case ("status" | "approval" | "ephemeralcontainers" | "resize" as part, "patch"):
                return verbs.patch(backend, call, part)
            case ("status" | "approval" | "ephemeralcontainers" | "resize" as part, "update"):
                return verbs.update(backend, call, part)
            case ("finalize", "update"):
                return verbs.update(backend, call, "finalize")
            case ("scale", "get"):
                return get_scale(backend, call)
            case ("scale", "update" | "patch"):
                return change_scale(backend, call)
            case ("binding", "create"):
                return bind(backend, call)
            case ("eviction", "create"):
                return evict(backend, call)
            case ("log", "get"):
                return streams.log(backend, call)
            case ("exec" | "attach", "get" | "create"):
                return streams.execute(backend, call)
            case ("portforward", "get" | "create"):
                return streams.forward(backend, call)
            case ("proxy", _):
                return proxy(backend, call)
            case ("token", "create"):
                return request_token(backend, call)
        raise method_not_allowed(info.plural, info.group)
