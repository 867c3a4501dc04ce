"""Fills Secrets of type `kubernetes.io/service-account-token` with a token that does not expire.

People still make them by hand for clients that cannot renew a token. One whose service account is
gone is deleted. In Kubernetes a controller does this; here it is where the signing key is. Each
says on which day its token was last used, and a ConfigMap since when that is told.
https://kubernetes.io/docs/concepts/configuration/secret/#serviceaccount-token-secrets
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence

from grappe.api.resources import CONFIG_MAPS, SECRETS, SERVICE_ACCOUNTS
from grappe.apiserver.auth.service_accounts import LAST_USED, ServiceAccountTokens
from grappe.apiserver.loopback import Loopback
from grappe.apiserver.records import object_of
from grappe.apiserver.upkeep import Upkeep
from grappe.base.clock import Clock, rfc3339
from grappe.store.interface import Event, Store

TYPE = "kubernetes.io/service-account-token"
_NAME = "kubernetes.io/service-account.name"
_UID = "kubernetes.io/service-account.uid"
TRACKING = "kube-system/kube-apiserver-legacy-service-account-token-tracking"


class TokenSecrets:
    """Runs from `start` to `stop`."""

    def __init__(self, store: Store, tokens: ServiceAccountTokens, clock: Clock) -> None:
        self._store = store
        self._tokens = tokens
        self._clock = clock
        self._used: set[str] = set()
        self._keys: set[str] = set()
        """Every token secret there is, as `namespace/name`."""
        self._upkeep = Upkeep("token secret", self._settle)
        self._loopback: Loopback | None = None
        self._ca: Callable[[], bytes] = bytes

    def start(self, loopback: Loopback, ca: Callable[[], bytes]) -> None:
        """`ca` gives the PEM of the authorities that clients are to trust."""
        self._loopback, self._ca = loopback, ca
        store = self._store
        self._keys = {record.key for record in store.by_field(SECRETS.bucket, "type", TYPE)}
        self._upkeep.look_at((TRACKING, *self._keys))
        self._tokens.used = self._is_used
        self._upkeep.start(
            store.watch(SECRETS.bucket, store.revision, self._secrets_changed),
            store.watch(SERVICE_ACCOUNTS.bucket, store.revision, self._accounts_changed),
        )

    def _is_used(self, key: str) -> None:
        self._used.add(key)
        self._upkeep.look_at([key])

    def look_at_all(self) -> None:
        """What is in all of them may have to change."""
        self._upkeep.look_at(self._keys)

    async def stop(self) -> None:
        await self._upkeep.stop()

    def _secrets_changed(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.record.fields.get("type") != TYPE:
                continue
            key = event.record.key
            if event.type == "DELETED":
                self._keys.discard(key)
            else:
                self._keys.add(key)
                self._upkeep.look_at([key])

    def _accounts_changed(self, events: Sequence[Event]) -> None:
        for event in events:
            if self._keys and event.type != "MODIFIED":
                namespace = event.record.key.partition("/")[0]
                self._upkeep.look_at(k for k in self._keys if k.startswith(f"{namespace}/"))

    async def _track(self) -> None:
        """Tell since when uses are told."""
        if self._loopback is None or self._store.get(CONFIG_MAPS.bucket, TRACKING) is not None:
            return
        namespace, _, name = TRACKING.partition("/")
        told = {
            "metadata": {"name": name, "namespace": namespace},
            "data": {"since": self._today()},
        }
        await self._loopback.create(CONFIG_MAPS, told)

    def _today(self) -> str:
        return rfc3339(self._clock.now())[:10]

    async def _settle(self, key: str) -> None:
        if key == TRACKING:
            await self._track()
            return
        record = self._store.get(SECRETS.bucket, key)
        if record is None or self._loopback is None:
            return
        secret = object_of(SECRETS, record)
        metadata = secret["metadata"]
        if metadata.get("deletionTimestamp"):
            return
        namespace, _, name = key.partition("/")
        annotations = metadata.get("annotations") or {}
        account = annotations.get(_NAME, "")
        uid = self._tokens.uid(SERVICE_ACCOUNTS, f"{namespace}/{account}")
        if not uid or annotations.get(_UID, uid) != uid:
            await self._loopback.delete(SECRETS, namespace, name)
            return
        data = secret.get("data") or {}
        wanted = {"ca.crt": _packed(self._ca()), "namespace": _packed(namespace.encode())}
        if "token" not in data:
            token = self._tokens.issue_lasting(namespace, account, uid, name)
            wanted["token"] = _packed(token.encode())
        filled = {**data, **wanted}
        labels = metadata.get("labels") or {}
        noted = {**labels, LAST_USED: self._today()} if key in self._used else labels
        if filled != data or annotations.get(_UID) != uid or noted != labels:
            secret["data"] = filled
            metadata["annotations"] = {**annotations, _UID: uid}
            if noted:
                metadata["labels"] = noted
            await self._loopback.update(SECRETS, secret)
        self._used.discard(key)


def _packed(content: bytes) -> str:
    return b64encode(content).decode()
