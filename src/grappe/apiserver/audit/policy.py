"""`Policy` of `audit.k8s.io/v1`: parsed, checked, and asked about requests.

The first rule that matches decides; a request that none matches is not told of. Matching is that
of https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.interface import RequestInfo, ServedResource

STAGES = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")
_REMEMBERED = 5_000
_LONGEST = 600  # characters of a namespace and subresource that are remembered
_SENSITIVE = frozenset(
    (
        ("", "secrets"),
        ("", "serviceaccounts/token"),
        ("authentication.k8s.io", "tokenreviews"),
    )
)
"""(group, resource) whose bodies are never told, whatever the policy says."""


class PolicyError(ValueError):
    """What is wrong with a policy, and where."""


class Level(IntEnum):
    """How much is told."""

    NONE = 0
    METADATA = 1
    REQUEST = 2
    REQUEST_RESPONSE = 3


LEVELS = {
    "None": Level.NONE,
    "Metadata": Level.METADATA,
    "Request": Level.REQUEST,
    "RequestResponse": Level.REQUEST_RESPONSE,
}


class Decision(NamedTuple):
    """What is told of a request: never Level.NONE."""

    level: Level
    omit_stages: frozenset[str]
    omit_managed_fields: bool


class Resources(NamedTuple):
    """Resources of one group; no `resources` means all of them, no `names` any name."""

    group: str
    resources: frozenset[str]
    names: frozenset[str]

    def cover(self, group: str, plural: str, subresource: str) -> bool:
        if group != self.group:
            return False
        if not self.resources:
            return True
        whole = f"{plural}/{subresource}" if subresource else plural
        return any(
            one in ("*", whole)
            or (bool(subresource) and one == f"*/{subresource}")
            or one == f"{plural}/*"
            for one in self.resources
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """An empty set asks nothing."""

    level: Level
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    verbs: frozenset[str] = frozenset()
    resources: tuple[Resources, ...] = ()
    namespaces: frozenset[str] = frozenset()
    urls: tuple[str, ...] = ()
    omit_stages: frozenset[str] = frozenset()
    omit_managed_fields: bool = False

    def may_match(self, info: RequestInfo) -> bool:
        """Whether it matches some request of this verb and resource, or path."""
        if self.verbs and info.verb not in self.verbs:
            return False
        if info.resource_request:
            if self.urls:
                return False
            asked = info.group, info.plural, info.subresource
            return not self.resources or any(each.cover(*asked) for each in self.resources)
        if self.resources or self.namespaces:
            return False
        return not self.urls or any(_path_matches(url, info.path) for url in self.urls)

    @property
    def conditional(self) -> bool:
        """Whether it asks for more than verb and resource."""
        named = any(each.names for each in self.resources)
        return bool(self.users or self.groups or self.namespaces or named)

    def matches(self, user: User, info: RequestInfo) -> bool:
        """Whether a request that `may_match` does."""
        if self.users and user.name not in self.users:
            return False
        if self.groups and self.groups.isdisjoint(user.groups):
            return False
        if self.namespaces and info.namespace not in self.namespaces:
            return False
        if not self.resources:
            return True
        asked = info.group, info.plural, info.subresource
        return any(
            each.cover(*asked) and (not each.names or info.name in each.names)
            for each in self.resources
        )


_Key = tuple[str, tuple[str, ...], str, ServedResource | None, str, str]


class Policy:
    """What a request comes to is looked up, and worked out only where it depends on its name."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._decided: dict[_Key, Decision | None] = {}

    def decide(self, user: User, info: RequestInfo) -> Decision | None:
        """What is told of the request; None: nothing."""
        served = info.served
        key = (user.name, user.groups, info.verb, served, info.subresource, info.namespace)
        if key in self._decided:
            return self._decided[key]
        candidates = self._find(info)
        matching = (rule for rule in candidates if rule.matches(user, info))
        rule = next(matching, None)
        found = _decision(rule, info) if rule else None
        named = any(each.names for rule in candidates for each in rule.resources)
        long = len(info.namespace) + len(info.subresource) > _LONGEST
        if served is not None and not named and not long:
            if len(self._decided) >= _REMEMBERED:
                self._decided.clear()
            self._decided[key] = found
        return found

    def _find(self, info: RequestInfo) -> tuple[Rule, ...]:
        """The rules that may match, up to the first that does whoever asks for what; none when
        all of them come to nothing."""
        found = []
        for rule in self._rules:
            if rule.may_match(info):
                found.append(rule)
                if not rule.conditional:
                    break
        return tuple(found) if any(rule.level for rule in found) else ()


def _decision(rule: Rule, info: RequestInfo) -> Decision | None:
    if not rule.level:
        return None
    level = rule.level
    if level > Level.METADATA and _sensitive(info):
        level = Level.METADATA
    return Decision(level, rule.omit_stages, rule.omit_managed_fields)


