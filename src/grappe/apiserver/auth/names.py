"""The user and group names Kubernetes reserves.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/
"""

from __future__ import annotations

ANONYMOUS = "system:anonymous"
AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"
MASTERS = "system:masters"
NODES = "system:nodes"
NODE_USER_PREFIX = "system:node:"
SERVICE_ACCOUNTS = "system:serviceaccounts"
SERVICE_ACCOUNT_USER_PREFIX = "system:serviceaccount:"

SIMULATED_NODES = "grappe:simulated-nodes"
"""Holders act for every simulated node: one process plays them all."""
NODE_NETWORK = "grappe:node-network"
"""The group of a node process of ours, which is also the network of its node: it reads what
Services and NetworkPolicies are made of."""
PLATFORM = "grappe:platform"
"""The group of the platform process; bound to cluster-admin."""


def service_account_user(namespace: str, name: str) -> str:
    return f"{SERVICE_ACCOUNT_USER_PREFIX}{namespace}:{name}"


def service_account_groups(namespace: str) -> tuple[str, str]:
    """The groups every service account of `namespace` belongs to."""
    return SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{namespace}"


def split_service_account(user: str) -> tuple[str, str] | None:
    """(namespace, name) of a service account's user name; None for any other user."""
    if not user.startswith(SERVICE_ACCOUNT_USER_PREFIX):
        return None
    namespace, colon, name = user[len(SERVICE_ACCOUNT_USER_PREFIX) :].partition(":")
    if not namespace or not colon or not name or ":" in name:
        return None
    return namespace, name
