"""The AuthenticationConfiguration file, read and checked.

https://kubernetes.io/docs/reference/config-api/apiserver-config.v1/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from grappe.base.errors import UserError

_VERSIONS = tuple(f"apiserver.config.k8s.io/{v}" for v in ("v1", "v1beta1"))
_MOST_ISSUERS = 64
_ONE_OF = "claim or expression is required"
_NO_CEL = "CEL expressions are not supported yet: use a claim"
_PREFIX_REQUIRED = (
    "prefix is required when claim is set. It can be set to an empty string to disable prefixing"
)


@dataclass(frozen=True, slots=True)
class Issuer:
    """One issuer and how its claims become a user. An empty claim name: not mapped.

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
    try:
        text = path.read_text()
    except FileNotFoundError:
        return Authentication()
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}", "see its owner and mode") from None
    import yaml  # not before there is something to read: every start would pay for it

    try:
        obj = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise UserError(f"{path} is no YAML: {error}", "correct it") from None
    found = list(problems(obj))
    if found:
        raise UserError(f"{path} is wrong: " + "; ".join(found), "correct it and start again")
    return parse(obj)


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
    rules = jwt.get("claimValidationRules") or ()
    return Issuer(
        url=issuer["url"],
        audiences=frozenset(issuer["audiences"]),
        username_claim=username["claim"],
        username_prefix=username.get("prefix") or "",
        groups_claim=groups.get("claim") or "",
        groups_prefix=groups.get("prefix") or "",
        uid_claim=(mappings.get("uid") or {}).get("claim") or "",
        required={rule["claim"]: rule.get("requiredValue") or "" for rule in rules},
        discovery_url=issuer.get("discoveryURL") or "",
        authority=issuer.get("certificateAuthority") or "",
    )


# -- what is wrong ---------------------------------------------------------------------------------
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
_NAMES = {str: "a text", bool: "true or false"}


def problems(obj: Any) -> Iterator[str]:
    """All that is wrong with an AuthenticationConfiguration, each with its field."""
    wrong_shape = list(_misshapen(obj, _SHAPE, ""))
    if wrong_shape:
        yield from wrong_shape
        return
    if obj.get("kind") != "AuthenticationConfiguration":
        yield "kind: must be AuthenticationConfiguration"
    if obj.get("apiVersion") not in _VERSIONS:
        yield f"apiVersion: must be {_VERSIONS[0]}"
    issuers = obj.get("jwt") or []
    if len(issuers) > _MOST_ISSUERS:
        yield f"jwt: Too many: {len(issuers)}: must have at most {_MOST_ISSUERS} items"
        return
    urls: set[str] = set()
    for index, jwt in enumerate(issuers):
        where = f"jwt[{index}]"
        issuer = jwt.get("issuer") or {}
        yield from _issuer_problems(issuer, f"{where}.issuer")
        yield from _mapping_problems(jwt.get("claimMappings") or {}, f"{where}.claimMappings")
        yield from _rule_problems(jwt, where)
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


def _misshapen(value: Any, shape: Any, where: str) -> Iterator[str]:
    if value is None and where:
        return
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            yield f"{where or 'the file'}: must be an object"
            return
        prefix = f"{where}." if where else ""
        for key, inner in value.items():
            if key in shape:
                yield from _misshapen(inner, shape[key], f"{prefix}{key}")
            else:
                yield f'unknown field "{prefix}{key}"'
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield f"{where}: must be a list"
            return
        for index, inner in enumerate(value):
            if inner is None:
                yield f"{where}[{index}]: must not be empty"
            yield from _misshapen(inner, shape[0], f"{where}[{index}]")
    elif not isinstance(value, shape):
        yield f"{where}: must be {_NAMES[shape]}"


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
            yield f"{where}.{part}.expression: Invalid value: {_NO_CEL}"
        elif not claim and part == "username":
            yield f"{where}.{part}: Required value: {_ONE_OF}"
        if claim and part != "uid" and mapping.get("prefix") is None:
            yield f"{where}.{part}.prefix: Required value: {_PREFIX_REQUIRED}"
        if mapping.get("prefix") and not claim:
            yield f"{where}.{part}.prefix: Invalid value: prefix needs a claim"
    if mappings.get("extra"):
        yield f"{where}.extra: Invalid value: {_NO_CEL}"


def _rule_problems(jwt: Mapping[str, Any], where: str) -> Iterator[str]:
    seen: set[str] = set()
    for index, rule in enumerate(jwt.get("claimValidationRules") or ()):
        place = f"{where}.claimValidationRules[{index}]"
        claim, expression = rule.get("claim") or "", rule.get("expression") or ""
        if claim and expression:
            yield f"{place}: Invalid value: claim and expression can't both be set"
        elif expression:
            yield f"{place}.expression: Invalid value: {_NO_CEL}"
        elif not claim:
            yield f"{place}: Required value: {_ONE_OF}"
        elif rule.get("message"):
            yield f"{place}.message: Invalid value: may not be specified when claim is set"
        if claim and claim in seen:
            yield f'{place}.claim: Duplicate value: "{claim}"'
        seen.add(claim)
    if jwt.get("userValidationRules"):
        yield f"{where}.userValidationRules: Invalid value: {_NO_CEL}"
