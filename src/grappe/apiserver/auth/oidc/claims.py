"""From the claims of a token with a good signature to a user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grappe.apiserver.auth.jwt import TokenError
from grappe.apiserver.auth.names import AUTHENTICATED
from grappe.apiserver.auth.oidc.config import Issuer
from grappe.apiserver.http.messages import User


def user_of(issuer: Issuer, claims: Mapping[str, Any]) -> User:
    """The user a token is of; TokenError when it is for somebody else or lacks a claim. Says
    nothing about time."""
    if claims.get("iss") != issuer.url:
        raise TokenError("oidc: token is of another issuer")
    _check_audience(issuer, claims.get("aud"))
    name = _username(issuer, claims)
    groups = tuple(issuer.groups_prefix + group for group in _groups(issuer, claims))
    uid = claims.get(issuer.uid_claim, "") if issuer.uid_claim else ""
    if not isinstance(uid, str) or (issuer.uid_claim and issuer.uid_claim not in claims):
        raise TokenError(f'oidc: parse uid claim "{issuer.uid_claim}"')
    for claim, value in (issuer.required or {}).items():
        if claim not in claims:
            raise TokenError(f"oidc: required claim {claim} not present in ID token")
        if claims[claim] != value:
            raise TokenError(f"oidc: required claim {claim} value does not match")
    return User(name, tuple(dict.fromkeys((*groups, AUTHENTICATED))), uid)


def _check_audience(issuer: Issuer, said: Any) -> None:
    audiences = said if isinstance(said, list) else [said]
    if not any(isinstance(one, str) and one in issuer.audiences for one in audiences):
        raise TokenError("oidc: token is not for any of the audiences expected")


def _username(issuer: Issuer, claims: Mapping[str, Any]) -> str:
    claim = issuer.username_claim
    name = claims.get(claim)
    if not isinstance(name, str) or not name:
        raise TokenError(f'oidc: parse username claims "{claim}": claim not present')
    if claim == "email" and claims.get("email_verified", True) is not True:
        raise TokenError("oidc: email not verified")
    return issuer.username_prefix + name


def _groups(issuer: Issuer, claims: Mapping[str, Any]) -> list[str]:
    if not issuer.groups_claim or issuer.groups_claim not in claims:
        return []
    said = claims[issuer.groups_claim]
    groups = [said] if isinstance(said, str) else said
    if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
        raise TokenError(f'oidc: parse groups claim "{issuer.groups_claim}"')
    return groups
