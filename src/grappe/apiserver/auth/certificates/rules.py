"""What each of Kubernetes' own signers signs.

https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grappe.apiserver.auth.names import NODE_USER_PREFIX, NODES

CLIENT = "kubernetes.io/kube-apiserver-client"
KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"
KUBELET_SERVING = "kubernetes.io/kubelet-serving"
SIGNERS = (CLIENT, KUBELET_CLIENT, KUBELET_SERVING)

_PURPOSE = {CLIENT: "client auth", KUBELET_CLIENT: "client auth", KUBELET_SERVING: "server auth"}
_KEY_USAGES = frozenset(("digital signature", "key encipherment"))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a PKCS#10 request asks for."""

    common_name: str
    organizations: tuple[str, ...]
    dns_names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    """E-mail addresses and URIs."""


def problem(signer: str, asked: Asked, usages: Sequence[str]) -> str:
    """Why `signer` does not sign; empty when it does."""
    purpose = _PURPOSE[signer]
    if purpose not in usages:
        return f'usages did not include "{purpose}"'
    foreign = sorted(set(usages) - _KEY_USAGES - {purpose})
    if foreign:
        return f"invalid usage for {purpose.split()[0]} certificate: {', '.join(foreign)}"
    if signer == CLIENT:
        return ""
    if "digital signature" not in usages:
        return 'usages did not include "digital signature"'
    if asked.organizations != (NODES,):
        return f"subject organization is not {NODES}"
    if not asked.common_name.startswith(NODE_USER_PREFIX):
        return f"subject common name does not begin with {NODE_USER_PREFIX}"
    if asked.others:
        return "email and URI subjectAltNames are not allowed"
    named = bool(asked.dns_names or asked.addresses)
    if signer == KUBELET_CLIENT and named:
        return "DNS and IP subjectAltNames are not allowed"
    if signer == KUBELET_SERVING and not named:
        return "at least one DNS or IP subjectAltName is required"
    return ""
