"""The API server: its parts put together into one handler."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from grappe.api import Object
from grappe.apiserver.admission.chain import Chain, default_plugins
from grappe.apiserver.admission.configuration import load_admission
from grappe.apiserver.admission.policies.plugins import PolicyPlugins
from grappe.apiserver.admission.quota_counter import QuotaCounter
from grappe.apiserver.admission.quota_status import QuotaStatus
from grappe.apiserver.admission.webhooks.configurations import Conditions
from grappe.apiserver.admission.webhooks.plugins import WebhookPlugins
from grappe.apiserver.aggregation.aggregator import Aggregator
from grappe.apiserver.audit import AuditLog, Auditor, AuditWebhook, load_policy, load_webhook
from grappe.apiserver.auth.access import Access
from grappe.apiserver.auth.action import Action
from grappe.apiserver.auth.certificates.approver import Approver
from grappe.apiserver.auth.certificates.signer import Signer
from grappe.apiserver.auth.oidc.config import load as load_authentication
from grappe.apiserver.auth.service_accounts import ISSUER
from grappe.apiserver.bootstrap import Keeper, bootstrap
from grappe.apiserver.crd.custom_resources import CustomResources
from grappe.apiserver.discovery.endpoints import Endpoints
from grappe.apiserver.discovery.health import Health
from grappe.apiserver.discovery.issuer import issuer_pages
from grappe.apiserver.discovery.openapi import OpenApi
from grappe.apiserver.flowcontrol import DanglingConditions, Flow, FlowControl, Takes
from grappe.apiserver.handling import Handling
from grappe.apiserver.http.messages import Answer, Request, User
from grappe.apiserver.loopback import Loopback
from grappe.apiserver.metrics import (
    Page,
    RequestMetrics,
    StorageMetrics,
    TimedAdmission,
    process_metrics,
)
from grappe.apiserver.outbound.caller import Caller
from grappe.apiserver.outbound.services import Services
from grappe.apiserver.outbound.webhook import Webhooks
from grappe.apiserver.pki import ensure, kubelet_client_context
from grappe.apiserver.random_ids import RandomIds
from grappe.apiserver.registry.allocation import Allocators
from grappe.apiserver.registry.backend import Backend
from grappe.apiserver.registry.catalog import Catalog
from grappe.apiserver.registry.dispatch import Registry, path_not_found
from grappe.apiserver.registry.expiry import EventExpiry
from grappe.apiserver.registry.interface import NotYet, RequestInfo
from grappe.apiserver.registry.strategies.services import restore
from grappe.apiserver.registry.strategies.table import Strategies
from grappe.apiserver.standing import Standings
from grappe.base.clock import Clock
from grappe.base.config import ClusterConfig
from grappe.base.metrics import Registry as MetricsRegistry
from grappe.store.interface import Store

STORE_INDEXES = (("/pods", "spec.nodeName"),)
"""The (bucket, field) pairs a store should index for this server."""

_HOOKS = (
    "crd-informer-synced",
    "rbac/bootstrap-roles",
    "scheduling/bootstrap-system-priority-classes",
    "start-kubernetes-service-cidr-controller",
    "start-service-ip-repair-controllers",
    "start-system-namespaces-controller",
)


class ApiServer:
    """Serves one cluster from one store. `handle` may be called once `start` has returned.
    `pki` is the cluster's, made if it was not there."""

    def __init__(self, config: ClusterConfig, store: Store, clock: Clock) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._expiry: asyncio.Task[None] | None = None
        self._started = False
        self._stopping = False
        self._keeper: Keeper | None = None
        self.pki = ensure(config)
        self._access = Access(
            store,
            clock,
            self.pki.service_account_key.read_bytes(),
            load_authentication(config.authentication_file),
        )
        self._signer = Signer(store, clock, self.pki.signing)
        self._approver = Approver(store, self._access.authorizer)
        ids = RandomIds()
        self._caller = Caller()
        webhooks = Webhooks(self._caller, Services(store))
        self._custom = CustomResources(store, clock, webhooks, ids.uid)
        self._catalog = Catalog(self._custom)
        self._aggregator = Aggregator(
            store,
            clock,
            self.pki,
            self._caller,
            lambda: (s.resource for s in self._custom.served()),
            self._catalog.answered_elsewhere,
        )
        metrics, slis = MetricsRegistry(), MetricsRegistry()
        StorageMetrics(metrics, store, config.database)
        process_metrics(metrics, clock.now())
        requests = RequestMetrics(metrics)
        self._flows = FlowControl(store, metrics)
        self._dangling = DanglingConditions(store, clock)
        self._standings = Standings(self._access, self._flows, self._reason)
        events = load_webhook(config.audit_webhook)
        self._audit_webhook = AuditWebhook(events, self._caller, config.pki_dir) if events else None
        forward = self._audit_webhook.add if self._audit_webhook else None
        self._auditor = Auditor(
            load_policy(config.audit_policy),
            AuditLog(config.audit_log, forward=forward),
            metrics,
            clock,
            ids.serial,
            self._reason,
            self._audit_webhook,
        )
        handling = Handling(self._catalog.find, self._answer, requests, self._auditor)
        self.handle = handling.handle
        self._discovery = Endpoints(
            self._catalog.resources,
            self._generation,
            Health(
                alive={"log": lambda: True, "etcd": lambda: store.healthy, **self._hooks()},
                ready={
                    "etcd-readiness": lambda: store.healthy,
                    "informer-sync": lambda: self._started,
                    "shutdown": lambda: not self._stopping,
                },
                slis=slis,
            ),
            {
                **issuer_pages(ISSUER, self._access.tokens.jwk),
                "metrics": Page(metrics, slis),
                "openapi": OpenApi(
                    self._custom.served, self._generation, self._aggregator.remote
                ).page,
            },
            f"127.0.0.1:{config.port}",
            self._aggregator.remote,
        )
        counter = QuotaCounter(store)
        self._quotas = QuotaStatus(store, counter)
        self._policies = PolicyPlugins(store, self._access.authorizer, self._catalog)
        self._webhooks = WebhookPlugins(
            store, webhooks, self._catalog.versions_of, ids.uid, self._match_conditions
        )
        plugins = default_plugins(
            store,
            self._access,
            counter,
            self._policies,
            self._webhooks,
            load_admission(config.admission_file),
            metrics,
        )
        chain = Chain(plugins)
        self._policies.changed = self._webhooks.changed = chain.forget
        self._admission = TimedAdmission(chain, metrics)
        self._allocators = Allocators(config.service_cidr)
        self._registry = Registry(
            Backend(
                store=store,
                clock=clock,
                catalog=self._catalog,
                admission=self._admission,
                strategies=Strategies(self._allocators, clock, simulated=bool(config.simulate)),
                reviews=self._access.reviews,
                token_requests=self._access.token_requests,
                kubelet_tls=lambda: kubelet_client_context(self.pki),
                new_uid=ids.uid,
                random_suffix=ids.suffix,
                watch_events=requests.watch_events,
            )
        )

    async def start(self) -> None:
        """Read what is kept in memory from the store and make what every cluster has."""
        self._stopping = False
        if self._audit_webhook is not None:
            self._audit_webhook.start()
        self._access.start()
        self._custom.start()
        self._aggregator.start()
        restore(self._allocators, self._store)
        await bootstrap(self._config, self._store, self.handle)
        loopback = Loopback(self.handle)
        self._custom.settle(loopback)
        await self._aggregator.settle(loopback)
        # Not before: what every cluster has is made whatever webhooks and policies say.
        self._webhooks.start()
        self._policies.start()
        self._policies.settle(loopback)
        self._keeper = Keeper(self._config, self._store, self.handle)
        self._keeper.start()
        self._flows.start()
        await self._dangling.start(loopback)
        self._signer.start(loopback)
        self._approver.start(loopback)
        self._quotas.start(loopback)
        self._access.settle(loopback, self.pki.ca_certificate.read_bytes)
        self._expiry = asyncio.create_task(
            EventExpiry(self._store, self._clock).run(), name="event expiry"
        )
        self._started = True

    def _generation(self) -> int:
        """Changes whenever the set of kinds does that are served here or by others."""
        return self._custom.generation + self._aggregator.generation

    def _match_conditions(self, conditions: Sequence[Object]) -> Conditions:
        """Compiled when there are some: nothing else needs CEL at the start."""
        from grappe.apiserver.admission.match_conditions import compile_match_conditions

        return compile_match_conditions(conditions, self._access.authorizer)

    def _hooks(self) -> dict[str, Callable[[], bool]]:
        """What Kubernetes checks after its start under these names is done by `start`."""
        return {f"poststarthook/{name}": lambda: self._started for name in _HOOKS}

    def authority_changed(self) -> None:
        """There is another authority to trust, in `pki.ca_certificate`."""
        self._access.authority_changed()

    def ending(self) -> None:
        """The server is about to stop: `/readyz` says so from now on."""
        self._stopping = True

    async def stop(self) -> None:
        """Let go of the store's watches; the store itself stays open."""
        self.ending()
        if self._expiry is not None:
            self._expiry.cancel()
        if self._keeper is not None:
            await self._keeper.stop()
        self._flows.stop()
        await self._dangling.stop()
        await self._approver.stop()
        await self._signer.stop()
        await self._quotas.stop()
        await self._policies.stop()
        await self._custom.stop()
        self._webhooks.stop()
        await self._aggregator.stop()
        await self._access.stop()
        self._auditor.close()
        if self._audit_webhook is not None:
            await self._audit_webhook.stop()
        self._caller.close()

    def _reason(self, user: User, info: RequestInfo) -> str:
        return self._access.authorizer.reason(user, Action.of(info))

    def _answer(self, request: Request, info: RequestInfo) -> Answer | Awaitable[Answer]:
        try:
            user = request.user = request.user or self._access.authenticate(request)
        except NotYet as later:
            return self._answer_later(request, info, later)
        flow, takes, _ = self._standings.of(request, user, info)
        if takes is not Takes.NOTHING:
            if takes is Takes.SEAT or (takes is Takes.SEAT_IF_LONG and self._flows.is_long(info)):
                return self._seated(flow, request, user, info)
            turn = self._flows.turn(flow)
            if turn is not None:
                return self._in_turn(turn, request, user, info)
        return self._dispatch(request, user, info)

    def _dispatch(
        self, request: Request, user: User, info: RequestInfo
    ) -> Answer | Awaitable[Answer]:
        if info.served is None:
            elsewhere = self._aggregator.answer(request, user, info)
            if elsewhere is not None:
                return elsewhere
        if info.resource_request:
            return self._registry.answer(request, user, info)
        found = self._discovery.answer(request)
        if found is not None:
            return found
        raise path_not_found()

    async def _in_turn(
        self, turn: Awaitable[None], request: Request, user: User, info: RequestInfo
    ) -> Answer:
        """The answer to what could be answered at once, had not others the same right."""
        await turn
        answer = self._dispatch(request, user, info)
        return await answer if isinstance(answer, Awaitable) else answer

    async def _seated(self, flow: Flow, request: Request, user: User, info: RequestInfo) -> Answer:
        """The answer to what takes time, once there is a seat for it."""
        if not self._flows.take(flow):
            await self._flows.wait(flow)
        try:
            answer = self._registry.answer(request, user, info)
            return await answer if isinstance(answer, Awaitable) else answer
        finally:
            self._flows.leave(flow)

    async def _answer_later(self, request: Request, info: RequestInfo, later: NotYet) -> Answer:
        await later.ready
        answer = self._answer(request, info)
        return await answer if isinstance(answer, Awaitable) else answer
