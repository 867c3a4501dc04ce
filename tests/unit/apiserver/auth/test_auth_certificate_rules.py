import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.auth.certificates.rules import (
    CLIENT,
    KUBELET_CLIENT,
    KUBELET_SERVING,
    Asked,
    problem,
)
from grappe.apiserver.auth.certificates.sign import RequestError, read_request

NODE = Asked("system:node:n1", ("system:nodes",))
SERVING = Asked("system:node:n1", ("system:nodes",), ("n1",), ("10.0.0.1",))
SIGNING = ["digital signature", "key encipherment"]


@pytest.mark.parametrize(
    ("signer", "asked", "usages", "why"),
    [
        (CLIENT, Asked("jane", ("devs",)), ["client auth"], ""),
        (CLIENT, Asked("jane", ()), ["client auth", *SIGNING], ""),
        (
            CLIENT,
            Asked("jane", ()),
            SIGNING,
            "missing required usage for client certificate: client auth",
        ),
        (
            CLIENT,
            Asked("jane", ()),
            ["client auth", "server auth"],
            "invalid usage for client certificate: server auth",
        ),
        (KUBELET_CLIENT, NODE, ["client auth", *SIGNING], ""),
        (
            KUBELET_CLIENT,
            Asked("jane", ("system:nodes",)),
            ["client auth", *SIGNING],
            "subject common name does not begin with system:node:",
        ),
        (
            KUBELET_CLIENT,
            Asked("system:node:n1", ()),
            ["client auth", *SIGNING],
            "subject organization is not system:nodes",
        ),
        (
            KUBELET_CLIENT,
            SERVING,
            ["client auth", *SIGNING],
            "DNS subjectAltNames are not allowed",
        ),
        (KUBELET_SERVING, SERVING, ["server auth", *SIGNING], ""),
        (
            KUBELET_SERVING,
            NODE,
            ["server auth", *SIGNING],
            "DNS or IP subjectAltName is required",
        ),
        (KUBELET_CLIENT, NODE, ["client auth", "digital signature"], ""),
        (
            KUBELET_CLIENT,
            NODE,
            ["client auth", "server auth", *SIGNING],
            "usages did not match [client auth digital signature key encipherment]",
        ),
        (
            KUBELET_SERVING,
            SERVING,
            ["client auth", *SIGNING],
            "usages did not match [digital signature key encipherment server auth]",
        ),
        (
            KUBELET_SERVING,
            Asked("system:node:n1", ("system:nodes",), ("n1",), uris=("spiffe://x",)),
            ["server auth", *SIGNING],
            "URI subjectAltNames are not allowed",
        ),
    ],
)
def test_a_signer_signs_what_it_is_for(signer, asked, usages, why) -> None:
    assert problem(signer, asked, usages) == why


def request(common_name: str, organizations: list[str], *, spoil: bool = False) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    names += [x509.NameAttribute(NameOID.ORGANIZATION_NAME, o) for o in organizations]
    alternatives = x509.SubjectAlternativeName([x509.DNSName("a.b"), x509.RFC822Name("a@b")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    built = builder.add_extension(alternatives, critical=False).sign(key, hashes.SHA256())
    if not spoil:
        return built.public_bytes(serialization.Encoding.PEM)
    der = bytearray(built.public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    return x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM)


def test_a_request_says_subject_and_names() -> None:
    asked = read_request(request("jane", ["devs", "ops"]))
    assert asked == Asked("jane", ("devs", "ops"), ("a.b",), (), ("a@b",), ())


def test_a_request_with_a_wrong_signature_is_refused() -> None:
    with pytest.raises(RequestError, match="wrong signature"):
        read_request(request("jane", [], spoil=True))


@given(st.binary(max_size=60))
def test_anything_else_is_no_request(text: bytes) -> None:
    for pem in (text, b"-----BEGIN CERTIFICATE REQUEST-----\n" + text):
        with pytest.raises(RequestError):
            read_request(pem)
