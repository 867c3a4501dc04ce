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

_SIGNING = "digital signature"
_ENCIPHERING = "key encipherment"
_PURPOSE = {KUBELET_CLIENT: "client auth", KUBELET_SERVING: "server auth"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a PKCS#10 request asks for."""

    common_name: str
    organizations: tuple[str, ...]
    dns_names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()


def problem(signer: str, asked: Asked, usages: Sequence[str]) -> str:
    """Why `signer` does not sign; empty when it does."""
    if signer == CLIENT:
        return _client_problem(usages)
    node = _node_problem(asked)
    if signer == KUBELET_CLIENT:
        return _subject_problem(asked) or node or _usages_problem(signer, usages)
    if node:
        return node
    if not (asked.dns_names or asked.addresses):
        return "DNS or IP subjectAltName is required"
    return _names_problem(asked, ("emails", "uris")) or _usages_problem(signer, usages)


def _client_problem(usages: Sequence[str]) -> str:
    for usage in usages:
        if usage not in (_SIGNING, _ENCIPHERING, "client auth"):
            return f"invalid usage for client certificate: {usage}"
    if "client auth" not in usages:
        return "missing required usage for client certificate: client auth"
    return ""


def _subject_problem(asked: Asked) -> str:
    if asked.organizations != (NODES,):
        return _node_problem(asked)
    return _names_problem(asked, ("dns_names", "emails", "addresses", "uris"))


def _node_problem(asked: Asked) -> str:
    if asked.organizations != (NODES,):
        return f"subject organization is not {NODES}"
    if not asked.common_name.startswith(NODE_USER_PREFIX):
        return f"subject common name does not begin with {NODE_USER_PREFIX}"
    return ""


_KINDS = {"dns_names": "DNS", "emails": "Email", "addresses": "IP", "uris": "URI"}


def _names_problem(asked: Asked, forbidden: Sequence[str]) -> str:
    for field in forbidden:
        if getattr(asked, field):
            return f"{_KINDS[field]} subjectAltNames are not allowed"
    return ""


def _usages_problem(signer: str, usages: Sequence[str]) -> str:
    """A key that cannot encipher (no RSA key) need not."""
    without = {_SIGNING, _PURPOSE[signer]}
    if set(usages) in (without, without | {_ENCIPHERING}):
        return ""
    return f"usages did not match [{' '.join(sorted(without | {_ENCIPHERING}))}]"
