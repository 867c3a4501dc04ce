"""A store to put objects into, and the access control that watches it."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from grappe.api import Object
from grappe.api.resources import builtin_kind
from grappe.apiserver.auth.access import Access
from grappe.base.clock import ManualClock
from grappe.store.interface import Draft
from grappe.store.memory import MemoryStore

_uids = itertools.count(1)


class Objects:
    """Puts objects into a store the way the registry does."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store

    async def put(
        self, api_version: str, kind: str, name: str, namespace: str = "", **rest: object
    ) -> Object:
        resource = builtin_kind(api_version, kind)
        assert resource is not None
        labels = rest.pop("labels", {})
        uid = rest.pop("uid", f"uid-{next(_uids)}")
        metadata = {"name": name, "namespace": namespace, "uid": uid, "labels": labels}
        if "deleted" in rest:
            metadata["deletionTimestamp"] = rest.pop("deleted")
        body = {"metadata": metadata, **rest}
        key = f"{namespace}/{name}" if resource.namespaced else name
        live = self.store.get(resource.bucket, key)
        draft = Draft(body=orjson.dumps(body)[1:], labels=labels, fields={})
        await self.store.put(
            resource.bucket, key, live.revision if live else 0, lambda revision: draft
        )
        return body

    async def delete(self, api_version: str, kind: str, name: str, namespace: str = "") -> None:
        resource = builtin_kind(api_version, kind)
        assert resource is not None
        key = f"{namespace}/{name}" if resource.namespaced else name
        live = self.store.get(resource.bucket, key)
        assert live is not None
        draft = Draft(body=live.body, labels=live.labels, fields={})
        await self.store.delete(resource.bucket, key, live.revision, lambda revision: draft)

    async def role(
        self, name: str, rules: list[Object], namespace: str = "", **rest: object
    ) -> None:
        kind = "Role" if namespace else "ClusterRole"
        await self.put("rbac.authorization.k8s.io/v1", kind, name, namespace, rules=rules, **rest)

    async def bind(
        self, role: str, *subjects: Object, namespace: str = "", name: str = "", kind: str = ""
    ) -> None:
        """Bind the ClusterRole `role`; in a namespace the Role unless `kind` says otherwise."""
        await self.put(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding" if namespace else "ClusterRoleBinding",
            name or role,
            namespace,
            roleRef={"kind": kind or ("Role" if namespace else "ClusterRole"), "name": role},
            subjects=list(subjects),
        )


def user(name: str) -> Object:
    return {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": name}


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def objects(store: MemoryStore) -> Objects:
    return Objects(store)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def _new_key() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def new_key() -> Callable[[], bytes]:
    """Makes token signing keys."""
    return _new_key


@pytest.fixture
async def access(store: MemoryStore, clock: ManualClock) -> Access:
    found = Access(store, clock, _new_key())
    found.start()
    return found
