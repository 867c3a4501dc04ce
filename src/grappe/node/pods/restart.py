"""Whether an ended container starts again (pure).

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-restarts
"""

from __future__ import annotations

from grappe.api import Object
from grappe.node.pods.spec import Declared
from grappe.node.runtime.interface import ContainerStatus


def policy(pod: Object, declared: Declared) -> str:
    """Always, OnFailure or Never, as it holds for one container."""
    if declared.kind == "ephemeral":
        return "Never"
    own = declared.spec.get("restartPolicy")
    if own:
        return str(own)
    shared = str(pod["spec"].get("restartPolicy", "Always"))
    if declared.kind == "init" and shared == "Always":
        return "OnFailure"  # an init container that succeeded is done
    return shared


def _rule_applies(rule: Object, exit_code: int) -> bool:
    codes = rule.get("exitCodes") or {}
    listed = exit_code in (codes.get("values") or ())
    return listed if codes.get("operator") == "In" else not listed


def wanted(pod: Object, declared: Declared, status: ContainerStatus | None) -> bool:
    """Whether a container that does not run has to be started (again)."""
    if status is None:
        return True
    if status.state == "running":
        return False
    if status.state in ("created", "unknown"):
        return declared.kind != "ephemeral"
    for rule in declared.spec.get("restartPolicyRules") or ():
        if rule.get("action") == "Restart" and _rule_applies(rule, status.exit_code):
            return True
    held = policy(pod, declared)
    return held == "Always" or (held == "OnFailure" and status.exit_code != 0)
