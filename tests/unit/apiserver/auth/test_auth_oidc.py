"""Tokens of other issuers: signatures, claims, and keys that change."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.auth.jwt import TokenError
from grappe.apiserver.auth.oidc.claims import user_of
from grappe.apiserver.auth.oidc.config import Issuer
from grappe.apiserver.auth.oidc.issuers import Issuers
from grappe.apiserver.auth.oidc.keys import KeySet, UnknownKeyError
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.interface import NotYet
from grappe.base.clock import ManualClock

URL = "https://id.example.com"
ISSUER = Issuer(URL, frozenset(["grappe"]), "sub", "oidc:", "groups", "oidc:")
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = {
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
}


def jwk(key: Any, key_id: str = "k1", **more: Any) -> dict[str, Any]:
    algorithm = jwt.algorithms.RSAAlgorithm if key is RSA else jwt.algorithms.ECAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": key_id, **more}


def token(key: Any = RSA, algorithm: str = "RS256", key_id: str = "k1", **claims: Any) -> str:
    said = {"iss": URL, "aud": "grappe", "sub": "jane", "exp": 4_000_000_000, **claims}
    return jwt.encode(said, key, algorithm, headers={"kid": key_id})


# -- keys ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
def test_rsa_signatures(algorithm: str) -> None:
    assert KeySet({"keys": [jwk(RSA)]}).verify(token(RSA, algorithm))["sub"] == "jane"


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512"])
def test_elliptic_curve_signatures(algorithm: str) -> None:
    keys = KeySet({"keys": [jwk(RSA, "other"), jwk(EC[algorithm])]})
    assert keys.verify(token(EC[algorithm], algorithm))["sub"] == "jane"


def test_a_key_counts_for_its_own_algorithm_only() -> None:
    keys = KeySet({"keys": [jwk(RSA, alg="RS512")]})
    with pytest.raises(UnknownKeyError):
        keys.verify(token(RSA, "RS256"))
    assert keys.verify(token(RSA, "RS512"))


def test_what_the_key_did_not_sign_is_refused() -> None:
    keys = KeySet({"keys": [jwk(RSA)]})
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(TokenError, match="invalid token signature"):
        keys.verify(token(other))
    header, payload, signature = token().split(".")
    forged = token(sub="root").split(".")[1]
    with pytest.raises(TokenError):
        keys.verify(f"{header}.{forged}.{signature}")
    assert keys.verify(f"{header}.{payload}.{signature}")


def test_shared_secrets_and_no_signature_are_refused() -> None:
    secret = {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "kid": "k1"}
    keys = KeySet({"keys": [secret, jwk(RSA)]})
    assert len(keys) == 1
    for algorithm, key in (("HS256", "secret-secret-secret-secret-1234"), ("none", None)):
        with pytest.raises(TokenError, match="not accepted"):
            keys.verify(token(key, algorithm))


def test_keys_of_unknown_kinds_and_uses_are_left_out() -> None:
    odd = [{"kty": "XYZ"}, 7, {"kty": "RSA", "n": "?"}, jwk(RSA, use="enc")]
    assert len(KeySet({"keys": odd})) == 0
    with pytest.raises(ValueError, match="no keys"):
        KeySet({})


@given(st.text(max_size=60))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(TokenError):
        KeySet({"keys": [jwk(RSA)]}).verify(text)


# -- claims ----------------------------------------------------------------------------------------
GOOD = {"iss": URL, "aud": ["other", "grappe"], "sub": "jane"}


def test_claims_become_a_user() -> None:
    user = user_of(ISSUER, {**GOOD, "groups": ["devs", "ops"]})
    assert user == User("oidc:jane", ("oidc:devs", "oidc:ops", "system:authenticated"))
    assert user_of(ISSUER, {**GOOD, "groups": "devs"}).groups[0] == "oidc:devs"
    assert user_of(replace(ISSUER, uid_claim="id"), {**GOOD, "id": "7"}).uid == "7"


@pytest.mark.parametrize(
    ("issuer", "changed", "told"),
    [
        (ISSUER, {"iss": "https://other"}, "another issuer"),
        (ISSUER, {"aud": "other"}, "not for any of the audiences"),
        (ISSUER, {"aud": None}, "not for any of the audiences"),
        (ISSUER, {"sub": 7}, "parse username claims"),
        (ISSUER, {"groups": [1]}, "parse groups claim"),
        (replace(ISSUER, username_claim="email"), {}, "claim not present"),
        (
            replace(ISSUER, username_claim="email"),
            {"email": "a@b.c", "email_verified": False},
            "email not verified",
        ),
        (replace(ISSUER, uid_claim="id"), {}, "parse uid claim"),
        (replace(ISSUER, required={"hd": "x"}), {}, "required claim hd not present"),
        (replace(ISSUER, required={"hd": "x"}), {"hd": "y"}, "value does not match"),
    ],
)
def test_claims_that_are_not_enough(issuer: Issuer, changed: dict[str, Any], told: str) -> None:
    with pytest.raises(TokenError, match=told):
        user_of(issuer, {**GOOD, **changed})


EXPRESSED = replace(
    ISSUER,
    username_claim="",
    username_prefix="",
    groups_claim="",
    username_expression="'x:' + claims.sub",
    groups_expression="claims.?roles.orValue('').split(',')",
    uid_expression="string(claims.id)",
    extra=(("acme.io/team", "claims.?team.orValue('')"), ("acme.io/all", "claims.aud")),
    claim_rules=(("claims.level > 2", "too low"),),
    user_rules=(("!user.username.startsWith('x:system')", "reserved"),),
)


def test_expressions_make_a_user() -> None:
    claims = {**GOOD, "roles": "a,b", "id": 7, "level": 3, "team": "red"}
    extra = {"acme.io/team": ("red",), "acme.io/all": ("other", "grappe")}
    assert user_of(EXPRESSED, claims) == User(
        "x:jane", ("a", "b", "system:authenticated"), "7", extra
    )
    del claims["team"]
    assert "acme.io/team" not in user_of(EXPRESSED, claims).extra


@pytest.mark.parametrize(
    ("issuer", "changed", "told"),
    [
        (EXPRESSED, {"level": 2}, "validation expression 'claims.level > 2' failed: too low"),
        (EXPRESSED, {"level": "high"}, "no such overload"),
        (EXPRESSED, {"sub": "system:x"}, "failed: reserved"),
        (EXPRESSED, {"id": None}, "oidc: "),
        (replace(EXPRESSED, username_expression="claims.nobody"), {}, "no such key: nobody"),
        (replace(EXPRESSED, username_expression="claims.id"), {}, "must return a string"),
        (replace(EXPRESSED, username_expression="''"), {}, "empty username"),
        (replace(EXPRESSED, groups_expression="claims.id"), {}, "a string or a list of strings"),
        (replace(EXPRESSED, groups_expression="[1]"), {}, "a string or a list of strings"),
        (replace(EXPRESSED, required={"hd": "x"}), {}, "required claim hd not present"),
    ],
)
def test_expressions_refuse_what_does_not_hold(
    issuer: Issuer, changed: dict[str, Any], told: str
) -> None:
    claims = {**GOOD, "roles": "a,b", "id": 7, "level": 3, "team": "red"}
    with pytest.raises(TokenError, match=re.escape(told)):
        user_of(issuer, {**claims, **changed})


def test_an_expression_that_costs_too_much_ends() -> None:
    rows = "[0,1,2,3,4,5,6,7,8,9]"
    deep = (
        f"{rows}.all(a, {rows}.all(b, {rows}.all(c, {rows}.all(d, {rows}.all(e, a+b+c+d+e<99)))))"
    )
    costly = replace(EXPRESSED, claim_rules=((deep + f" && {rows}.all(z, {deep})", ""),))
    with pytest.raises(TokenError, match="cost"):
        user_of(costly, {**GOOD, "id": 7, "level": 3})


@given(
    st.dictionaries(
        st.sampled_from(["sub", "roles", "id", "level", "team"]),
        st.none() | st.integers() | st.text() | st.lists(st.text()),
    )
)
def test_claims_of_any_shape_are_a_user_or_a_refusal_for_expressions(
    claims: dict[str, Any],
) -> None:
    try:
        user = user_of(EXPRESSED, {**GOOD, **claims})
    except TokenError:
        return
    assert user.name.startswith("x:")
    assert all(isinstance(each, str) for each in (*user.groups, user.uid))


_values = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text() | st.none())


@given(st.dictionaries(st.sampled_from(["iss", "aud", "sub", "groups", "id", "hd"]), _values))
def test_claims_of_any_shape_give_a_user_or_a_refusal(claims: dict[str, Any]) -> None:
    issuer = replace(ISSUER, uid_claim="id", required={"hd": "x"})
    try:
        user = user_of(issuer, {**claims, "iss": URL, "aud": "grappe"})
    except TokenError:
        return
    assert user.name.startswith("oidc:")
    assert all(isinstance(group, str) for group in user.groups)


# -- issuers ---------------------------------------------------------------------------------------
class Web:
    """An issuer's published keys, and how often they were asked for."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys = list(keys)
        self.asked = 0

    def fetch(self, issuer: Issuer) -> dict[str, Any]:
        self.asked += 1
        return {"keys": list(self.keys)}


