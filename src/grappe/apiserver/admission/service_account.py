"""ServiceAccount: every pod runs as one, and finds its token."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Sequence

from grappe.api import Object
from grappe.api.resources import PODS, SERVICE_ACCOUNTS
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.mountable_secrets import (
    ANNOTATION,
    enforced,
    ephemeral_problem,
    problem,
)
from grappe.apiserver.admission.plugin import Plugin, refuse
from grappe.apiserver.auth.node.references import of_pod
from grappe.apiserver.records import body_of
from grappe.apiserver.registry.interface import AdmissionRequest, Operation
from grappe.store.interface import Event

DEFAULT = "default"
MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
_VOLUME_PREFIX = "kube-api-access-"
_TOKEN_SECONDS = 3607  # the odd seven lets an API server tell tokens of pods from others
_MIRROR = "kubernetes.io/config.mirror"
_NOT_FOR_MIRRORS = (("serviceaccounts", "service accounts"), ("secrets", "secrets"))
_PATIENCE = 1.0  # seconds a pod waits for the default account of a new namespace
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"


class ServiceAccount(Plugin):
    """https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/"""

    def __init__(self, live: Live) -> None:
        self._live = live

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        if bucket != PODS.bucket:
            return False
        if operation == "UPDATE":
            return subresource == "ephemeralcontainers"
        return operation == "CREATE" and not subresource

    def admit(self, request: AdmissionRequest) -> Awaitable[None] | None:
        if request.operation != "CREATE":
            return None
        pod = request.obj or {}
        spec = pod["spec"]
        if _MIRROR in (pod["metadata"].get("annotations") or {}):
            _check_mirror(request, pod)
            return None
        name = spec.get("serviceAccountName") or spec.get("serviceAccount") or DEFAULT
        spec["serviceAccountName"] = spec["serviceAccount"] = name
        account = self._live.get(SERVICE_ACCOUNTS, request.namespace, name)
        if account is None:
            if name == DEFAULT:
                return self._wait_and_give(request)
            raise _missing(request, name)
        give(spec, account)
        return None

    def validate(self, request: AdmissionRequest) -> None:
        """Of what else admission made of the pod: that its account is there, and lists the
        Secrets it uses if it asks for that."""
        pod = request.obj or {}
        spec = pod["spec"]
        new = request.operation == "CREATE"
        if new and _MIRROR in (pod["metadata"].get("annotations") or {}):
            _check_mirror(request, pod)
            return
        name = spec.get("serviceAccountName") or ""
        key = f"{request.namespace}/{name}"
        record = self._live.store.get(SERVICE_ACCOUNTS.bucket, key)
        if record is None:
            raise _missing(request, name)
        if ANNOTATION.encode() not in record.body:  # most; a look at the bytes costs least
            return
        account = body_of(record)
        if enforced(account):
            told = problem(spec, account) if new else ephemeral_problem(spec, account)
            if told:
                raise refuse(request, told)

    async def _wait_and_give(self, request: AdmissionRequest) -> None:
        """The controller that makes default accounts may be a moment behind."""
        account = self._live.get(SERVICE_ACCOUNTS, request.namespace, DEFAULT)
        if account is None:
            await self._appears(f"{request.namespace}/{DEFAULT}")
            account = self._live.get(SERVICE_ACCOUNTS, request.namespace, DEFAULT)
        if account is None:
            raise _missing(request, DEFAULT)
        give((request.obj or {})["spec"], account)

    async def _appears(self, key: str) -> None:
        seen = asyncio.Event()

        def deliver(events: Sequence[Event]) -> None:
            if any(event.record.key == key for event in events):
                seen.set()

        store = self._live.store
        watch = store.watch(SERVICE_ACCOUNTS.bucket, store.revision, deliver)
        try:
            async with asyncio.timeout(_PATIENCE):
                await seen.wait()
        except TimeoutError:
            pass
        finally:
            watch.cancel()


def _check_mirror(request: AdmissionRequest, pod: Object) -> None:
    """A pod of a node's own files has no business with the cluster's secrets."""
    found = {plural for plural, _ in of_pod(pod)}
    for plural, what in _NOT_FOR_MIRRORS:
        if plural in found:
            raise refuse(request, f"a mirror pod may not reference {what}")
    for volume in pod["spec"].get("volumes") or ():
        sources = (volume.get("projected") or {}).get("sources") or ()
        if any("serviceAccountToken" in source for source in sources):
            raise refuse(request, "a mirror pod may not use ServiceAccountToken volume projections")


def _missing(request: AdmissionRequest, name: str) -> Exception:
    return refuse(
        request,
        f"error looking up service account {request.namespace}/{name}: "
        f'serviceaccount "{name}" not found',
    )


def give(spec: Object, account: Object) -> None:
    """Give a pod what its service account brings, in place."""
    if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
        spec["imagePullSecrets"] = [dict(secret) for secret in account["imagePullSecrets"]]
    asked = spec.get("automountServiceAccountToken")
    if asked is None:
        asked = account.get("automountServiceAccountToken")
    if asked is None or asked:
        _mount_token(spec)


def _mount_token(spec: Object) -> None:
    volumes: list[Object] = spec.get("volumes") or []
    names = [str(volume.get("name", "")) for volume in volumes]
    present = [name for name in names if name.startswith(_VOLUME_PREFIX)]
    suffix = "".join(random.choices(_SUFFIX, k=5))
    name = present[0] if present else f"{_VOLUME_PREFIX}{suffix}"
    mounted = False
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        mounts = container.get("volumeMounts") or []
        if all(mount.get("mountPath") != MOUNT_PATH for mount in mounts):
            mount = {"name": name, "readOnly": True, "mountPath": MOUNT_PATH}
            container["volumeMounts"] = [*mounts, mount]
            mounted = True
    if mounted and not present:
        spec["volumes"] = [*volumes, _token_volume(name)]


def _token_volume(name: str) -> Object:
    namespace = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    return {
        "name": name,
        "projected": {
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": _TOKEN_SECONDS, "path": "token"}},
                {
                    "configMap": {
                        "name": "kube-root-ca.crt",
                        "items": [{"key": "ca.crt", "path": "ca.crt"}],
                    }
                },
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": namespace}]}},
            ],
            "defaultMode": 420,
        },
    }
