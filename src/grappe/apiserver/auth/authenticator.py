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
from grappe.apiserver.http.messages import Request, User

log = logging.getLogger("grappe.apiserver.auth")

ANONYMOUS_USER = User(ANONYMOUS, (UNAUTHENTICATED,))
_REMEMBERED = 10_000
_WEBSOCKET_TOKEN = "base64url.bearer.authorization.k8s.io."


class Authenticator:
    """Turns a request's credentials into a User; the first kind that is there and good wins."""

    def __init__(self, tokens: BearerTokens, anonymous: Anonymous) -> None:
        self._tokens = tokens
        self._anonymous = anonymous
        self._certified: dict[tuple[str, tuple[str, ...]], User] = {}

    def authenticate(self, request: Request) -> User:
        """Who asks. A request made in-process brings its user. ApiError 401 for bad credentials;
        NotYet."""
        if request.user is not None:
            return request.user
        if request.certificate is not None and request.certificate[0]:
            return self._of_certificate(request.certificate)
        token = bearer_token(request)
        if not token:
            if self._anonymous.admits(request.path):
                return ANONYMOUS_USER
            raise unauthorized()
        try:
            return self._tokens.verify(token)[0]
        except TokenError as error:
            log.info("refused a bearer token from %s: %s", request.remote, error)
            raise unauthorized() from None

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
