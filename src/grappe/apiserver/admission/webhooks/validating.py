"""ValidatingAdmissionWebhook: webhooks that may only refuse, asked all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from grappe.apiserver.admission.plugin import Plugin
from grappe.apiserver.admission.webhooks.calls import Calls
from grappe.apiserver.admission.webhooks.configurations import Configurations, Match
from grappe.apiserver.registry.interface import AdmissionRequest, Operation


class ValidatingAdmissionWebhook(Plugin):
    def __init__(self, configurations: Configurations, calls: Calls) -> None:
        self._configurations = configurations
        self._calls = calls

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        return self._configurations.concern(operation, bucket, subresource)

    def validate(self, request: AdmissionRequest) -> Awaitable[None] | None:
        matches = self._configurations.of(request)
        return self._validate(request, matches) if matches else None

    async def _validate(self, request: AdmissionRequest, matches: tuple[Match, ...]) -> None:
        """Every webhook is heard; the first one's refusal, in their order, is told."""
        if len(matches) == 1:
            await self._calls.ask(matches[0], request)
            return
        asked = await asyncio.gather(
            *(self._calls.ask(match, request) for match in matches), return_exceptions=True
        )
        for found in asked:
            if isinstance(found, BaseException):
                raise found
