"""Fills Secrets of type `kubernetes.io/service-account-token` with a token that does not expire.

People still make them by hand for clients that cannot renew a token. One whose service account is
gone is deleted. In Kubernetes a controller does this; here it is where the signing key is.
https://kubernetes.io/docs/concepts/configuration/secret/#serviceaccount-token-secrets
"""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import Sequence

import orjson

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import SECRETS, SERVICE_ACCOUNTS
from grappe.apiserver.auth.service_accounts import ServiceAccountTokens
from grappe.apiserver.loopback import Loopback
from grappe.store.interface import Event, Record, Store, Subscription

log = logging.getLogger("grappe.apiserver.auth")

TYPE = "kubernetes.io/service-account-token"
_NAME = "kubernetes.io/service-account.name"
_UID = "kubernetes.io/service-account.uid"
_RETRY = 1.0  # seconds until a refused write is tried again


class TokenSecrets:
    """Runs from `start` to `stop`. `ca` is the PEM of the cluster's CA."""

    def __init__(self, store: Store, tokens: ServiceAccountTokens) -> None:
        self._store = store
        self._tokens = tokens
        self._keys: set[str] = set()
        """Every token secret there is, as `namespace/name`."""
        self._due: set[str] = set()
        self._wake = asyncio.Event()
        self._subscriptions: list[Subscription] = []
        self._task: asyncio.Task[None] | None = None

    def start(self, loopback: Loopback, ca: bytes) -> None:
        store = self._store
        self._keys = {record.key for record in store.by_field(SECRETS.bucket, "type", TYPE)}
        self._subscriptions = [
            store.watch(SECRETS.bucket, store.revision, self._secrets_changed),
            store.watch(SERVICE_ACCOUNTS.bucket, store.revision, self._accounts_changed),
        ]
        self._look_at(self._keys)
        self._task = asyncio.get_running_loop().create_task(
            self._run(loopback, ca), name="token secrets"
        )

    async def stop(self) -> None:
        for subscription in self._subscriptions:
            subscription.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _look_at(self, keys: set[str]) -> None:
        if keys:
            self._due |= keys
            self._wake.set()

    def _secrets_changed(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.record.fields.get("type") != TYPE:
                continue
            key = event.record.key
            if event.type == "DELETED":
                self._keys.discard(key)
            else:
                self._keys.add(key)
                self._look_at({key})

    def _accounts_changed(self, events: Sequence[Event]) -> None:
        for event in events:
            if self._keys and event.type != "MODIFIED":
                namespace = event.record.key.partition("/")[0]
                self._look_at({key for key in self._keys if key.startswith(f"{namespace}/")})

    async def _run(self, loopback: Loopback, ca: bytes) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            due, self._due = self._due, set()
            for key in sorted(due):
                try:
                    await self._settle(loopback, ca, key)
                except ApiError as error:
                    if error.code != 404:
                        log.warning("secret %s: %s", key, error)
                        again = asyncio.get_running_loop()
                        again.call_later(_RETRY, self._look_at, {key})

    async def _settle(self, loopback: Loopback, ca: bytes, key: str) -> None:
        record = self._store.get(SECRETS.bucket, key)
        if record is None:
            return
        secret = _object(record)
        metadata = secret["metadata"]
        if metadata.get("deletionTimestamp"):
            return
        namespace, _, name = key.partition("/")
        annotations = metadata.get("annotations") or {}
        account = annotations.get(_NAME, "")
        uid = self._tokens.uid(SERVICE_ACCOUNTS, f"{namespace}/{account}")
        if not uid or annotations.get(_UID, uid) != uid:
            await loopback.delete(SECRETS, namespace, name)
            return
        data = secret.get("data") or {}
        wanted = {"ca.crt": _packed(ca), "namespace": _packed(namespace.encode())}
        if "token" not in data:
            token = self._tokens.issue_lasting(namespace, account, uid, name)
            wanted["token"] = _packed(token.encode())
        filled = {**data, **wanted}
        if filled != data or annotations.get(_UID) != uid:
            secret["data"] = filled
            metadata["annotations"] = {**annotations, _UID: uid}
            await loopback.update(SECRETS, secret)


def _packed(content: bytes) -> str:
    return b64encode(content).decode()


def _object(record: Record) -> Object:
    found: Object = {"kind": SECRETS.kind, "apiVersion": SECRETS.api_version}
    found |= orjson.loads(b"{" + record.body)
    return found