@pytest.fixture
def web() -> Web:
    return Web(jwk(RSA))


@pytest.fixture
async def issuers(web: Web, clock: ManualClock) -> AsyncIterator[Issuers]:
    found = Issuers([ISSUER], clock, web.fetch)
    yield found
    await found.stop()


async def verified(issuers: Issuers, text: str) -> User:
    url = issuers.of(text)
    assert url is not None
    try:
        return issuers.verify(url, text)
    except NotYet as later:
        await later.ready
        return issuers.verify(url, text)


async def test_keys_are_asked_for_when_first_needed(
    issuers: Issuers, web: Web, clock: ManualClock
) -> None:
    first = await asyncio.gather(*(verified(issuers, token(sub=name)) for name in "abc"))
    assert [user.name for user in first] == ["oidc:a", "oidc:b", "oidc:c"]
    assert web.asked == 1
    with pytest.raises(NotYet):
        Issuers([ISSUER], clock, web.fetch).verify(URL, token())


async def test_only_tokens_of_known_issuers_are_looked_at(issuers: Issuers, web: Web) -> None:
    assert issuers.of(token(iss="https://other")) is None
    assert issuers.of("a.b.c") is None
    assert issuers.of("not a token") is None
    assert issuers.of(token()) == URL
    assert web.asked == 0


