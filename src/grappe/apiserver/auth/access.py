"""Everything that controls access, put together for the server."""

from __future__ import annotations

from collections.abc import Callable

from grappe.apiserver.auth.authenticator import Authenticator
from grappe.apiserver.auth.authorizer import Authorizer
from grappe.apiserver.auth.bearer import BearerTokens
from grappe.apiserver.auth.bootstrap_tokens import BootstrapTokens
from grappe.apiserver.auth.impersonation import impersonate, impersonates
from grappe.apiserver.auth.jwt import SigningKey
from grappe.apiserver.auth.node.authorizer import NodeAuthorizer
from grappe.apiserver.auth.oidc.config import Authentication
from grappe.apiserver.auth.oidc.issuers import Issuers
from grappe.apiserver.auth.rbac.aggregation import Aggregation
from grappe.apiserver.auth.rbac.evaluator import RbacEvaluator
from grappe.apiserver.auth.rbac.index import RbacIndex
from grappe.apiserver.auth.reviews import Reviews
from grappe.apiserver.auth.service_accounts import ServiceAccountTokens
from grappe.apiserver.auth.token_request import TokenRequests
from grappe.apiserver.auth.token_secrets import TokenSecrets
from grappe.apiserver.http.messages import Request, User
from grappe.apiserver.loopback import Loopback
from grappe.apiserver.registry.interface import RequestInfo
from grappe.base.clock import Clock
from grappe.store.interface import Store


class Access:
    """The registry's Authentication and Authorization, and the answers to reviews and token
    requests. `start` before the first request: it reads roles and bindings."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        signing_key: bytes,
        authentication: Authentication = Authentication(),  # noqa: B008 - immutable
    ) -> None:
        """`signing_key` is the PEM of the cluster's service-account key."""
        self._store = store
        self.rbac = RbacIndex()
        self._aggregation = Aggregation(self.rbac, store)
        self.evaluator = RbacEvaluator(self.rbac)
        self.authorizer = Authorizer(NodeAuthorizer(store), self.evaluator)
        self.tokens = ServiceAccountTokens(SigningKey(signing_key), store, clock)
        self._token_secrets = TokenSecrets(store, self.tokens, clock)
        self._issuers = Issuers(authentication.issuers, clock)
        bearer = BearerTokens(self.tokens, BootstrapTokens(store, clock), self._issuers)
        self.reviews = Reviews(self.authorizer, bearer)
        self.token_requests = TokenRequests(store, self.tokens)
        self._authenticator = Authenticator(bearer, authentication.anonymous)

    def start(self) -> None:
        self.rbac.start(self._store)

    def settle(self, loopback: Loopback, ca: Callable[[], bytes]) -> None:
        """From now on write the rules of aggregated ClusterRoles, and fill token Secrets; `ca`
        gives the PEM of the authorities to trust."""
        self._issuers.start()
        self._aggregation.start(loopback)
        self._token_secrets.start(loopback, ca)

    def authority_changed(self) -> None:
        self._token_secrets.look_at_all()

    async def stop(self) -> None:
        await self._issuers.stop()
        await self._token_secrets.stop()
        await self._aggregation.stop()
        self.rbac.stop()

    def authenticate(self, request: Request) -> User:
        """Who asks, or who they asked to be; ApiError 401, or 403 for an impersonation that is
        not allowed. NotYet when an issuer's keys are needed first."""
        user = self._authenticator.authenticate(request)
        if impersonates(request.headers):
            request.impersonator = user
            return impersonate(user, request.headers, self.authorizer)
        return user

    def authorize(self, user: User, info: RequestInfo) -> None:
        """Return if allowed; ApiError 403."""
        self.authorizer.authorize(user, info)
