"""Service-account tokens: what they claim, and whether that is still so.

A bound token ends with its service account, and with the pod, secret or node it was issued for:
the uids it claims are compared with the live objects at every request.
https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/
"""

from __future__ import annotations

import math
import uuid
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from grappe.api.causes import quote
from grappe.api.resources import NODES, PODS, SECRETS, SERVICE_ACCOUNTS, Resource
from grappe.apiserver.auth.jwt import Claims, SigningKey, TokenError
from grappe.apiserver.auth.names import service_account_groups, service_account_user
from grappe.apiserver.http.messages import User
from grappe.apiserver.records import body_of
from grappe.base.clock import Clock, parse_rfc3339, rfc3339
from grappe.store.interface import Record, Store

ISSUER = "https://kubernetes.default.svc.cluster.local"
DEFAULT_AUDIENCES = (ISSUER,)
_LEEWAY = 60  # seconds a token may be ahead of us, or behind: as kube-apiserver allows
_REMEMBERED = 2_000
_EXTRA = "authentication.kubernetes.io/"
_LASTING = "kubernetes.io/serviceaccount"
_LASTING_ISSUER = "kubernetes/serviceaccount"
_DAY = 86_400.0
LAST_USED = "kubernetes.io/legacy-token-last-used"
"""The label of a Secret with the day its token was last used."""
_INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since"


@dataclass(frozen=True, slots=True)
class Bound:
    """An object a token depends on: good while the object of that name has that uid, or, for the
    Secret of a token without end, while it holds that token."""

    resource: Resource
    key: str
    uid: str
    token: str = ""


@dataclass(slots=True)
class Token:
    """A verified token. `expires` is in seconds since the epoch. `seen` are the records (bucket,
    key, record) of what it is bound to, with which it was good: it is while they are the same,
    and not later than `until`."""

    user: User
    audiences: tuple[str, ...]
    not_before: float
    expires: float
    bound: tuple[Bound, ...]
    seen: tuple[tuple[str, str, Record], ...] = ()
    until: float = 0.0


