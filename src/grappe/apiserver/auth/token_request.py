"""`serviceaccounts/token`: a token for a service account, perhaps bound to an object's life.

https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
"""

from __future__ import annotations

from typing import Any

from grappe.api import Object
from grappe.api.errors import Cause, bad_request, conflict, invalid, not_found
from grappe.api.resources import NODES, PODS, SECRETS, SERVICE_ACCOUNTS, Resource
from grappe.apiserver.auth.jwt import Claims
from grappe.apiserver.auth.service_accounts import DEFAULT_AUDIENCES, ServiceAccountTokens
from grappe.apiserver.records import body_of
from grappe.base.clock import rfc3339
from grappe.store.interface import Store

_DEFAULT_SECONDS = 3600
_LEAST_SECONDS = 600
_MOST_SECONDS = 1 << 32
_KINDS = {"Pod": PODS, "Secret": SECRETS, "Node": NODES}


class TokenRequests:
    """Answers POST …/serviceaccounts/NAME/token."""

    def __init__(self, store: Store, tokens: ServiceAccountTokens) -> None:
        self._store = store
        self._tokens = tokens

    def create(self, namespace: str, name: str, obj: Object) -> Object:
        """The TokenRequest `obj` with its token. ApiError 404 for a service account or bound
        object that does not exist, 400, 409 or 422 for a request that cannot be met."""
        metadata = obj.get("metadata") or {}
        if metadata.get("name", name) not in ("", name):
            raise bad_request(
                "the name of the object "
                f"({metadata['name']}) does not match the name on the URL ({name})"
            )
        if metadata.get("namespace", namespace) not in ("", namespace):
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on the "
                "request"
            )
        account = self._live(SERVICE_ACCOUNTS, namespace, name)
        spec = dict(obj.get("spec") or {})
        seconds = spec.get("expirationSeconds")
        seconds = _DEFAULT_SECONDS if seconds is None else seconds
        self._check_seconds(seconds)
        reference = spec.get("boundObjectRef")
        bound = self._bound(namespace, name, reference) if reference else None
        spec["audiences"] = spec.get("audiences") or list(DEFAULT_AUDIENCES)
        spec["expirationSeconds"] = seconds
        spec.setdefault("boundObjectRef", None)
        token, expires = self._tokens.issue(
            namespace,
            name,
            account["metadata"]["uid"],
            audiences=spec["audiences"],
            seconds=seconds,
            bound=bound,
        )
        return {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {**metadata, "name": name, "namespace": namespace},
            "spec": spec,
            "status": {"token": token, "expirationTimestamp": rfc3339(expires)},
        }

    def _live(self, resource: Resource, namespace: str, name: str) -> Object:
        key = f"{namespace}/{name}" if resource.namespaced else name
        record = self._store.get(resource.bucket, key)
        if record is None:
            raise not_found(resource.plural, name, resource.group)
        return body_of(record)

    @staticmethod
    def _check_seconds(seconds: Any) -> None:
        why = ""
        if not isinstance(seconds, int) or seconds < _LEAST_SECONDS:
            why = "may not specify a duration less than 10 minutes"
        elif seconds > _MOST_SECONDS:
            why = "may not specify a duration larger than 2^32 seconds"
        if why:
            message = f"Invalid value: {seconds}: {why}"
            cause = Cause("spec.expirationSeconds", "FieldValueInvalid", message)
            raise invalid("TokenRequest", "", [cause], "authentication.k8s.io")

    def _bound(self, namespace: str, name: str, reference: Object) -> Claims:
        kind, who = reference.get("kind", ""), reference.get("name", "")
        resource = _KINDS.get(kind)
        if resource is None or reference.get("apiVersion", "v1") != "v1":
            raise bad_request(
                f"cannot bind token to object of type {reference.get('apiVersion', '')}, "
                f"Kind={kind}"
            )
        live = self._live(resource, namespace, who)
        uid = live["metadata"]["uid"]
        if reference.get("uid") and reference["uid"] != uid:
            why = (
                f"the UID in the bound object reference ({reference['uid']}) does not match the "
                f"UID in record. The object might have been deleted and then recreated"
            )
            raise conflict(kind, who, why)
        claims: Claims = {kind.lower(): {"name": who, "uid": uid}}
        if resource is PODS:
            pod = live.get("spec") or {}
            if pod.get("serviceAccountName") != name:
                raise bad_request(
                    f'cannot bind token for serviceaccount "{name}" to pod running with '
                    "different serviceaccount name."
                )
            node = pod.get("nodeName")
            node_uid = self._tokens.uid(NODES, node) if node else ""
            if node_uid:
                claims["node"] = {"name": node, "uid": node_uid}
        return claims
