"""Credentials of private repositories, as Argo CD's repository Secrets hold them. Pure.

https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#repositories: a Secret
labelled `argocd.argoproj.io/secret-type: repository` is for its `url`, one labelled `repo-creds`
for every URL that begins with it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

SECRET_TYPE = "argocd.argoproj.io/secret-type"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What git may show a host. Nothing of it is ever printed."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    ssh_key: str = field(default="", repr=False)
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class RepositorySecret:
    """One Secret, read. `kind` says whether `url` is a whole URL or the beginning of many."""

    kind: Literal["repository", "repo-creds"]
    url: str
    credentials: Credentials


def read_secret(secret: dict[str, Any]) -> RepositorySecret | None:
    """None when it is none of these, or names no URL."""
    kind = (secret["metadata"].get("labels") or {}).get(SECRET_TYPE)
    if kind not in ("repository", "repo-creds"):
        return None
    data = {key: _decoded(value) for key, value in (secret.get("data") or {}).items()}
    url = _normal(data.get("url", ""))
    if not url:
        return None
    token = data.get("bearerToken", "")
    return RepositorySecret(
        "repository" if kind == "repository" else "repo-creds",
        url,
        Credentials(
            username=data.get("username", "") or ("x-access-token" if token else ""),
            password=data.get("password", "") or token,
            ssh_key=data.get("sshPrivateKey", ""),
            insecure=data.get("insecure", "") == "true",
        ),
    )


def choose(secrets: Iterable[RepositorySecret], url: str) -> Credentials | None:
    """The credentials for a URL: of the Secret for just this one, else of the longest beginning."""
    wanted = _normal(url)
    best: RepositorySecret | None = None
    for secret in secrets:
        if secret.kind == "repository" and secret.url == wanted:
            return secret.credentials
        begins = wanted == secret.url or wanted.startswith(secret.url.rstrip("/:") + "/")
        longer = best is None or len(secret.url) > len(best.url)
        if secret.kind == "repo-creds" and begins and longer:
            best = secret
    return best.credentials if best is not None else None


def _normal(url: str) -> str:
    """URLs that mean one repository, written in one way."""
    text = url.strip().rstrip("/").removesuffix(".git")
    scheme, separator, rest = text.partition("://")
    if not separator:
        return text
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}://{host.lower()}{slash}{path}"


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
