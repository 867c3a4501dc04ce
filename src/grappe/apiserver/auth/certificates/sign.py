"""Reads PKCS#10 requests (RFC 2986) and signs certificates for them. Loads `cryptography`: import
this module only when there is something to sign."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from grappe.apiserver.auth.certificates.rules import Asked

_CLOCK_SKEW = timedelta(minutes=5)
_KEY_USAGES = frozenset(("digital signature", "key encipherment"))
_PURPOSES = {
    "client auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "server auth": ExtendedKeyUsageOID.SERVER_AUTH,
}


class RequestError(ValueError):
    """The text is no certificate request, or its signature is wrong."""


class CertificateError(ValueError):
    """The text is no certificate."""


def _load(pem: bytes) -> x509.CertificateSigningRequest:
    if b"-----BEGIN CERTIFICATE REQUEST-----" not in pem:
        raise RequestError("PEM block type must be CERTIFICATE REQUEST")
    try:
        request = x509.load_pem_x509_csr(pem)
        good = request.is_signature_valid
    except Exception as error:
        # Any of the library's many errors: what was sent is not a request it understands.
        raise RequestError("unable to parse the certificate request") from error
    if not good:
        raise RequestError("the certificate request has a wrong signature")
    return request


def _alternatives(request: x509.CertificateSigningRequest) -> x509.SubjectAlternativeName | None:
    try:
        found = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return None
    return found.value


def read_request(pem: bytes) -> Asked:
    """What the request asks for; RequestError when it is none."""
    request = _load(pem)
    names = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    groups = request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    try:
        alternatives = _alternatives(request)
    except ValueError as error:
        raise RequestError("unable to parse the certificate request's extensions") from error
    dns: list[str] = []
    addresses: list[str] = []
    emails: list[str] = []
    uris: list[str] = []
    for name in alternatives or ():
        if isinstance(name, x509.DNSName):
            dns.append(name.value)
        elif isinstance(name, x509.IPAddress):
            addresses.append(str(name.value))
        elif isinstance(name, x509.RFC822Name):
            emails.append(name.value)
        else:
            uris.append(str(name.value))
    return Asked(
        str(names[0].value) if names else "",
        tuple(str(group.value) for group in groups),
        tuple(dns),
        tuple(addresses),
        tuple(emails),
        tuple(uris),
    )


def sign(
    ca_certificate: bytes,
    ca_key: bytes,
    request_pem: bytes,
    usages: Sequence[str],
    now: float,
    seconds: int,
) -> bytes:
    """The certificate (PEM) for a request that was read before; it ends with the CA at the
    latest. `now` is in seconds since the epoch."""
    issuer = x509.load_pem_x509_certificate(ca_certificate)
    key = serialization.load_pem_private_key(ca_key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    request = _load(request_pem)
    start = datetime.fromtimestamp(now, UTC)
    end = min(start + timedelta(seconds=seconds), issuer.not_valid_after_utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(issuer.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - _CLOCK_SKEW)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([_PURPOSES[usage] for usage in usages if usage in _PURPOSES]),
            critical=False,
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
    )
    if _KEY_USAGES & set(usages):  # without a single bit the extension would be invalid
        builder = builder.add_extension(_key_usage(usages), critical=True)
    alternatives = _alternatives(request)
    if alternatives is not None:
        builder = builder.add_extension(alternatives, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _key_usage(usages: Sequence[str]) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature="digital signature" in usages,
        content_commitment=False,
        key_encipherment="key encipherment" in usages,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def check_certificates(pem: bytes) -> None:
    """CertificateError unless the text is one or more certificates."""
    try:
        x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise CertificateError("must contain only PEM blocks of type CERTIFICATE") from error
