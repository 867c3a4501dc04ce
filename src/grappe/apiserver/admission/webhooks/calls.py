"""Asking one webhook about one request, and what happens when it cannot be asked."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from grappe.api import Object
from grappe.api.causes import quote
from grappe.api.errors import ApiError, bad_request, internal
from grappe.api.resources import NAMESPACES
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.plugin import annotate, refuse
from grappe.apiserver.admission.webhooks.configurations import Match, Webhook, selected
from grappe.apiserver.admission.webhooks.review import (
    InvalidAnswerError,
    Verdict,
    denial,
    question,
    read_answer,
    review_request,
    review_version,
)
from grappe.apiserver.admission.webhooks.shown import Shown, show
from grappe.apiserver.outbound.connection import CallError
from grappe.apiserver.outbound.webhook import Webhooks
from grappe.apiserver.registry.answers import warning_headers
from grappe.apiserver.registry.interface import AdmissionRequest
from grappe.base.turns import in_turns

log = logging.getLogger("grappe.apiserver.admission")

LONGEST_ANSWER = 16 * 1024 * 1024
_HARMLESS = ("None", "NoneOnDryRun")


class Asked(NamedTuple):
    """What a webhook was shown, and what it said of it: that it allows the request."""

    shown: Shown
    verdict: Verdict


class Calls:
    """`kind` is `mutating` or `validating`."""

    def __init__(
        self, webhooks: Webhooks, live: Live, new_uid: Callable[[], str], kind: str
    ) -> None:
        self._webhooks = webhooks
        self._live = live
        self._new_uid = new_uid
        self._kind = kind

    async def ask(self, match: Match, request: AdmissionRequest) -> Asked | None:
        """None when the webhook does not care, or may be done without. ApiError when it denies
        the request, or was needed and could not be asked."""
        webhook = match.webhook
        shown = await show(request, match.version)
        if not selected(webhook, request, self._namespace, (shown.obj, shown.old)):
            return None
        uid = self._new_uid()
        about = review_request(uid, request, match.version.resource, shown)
        if not await self._conditions_hold(webhook, request, about):
            return None
        if request.dry_run and webhook.side_effects not in _HARMLESS:
            raise bad_request(f"admission webhook {quote(webhook.name)} does not support dry run")
        try:
            verdict = await self._ask(webhook, uid, about)
        except CallError as error:
            self._failed(webhook, request, str(error))
            return None
        request.warnings.extend(verdict.warnings)
        for key, value in verdict.annotations.items():
            annotate(request, f"{webhook.name}/{key}", value)
        if not verdict.allowed:
            refused = denial(webhook.name, verdict.status)
            refused.headers = [*refused.headers, *warning_headers(request.warnings)]
            raise refused
        return Asked(shown, verdict)

    def _namespace(self, name: str) -> Object | None:
        return self._live.get(NAMESPACES, "", name)

    async def _conditions_hold(
        self, webhook: Webhook, request: AdmissionRequest, about: Object
    ) -> bool:
        conditions = webhook.conditions
        if conditions is None:
            return True
        try:
            holds = in_turns(lambda: conditions.matches(request, about))
            return holds if isinstance(holds, bool) else await holds
        except ValueError as error:
            if webhook.fails_closed:
                raise refuse(request, str(error)) from None
            log.warning("webhook %s: match conditions: %s", webhook.name, error)
            return False

    async def _ask(self, webhook: Webhook, uid: str, about: Object) -> Verdict:
        version = review_version(webhook.review_versions)
        if webhook.client is None or version is None:
            trouble = webhook.trouble or (
                "could not create admission objects: webhook does not accept known "
                "AdmissionReview versions (v1, v1beta1)"
            )
            raise CallError(trouble)
        try:
            answer = await self._webhooks.ask(
                webhook.client, question(version, about), webhook.timeout, LONGEST_ANSWER
            )
        except CallError as error:
            raise CallError(f"failed to call webhook: {error}") from error
        try:
            return read_answer(answer, version, uid, mutating=self._kind == "mutating")
        except InvalidAnswerError as error:
            raise CallError(f"received invalid webhook response: {error}") from None

    def _failed(self, webhook: Webhook, request: AdmissionRequest, why: str) -> None:
        """Refuse the request, or go on without the webhook."""
        told = f"failed calling webhook {quote(webhook.name)}: {why}"
        if webhook.fails_closed:
            raise _internal(told, request)
        log.warning("%s; going on without it", told)
        annotate(request, f"failed-open.{self._kind}.webhook.admission.k8s.io", webhook.name)


def _internal(told: str, request: AdmissionRequest) -> ApiError:
    error = internal(told)
    error.headers = warning_headers(request.warnings)
    return error
