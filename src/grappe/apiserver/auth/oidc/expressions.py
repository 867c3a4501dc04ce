"""Expressions of the AuthenticationConfiguration: over the `claims` of a token, and the `user`
they become. Loaded only where a file has some.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from grappe.api.cel import environment
from grappe.api.cel.admission import Budget, OutOfBudget, request_type
from grappe.api.cel.ast import Expr, Ident, Select, children
from grappe.api.cel.costs import PER_REQUEST
from grappe.api.cel.library import Checked, CompileError
from grappe.api.cel.program import Program
from grappe.api.cel.types import DYN, map_of
from grappe.api.cel.values import EvaluationError
from grappe.apiserver.auth.jwt import TokenError
from grappe.apiserver.http.messages import User

CLAIMS, USER = "claims", "user"


@cache
def _checked(variable: str, source: str) -> Checked:
    about = map_of(DYN) if variable == CLAIMS else request_type().fields["userInfo"]
    return environment({variable: about}).check(source)


@cache
def _program(variable: str, source: str) -> Program:
    return Program(_checked(variable, source).expr)


def expression_problem(variable: str, source: str, *, rule: bool = False) -> str:
    """Why an expression cannot be used; empty when it can. A rule must be true or false."""
    try:
        found = _checked(variable, source)
    except CompileError as error:
        return f"compilation failed: {error}"
    return "must evaluate to bool" if rule and found.result != "bool" else ""


def reads_claim(source: str, claim: str) -> bool:
    """Whether an expression that compiles reads `claims.CLAIM`."""
    return any(
        isinstance(one, Select)
        and one.field == claim
        and isinstance(one.operand, Ident)
        and one.operand.name == CLAIMS
        for one in _below(_checked(CLAIMS, source).expr)
    )


def _below(expr: Expr) -> Iterator[Expr]:
    pending = [expr]
    while pending:
        one = pending.pop()
        yield one
        pending.extend(children(one))


class Evaluation:
    """The expressions about one token, which together may cost so much and no more. All raise
    TokenError."""

    def __init__(self) -> None:
        self._budget = Budget(PER_REQUEST)

    def text(self, source: str, claims: Mapping[str, Any], what: str) -> str:
        """A username or uid."""
        value = self._value(CLAIMS, source, claims)
        if not isinstance(value, str):
            raise TokenError(f"oidc: {what} claim expression must return a string")
        return value

    def texts(self, source: str, claims: Mapping[str, Any], what: str) -> list[str]:
        """Groups, or the values of an extra key: a text, texts, or nothing."""
        value = self._value(CLAIMS, source, claims)
        if value is None or value == "":
            return []
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            raise TokenError(f"oidc: {what} expression must return a string or a list of strings")
        return list(values)

    def check_claims(self, source: str, message: str, claims: Mapping[str, Any]) -> None:
        self._check(CLAIMS, source, message, claims)

    def check_user(self, source: str, message: str, user: User) -> None:
        about = {
            "username": user.name,
            "uid": user.uid,
            "groups": list(user.groups),
            "extra": {key: list(values) for key, values in user.extra.items()},
        }
        self._check(USER, source, message, about)

    def _check(self, variable: str, source: str, message: str, about: Mapping[str, Any]) -> None:
        if self._value(variable, source, about) is not True:
            more = f": {message}" if message else ""
            raise TokenError(f"oidc: validation expression '{source}' failed{more}")

    def _value(self, variable: str, source: str, about: Mapping[str, Any]) -> Any:
        try:
            return self._budget.evaluate(_program(variable, source), {variable: about}, source)
        except (EvaluationError, OutOfBudget) as error:
            raise TokenError(f"oidc: {error}") from None
