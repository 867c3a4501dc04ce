"""Which FlowSchema a request belongs to: the first, by precedence and then name, that matches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from grappe.api import Object
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.interface import RequestInfo

_ACCOUNT = "system:serviceaccount:"


class FlowSchema(NamedTuple):
    """What is needed of a FlowSchema; `method` is ByUser, ByNamespace or empty."""

    precedence: int
    name: str
    uid: str
    level: str
    method: str
    rules: tuple[Object, ...]

    @classmethod
    def of(cls, obj: Object) -> FlowSchema:
        metadata, spec = obj["metadata"], obj.get("spec") or {}
        return cls(
            spec.get("matchingPrecedence") or 1000,
            metadata["name"],
            metadata.get("uid", ""),
            (spec.get("priorityLevelConfiguration") or {}).get("name", ""),
            (spec.get("distinguisherMethod") or {}).get("type", ""),
            tuple(spec.get("rules") or ()),
        )

    def matches(self, user: User, info: RequestInfo) -> bool:
        for rule in self.rules:
            if any(_is_subject(subject, user) for subject in rule.get("subjects") or ()):
                parts = "resourceRules" if info.resource_request else "nonResourceRules"
                covers = _covers_resource if info.resource_request else _covers_path
                if any(covers(part, info) for part in rule.get(parts) or ()):
                    return True
        return False

    def flow(self, user: User, info: RequestInfo) -> str:
        """Who of those that match is told apart from whom."""
        if self.method == "ByUser":
            return user.name
        return info.namespace if self.method == "ByNamespace" else ""


def classify(schemas: Iterable[FlowSchema], user: User, info: RequestInfo) -> FlowSchema | None:
    """The schema of a request; `schemas` are in order."""
    return next((schema for schema in schemas if schema.matches(user, info)), None)


def _is_subject(subject: Object, user: User) -> bool:
    match subject.get("kind"):
        case "User":
            return _one_of([(subject.get("user") or {}).get("name", "")], user.name)
        case "Group":
            name = (subject.get("group") or {}).get("name", "")
            return name == "*" or name in user.groups
        case "ServiceAccount":
            account = subject.get("serviceAccount") or {}
            prefix = f"{_ACCOUNT}{account.get('namespace', '')}:"
            if account.get("name") == "*":
                return user.name.startswith(prefix)
            return user.name == prefix + str(account.get("name", ""))
    return False


def _covers_resource(rule: Object, info: RequestInfo) -> bool:
    whole = f"{info.plural}/{info.subresource}" if info.subresource else info.plural
    if not _one_of(rule.get("verbs"), info.verb) or not _one_of(rule.get("resources"), whole):
        return False
    if not _one_of(rule.get("apiGroups"), info.group):
        return False
    if not info.namespace:
        return bool(rule.get("clusterScope"))
    return _one_of(rule.get("namespaces"), info.namespace)


def _covers_path(rule: Object, info: RequestInfo) -> bool:
    if not _one_of(rule.get("verbs"), info.verb):
        return False
    return any(
        url in ("*", info.path) or (url.endswith("*") and info.path.startswith(url[:-1]))
        for url in rule.get("nonResourceURLs") or ()
    )


def _one_of(allowed: list[str] | None, value: str) -> bool:
    return bool(allowed) and ("*" in (allowed or ()) or value in (allowed or ()))
