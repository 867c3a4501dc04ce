"""Service-account tokens for pods: requested, kept, renewed at 80 % of their life.

https://kubernetes.io/docs/concepts/storage/projected-volumes/#serviceaccounttoken
"""

from __future__ import annotations

from typing import NamedTuple

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import SERVICE_ACCOUNTS
from grappe.base.clock import Clock, parse_rfc3339
from grappe.client.interface import Client, TransportError
from grappe.node.volumes.payload import MountFault

_DAY = 86_400.0
_SKEW = 60.0
"""A token asked for later than this from now is not valid yet: the clock was set back."""


class _Token(NamedTuple):
    text: str
    renew_at: float
    asked_at: float


class Tokens:
    """The tokens of all pods on the node, in memory only."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._tokens: dict[tuple[str, str, int], _Token] = {}

    async def get(self, pod: Object, audience: str, seconds: int) -> tuple[str, float]:
        """(token, when to ask again). An old one is given while no new one can be had."""
        meta = pod["metadata"]
        key = (meta["uid"], audience, seconds)
        now = self._clock.now()
        known = self._tokens.get(key)
        if known is not None and known.asked_at - _SKEW <= now < known.renew_at:
            return known.text, known.renew_at
        try:
            token = await self._request(pod, audience, seconds)
        except (ApiError, TransportError) as error:
            if known is not None:
                return known.text, now + 60.0
            raise MountFault(f"failed to fetch token: {error}") from error
        self._tokens[key] = token
        return token.text, token.renew_at

    def forget(self, uid: str) -> None:
        for key in [key for key in self._tokens if key[0] == uid]:
            del self._tokens[key]

    async def _request(self, pod: Object, audience: str, seconds: int) -> _Token:
        meta = pod["metadata"]
        spec: Object = {
            "expirationSeconds": seconds,
            "boundObjectRef": {
                "apiVersion": "v1",
                "kind": "Pod",
                "name": meta["name"],
                "uid": meta["uid"],
            },
            "audiences": [audience] if audience else [],
        }
        answer = await self._client.create(
            SERVICE_ACCOUNTS,
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec},
            meta["namespace"],
            name=pod["spec"].get("serviceAccountName") or "default",
            subresource="token",
        )
        now = self._clock.now()
        expires = parse_rfc3339(answer["status"]["expirationTimestamp"])
        life = max(expires - now, 1.0)
        return _Token(answer["status"]["token"], now + min(life * 0.8, _DAY), now)
