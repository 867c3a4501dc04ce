"""Asks an issuer for its keys, over HTTPS and without a proxy.

https://openid.net/specs/openid-connect-discovery-1_0.html
"""

from __future__ import annotations

import http.client
import ssl
from typing import Any
from urllib.parse import urlsplit

import orjson

from grappe.apiserver.auth.oidc.config import Issuer

_SECONDS = 10.0
_MOST = 1 << 20
_METADATA = "/.well-known/openid-configuration"


class FetchError(Exception):
    """Why an issuer's keys could not be had."""


def key_document(issuer: Issuer) -> dict[str, Any]:
    """The issuer's JSON Web Key Set; FetchError. Blocks: call it in a thread."""
    try:
        trust = ssl.create_default_context(cadata=issuer.authority or None)
    except (ssl.SSLError, ValueError) as error:
        raise FetchError(f"certificateAuthority of {issuer.url}: {error}") from None
    trust.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # as in Go: an intermediate one will do
    metadata = _get(issuer.discovery_url or issuer.url.rstrip("/") + _METADATA, trust)
    if metadata.get("issuer") != issuer.url:
        raise FetchError(f"the discovery document of {issuer.url} is another issuer's")
    keys = metadata.get("jwks_uri")
    if not isinstance(keys, str):
        raise FetchError(f"the discovery document of {issuer.url} has no jwks_uri")
    return _get(keys, trust)


def _get(url: str, trust: ssl.SSLContext) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise FetchError(f"{url}: not an https URL")
    try:
        connection = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=_SECONDS, context=trust
        )
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", path, headers={"Accept": "application/json"})
            answer = connection.getresponse()
            body = answer.read(_MOST + 1)
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise FetchError(f"{url}: {error}") from None
    if answer.status != 200:
        raise FetchError(f"{url}: answered {answer.status} {answer.reason}")
    if len(body) > _MOST:
        raise FetchError(f"{url}: answered more than {_MOST} bytes")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise FetchError(f"{url}: answered no JSON") from None
    if not isinstance(found, dict):
        raise FetchError(f"{url}: answered no JSON object")
    return found
