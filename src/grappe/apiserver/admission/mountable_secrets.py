"""Which Secrets the pods of a service account may use, where its annotation
`kubernetes.io/enforce-mountable-secrets` keeps them to those it lists.

https://kubernetes.io/docs/concepts/security/service-accounts/#enforce-mountable-secrets
"""

from __future__ import annotations

from collections.abc import Iterator

from grappe.api import Object

ANNOTATION = "kubernetes.io/enforce-mountable-secrets"
_TRUE = ("1", "t", "T", "true", "TRUE", "True")


def enforced(account: Object) -> bool:
    """Whether the annotation of a service account asks for it."""
    return (account["metadata"].get("annotations") or {}).get(ANNOTATION) in _TRUE


def problem(spec: Object, account: Object) -> str:
    """What a new pod uses that its account does not list; empty when there is nothing."""
    return next(_problems(spec, account), "")


def ephemeral_problem(spec: Object, account: Object) -> str:
    """The same of its ephemeral containers."""
    return next(_container_problems(spec, "ephemeralContainers", "ephemeral", account), "")


def _problems(spec: Object, account: Object) -> Iterator[str]:
    known = _names(account, "secrets")
    name = account["metadata"]["name"]
    for volume in spec.get("volumes") or ():
        secret = volume.get("secret")
        if secret is not None and secret.get("secretName") not in known:
            yield (
                f'volume with secret.secretName="{secret.get("secretName") or ""}" is not allowed '
                f"because service account {name} does not reference that secret"
            )
    yield from _container_problems(spec, "initContainers", "init", account)
    yield from _container_problems(spec, "containers", "", account)
    pulled = _names(account, "imagePullSecrets")
    for index, reference in enumerate(spec.get("imagePullSecrets") or ()):
        if reference.get("name") not in pulled:
            yield (
                f'imagePullSecrets[{index}].name="{reference.get("name") or ""}" is not allowed '
                f"because service account {name} does not reference that imagePullSecret"
            )


def _container_problems(spec: Object, field: str, sort: str, account: Object) -> Iterator[str]:
    known = _names(account, "secrets")
    for container in spec.get(field) or ():
        who = f"{sort} container {container.get('name')}".lstrip()
        for where, secret in _environment(container):
            if secret not in known:
                yield (
                    f'{who} with {where} referencing secret.secretName="{secret}" is not allowed '
                    f"because service account {account['metadata']['name']} does not reference "
                    "that secret"
                )


def _environment(container: Object) -> Iterator[tuple[str, str]]:
    """(where, which Secret) of a container's variables."""
    for variable in container.get("env") or ():
        key = (variable.get("valueFrom") or {}).get("secretKeyRef")
        if key is not None:
            yield f"envVar {variable.get('name')}", key.get("name") or ""
    for source in container.get("envFrom") or ():
        if source.get("secretRef") is not None:
            yield "envFrom", source["secretRef"].get("name") or ""


def _names(account: Object, field: str) -> set[str]:
    return {str(reference.get("name")) for reference in account.get(field) or ()}
