"""MutatingAdmissionWebhook: webhooks that may change what is written, one after the other."""

from __future__ import annotations

from collections.abc import Awaitable

import orjson

from grappe.api import Object
from grappe.api.causes import quote
from grappe.api.errors import ApiError, internal
from grappe.api.patch import json_patch
from grappe.api.schema import DecodingError
from grappe.apiserver.admission.plugin import Plugin
from grappe.apiserver.admission.webhooks.calls import Asked, Calls
from grappe.apiserver.admission.webhooks.configurations import Configurations, Match
from grappe.apiserver.admission.webhooks.shown import take_back
from grappe.apiserver.registry.interface import AdmissionRequest, Operation, Reinvocation


class MutatingAdmissionWebhook(Plugin):
    """https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#reinvocation-policy"""

    def __init__(self, configurations: Configurations, calls: Calls) -> None:
        self._configurations = configurations
        self._calls = calls

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        return self._configurations.concern(operation, bucket, subresource)

    def admit(self, request: AdmissionRequest) -> Awaitable[None] | None:
        matches = self._configurations.of(request)
        return self._admit(request, matches) if matches else None

    async def _admit(self, request: AdmissionRequest, matches: tuple[Match, ...]) -> None:
        passes = request.reinvocation
        if passes is None:
            passes = request.reinvocation = Reinvocation()
        elif passes.running and passes.webhook_output != _snapshot(request):
            passes.require()
        for match in matches:
            key = match.webhook.key
            if passes.running and key not in passes.due:
                continue
            asked = await self._calls.ask(match, request)
            if asked is None:
                continue
            if await _changed(match, request, asked):
                passes.require()
                passes.wanted = True
            if match.webhook.reinvoked:
                passes.invoked.add(key)
        if passes.invoked or passes.due:
            passes.webhook_output = _snapshot(request)


def _snapshot(request: AdmissionRequest) -> bytes:
    return orjson.dumps(request.obj, option=orjson.OPT_SORT_KEYS)


async def _changed(match: Match, request: AdmissionRequest, asked: Asked) -> bool:
    """Apply a webhook's patch; whether it changed anything."""
    patch, name = asked.verdict.patch, match.webhook.name
    if patch is None:
        return False
    before = asked.shown.obj
    if before is None or request.operation == "CONNECT":
        raise internal(
            f"admission webhook {quote(name)} attempted to modify the object, which is not "
            "supported for this operation"
        )
    after = _patched(before, patch)
    if after == before:
        return False
    try:
        await take_back(request, match.version, after)
    except (DecodingError, ValueError) as error:
        raise internal(f"admission webhook {quote(name)} left no valid object: {error}") from None
    return True


def _patched(before: Object, patch: object) -> Object:
    try:
        return json_patch(before, patch)
    except ApiError as error:
        raise internal(error.message) from None
