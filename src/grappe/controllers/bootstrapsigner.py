"""Bootstrap signer: signs the ConfigMap kube-public/cluster-info with each bootstrap token, so
that whoever holds one can trust the CA in it.

watches        that ConfigMap; Secrets of kube-system of type bootstrap.kubernetes.io/token
writes         its entries `jws-kubeconfig-ID`
never touches  the kubeconfig in it; makes no ConfigMap where there is none

https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/#configmap-signing
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterable

import orjson

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import CONFIG_MAPS, SECRETS
from grappe.client.informer import EventType
from grappe.controllers.bootstrap_secrets import NAMESPACE, SELECTOR, expires_at, value_of
from grappe.controllers.context import Context
from grappe.reconcile import Controller, Key, Result

_PUBLIC, _NAME = "kube-public", "cluster-info"
_KUBECONFIG = "kubeconfig"
_SIGNATURE = "jws-kubeconfig-"


def build(context: Context) -> Controller:
    return BootstrapSigner(context).controller


def detached_signature(content: str, token_id: str, token_secret: str) -> str:
    """A JSON Web Signature (RFC 7515) of `content` with the token's secret, without the payload:
    `HEADER..SIGNATURE`."""
    header = _encode(orjson.dumps({"alg": "HS256", "kid": token_id}))
    signed = f"{header}.{_encode(content.encode())}".encode()
    signature = hmac.new(token_secret.encode(), signed, hashlib.sha256).digest()
    return f"{header}..{_encode(signature)}"


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def signatures(content: str, secrets: Iterable[Object], now: float) -> dict[str, str]:
    """The entries the ConfigMap should have, one for each token that is for signing."""
    found = {}
    for secret in secrets:
        token_id, token_secret = value_of(secret, "token-id"), value_of(secret, "token-secret")
        end = expires_at(secret)
        if (
            secret["metadata"]["namespace"] == NAMESPACE
            and not secret["metadata"].get("deletionTimestamp")
            and secret["metadata"]["name"] == f"bootstrap-token-{token_id}"
            and token_secret
            and value_of(secret, "usage-bootstrap-signing") == "true"
            and (end is None or end > now)
        ):
            found[_SIGNATURE + token_id] = detached_signature(content, token_id, token_secret)
    return found


class BootstrapSigner:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._tokens = context.informers.of(SECRETS, field_selector=SELECTOR)
        self._info = context.informers.of(CONFIG_MAPS, field_selector=f"metadata.name={_NAME}")
        self.controller = Controller("bootstrap-signer", reconcile=self.reconcile)
        self._tokens.add_handler(self._changed)
        self._info.add_handler(self._changed)

    def _changed(self, event_type: EventType, obj: Object, old: Object | None) -> None:
        self.controller.enqueue(_PUBLIC, _NAME)

    async def reconcile(self, key: Key) -> Result | None:
        info = self._info.get(_PUBLIC, _NAME)
        data = (info or {}).get("data") or {}
        if info is None or not data.get(_KUBECONFIG):
            return None
        secrets, now = self._tokens.list(NAMESPACE), self._clock.now()
        wanted = signatures(data[_KUBECONFIG], secrets, now)
        present = {name: text for name, text in data.items() if name.startswith(_SIGNATURE)}
        if present != wanted:
            patch = {
                "metadata": {"resourceVersion": info["metadata"]["resourceVersion"]},
                "data": {**dict.fromkeys(present), **wanted},
            }
            try:
                await self._client.patch(CONFIG_MAPS, _NAME, patch, _PUBLIC)
            except ApiError as error:
                if error.code not in (404, 409):
                    raise
                return Result(1.0) if error.code == 409 else None
        ends = [end - now for end in map(expires_at, secrets) if end is not None and end > now]
        return Result(min(ends)) if ends else None
