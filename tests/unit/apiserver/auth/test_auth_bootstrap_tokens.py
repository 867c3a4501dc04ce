"""Bootstrap tokens: which count, and as whom."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.auth.bootstrap_tokens import TYPE, BootstrapTokens, is_bootstrap_token
from grappe.apiserver.auth.jwt import TokenError
from grappe.base.clock import ManualClock, rfc3339
from grappe.store.memory import MemoryStore

from .conftest import Objects

TOKEN = "abcdef.0123456789abcdef"
GOOD = {
    "token-id": "abcdef",
    "token-secret": "0123456789abcdef",
    "usage-bootstrap-authentication": "true",
}


def packed(data: dict[str, str]) -> dict[str, str]:
    return {key: b64encode(value.encode()).decode() for key, value in data.items()}


async def keep(objects: Objects, data: dict[str, str], type: str = TYPE) -> None:
    name = "bootstrap-token-abcdef"
    await objects.put("v1", "Secret", name, "kube-system", type=type, data=packed(data))


@pytest.fixture
def tokens(store: MemoryStore, clock: ManualClock) -> BootstrapTokens:
    return BootstrapTokens(store, clock)


async def test_a_token_is_a_user_of_the_bootstrappers(
    tokens: BootstrapTokens, objects: Objects
) -> None:
    groups = "system:bootstrappers:b,system:bootstrappers:a"
    await keep(objects, {**GOOD, "auth-extra-groups": groups})
    user = tokens.verify(TOKEN)
    assert user.name == "system:bootstrap:abcdef"
    assert user.groups == (
        "system:bootstrappers",
        "system:bootstrappers:a",
        "system:bootstrappers:b",
        "system:authenticated",
    )


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"token-secret": "fedcba9876543210"}, "another token-secret"),
        ({"token-secret": ""}, "another token-secret"),
        ({"token-id": "fedcba"}, "another token-id"),
        ({"usage-bootstrap-authentication": "false"}, "not marked"),
        ({"auth-extra-groups": "system:masters"}, "invalid auth-extra-groups"),
        ({"expiration": "no time"}, "has expired"),
    ],
)
async def test_a_token_that_does_not_count(
    tokens: BootstrapTokens, objects: Objects, changed: dict[str, str], told: str
) -> None:
    await keep(objects, {**GOOD, **changed})
    with pytest.raises(TokenError, match=told) as error:
        tokens.verify(TOKEN)
    assert "0123456789abcdef" not in str(error.value)


async def test_a_token_ends(tokens: BootstrapTokens, objects: Objects, clock: ManualClock) -> None:
    await keep(objects, {**GOOD, "expiration": rfc3339(clock.now() + 60)})
    tokens.verify(TOKEN)
    clock.advance(61)
    with pytest.raises(TokenError, match="has expired"):
        tokens.verify(TOKEN)


async def test_other_secrets_are_no_tokens(tokens: BootstrapTokens, objects: Objects) -> None:
    with pytest.raises(TokenError, match="no secret of name"):
        tokens.verify(TOKEN)
    await keep(objects, GOOD, type="Opaque")
    with pytest.raises(TokenError, match="another type"):
        tokens.verify(TOKEN)


@given(st.text(max_size=30))
def test_any_other_text_is_no_bootstrap_token(text: str) -> None:
    assert not is_bootstrap_token(text)
    with pytest.raises(TokenError, match="malformed"):
        BootstrapTokens(MemoryStore(), ManualClock()).verify(text)


async def test_a_bearer_of_one_is_authenticated(access: Any, objects: Objects) -> None:
    from grappe.apiserver.http.messages import Request

    await keep(objects, GOOD)
    request = Request("GET", "/", "", {"authorization": f"Bearer {TOKEN}"})
    assert access.authenticate(request).name == "system:bootstrap:abcdef"
