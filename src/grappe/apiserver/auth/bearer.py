"""Whose a bearer token is: of a service account, a bootstrap token, or another issuer's."""

from __future__ import annotations

from collections.abc import Sequence

from grappe.apiserver.auth.bootstrap_tokens import BootstrapTokens, is_bootstrap_token
from grappe.apiserver.auth.jwt import TokenError
from grappe.apiserver.auth.oidc.issuers import Issuers
from grappe.apiserver.auth.service_accounts import DEFAULT_AUDIENCES, ServiceAccountTokens, Token
from grappe.apiserver.http.messages import User


class BearerTokens:
    """Every kind of token there is; a token's form says its kind."""

    def __init__(
        self, accounts: ServiceAccountTokens, bootstrap: BootstrapTokens, issuers: Issuers
    ) -> None:
        self._accounts = accounts
        self._bootstrap = bootstrap
        self._issuers = issuers

    def recall(self, token: str) -> Token | None:
        """A token of a service account that was good for this server when it was last verified."""
        return self._accounts.recall(token)

    def still_good(self, token: Token) -> bool:
        """Whether that has not changed since."""
        return self._accounts.still_good(token)

    def verify(
        self, token: str, audiences: Sequence[str] = DEFAULT_AUDIENCES
    ) -> tuple[User, list[str]]:
        """The token's user and which of `audiences` it is for; TokenError when it is not valid.
        NotYet when that is known only in a moment."""
        if self._accounts.remembers(token):
            return self._accounts.verify(token, audiences)
        if is_bootstrap_token(token):
            return self._bootstrap.verify(token), _of_ours(audiences)
        issuer = self._issuers.of(token)
        if issuer is not None:
            return self._issuers.verify(issuer, token), _of_ours(audiences)
        return self._accounts.verify(token, audiences)


def _of_ours(audiences: Sequence[str]) -> list[str]:
    """A token that names no audience of the API server's counts for all of those."""
    shared = [audience for audience in audiences if audience in DEFAULT_AUDIENCES]
    if not shared:
        raise TokenError("token audiences are not among those asked for")
    return shared
