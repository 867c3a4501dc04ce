"""The AuthenticationConfiguration file, read and checked.

https://kubernetes.io/docs/reference/config-api/apiserver-config.v1/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grappe.apiserver.configuration import read_configuration


@dataclass(frozen=True, slots=True)
class Issuer:
    """One issuer and how its claims become a user. A claim name or expression that is empty: not
    mapped by it. `extra` are keys with their expressions, `claim_rules` and `user_rules`
    expressions that must hold, with what is told when they do not.

    `authority` is the PEM its server is trusted by; empty: those the machine trusts.
    """

    url: str
    audiences: frozenset[str]
    username_claim: str
    username_prefix: str = ""
    groups_claim: str = ""
    groups_prefix: str = ""
    uid_claim: str = ""
    required: Mapping[str, str] | None = None
    discovery_url: str = ""
    authority: str = ""
    username_expression: str = ""
    groups_expression: str = ""
    uid_expression: str = ""
    extra: tuple[tuple[str, str], ...] = ()
    claim_rules: tuple[tuple[str, str], ...] = ()
    user_rules: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Whether requests without credentials are anybody's at all; `paths` None: on every path."""

    enabled: bool = True
    paths: frozenset[str] | None = None

    def admits(self, path: str) -> bool:
        return self.enabled and (self.paths is None or path in self.paths)


@dataclass(frozen=True, slots=True)
class Authentication:
    """What the file says."""

    issuers: tuple[Issuer, ...] = ()
    anonymous: Anonymous = Anonymous()


def load(path: Path) -> Authentication:
    """What the file at `path` says, if there is one; UserError naming all that is wrong in it."""
    obj = read_configuration(path, _problems)
    return Authentication() if obj is None else parse(obj)


def _problems(obj: Any) -> Iterable[str]:
    from grappe.apiserver.auth.oidc.config_problems import problems  # when there is a file

    return problems(obj)


def parse(obj: Mapping[str, Any]) -> Authentication:
    """An AuthenticationConfiguration without `problems`."""
    issuers = tuple(_issuer(jwt) for jwt in obj.get("jwt") or ())
    said = obj.get("anonymous")
    if said is None:
        return Authentication(issuers)
    conditions = said.get("conditions")
    paths = frozenset(condition["path"] for condition in conditions) if conditions else None
    return Authentication(issuers, Anonymous(bool(said.get("enabled")), paths))


def _issuer(jwt: Mapping[str, Any]) -> Issuer:
    issuer, mappings = jwt["issuer"], jwt["claimMappings"]
    username, groups = mappings["username"], mappings.get("groups") or {}
    uid, extra = mappings.get("uid") or {}, mappings.get("extra") or ()
    rules = jwt.get("claimValidationRules") or ()
    about_claims = [rule for rule in rules if not rule.get("expression")]
    return Issuer(
        url=issuer["url"],
        audiences=frozenset(issuer["audiences"]),
        username_claim=username.get("claim") or "",
        username_prefix=username.get("prefix") or "",
        groups_claim=groups.get("claim") or "",
        groups_prefix=groups.get("prefix") or "",
        uid_claim=uid.get("claim") or "",
        required={rule["claim"]: rule.get("requiredValue") or "" for rule in about_claims},
        discovery_url=issuer.get("discoveryURL") or "",
        authority=issuer.get("certificateAuthority") or "",
        username_expression=username.get("expression") or "",
        groups_expression=groups.get("expression") or "",
        uid_expression=uid.get("expression") or "",
        extra=tuple((each["key"], each["valueExpression"]) for each in extra),
        claim_rules=_rules(rules),
        user_rules=_rules(jwt.get("userValidationRules") or ()),
    )


def _rules(rules: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Expressions and messages."""
    found = ((rule.get("expression") or "", rule.get("message") or "") for rule in rules)
    return tuple((expression, message) for expression, message in found if expression)
