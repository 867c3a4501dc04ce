"""The audit log: who asked for what, and what came of it.

A policy decides what is told of a request (`policy`), an `Auditor` follows the request through its
stages, `event` writes them down as `audit.k8s.io/v1` Events, `log` puts them into a file that does
not grow without bound, `webhook` sends them on. Must never hold up a request, nor tell a Secret's
or a token's content.
https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/
"""

from grappe.apiserver.audit.auditor import Auditor
from grappe.apiserver.audit.default_policy import load_policy, read_policy
from grappe.apiserver.audit.log import AuditLog
from grappe.apiserver.audit.webhook import AuditWebhook
from grappe.apiserver.audit.webhook_config import load_webhook

__all__ = ["AuditLog", "AuditWebhook", "Auditor", "load_policy", "load_webhook", "read_policy"]