async def test_an_unknown_key_makes_us_ask_again_but_not_at_once(
    issuers: Issuers, web: Web
) -> None:
    await verified(issuers, token())
    web.keys.append(jwk(EC["ES256"], "k2"))
    with pytest.raises(UnknownKeyError):
        await verified(issuers, token(EC["ES256"], "ES256", "k2"))
    assert web.asked == 1
    issuers._known[URL]._asked_at = float("-inf")  # some time passes
    new = token(EC["ES256"], "ES256", "k2")
    assert (await verified(issuers, new)).name == "oidc:jane"
    assert web.asked == 2


async def test_a_key_that_was_withdrawn_counts_no_longer(issuers: Issuers, web: Web) -> None:
    old = token()
    await verified(issuers, old)
    web.keys = [jwk(EC["ES256"], "k2")]
    issuers._known[URL]._asked_at = float("-inf")
    await verified(issuers, token(EC["ES256"], "ES256", "k2"))
    with pytest.raises(TokenError):
        await verified(issuers, old)


async def test_a_token_ends_also_when_it_is_remembered(
    issuers: Issuers, clock: ManualClock
) -> None:
    text = token(exp=clock.now() + 60, nbf=clock.now() - 5)
    await verified(issuers, text)
    clock.advance(61)
    with pytest.raises(TokenError, match="expired"):
        await verified(issuers, text)
    with pytest.raises(TokenError, match="not valid yet"):
        await verified(issuers, token(nbf=clock.now() + 3600))


async def test_claims_that_take_long_to_judge_hold_nobody_up(web: Web, clock: ManualClock) -> None:
    pairs = "claims.n.all(a, claims.n.all(b, a + b <= claims.most))"
    slow = replace(ISSUER, claim_rules=((pairs, "too large"),))
    issuers = Issuers([slow], clock, web.fetch)
    try:
        with pytest.raises(NotYet) as later:  # for the keys
            issuers.verify(URL, token())
        await later.value.ready
        numbers = list(range(200))
        good, bad = token(n=numbers, most=398), token(n=numbers, most=397)
        for text in (good, bad):
            with pytest.raises(NotYet):
                issuers.verify(URL, text)
        turns = 0
        while issuers._known[URL].judging:
            await asyncio.sleep(0)
            turns += 1
        assert turns > 5  # others had theirs between
        assert issuers.verify(URL, good).name == "oidc:jane"
        assert issuers.verify(URL, good).name == "oidc:jane"  # remembered
        with pytest.raises(TokenError, match="too large"):
            issuers.verify(URL, bad)
        with pytest.raises(NotYet):  # a refusal is not
            issuers.verify(URL, bad)
    finally:
        await issuers.stop()
