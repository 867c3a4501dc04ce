"""What is wrong with an AuthenticationConfiguration, each with its field, in Kubernetes' words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from grappe.api import names
from grappe.apiserver.configuration import misshapen, mistyped

_VERSIONS = tuple(f"apiserver.config.k8s.io/{v}" for v in ("v1", "v1beta1"))
_MOST_ISSUERS = 64
_ONE_OF = "claim or expression is required"
_VERIFY_EMAIL = (
    "claims.email_verified must be used in claimMappings.username.expression or "
    "claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when "
    "claims.email is used in claimMappings.username.expression"
)
_PREFIX_REQUIRED = (
    "prefix is required when claim is set. It can be set to an empty string to disable prefixing"
)

_SHAPE: Mapping[str, Any] = {
    "apiVersion": str,
    "kind": str,
    "jwt": [
        {
            "issuer": {
                "url": str,
                "discoveryURL": str,
                "certificateAuthority": str,
                "audiences": [str],
                "audienceMatchPolicy": str,
                "egressSelectorType": str,
            },
            "claimValidationRules": [
                {"claim": str, "requiredValue": str, "expression": str, "message": str}
            ],
            "claimMappings": {
                "username": {"claim": str, "prefix": str, "expression": str},
                "groups": {"claim": str, "prefix": str, "expression": str},
                "uid": {"claim": str, "expression": str},
                "extra": [{"key": str, "valueExpression": str}],
            },
            "userValidationRules": [{"expression": str, "message": str}],
        }
    ],
    "anonymous": {"enabled": bool, "conditions": [{"path": str}]},
}


def problems(obj: Any) -> Iterator[str]:
    """All that is wrong with an AuthenticationConfiguration, each with its field."""
    wrong_shape = list(misshapen(obj, _SHAPE))
    if wrong_shape:
        yield from wrong_shape
        return
    yield from mistyped(obj, "AuthenticationConfiguration", _VERSIONS)
    issuers = obj.get("jwt") or []
    if len(issuers) > _MOST_ISSUERS:
        yield f"jwt: Too many: {len(issuers)}: must have at most {_MOST_ISSUERS} items"
        return
    urls: set[str] = set()
    for index, jwt in enumerate(issuers):
        where = f"jwt[{index}]"
        issuer = jwt.get("issuer") or {}
        yield from _issuer_problems(issuer, f"{where}.issuer")
        wrong = [
            *_mapping_problems(jwt.get("claimMappings") or {}, f"{where}.claimMappings"),
            *_rule_problems(jwt, where),
        ]
        yield from wrong or _email_problems(jwt, where)
        url = issuer.get("url") or ""
        if url in urls:
            yield f'{where}.issuer.url: Duplicate value: "{url}"'
        urls.add(url)
    anonymous = obj.get("anonymous") or {}
    if anonymous.get("conditions") and not anonymous.get("enabled"):
        yield (
            "anonymous.conditions: Invalid value: enabled should be set to true when conditions "
            "are defined"
        )


def _issuer_problems(issuer: Mapping[str, Any], where: str) -> Iterator[str]:
    url, discovery = issuer.get("url") or "", issuer.get("discoveryURL") or ""
    if not url:
        yield f"{where}.url: Required value"
    else:
        yield from _url_problems(url, f"{where}.url")
    if discovery:
        if discovery.rstrip("/") == url.rstrip("/"):
            yield (
                f'{where}.discoveryURL: Invalid value: "{discovery}": discoveryURL must be '
                "different from URL"
            )
        yield from _url_problems(discovery, f"{where}.discoveryURL")
    audiences, policy = issuer.get("audiences") or [], issuer.get("audienceMatchPolicy") or ""
    if not audiences:
        yield f"{where}.audiences: Required value: at least one {where}.audiences is required"
    for index, audience in enumerate(audiences):
        if not audience:
            yield f"{where}.audiences[{index}]: Required value"
        elif audience in audiences[:index]:
            yield f'{where}.audiences[{index}]: Duplicate value: "{audience}"'
    told = f'{where}.audienceMatchPolicy: Invalid value: "{policy}": audienceMatchPolicy must be'
    if len(audiences) > 1 and policy != "MatchAny":
        yield f"{told} MatchAny for multiple audiences"
    if len(audiences) == 1 and policy not in ("", "MatchAny"):
        yield f"{told} empty or MatchAny for single audience"
    authority = issuer.get("certificateAuthority") or ""
    if authority and "-----BEGIN CERTIFICATE-----" not in authority:
        yield f'{where}.certificateAuthority: Invalid value: "<omitted>": no PEM certificate'
    if issuer.get("egressSelectorType"):
        yield f"{where}.egressSelectorType: Invalid value: there are no egress selectors here"


def _url_problems(url: str, where: str) -> Iterator[str]:
    told = f'{where}: Invalid value: "{url}": '
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        yield f"{told}{error}"
        return
    if parts.scheme != "https":
        yield f"{told}URL scheme must be https"
    if not parts.hostname:
        yield f"{told}URL must name a host"
    if parts.username is not None or parts.password is not None:
        yield f"{where}: Invalid value: URL must not contain a username or password"
    if parts.query:
        yield f"{told}URL must not contain a query"
    if parts.fragment:
        yield f"{told}URL must not contain a fragment"


def _mapping_problems(mappings: Mapping[str, Any], where: str) -> Iterator[str]:
    for part in ("username", "groups", "uid"):
        mapping = mappings.get(part) or {}
        claim, expression = mapping.get("claim") or "", mapping.get("expression") or ""
        if claim and expression:
            yield f"{where}.{part}: Invalid value: claim and expression can't both be set"
        elif expression:
            yield from _expression_problems(expression, "claims", f"{where}.{part}.expression")
        elif not claim and part == "username":
            yield f"{where}.{part}: Required value: {_ONE_OF}"
        if claim and part != "uid" and mapping.get("prefix") is None:
            yield f"{where}.{part}.prefix: Required value: {_PREFIX_REQUIRED}"
        if mapping.get("prefix") and not claim:
            yield f"{where}.{part}.prefix: Invalid value: prefix needs a claim"
    seen: set[str] = set()
    for index, each in enumerate(mappings.get("extra") or ()):
        yield from _extra_problems(each, seen, f"{where}.extra[{index}]")


def _extra_problems(extra: Mapping[str, Any], seen: set[str], where: str) -> Iterator[str]:
    key, expression = extra.get("key") or "", extra.get("valueExpression") or ""
    domain, _, path = key.partition("/")
    told = f'{where}.key: Invalid value: "{key}":'
    if not key:
        yield f"{where}.key: Required value"
    elif not path or names.dns_subdomain_problems(domain):
        yield f'{told} must be a domain-prefixed path (such as "acme.io/foo")'
    elif key != key.lower():
        yield f"{told} must be lowercase"
    elif any(domain == own or domain.endswith(f".{own}") for own in ("k8s.io", "kubernetes.io")):
        reserved = "k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use"
        yield f"{told} {reserved}"
    elif key in seen:
        yield f'{where}.key: Duplicate value: "{key}"'
    seen.add(key)
    if not expression:
        yield f"{where}.valueExpression: Required value: valueExpression is required"
    else:
        yield from _expression_problems(expression, "claims", f"{where}.valueExpression")


def _expression_problems(
    source: str, variable: str, where: str, *, rule: bool = False
) -> Iterator[str]:
    from grappe.apiserver.auth.oidc.expressions import expression_problem

    wrong = expression_problem(variable, source, rule=rule)
    if wrong:
        yield f'{where}: Invalid value: "{source}": {wrong}'


def _email_problems(jwt: Mapping[str, Any], where: str) -> Iterator[str]:
    """Of an issuer whose expressions compile: an address counts only when it is verified."""
    mappings = jwt.get("claimMappings") or {}
    name = (mappings.get("username") or {}).get("expression") or ""
    if not name:
        return
    from grappe.apiserver.auth.oidc.expressions import reads_claim

    extra = (each.get("valueExpression") for each in mappings.get("extra") or ())
    rules = (rule.get("expression") for rule in jwt.get("claimValidationRules") or ())
    places = [name, *filter(None, (*extra, *rules))]
    if reads_claim(name, "email") and not any(reads_claim(p, "email_verified") for p in places):
        yield f'{where}.claimMappings.username.expression: Invalid value: "{name}": {_VERIFY_EMAIL}'


def _rule_problems(jwt: Mapping[str, Any], where: str) -> Iterator[str]:
    seen: set[str] = set()
    for index, rule in enumerate(jwt.get("claimValidationRules") or ()):
        place = f"{where}.claimValidationRules[{index}]"
        claim, expression = rule.get("claim") or "", rule.get("expression") or ""
        if claim and expression:
            yield f"{place}: Invalid value: claim and expression can't both be set"
        elif expression:
            yield from _expression_problems(expression, "claims", f"{place}.expression", rule=True)
            if rule.get("requiredValue"):
                told = "may not be specified when expression is set"
                yield f"{place}.requiredValue: Invalid value: {told}"
            if expression in seen:
                yield f'{place}.expression: Duplicate value: "{expression}"'
        elif not claim:
            yield f"{place}: Required value: {_ONE_OF}"
        elif rule.get("message"):
            yield f"{place}.message: Invalid value: may not be specified when claim is set"
        if claim and claim in seen:
            yield f'{place}.claim: Duplicate value: "{claim}"'
        seen.add(claim or expression)
    told_of: set[str] = set()
    for index, rule in enumerate(jwt.get("userValidationRules") or ()):
        place = f"{where}.userValidationRules[{index}].expression"
        expression = rule.get("expression") or ""
        if not expression:
            yield f"{place}: Required value: expression is required"
        else:
            yield from _expression_problems(expression, "user", place, rule=True)
        if expression and expression in told_of:
            yield f'{place}: Duplicate value: "{expression}"'
        told_of.add(expression)
