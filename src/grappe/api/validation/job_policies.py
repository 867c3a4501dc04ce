"""When a Job fails or succeeds before all is done: podFailurePolicy and successPolicy.

https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from grappe.api import Object
from grappe.api.causes import (
    duplicate,
    invalid,
    not_supported,
    required,
    too_long,
    too_many,
    unfit,
)
from grappe.api.validation.job_status import read_indexes
from grappe.api.validation.rules import Causes, not_negative, one_of, qualified

_MOST_RULES, _MOST_CODES, _MOST_CONDITIONS = 20, 255, 20
_MOST_INDEX_SIGNS = 64 * 1024
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")


def _listed(words: Iterable[str]) -> str:
    return "valid values: [" + " ".join(f'"{word}"' for word in words) + "]"


def failure_policy(policy: Object, spec: Object, at: str) -> Causes:
    rules = policy.get("rules") or ()
    if len(rules) > _MOST_RULES:
        yield too_many(f"{at}.rules", len(rules), _MOST_RULES)
    pod = (spec.get("template") or {}).get("spec") or {}
    known = {
        c.get("name") for part in ("containers", "initContainers") for c in pod.get(part) or ()
    }
    for i, rule in enumerate(rules):
        where = f"{at}.rules[{i}]"
        action, codes = rule.get("action"), rule.get("onExitCodes")
        conditions = rule.get("onPodConditions") or ()
        if not action:
            yield required(f"{where}.action", _listed(_ACTIONS))
        elif action == "FailIndex":
            if "backoffLimitPerIndex" not in spec:
                detail = "requires the backoffLimitPerIndex to be set"
                yield invalid(f"{where}.action", action, detail)
        elif action not in _ACTIONS:
            yield not_supported(f"{where}.action", action, _ACTIONS)
        if codes is not None:
            yield from _exit_codes(codes, known, f"{where}.onExitCodes")
        if len(conditions) > _MOST_CONDITIONS:
            yield too_many(f"{where}.onPodConditions", len(conditions), _MOST_CONDITIONS)
        for j, pattern in enumerate(conditions):
            yield from _condition(pattern, f"{where}.onPodConditions[{j}]")
        if codes is not None and conditions:
            yield unfit(where, "specifying both OnExitCodes and OnPodConditions is not supported")
        if codes is None and not conditions:
            yield unfit(where, "specifying one of OnExitCodes and OnPodConditions is required")


def _condition(pattern: Object, at: str) -> Causes:
    statuses = ("False", "True", "Unknown")
    yield from qualified(pattern.get("type") or "", f"{at}.type")
    if not pattern.get("status"):
        yield required(f"{at}.status", _listed(statuses))
    else:
        yield from one_of(pattern["status"], f"{at}.status", statuses)


def _exit_codes(codes: Object, known: set[Any], at: str) -> Causes:
    operator, values = codes.get("operator"), codes.get("values") or []
    if not operator:
        yield required(f"{at}.operator", _listed(("In", "NotIn")))
    else:
        yield from one_of(operator, f"{at}.operator", ("In", "NotIn"))
    name = codes.get("containerName")
    if name is not None and name not in known:
        detail = "must be one of the container or initContainer names in the pod template"
        yield invalid(f"{at}.containerName", name, detail)
    if not values:
        yield invalid(f"{at}.values", values, "at least one value is required")
    elif len(values) > _MOST_CODES:
        yield too_many(f"{at}.values", len(values), _MOST_CODES)
    seen: set[int] = set()
    for i, value in enumerate(values):
        if operator == "In" and value == 0:
            yield invalid(f"{at}.values[{i}]", value, "must not be 0 for the In operator")
        if value in seen:
            yield duplicate(f"{at}.values[{i}]", value)
        seen.add(value)
    if sorted(values) != values:
        yield invalid(f"{at}.values", values, "must be ordered")


def success_policy(policy: Object, completions: int, at: str) -> Causes:
    rules = policy.get("rules") or ()
    if not rules:
        detail = "at least one rules must be specified when the successPolicy is specified"
        yield required(f"{at}.rules", detail)
    if len(rules) > _MOST_RULES:
        yield too_many(f"{at}.rules", len(rules), _MOST_RULES)
    for i, rule in enumerate(rules):
        yield from _success_rule(rule, completions, f"{at}.rules[{i}]")


def _success_rule(rule: Object, completions: int, at: str) -> Causes:
    count, indexes = rule.get("succeededCount"), rule.get("succeededIndexes")
    if count is None and indexes is None:
        detail = "at least one of succeededCount or succeededIndexes must be specified"
        yield required(at, detail)
    total = 0
    if indexes is not None:
        where = f"{at}.succeededIndexes"
        if len(indexes) > _MOST_INDEX_SIGNS:
            yield too_long(where, _MOST_INDEX_SIGNS)
        try:
            ranges = read_indexes(indexes, completions)
            total = sum(last - first + 1 for first, last in ranges)
        except ValueError as error:
            yield invalid(where, indexes, f"error parsing succeededIndexes: {error}")
    if count is None:
        return
    where = f"{at}.succeededCount"
    yield from not_negative(count, where)
    if count > completions:
        detail = (
            f"must be less than or equal to {completions} (the number of specified completions)"
        )
        yield invalid(where, count, detail)
    if indexes is not None and count > total:
        detail = (
            f"must be less than or equal to {total} (the number of indexes in the specified "
            "succeededIndexes field)"
        )
        yield invalid(where, count, detail)
