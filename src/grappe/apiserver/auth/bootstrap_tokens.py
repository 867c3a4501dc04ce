"""Bootstrap tokens: `ID.SECRET`, kept as Secrets of kube-system, with which a new node asks for
its first certificate.

https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode

from grappe.api import Object
from grappe.api.resources import SECRETS
from grappe.apiserver.auth.jwt import TokenError
from grappe.apiserver.auth.names import AUTHENTICATED
from grappe.apiserver.http.messages import User
from grappe.apiserver.records import body_of
from grappe.base.clock import Clock, parse_rfc3339
from grappe.store.interface import Store

TYPE = "bootstrap.kubernetes.io/token"
_TOKEN = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
_GROUP = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]")
_BOOTSTRAPPERS = "system:bootstrappers"


def is_bootstrap_token(token: str) -> bool:
    """Whether the text has the form of a bootstrap token."""
    return _TOKEN.fullmatch(token) is not None


class BootstrapTokens:
    """Tells whose a bootstrap token is, by the Secret as it is now: one that was changed or
    deleted counts no longer."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def verify(self, token: str) -> User:
        """The user of a token; TokenError (which never quotes it) when there is none."""
        form = _TOKEN.fullmatch(token)
        if form is None:
            raise TokenError("malformed bootstrap token")
        name = f"bootstrap-token-{form[1]}"
        record = self._store.get(SECRETS.bucket, f"kube-system/{name}")
        if record is None:
            raise TokenError(f"no secret of name {name} matches the bootstrap token")
        secret = body_of(record)
        why = self._problem(secret, form[1], form[2])
        if why:
            raise TokenError(f"bootstrap secret {name} {why}")
        extra = value_of(secret, "auth-extra-groups")
        groups = sorted({group for group in extra.split(",") if group})
        if not all(_GROUP.fullmatch(group) for group in groups):
            raise TokenError(f"bootstrap secret {name} has invalid auth-extra-groups")
        return User(f"system:bootstrap:{form[1]}", (_BOOTSTRAPPERS, *groups, AUTHENTICATED))

    def _problem(self, secret: Object, token_id: str, token_secret: str) -> str:
        if secret["metadata"].get("deletionTimestamp"):
            return "is deleted and awaiting removal"
        if secret.get("type") != TYPE:
            return "is of another type"
        said = value_of(secret, "token-secret").encode()
        if not hmac.compare_digest(said, token_secret.encode()):
            return "has another token-secret"
        if value_of(secret, "token-id") != token_id:
            return "has another token-id"
        if has_expired(secret, self._clock.now()):
            return "has expired"
        if value_of(secret, "usage-bootstrap-authentication") != "true":
            return "is not marked usage-bootstrap-authentication=true"
        return ""


def value_of(secret: Object, key: str) -> str:
    """A value of the Secret as text; empty when it is missing or no text."""
    try:
        return b64decode((secret.get("data") or {}).get(key) or "").decode()
    except ValueError:
        return ""


def has_expired(secret: Object, now: float) -> bool:
    """Whether its `expiration` has passed; one that is no time counts as passed."""
    expiration = value_of(secret, "expiration")
    if not expiration:
        return False
    try:
        return parse_rfc3339(expiration) <= now
    except ValueError:
        return True
