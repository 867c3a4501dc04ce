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
    if uses_expressions(issuer):
        return _evaluated(issuer, claims)
    name = _username(issuer, claims)
    groups = _groups(issuer, claims)
    uid = _uid(issuer, claims)
    _check_required(issuer, claims)
    return User(name, _with_everybody(groups), uid)


def uses_expressions(issuer: Issuer) -> bool:
    mapped = issuer.username_expression, issuer.groups_expression, issuer.uid_expression
    return bool(any(mapped) or issuer.extra or issuer.claim_rules or issuer.user_rules)


def _evaluated(issuer: Issuer, claims: Mapping[str, Any]) -> User:
    """As `user_of`, where some of it is said by expressions."""
    from grappe.apiserver.auth.oidc.expressions import Evaluation

    evaluation = Evaluation()
    if issuer.username_expression:
        name = evaluation.text(issuer.username_expression, claims, "username")
        if not name:
            raise TokenError("oidc: empty username via CEL expression is not allowed")
    else:
        name = _username(issuer, claims)
    if issuer.groups_expression:
        groups = evaluation.texts(issuer.groups_expression, claims, "groups claim")
    else:
        groups = _groups(issuer, claims)
    uid = _uid(issuer, claims)
    if issuer.uid_expression:
        uid = evaluation.text(issuer.uid_expression, claims, "uid")
    extra = {
        key: tuple(evaluation.texts(source, claims, f"extra {key}")) for key, source in issuer.extra
    }
    _check_required(issuer, claims)
    for source, message in issuer.claim_rules:
        evaluation.check_claims(source, message, claims)
    extra = {key: values for key, values in extra.items() if values}
    user = User(name, tuple(groups), uid, extra)
    for source, message in issuer.user_rules:
        evaluation.check_user(source, message, user)
    return User(name, _with_everybody(groups), uid, extra)


def _with_everybody(groups: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*groups, AUTHENTICATED)))


def _uid(issuer: Issuer, claims: Mapping[str, Any]) -> str:
    uid = claims.get(issuer.uid_claim, "") if issuer.uid_claim else ""
    if not isinstance(uid, str) or (issuer.uid_claim and issuer.uid_claim not in claims):
        raise TokenError(f'oidc: parse uid claim "{issuer.uid_claim}"')
    return uid


def _check_required(issuer: Issuer, claims: Mapping[str, Any]) -> None:
    for claim, value in (issuer.required or {}).items():
        if claim not in claims:
            raise TokenError(f"oidc: required claim {claim} not present in ID token")
        if claims[claim] != value:
            raise TokenError(f"oidc: required claim {claim} value does not match")


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
    return [issuer.groups_prefix + group for group in groups]
