"""The two webhook plugins, put together."""

from __future__ import annotations

from collections.abc import Callable

from grappe.api.resources import builtin_kind
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.webhooks.calls import Calls
from grappe.apiserver.admission.webhooks.configurations import (
    CompileConditions,
    Configurations,
    Versions,
)
from grappe.apiserver.admission.webhooks.mutating import MutatingAdmissionWebhook
from grappe.apiserver.admission.webhooks.validating import ValidatingAdmissionWebhook
from grappe.apiserver.outbound.webhook import Webhooks
from grappe.store.interface import Store

_API_VERSION = "admissionregistration.k8s.io/v1"


class WebhookPlugins:
    """`start` before the first request. `changed` is called whenever configurations did."""

    def __init__(
        self,
        store: Store,
        webhooks: Webhooks,
        versions: Versions,
        new_uid: Callable[[], str],
        compile_conditions: CompileConditions,
    ) -> None:
        self.changed: Callable[[], None] = lambda: None
        live = Live(store)
        found = []
        for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
            resource = builtin_kind(_API_VERSION, kind)
            assert resource is not None, kind
            found.append(
                Configurations(store, resource, versions, compile_conditions, self._changed)
            )
        self._configurations = found
        mutating, validating = found
        self.mutating = MutatingAdmissionWebhook(
            mutating, Calls(webhooks, live, new_uid, "mutating")
        )
        self.validating = ValidatingAdmissionWebhook(
            validating, Calls(webhooks, live, new_uid, "validating")
        )

    def _changed(self) -> None:
        self.changed()

    def start(self) -> None:
        for configurations in self._configurations:
            configurations.start()

    def stop(self) -> None:
        for configurations in self._configurations:
            configurations.stop()
