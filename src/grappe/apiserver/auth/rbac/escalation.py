"""Which parts of some rules other rules do not grant.

Keeps people from granting what they do not hold
(https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping)
and tells what a changed default role lacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from grappe.apiserver.auth.rbac.rules import ALL, Rule


def _single(rule: Rule) -> Iterator[Rule]:
    """`rule` as rules of one verb and one resource (and name), or one path."""
    for verb in sorted(rule.verbs):
        for path in rule.paths:
            yield Rule(frozenset([verb]), paths=(path,))
        for group in sorted(rule.groups):
            for resource in sorted(rule.resources):
                for names in [frozenset([n]) for n in sorted(rule.names)] or [frozenset[str]()]:
                    yield Rule(frozenset([verb]), frozenset([group]), frozenset([resource]), names)


def _grants(owner: Rule, asked: Rule) -> bool:
    """Whether `owner` grants everything the single rule `asked` does."""
    if ALL not in owner.verbs and not asked.verbs <= owner.verbs:
        return False
    if asked.paths:
        (path,) = asked.paths
        return any(
            granted in (ALL, path)
            or (granted.endswith("*") and path.rstrip("*").startswith(granted[:-1]))
            for granted in owner.paths
        )
    if ALL not in owner.groups and not asked.groups <= owner.groups:
        return False
    (resource,) = asked.resources
    if ALL not in owner.resources and resource not in owner.resources:
        _, slash, subresource = resource.partition("/")
        if not slash or f"*/{subresource}" not in owner.resources:
            return False
    return not owner.names or (bool(asked.names) and asked.names <= owner.names)


def uncovered(owned: Sequence[Rule], asked: Iterable[Rule]) -> list[Rule]:
    """The parts of `asked` that no rule of `owned` grants, each a rule of its own."""
    return [
        single
        for rule in asked
        for single in _single(rule)
        if not any(_grants(owner, single) for owner in owned)
    ]


def compact(rules: Iterable[Rule]) -> list[Rule]:
    """Single rules that differ only in their verb, joined."""
    joined: dict[Rule, set[str]] = {}
    for rule in rules:
        rest = Rule(frozenset(), rule.groups, rule.resources, rule.names, rule.paths)
        joined.setdefault(rest, set()).update(rule.verbs)
    return [
        Rule(frozenset(verbs), rest.groups, rest.resources, rest.names, rest.paths)
        for rest, verbs in joined.items()
    ]