class ServiceAccountTokens:
    """Issues tokens and tells whose a token is. Signatures are checked once per token."""

    def __init__(self, key: SigningKey, store: Store, clock: Clock) -> None:
        self._key = key
        self._store = store
        self._clock = clock
        self._verified: dict[str, Token] = {}
        self._uids: dict[tuple[str, str], tuple[Record, str, float]] = {}
        """By bucket and key: the record, its uid and the time from which it counts as deleted."""
        self.used: Callable[[str], None] = lambda secret: None
        """Called with the `namespace/name` of a Secret whose token is used for the first time in
        a day."""

    # -- issuing -------------------------------------------------------------------------------
    def issue(
        self,
        namespace: str,
        name: str,
        uid: str,
        *,
        audiences: Sequence[str],
        seconds: int,
        bound: Claims | None = None,
        warn_after: int = 0,
    ) -> tuple[str, float]:
        """A token for a service account, and when it was issued.

        `bound` holds further private claims: `{"pod": {"name": …, "uid": …}, "node": …}`. After
        `warn_after` seconds, where given, it should have been renewed.
        """
        now = int(self._clock.now())
        claims: Claims = {
            "aud": list(audiences),
            "exp": now + seconds,
            "iat": now,
            "iss": ISSUER,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": {
                "namespace": namespace,
                **(bound or {}),
                "serviceaccount": {"name": name, "uid": uid},
                **({"warnafter": now + warn_after} if warn_after else {}),
            },
            "nbf": now,
            "sub": service_account_user(namespace, name),
        }
        return self._key.sign(claims), float(now)

    def issue_lasting(self, namespace: str, name: str, uid: str, secret: str) -> str:
        """A token without an end, good while the Secret named `secret` holds it."""
        return self._key.sign(
            {
                "iss": _LASTING_ISSUER,
                f"{_LASTING}/namespace": namespace,
                f"{_LASTING}/secret.name": secret,
                f"{_LASTING}/service-account.name": name,
                f"{_LASTING}/service-account.uid": uid,
                "sub": service_account_user(namespace, name),
            }
        )

    def jwk(self) -> dict[str, str]:
        """The public key tokens are verified with."""
        return self._key.jwk()

    def remembers(self, token: str) -> bool:
        """Whether it is known to be a token of ours; `verify` says if it still counts."""
        return token in self._verified

    # -- verifying -----------------------------------------------------------------------------
    def recall(self, token: str) -> Token | None:
        """The token if it was good for this server when it was last verified."""
        found = self._verified.get(token)
        return found if found is not None and found.seen else None

    def still_good(self, token: Token) -> bool:
        """Whether nothing has changed for a token that was recalled: the quick question of every
        request. If not, `verify` says what has."""
        if not token.not_before - _LEEWAY <= self._clock.now() <= token.until:
            return False
        if not token.seen:  # found wanting since, or to be looked at each time
            return False
        get = self._store.get
        for bucket, key, record in token.seen:  # noqa: SIM110 - half the time of `all`
            if get(bucket, key) is not record:
                return False
        return True

    def verify(
        self, token: str, audiences: Sequence[str] = DEFAULT_AUDIENCES
    ) -> tuple[User, list[str]]:
        """The token's user and which of `audiences` it is for; TokenError when it is not valid
        (any more), or for none of them."""
        found = self._verified.get(token)
        if found is None:
            claims = self._key.verify(token)
            if claims.get("iss") == _LASTING_ISSUER:
                found = read_lasting_token(claims, token)
            else:
                found = read_token(claims)
            if len(self._verified) >= _REMEMBERED:
                self._verified.clear()
            self._verified[token] = found
        now = self._clock.now()
        if now > found.expires + _LEEWAY:
            self._verified.pop(token, None)
            raise TokenError("service account token has expired")
        if now < found.not_before - _LEEWAY:
            raise TokenError("service account token is not valid yet")
        shared = [audience for audience in audiences if audience in found.audiences]
        if not shared:
            have, asked = (" ".join(map(quote, each)) for each in (found.audiences, audiences))
            raise TokenError(
                f"token audiences [{have}] is invalid for the target audiences [{asked}]"
            )
        for bound in found.bound:
            fault = self._copy_fault(bound) if bound.token else self._fault(bound)
            if fault:
                found.seen = ()
                raise TokenError(fault)
        found.until = found.expires + _LEEWAY
        if found.expires == math.inf:
            self._lasting_used(found, now)
        if audiences is DEFAULT_AUDIENCES:
            # What is being deleted ends the token without another word: it is looked at each time.
            lasting = all(self._facts(b.resource, b.key)[1] == math.inf for b in found.bound)
            found.seen = self._see(found.bound) if lasting else ()
        return found.user, shared

    def _lasting_used(self, token: Token, now: float) -> None:
        """Tell that it is used today, unless somebody has marked it as invalid."""
        secret, account = token.bound
        record = self._store.get(secret.resource.bucket, secret.key)
        labels = record.labels if record is not None else {}
        if labels.get(_INVALID_SINCE):
            token.seen = ()
            raise TokenError(
                f"the token in secret {secret.key} for service account {account.key} has been "
                "marked invalid. Use tokens from the TokenRequest API or manually created "
                "secret-based tokens, or remove the "
                f"'{_INVALID_SINCE}' label from the secret to temporarily allow use of this token"
            )
        token.until = (now // _DAY + 1) * _DAY
        if labels.get(LAST_USED) != rfc3339(now)[:10]:
            self.used(secret.key)

    def _see(self, bound: Sequence[Bound]) -> tuple[tuple[str, str, Record], ...]:
        places = ((each.resource.bucket, each.key) for each in bound)
        found = ((*place, self._store.get(*place)) for place in places)
        return tuple((bucket, key, record) for bucket, key, record in found if record is not None)

    def _fault(self, bound: Bound) -> str:
        """What is wrong with what a token is bound to; empty when nothing is."""
        uid, ends = self._facts(bound.resource, bound.key)
        is_account = bound.resource is SERVICE_ACCOUNTS
        if uid and uid != bound.uid:
            if is_account:
                return f"service account UID ({uid}) does not match claim ({bound.uid})"
            kind = bound.resource.kind.lower()
            claim = f"service account {kind} ref claim ({bound.uid})"
            return f"{kind} UID ({uid}) does not match {claim}"
        if is_account and not uid:
            return f'serviceaccounts "{bound.key.partition("/")[2]}" not found'
        if not uid or self._clock.now() > ends:
            if is_account:
                return f"service account {bound.key} has been deleted"
            return "service account token has been invalidated"
        return ""

    def _copy_fault(self, bound: Bound) -> str:
        """The same of the Secret that holds a token without an end."""
        record = self._store.get(bound.resource.bucket, bound.key)
        secret = body_of(record) if record else {}
        metadata = secret.get("metadata") or {}
        if record is None or metadata.get("deletionTimestamp"):
            return "Token has been invalidated"
        held = (secret.get("data") or {}).get("token", "")
        if held != b64encode(bound.token.encode()).decode():
            return "Token does not match server's copy"
        return ""

    def uid(self, resource: Resource, key: str) -> str:
        """The uid of a live object; empty when there is none."""
        return self._facts(resource, key)[0]

    def _facts(self, resource: Resource, key: str) -> tuple[str, float]:
        """The uid, empty when there is none, and the time from which it counts as deleted."""
        record = self._store.get(resource.bucket, key)
        if record is None:
            return "", 0.0
        place = (resource.bucket, key)
        known = self._uids.get(place)
        if known is not None and known[0] is record:
            return known[1:]
        metadata = body_of(record)["metadata"]
        deleted = metadata.get("deletionTimestamp")
        ends = parse_rfc3339(deleted) + _LEEWAY if deleted else math.inf
        if len(self._uids) >= _REMEMBERED:
            self._uids.clear()
        self._uids[place] = (record, metadata["uid"], ends)
        return metadata["uid"], ends


_BOUND_KINDS = {"pod": PODS, "secret": SECRETS, "node": NODES}


def read_token(claims: Claims) -> Token:
    """What a token with a good signature says; TokenError when it is not a service account's."""
    try:
        private = claims["kubernetes.io"]
        namespace, account = private["namespace"], private["serviceaccount"]
        name, uid = account["name"], account["uid"]
        audience = claims["aud"]
        expires, not_before = float(claims["exp"]), float(claims.get("nbf", 0))
        extra: dict[str, tuple[str, ...]] = {}
        if claims.get("jti"):
            extra[_EXTRA + "credential-id"] = (f"JTI={claims['jti']}",)
        bound = [Bound(SERVICE_ACCOUNTS, f"{namespace}/{name}", uid)]
        for kind, resource in _BOUND_KINDS.items():
            if kind not in private:
                continue
            who, its_uid = private[kind]["name"], private[kind].get("uid", "")
            if kind != "secret":
                extra[f"{_EXTRA}{kind}-name"] = (who,)
                if its_uid:
                    extra[f"{_EXTRA}{kind}-uid"] = (its_uid,)
            if kind == "node" and "pod" in private:
                continue  # says where the pod ran; the token is bound to the pod
            if not its_uid:
                raise KeyError("uid")
            key = f"{namespace}/{who}" if resource.namespaced else who
            bound.append(Bound(resource, key, its_uid))
    except (KeyError, TypeError, ValueError):
        raise TokenError("token lacks the claims of a service account") from None
    user = service_account_user(namespace, name)
    if claims.get("iss") != ISSUER or claims.get("sub") != user:
        raise TokenError("token is not from this cluster")
    groups = (*service_account_groups(namespace), "system:authenticated")
    return Token(
        User(user, groups, uid, extra),
        tuple(audience) if isinstance(audience, list) else (audience,),
        not_before,
        expires,
        tuple(bound),
    )


def read_lasting_token(claims: Claims, token: str) -> Token:
    """What a token without an end says; TokenError when it lacks something."""
    names = ("namespace", "secret.name", "service-account.name", "service-account.uid")
    found = [claims.get(f"{_LASTING}/{name}") for name in names]
    if not all(isinstance(value, str) and value for value in found):
        raise TokenError("token lacks the claims of a service account")
    namespace, secret, name, uid = map(str, found)
    user = service_account_user(namespace, name)
    if claims.get("sub") != user:
        raise TokenError("token is not from this cluster")
    bound = (
        Bound(SECRETS, f"{namespace}/{secret}", "", token),
        Bound(SERVICE_ACCOUNTS, f"{namespace}/{name}", uid),
    )
    groups = (*service_account_groups(namespace), "system:authenticated")
    return Token(User(user, groups, uid), DEFAULT_AUDIENCES, 0.0, math.inf, bound)
