"""Whether an object concerns a node: because one of its pods refers to it.

Kubernetes keeps a graph for this. Here the pods' own records answer: those of the node are found
by the store's index, one that never mentions the name is not even decoded, and an answer is
remembered with the pod that proves it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from grappe.api.resources import PODS, builtin_kind
from grappe.apiserver.auth.node.identity import EVERY_NODE
from grappe.apiserver.auth.node.references import claim_of, of_pod, secrets_of
from grappe.apiserver.records import body_of
from grappe.store.interface import Record, Store

_NODE_FIELD = "spec.nodeName"
_REMEMBERED = 20_000
_VOLUMES = "/persistentvolumes"
_CLAIMS = "persistentvolumeclaims"
_Question = tuple[str, str, str, str]


def _bucket(api_version: str, kind: str) -> str:
    found = builtin_kind(api_version, kind)
    assert found is not None, kind
    return found.bucket


_ATTACHMENTS = _bucket("storage.k8s.io/v1", "VolumeAttachment")
_SLICES = _bucket("resource.k8s.io/v1", "ResourceSlice")


class Relations:
    """Reads the store and keeps nothing but proofs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._proofs: dict[_Question, Record] = {}

    def pod(self, node: str, namespace: str, name: str) -> bool:
        """Whether the pod is bound to the node."""
        return self._here(self._store.get(PODS.bucket, f"{namespace}/{name}"), node)

    def referred(self, node: str, plural: str, namespace: str, name: str) -> bool:
        """Whether a pod of the node refers to this object of its namespace, or (a Secret) the
        volume of one of its claims does."""
        question = (node, plural, namespace, name)
        proof = self._proofs.get(question)
        if proof is not None and self._still(proof, node):
            return True
        found = self._prove(node, plural, namespace, name)
        if found is not None:
            if len(self._proofs) >= _REMEMBERED:
                self._proofs.clear()
            self._proofs[question] = found
            return True
        self._proofs.pop(question, None)
        return plural == "secrets" and self._secret_of_volume(node, namespace, name)

    def volume(self, node: str, name: str) -> bool:
        """Whether the PersistentVolume is bound to a claim that a pod of the node uses."""
        record = self._store.get(_VOLUMES, name)
        return record is not None and self._uses(node, record)

    def attachment(self, node: str, name: str) -> bool:
        """Whether the VolumeAttachment is to the node."""
        return self._names_node(_ATTACHMENTS, name, node)

    def slice(self, node: str, name: str) -> bool:
        """Whether the ResourceSlice is of the node's own devices."""
        return self._names_node(_SLICES, name, node)

    def _names_node(self, bucket: str, name: str, node: str) -> bool:
        record = self._store.get(bucket, name)
        if record is None:
            return False
        said = (body_of(record).get("spec") or {}).get("nodeName") or ""
        return bool(said) if node == EVERY_NODE else said == node

    @staticmethod
    def _here(pod: Record | None, node: str) -> bool:
        if pod is None:
            return False
        said = pod.fields.get(_NODE_FIELD, "")
        return bool(said) if node == EVERY_NODE else said == node

    def _still(self, proof: Record, node: str) -> bool:
        """Whether the pod that proved a relation is there and the same: its references never
        become fewer."""
        live = self._store.get(PODS.bucket, proof.key)
        if live is proof:
            return True
        return (
            live is not None
            and self._here(live, node)
            and body_of(live)["metadata"].get("uid") == body_of(proof)["metadata"].get("uid")
        )

    def _pods(self, node: str, namespace: str) -> Iterator[Record]:
        prefix = f"{namespace}/"
        records: Sequence[Record]
        if node == EVERY_NODE:
            records = self._store.list(PODS.bucket, prefix)
        else:
            records = self._store.by_field(PODS.bucket, _NODE_FIELD, node)
        for record in records:
            if record.key.startswith(prefix) and self._here(record, node):
                yield record

    def _prove(self, node: str, plural: str, namespace: str, name: str) -> Record | None:
        said = orjson.dumps(name)
        # An ephemeral volume's claim is named after pod and volume: its text is nowhere.
        spelled = said if plural != _CLAIMS else b""
        for record in self._pods(node, namespace):
            if spelled in record.body and (plural, name) in of_pod(body_of(record)):
                return record
        return None

    def _uses(self, node: str, volume: Record) -> bool:
        namespace, name = claim_of(body_of(volume))
        return bool(name) and self.referred(node, _CLAIMS, namespace, name)

    def _secret_of_volume(self, node: str, namespace: str, name: str) -> bool:
        said = orjson.dumps(name)
        return any(
            said in record.body
            and (namespace, name) in secrets_of(body_of(record))
            and self._uses(node, record)
            for record in self._store.list(_VOLUMES)
        )
