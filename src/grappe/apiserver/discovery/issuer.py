"""What others need to verify service-account tokens: the issuer's metadata and its public key.

https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
"""

from __future__ import annotations

from collections.abc import Callable

import orjson

from grappe.apiserver.discovery.endpoints import Page
from grappe.apiserver.http.messages import Request, Response

_METADATA = "/.well-known/openid-configuration"
_KEYS = "/openid/v1/jwks"
_CACHED = (("Cache-Control", "public, max-age=3600"),)


def issuer_pages(issuer: str, jwk: Callable[[], dict[str, str]]) -> dict[str, Page]:
    """The pages by their first segment; `jwk` gives the public key (RFC 7517)."""

    def metadata(request: Request) -> Response | None:
        if request.path.rstrip("/") != _METADATA:
            return None
        found = {
            "issuer": issuer,
            "jwks_uri": f"{issuer}{_KEYS}",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        }
        return Response(200, orjson.dumps(found), "application/json", _CACHED)

    def keys(request: Request) -> Response | None:
        if request.path.rstrip("/") != _KEYS:
            return None
        body = orjson.dumps({"keys": [jwk()]})
        return Response(200, body, "application/jwk-set+json", _CACHED)

    return {".well-known": metadata, "openid": keys}
