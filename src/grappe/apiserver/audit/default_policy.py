"""The policy of a cluster that was given none, and reading the one it was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from grappe.apiserver.audit.policy import Policy, PolicyError, parse_policy
from grappe.base.errors import UserError

_READS = ["get", "list", "watch"]
_SYSTEM_USERS = [
    "grappe:platform",
    "system:apiserver",
    "system:kube-controller-manager",
    "system:kube-scheduler",
]
_SYSTEM_GROUPS = ["system:nodes", "system:serviceaccounts:kube-system"]

DEFAULT_POLICY: dict[str, Any] = {
    "kind": "Policy",
    "apiVersion": "audit.k8s.io/v1",
    "omitStages": ["RequestReceived"],
    "rules": [
        # Health, discovery, metrics.
        {"level": "None", "nonResourceURLs": ["*"]},
        # What the system reads, and what it reports of its own work.
        {"level": "None", "users": _SYSTEM_USERS, "verbs": _READS},
        {"level": "None", "userGroups": _SYSTEM_GROUPS, "verbs": _READS},
        *(
            {
                "level": "None",
                **who,
                "resources": [
                    {"group": group, "resources": ["*/status"]}
                    for group in ("", "apps", "batch", "policy", "argoproj.io")
                ],
            }
            for who in ({"users": _SYSTEM_USERS}, {"userGroups": _SYSTEM_GROUPS})
        ),
        # Heartbeats, and questions that change nothing.
        {
            "level": "None",
            "resources": [
                {"group": "", "resources": ["events"]},
                {"group": "events.k8s.io", "resources": ["events"]},
                {"group": "coordination.k8s.io", "resources": ["leases"]},
                {"group": "authorization.k8s.io"},
                {"group": "authentication.k8s.io"},
            ],
        },
        # Reads that matter: of Secrets, and those that reach into a pod.
        {
            "level": "Metadata",
            "resources": [
                {"group": "", "resources": ["secrets", "pods/exec", "pods/attach"]},
                {"group": "", "resources": ["pods/portforward", "*/proxy"]},
            ],
        },
        {"level": "None", "verbs": _READS},
        # Every other write.
        {"level": "Metadata"},
    ],
}


def load_policy(path: Path) -> Policy:
    """The policy in a file; the default one when there is no such file. UserError."""
    return read_policy(path) if path.exists() else parse_policy(DEFAULT_POLICY)


def read_policy(path: Path) -> Policy:
    """The policy in a file, JSON or YAML; UserError says what is wrong with it."""
    import yaml

    try:
        return parse_policy(yaml.safe_load(path.read_bytes()))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}", "check --audit-policy") from None
    except (yaml.YAMLError, UnicodeDecodeError, PolicyError) as error:
        told = " ".join(str(error).split())
        raise UserError(
            f"{path} is no audit policy: {told}", "mend it: docs/audit.md shows one"
        ) from None
