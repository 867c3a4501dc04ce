import base64
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.auth.jwt import SigningKey, TokenError


@pytest.fixture(scope="module")
def key() -> SigningKey:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    return SigningKey(pem)


def test_a_signed_token_gives_its_claims_back(key: SigningKey) -> None:
    claims = {"sub": "a", "aud": ["x"], "nested": {"n": 1}}
    assert key.verify(key.sign(claims)) == claims


def test_a_token_of_another_key_is_refused(key: SigningKey, new_key: Callable[[], bytes]) -> None:
    with pytest.raises(TokenError, match="signature"):
        key.verify(SigningKey(new_key()).sign({"sub": "a"}))


def test_changed_claims_are_refused(key: SigningKey) -> None:
    header, _, signature = key.sign({"sub": "a"}).split(".")
    other = base64.urlsafe_b64encode(b'{"sub":"b"}').rstrip(b"=").decode()
    with pytest.raises(TokenError, match="signature"):
        key.verify(f"{header}.{other}.{signature}")


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256", None])
def test_other_algorithms_are_refused(key: SigningKey, algorithm: str | None) -> None:
    _, claims, signature = key.sign({"sub": "a"}).split(".")
    header = base64.urlsafe_b64encode(json.dumps({"alg": algorithm}).encode()).decode()
    with pytest.raises(TokenError, match="ES256"):
        key.verify(f"{header.rstrip('=')}.{claims}.{signature}")


@given(st.text(max_size=60) | st.from_regex(r"[\w-]{0,20}\.[\w-]{0,20}\.[\w-]{0,90}"))
def test_any_other_text_is_refused_without_being_quoted(key: SigningKey, text: str) -> None:
    with pytest.raises(TokenError) as error:
        key.verify(text)
    assert len(text) < 4 or text not in str(error.value)


def test_the_public_key_is_told_as_a_jwk(key: SigningKey) -> None:
    jwk = key.jwk()
    assert jwk["kty"] == "EC"
    assert jwk["crv"] == "P-256"
    assert jwk["kid"] == key.key_id
    assert len(base64.urlsafe_b64decode(jwk["x"] + "=")) == 32
