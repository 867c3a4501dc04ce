"""`serviceaccounts/token`: a token for a service account, perhaps bound to an object's life.

https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
"""

from __future__ import annotations

from typing import Any

from grappe.api import Object
from grappe.api.causes import invalid as invalid_value
from grappe.api.errors import bad_request, conflict, invalid, not_found
from grappe.api.resources import NODES, PODS, SECRETS, SERVICE_ACCOUNTS, Resource
from grappe.apiserver.auth.jwt import Claims
from grappe.apiserver.auth.service_accounts import DEFAULT_AUDIENCES, ServiceAccountTokens
from grappe.apiserver.records import body_of
from grappe.base.clock import rfc3339
from grappe.store.interface import Store

_DEFAULT_SECONDS = 3600
_LEAST_SECONDS = 600
_MOST_SECONDS = 1 << 32
EXTENDED_SECONDS = 3607
"""What the tokens of pods are asked for. They are good for a year, while the pod is there, so that
programs go on that do not read them anew."""
_EXTENDED_TO = 365 * 24 * 3600
_GROUP = "authentication.k8s.io"
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
        for field, wanted in (("name", name), ("namespace", namespace)):
            given = metadata.get(field) or wanted
            if given != wanted:
                told = f"must match the service account {field} if specified"
                cause = invalid_value(f"metadata.{field}", given, told)
                raise invalid("TokenRequest", name, [cause], _GROUP)
        account = self._live(SERVICE_ACCOUNTS, namespace, name)
        uid = account["metadata"]["uid"]
        if metadata.get("uid") and metadata["uid"] != uid:
            why = (
                f"the UID in the token request ({metadata['uid']}) does not match the UID of the "
                f"service account ({uid})"
            )
            raise conflict("TokenRequest", name, why, _GROUP)
        spec = dict(obj.get("spec") or {})
        seconds = spec.get("expirationSeconds")
        seconds = _DEFAULT_SECONDS if seconds is None else seconds
        self._check_seconds(seconds)
        reference = spec.get("boundObjectRef")
        bound = self._bound(namespace, name, reference) if reference else None
        spec["audiences"] = spec.get("audiences") or list(DEFAULT_AUDIENCES)
        spec["expirationSeconds"] = seconds
        spec.setdefault("boundObjectRef", None)
        extended = (
            seconds == EXTENDED_SECONDS
            and "pod" in (bound or {})
            and set(spec["audiences"]) <= set(DEFAULT_AUDIENCES)
        )
        token, issued = self._tokens.issue(
            namespace,
            name,
            uid,
            audiences=spec["audiences"],
            seconds=_EXTENDED_TO if extended else seconds,
            bound=bound,
            warn_after=seconds if extended else 0,
        )
        return {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {
                **metadata,
                "name": name,
                "namespace": namespace,
                "uid": uid,
                "creationTimestamp": rfc3339(issued),
            },
            "spec": spec,
            "status": {"token": token, "expirationTimestamp": rfc3339(issued + seconds)},
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
            cause = invalid_value("spec.expirationSeconds", seconds, why)
            raise invalid("TokenRequest", "", [cause], _GROUP)

    def _bound(self, namespace: str, name: str, reference: Object) -> Claims:
        kind, who = reference.get("kind", ""), reference.get("name", "")
        resource = _KINDS.get(kind)
        group, _, version = (reference.get("apiVersion") or "").rpartition("/")
        if resource is None or group:
            raise bad_request(f"cannot bind token to object of type {group}/{version}, Kind={kind}")
        live = self._live(resource, namespace, who)
        uid = live["metadata"]["uid"]
        pod = live.get("spec") or {} if resource is PODS else {}
        if resource is PODS and pod.get("serviceAccountName") != name:
            raise bad_request(
                f'cannot bind token for serviceaccount "{name}" to pod running with '
                "different serviceaccount name."
            )
        if reference.get("uid") and reference["uid"] != uid:
            why = (
                f"the UID in the bound object reference ({reference['uid']}) does not match the "
                f"UID in record. The object might have been deleted and then recreated"
            )
            raise conflict(kind, who, why)
        claims: Claims = {kind.lower(): {"name": who, "uid": uid}}
        node = pod.get("nodeName")
        if node:
            node_uid = self._tokens.uid(NODES, node)
            claims["node"] = {"name": node, **({"uid": node_uid} if node_uid else {})}
        return claims
