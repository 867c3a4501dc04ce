"""`podFailurePolicy`: what a failed pod means for its Job. Pure.

https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
"""

from __future__ import annotations

from typing import Literal, NamedTuple, cast

from grappe.api import Object

Action = Literal["FailJob", "Ignore", "Count", "FailIndex"]


class Verdict(NamedTuple):
    """`message` is for the Job's condition."""

    action: Action
    message: str = ""


def judge(job: Object, pod: Object) -> Verdict:
    """The first rule that matches a failed pod; Count when none does."""
    rules = (job["spec"].get("podFailurePolicy") or {}).get("rules") or ()
    for number, rule in enumerate(rules):
        action = cast(Action, rule["action"])
        message = _exit_codes(rule, pod, number) or _conditions(rule, pod, number)
        if message:
            return Verdict(action, message)
    return Verdict("Count")


def _exit_codes(rule: Object, pod: Object, number: int) -> str:
    wanted = rule.get("onExitCodes")
    if not wanted:
        return ""
    meta, status = pod["metadata"], pod.get("status") or {}
    for container in (
        *(status.get("containerStatuses") or ()),
        *(status.get("initContainerStatuses") or ()),
    ):
        ended = (container.get("state") or {}).get("terminated")
        if not ended or not ended.get("exitCode"):
            continue
        if wanted.get("containerName") not in (None, container["name"]):
            continue
        listed = ended["exitCode"] in (wanted.get("values") or ())
        if listed == (wanted.get("operator") == "In"):
            return (
                f"Container {container['name']} for pod {meta['namespace']}/{meta['name']} failed "
                f"with exit code {ended['exitCode']} matching {rule['action']} rule "
                f"at index {number}"
            )
    return ""


def _conditions(rule: Object, pod: Object, number: int) -> str:
    meta = pod["metadata"]
    for pattern in rule.get("onPodConditions") or ():
        for condition in (pod.get("status") or {}).get("conditions") or ():
            if condition.get("type") == pattern["type"] and condition.get("status") == (
                pattern.get("status") or "True"
            ):
                return (
                    f"Pod {meta['namespace']}/{meta['name']} has condition {pattern['type']} "
                    f"matching {rule['action']} rule at index {number}"
                )
    return ""
