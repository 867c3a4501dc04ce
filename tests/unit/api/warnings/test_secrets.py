"""A TLS Secret whose certificate and key do not belong together is warned of."""

from __future__ import annotations

import base64
import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.resources import SECRETS
from grappe.api.warnings import warnings_of

EC, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)


def key_pem(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, form: PrivateFormat = PrivateFormat.PKCS8
) -> bytes:
    return key.private_bytes(Encoding.PEM, form, NoEncryption())


def certificate_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([])
    now = datetime.datetime(2026, 1, 1)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM)


CERTIFICATE = certificate_pem(EC)
BROKEN = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
BROKEN_KEY = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
PARAMETERS = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"


def warned(certificate: bytes, key: bytes, kind: str = "kubernetes.io/tls") -> list[str]:
    data = {
        "tls.crt": base64.b64encode(certificate).decode(),
        "tls.key": base64.b64encode(key).decode(),
    }
    return warnings_of(SECRETS, {"metadata": {"name": "s"}, "type": kind, "data": data})


@pytest.mark.parametrize(
    ("certificate", "key", "warning"),
    [
        (CERTIFICATE, key_pem(EC), None),
        (CERTIFICATE + certificate_pem(OTHER), PARAMETERS + key_pem(EC), None),
        (CERTIFICATE, key_pem(EC, PrivateFormat.TraditionalOpenSSL), None),
        (CERTIFICATE, key_pem(OTHER), "private key does not match public key"),
        (CERTIFICATE, key_pem(RSA), "private key type does not match public key type"),
        (b"", b"", "failed to find any PEM data in certificate input"),
        (CERTIFICATE, b"x", "failed to find any PEM data in key input"),
        (BROKEN, key_pem(EC), "x509: malformed certificate"),
        (CERTIFICATE, BROKEN_KEY, "failed to parse private key"),
        (
            key_pem(EC),
            CERTIFICATE,
            "failed to find certificate PEM data in certificate input, but did find a private key; "
            "PEM inputs may have been switched",
        ),
        (
            PARAMETERS,
            key_pem(EC),
            'failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks '
            "of the following types: [EC PARAMETERS]",
        ),
        (
            CERTIFICATE,
            CERTIFICATE,
            "found a certificate rather than a key in the PEM for the private key",
        ),
        (
            CERTIFICATE,
            PARAMETERS,
            'failed to find PEM block with type ending in "PRIVATE KEY" in key input after '
            "skipping PEM blocks of the following types: [EC PARAMETERS]",
        ),
    ],
)
def test_what_does_not_belong_together_is_told(
    certificate: bytes, key: bytes, warning: str | None
) -> None:
    if warning and not warning.startswith("x509: "):
        warning = f"tls: {warning}"
    assert warned(certificate, key) == ([warning] if warning else [])


def test_other_secrets_may_hold_anything() -> None:
    assert warned(b"x", b"y", "Opaque") == []


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_whatever_is_given_is_no_accident(certificate: bytes, key: bytes) -> None:
    assert len(warned(certificate, key)) == 1
    assert len(warned(CERTIFICATE, BROKEN_KEY.replace(b"AAAA", key.hex().encode()))) == 1