def _sensitive(info: RequestInfo) -> bool:
    whole = f"{info.plural}/{info.subresource}" if info.subresource else info.plural
    return not _SENSITIVE.isdisjoint(((info.group, info.plural), (info.group, whole)))


def _path_matches(pattern: str, path: str) -> bool:
    if pattern.endswith("*"):
        return path.startswith(pattern[:-1])
    return pattern == path


# -- parsing ---------------------------------------------------------------------------------------
_POLICY_FIELDS = {"kind", "apiVersion", "metadata", "rules", "omitStages", "omitManagedFields"}
_RULE_FIELDS = {
    "level",
    "users",
    "userGroups",
    "verbs",
    "resources",
    "namespaces",
    "nonResourceURLs",
    "omitStages",
    "omitManagedFields",
}


def parse_policy(facts: Any) -> Policy:
    """The policy of a decoded document; PolicyError names the field that is wrong."""
    policy = _object(facts, "the policy", _POLICY_FIELDS)
    if policy.get("kind") != "Policy" or policy.get("apiVersion") != "audit.k8s.io/v1":
        raise PolicyError("it must be of kind Policy and apiVersion audit.k8s.io/v1")
    rules = policy.get("rules")
    if not isinstance(rules, list) or not rules:
        raise PolicyError("rules must be a list with at least one rule")
    stages = _stages(policy.get("omitStages"), "omitStages")
    omit = _flag(policy.get("omitManagedFields"), "omitManagedFields", False)
    return Policy([_rule(rule, f"rules[{i}]", stages, omit) for i, rule in enumerate(rules)])


def _rule(facts: Any, path: str, stages: frozenset[str], omit: bool) -> Rule:
    rule = _object(facts, path, _RULE_FIELDS)
    level = rule.get("level")
    if not isinstance(level, str) or level not in LEVELS:
        raise PolicyError(f"{path}.level must be one of {', '.join(LEVELS)}")
    urls = _strings(rule.get("nonResourceURLs"), f"{path}.nonResourceURLs")
    if urls and (rule.get("resources") or rule.get("namespaces")):
        raise PolicyError(f"{path}: a rule cannot speak of resources and of nonResourceURLs")
    for url in urls:
        if url != "*" and (not url.startswith("/") or "*" in url[:-1]):
            raise PolicyError(
                f"{path}.nonResourceURLs: {url!r} must begin with '/', with '*' only at its end"
            )
    resources = rule.get("resources") or []
    if not isinstance(resources, list):
        raise PolicyError(f"{path}.resources must be a list")
    return Rule(
        level=LEVELS[level],
        users=frozenset(_strings(rule.get("users"), f"{path}.users")),
        groups=frozenset(_strings(rule.get("userGroups"), f"{path}.userGroups")),
        verbs=frozenset(_strings(rule.get("verbs"), f"{path}.verbs")),
        resources=tuple(
            _resources(each, f"{path}.resources[{i}]") for i, each in enumerate(resources)
        ),
        namespaces=frozenset(_strings(rule.get("namespaces"), f"{path}.namespaces")),
        urls=tuple(urls),
        omit_stages=stages | _stages(rule.get("omitStages"), f"{path}.omitStages"),
        omit_managed_fields=_flag(rule.get("omitManagedFields"), f"{path}.omitManagedFields", omit),
    )


def _resources(facts: Any, path: str) -> Resources:
    found = _object(facts, path, {"group", "resources", "resourceNames"})
    group = found.get("group") or ""
    if not isinstance(group, str) or "/" in group:
        raise PolicyError(f"{path}.group must be a group without its version; the core one is ''")
    resources = frozenset(_strings(found.get("resources"), f"{path}.resources"))
    names = frozenset(_strings(found.get("resourceNames"), f"{path}.resourceNames"))
    if names and not resources:
        raise PolicyError(f"{path}.resourceNames needs resources")
    return Resources(group, resources, names)


def _object(found: Any, path: str, fields: set[str]) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise PolicyError(f"{path} must be an object")
    unknown = sorted(str(name) for name in found.keys() - fields)
    if unknown:
        raise PolicyError(f"{path} has no field {unknown[0]!r}")
    return found


def _strings(found: Any, path: str) -> list[str]:
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise PolicyError(f"{path} must be a list of strings")
    return found


def _stages(found: Any, path: str) -> frozenset[str]:
    stages = _strings(found, path)
    for stage in stages:
        if stage not in STAGES:
            raise PolicyError(f"{path}: {stage!r} is none of {', '.join(STAGES)}")
    return frozenset(stages)


def _flag(found: Any, path: str, default: bool) -> bool:
    if found is None:
        return default
    if not isinstance(found, bool):
        raise PolicyError(f"{path} must be true or false")
    return found
