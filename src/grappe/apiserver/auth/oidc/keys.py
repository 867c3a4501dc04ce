"""Signatures of other issuers' tokens (RFC 7515) and the keys to check them (RFC 7517).

The only module with PyJWT, loaded when there is an issuer.
"""

from __future__ import annotations

from typing import Any

import jwt

from grappe.apiserver.auth.jwt import Claims, TokenError

ALGORITHMS = (
    *("RS256", "RS384", "RS512"),
    *("ES256", "ES384", "ES512"),
    *("PS256", "PS384", "PS512"),
)
"""Public-key algorithms only: a shared secret in a public key set would sign for anybody."""
_OF_TYPE = {
    ("RSA", ""): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
}
_CHECK_NOTHING_ELSE: Any = {
    f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
}


class UnknownKeyError(TokenError):
    """No key of the set has the token's key id: perhaps they were rotated."""


class KeySet:
    """An issuer's keys at one time."""

    def __init__(self, document: dict[str, Any]) -> None:
        """`document` is a JSON Web Key Set; keys of unknown kinds are left out. ValueError when
        it is none."""
        listed = document.get("keys")
        if not isinstance(listed, list):
            raise ValueError("the key set has no keys")
        self._keys: list[tuple[str, str, Any]] = []
        """(key id, algorithm, key), once for each algorithm the key is good for."""
        for jwk in listed:
            if isinstance(jwk, dict) and jwk.get("use", "sig") == "sig":
                self._add(jwk)

    def __len__(self) -> int:
        return len({key_id for key_id, _, _ in self._keys})

    def _add(self, jwk: dict[str, Any]) -> None:
        kind = (str(jwk.get("kty", "")), str(jwk.get("crv", "")))
        named = jwk.get("alg")
        for algorithm in _OF_TYPE.get(kind, ()):
            if named in (None, algorithm):
                try:
                    key = jwt.PyJWK(jwk, algorithm)
                except (jwt.PyJWTError, ValueError, TypeError):
                    continue
                self._keys.append((str(jwk.get("kid", "")), algorithm, key))

    def verify(self, token: str) -> Claims:
        """The claims of a token one of the keys signed; TokenError for anything else. Says
        nothing about time, issuer or audience."""
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise TokenError("oidc: malformed token") from None
        algorithm, wanted = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS:
            raise TokenError("oidc: token is signed with an algorithm that is not accepted")
        tried = False
        for key_id, good_for, key in self._keys:
            if good_for != algorithm or (wanted is not None and wanted != key_id):
                continue
            tried = True
            try:
                return self._decode(token, key, good_for)
            except jwt.InvalidSignatureError:
                continue
            except (jwt.PyJWTError, ValueError):
                raise TokenError("oidc: malformed token") from None
        if tried and wanted is not None:
            raise TokenError("oidc: invalid token signature")
        raise UnknownKeyError("oidc: no key of the issuer fits the token")

    @staticmethod
    def _decode(token: str, key: Any, algorithm: str) -> Claims:
        claims: Claims = jwt.decode(token, key, algorithms=[algorithm], options=_CHECK_NOTHING_ELSE)
        return claims
