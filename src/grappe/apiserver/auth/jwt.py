"""JSON Web Tokens signed with ES256 (RFC 7515, RFC 7518 section 3.4), and nothing else.

Only this module of `auth` uses `cryptography`, and loads it on the first token.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )

Claims = dict[str, Any]
_COORDINATE = 32  # bytes of each half of a P-256 signature, and of each public coordinate


class TokenError(ValueError):
    """The text is no token of ours. The message never quotes it."""


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise TokenError("malformed token") from None


def payload_of(token: str) -> bytes:
    """The claims of a token as JSON text, unverified; TokenError when there are none."""
    parts = token.split(".")
    if len(parts) != 3:
        raise TokenError("malformed token")
    return _decode(parts[1])


class SigningKey:
    """A P-256 key pair from its PEM (PKCS#8 or SEC 1); parsed on first use."""

    def __init__(self, pem: bytes) -> None:
        self._pem = pem

    @cached_property
    def _private(self) -> EllipticCurvePrivateKey:
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        key = load_pem_private_key(self._pem, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise TokenError("the token signing key is not a P-256 key")
        return key

    @cached_property
    def _public(self) -> EllipticCurvePublicKey:
        return self._private.public_key()

    @cached_property
    def key_id(self) -> str:
        """base64url(SHA-256 of the public key's DER), as kube-apiserver names its keys."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        der = self._public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return _encode(hashlib.sha256(der).digest())

    def sign(self, claims: Claims) -> str:
        """The token that carries `claims`."""
        from cryptography.hazmat.primitives.asymmetric import ec, utils
        from cryptography.hazmat.primitives.hashes import SHA256

        header = _encode(orjson.dumps({"alg": "ES256", "kid": self.key_id}))
        signed = f"{header}.{_encode(orjson.dumps(claims))}"
        r, s = utils.decode_dss_signature(self._private.sign(signed.encode(), ec.ECDSA(SHA256())))
        raw = r.to_bytes(_COORDINATE, "big") + s.to_bytes(_COORDINATE, "big")
        return f"{signed}.{_encode(raw)}"

    def verify(self, token: str) -> Claims:
        """The claims of a token this key signed; TokenError for anything else.

        Says nothing about time or audience: that is the caller's question.
        """
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ec, utils
        from cryptography.hazmat.primitives.hashes import SHA256

        parts = token.split(".")
        if len(parts) != 3:
            raise TokenError("malformed token")
        header, claims = self._object(parts[0]), parts[1]
        if header.get("alg") != "ES256":
            raise TokenError("token is not signed with ES256")
        raw = _decode(parts[2])
        if len(raw) != 2 * _COORDINATE:
            raise TokenError("malformed token signature")
        signature = utils.encode_dss_signature(
            int.from_bytes(raw[:_COORDINATE], "big"), int.from_bytes(raw[_COORDINATE:], "big")
        )
        signed = f"{parts[0]}.{claims}".encode()
        try:
            self._public.verify(signature, signed, ec.ECDSA(SHA256()))
        except InvalidSignature:
            raise TokenError("invalid token signature") from None
        return self._object(claims)

    @staticmethod
    def _object(part: str) -> Claims:
        try:
            value = orjson.loads(_decode(part))
        except orjson.JSONDecodeError:
            raise TokenError("malformed token") from None
        if not isinstance(value, dict):
            raise TokenError("malformed token")
        return value

    def jwk(self) -> dict[str, str]:
        """The public half as a JSON Web Key (RFC 7517)."""
        numbers = self._public.public_numbers()
        return {
            "use": "sig",
            "kty": "EC",
            "kid": self.key_id,
            "crv": "P-256",
            "alg": "ES256",
            "x": _encode(numbers.x.to_bytes(_COORDINATE, "big")),
            "y": _encode(numbers.y.to_bytes(_COORDINATE, "big")),
        }
