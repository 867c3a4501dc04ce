"""Who asks: a client certificate, a bearer token, or nobody.

A request without credentials is the anonymous user's, who may do what RBAC grants to
system:unauthenticated: by default /healthz, /livez, /readyz and /version. Credentials that are
there but not good are refused.
https://kubernetes.io/docs/reference/access-authn-authz/authentication/
"""

from __future__ import annotations

import base64
import binascii
import logging

from grappe.api.errors import unauthorized
from grappe.apiserver.auth.bearer import BearerTokens
from grappe.apiserver.auth.jwt import TokenError
from grappe.apiserver.auth.names import ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED
from grappe.apiserver.auth.oidc.config import Anonymous
from grappe.apiserver.auth.service_accounts import Token
from grappe.apiserver.http.messages import Request, User

log = logging.getLogger("grappe.apiserver.auth")

ANONYMOUS_USER = User(ANONYMOUS, (UNAUTHENTICATED,))
_REMEMBERED = 10_000
_REMEMBERED_BEARERS = 2_000
_WEBSOCKET_TOKEN = "base64url.bearer.authorization.k8s.io."


class Authenticator:
    """Turns a request's credentials into a User; the first kind that is there and good wins."""

    def __init__(self, tokens: BearerTokens, anonymous: Anonymous) -> None:
        self._tokens = tokens
        self._anonymous = anonymous
        self._bearers: dict[str, Token] = {}
        """By the whole Authorization header: tokens that were good for it."""
        self._certified: dict[tuple[str, tuple[str, ...]], User] = {}

    def authenticate(self, request: Request) -> User:
        """Who asks. A request made in-process brings its user. ApiError 401 for bad credentials;
        NotYet."""
        if request.user is not None:
            return request.user
        if request.certificate is not None and request.certificate[0]:
            return self._of_certificate(request.certificate)
        authorization = request.headers.get("authorization", "")
        known = self._bearers.get(authorization)
        if known is not None and self._tokens.still_good(known):
            return known.user
        token = bearer_token(request)
        if not token:
            if self._anonymous.admits(request.path):
                return ANONYMOUS_USER
            raise unauthorized()
        try:
            user = self._tokens.verify(token)[0]
        except TokenError as error:
            self._bearers.pop(authorization, None)
            log.info("refused a bearer token from %s: %s", request.remote, error)
            raise unauthorized() from None
        found = self._tokens.recall(token)
        # Never a token that came otherwise: the header must be as good as the token.
        if found is not None and authorization.endswith(token):
            if len(self._bearers) >= _REMEMBERED_BEARERS:
                self._bearers.clear()
            self._bearers[authorization] = found
        return user

    def _of_certificate(self, certificate: tuple[str, tuple[str, ...]]) -> User:
        user = self._certified.get(certificate)
        if user is None:
            name, organizations = certificate
            groups = tuple(dict.fromkeys((*organizations, AUTHENTICATED)))
            user = User(name, groups)
            if len(self._certified) >= _REMEMBERED:
                self._certified.clear()
            self._certified[certificate] = user
        return user


def bearer_token(request: Request) -> str:
    """The token of `Authorization: Bearer`, or the one browsers hide in a WebSocket protocol
    (`base64url.bearer.authorization.k8s.io.TOKEN`); empty when there is none."""
    kind, _, token = request.headers.get("authorization", "").strip().partition(" ")
    if kind.lower() == "bearer":
        return token.strip()
    for protocol in request.headers.get("sec-websocket-protocol", "").split(","):
        protocol = protocol.strip()
        if protocol.startswith(_WEBSOCKET_TOKEN):
            text = protocol[len(_WEBSOCKET_TOKEN) :]
            try:
                return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
            except (binascii.Error, ValueError):
                raise unauthorized() from None
    return ""
