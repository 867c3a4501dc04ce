"""What a bootstrap token's Secret says to the controllers that look after them."""

from __future__ import annotations

from base64 import b64decode

from grappe.api import Object
from grappe.base.clock import parse_rfc3339

NAMESPACE = "kube-system"
SELECTOR = "type=bootstrap.kubernetes.io/token"


def value_of(secret: Object, key: str) -> str:
    """A value of the Secret as text; empty when it is missing or no text."""
    try:
        return b64decode((secret.get("data") or {}).get(key) or "").decode()
    except ValueError:
        return ""


def expires_at(secret: Object) -> float | None:
    """When the token ends; None: never. One whose end is no time has ended."""
    expiration = value_of(secret, "expiration")
    if not expiration:
        return None
    try:
        return parse_rfc3339(expiration)
    except ValueError:
        return 0.0
