"""Read kubeconfig files, and the files every pod has, into ConnectionSettings.

https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grappe.base.errors import UserError
from grappe.client.exec_credentials import ExecPlugin
from grappe.client.settings import ConnectionSettings

SECTIONS = (("clusters", "cluster"), ("users", "user"), ("contexts", "context"))
_POD_FILES = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def default_paths(environment: Mapping[str, str] = os.environ) -> list[Path]:
    """The files of `$KUBECONFIG`, or `~/.kube/config`."""
    listed = [Path(p) for p in environment.get("KUBECONFIG", "").split(os.pathsep) if p]
    return listed or [Path(environment.get("HOME") or Path.home()) / ".kube" / "config"]


def load(path: Path | None = None, context: str | None = None) -> ConnectionSettings:
    """The settings of one context; UserError says what is missing or cannot be used.

    Without a path: the default files; if there are none and this is a pod, the pod's own files.
    """
    if path is not None and not path.exists():
        raise UserError(f"there is no kubeconfig {path}", "run: grappe up")
    paths = [path] if path is not None else [p for p in default_paths() if p.exists()]
    if not paths:
        settings = in_cluster()
        if settings is None:
            raise UserError(
                f"there is no kubeconfig: looked for {', '.join(map(str, default_paths()))}",
                "run: grappe up, or set KUBECONFIG",
            )
        return settings
    return settings_of(merged(paths), context, paths[0])


class Renewed:
    """The settings of a kubeconfig each time its file has been written anew."""

    def __init__(self, path: Path, context: str | None = None) -> None:
        self._path = path
        self._context = context
        self._written = 0
        self._written = self._written_at()

    def __call__(self) -> ConnectionSettings | None:
        """The new settings; None when the file is as it was. UserError as `load`."""
        written = self._written_at()
        if written == self._written:
            return None
        settings = load(self._path, self._context)
        self._written = written
        return settings

    def _written_at(self) -> int:
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return self._written  # it comes back


def in_cluster(
    environment: Mapping[str, str] = os.environ, files: Path = _POD_FILES
) -> ConnectionSettings | None:
    """What a container of a pod finds in itself; None outside a pod."""
    host, port = (
        environment.get("KUBERNETES_SERVICE_HOST"),
        environment.get("KUBERNETES_SERVICE_PORT", "443"),
    )
    if not host or not (files / "token").exists():
        return None
    namespace = files / "namespace"
    return ConnectionSettings(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        ca=(files / "ca.crt").read_bytes(),
        token_file=files / "token",
        namespace=namespace.read_text().strip() if namespace.exists() else "default",
    )


def read(path: Path) -> dict[str, Any]:
    """One file as it is; {} when it is empty. UserError when it is no kubeconfig."""
    import yaml  # only needed here: loaded when a kubeconfig is

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        decoded = yaml.load(path.read_text(), loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        what = " ".join(str(error).split())
        raise UserError(f"kubeconfig {path} cannot be read: {what}", "repair the file") from error
    if decoded is None:
        return {}
    sections = decoded if isinstance(decoded, dict) else {"clusters": decoded}
    for section, _ in SECTIONS:
        entries = sections.get(section) or []
        if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            raise UserError(f"kubeconfig {path}: {section} is no list of entries", "repair it")
    return sections


def merged(paths: Sequence[Path]) -> dict[str, Any]:
    """Several files as one: the first file to name an entry, or the current context, wins.

    Relative paths in a file are relative to the file's own folder, and made absolute.
    """
    whole: dict[str, Any] = {"current-context": "", **{section: [] for section, _ in SECTIONS}}
    for path in paths:
        config = read(path)
        current = str(config.get("current-context") or "")
        whole["current-context"] = whole["current-context"] or current
        for section, inner in SECTIONS:
            known = [entry.get("name") for entry in whole[section]]
            for entry in config.get(section) or []:
                if entry.get("name") not in known:
                    facts = entry.get(inner) or {}
                    if not isinstance(facts, dict):
                        raise UserError(f"kubeconfig {path}: a {inner} is no mapping", "repair it")
                    facts = _absolute(facts, path.parent)
                    whole[section].append({**entry, inner: facts})
    return whole


def settings_of(config: Mapping[str, Any], context: str | None, origin: Path) -> ConnectionSettings:
    """The settings of `context`, or of the current one, in a decoded kubeconfig."""
    name = context or config.get("current-context") or ""
    if not name:
        raise UserError(
            f"kubeconfig {origin} has no current context", "run: kubectl config use-context NAME"
        )
    chosen = _entry(config, "contexts", "context", name, origin)
    cluster = _entry(config, "clusters", "cluster", str(chosen.get("cluster", "")), origin)
    user: Mapping[str, Any] = {}
    if chosen.get("user"):
        user = _entry(config, "users", "user", str(chosen["user"]), origin)
    for key in ("auth-provider", "username"):
        if key in user:
            raise UserError(
                f"kubeconfig {origin}: user {chosen['user']!r} authenticates by {key}, "
                "which grappe does not support",
                "use a client certificate or a service-account token: kubectl create token NAME",
            )
    if "proxy-url" in cluster:
        raise UserError(f"kubeconfig {origin}: proxy-url is not supported", "connect directly")
    if not cluster.get("server"):
        raise UserError(f"kubeconfig {origin}: the cluster of {name!r} has no server", "add it")
    certificate = _data(user, "client-certificate", origin)
    private_key = _data(user, "client-key", origin)
    if (certificate is None) != (private_key is None):
        missing = "client-key" if private_key is None else "client-certificate"
        raise UserError(f"kubeconfig {origin}: user {chosen['user']!r} has no {missing}", "add it")
    token = str(user.get("token") or "")
    token_file = user.get("tokenFile")
    return ConnectionSettings(
        server=str(cluster["server"]),
        ca=_data(cluster, "certificate-authority", origin),
        client_certificate=certificate,
        client_key=private_key,
        token=token,
        token_file=Path(token_file) if token_file else None,
        exec_plugin=_exec_plugin(user, origin),
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        tls_server_name=str(cluster.get("tls-server-name") or ""),
        namespace=str(chosen.get("namespace") or "default"),
    )


def _exec_plugin(user: Mapping[str, Any], origin: Path) -> ExecPlugin | None:
    raw = user.get("exec")
    if not raw:
        return None
    if not isinstance(raw, dict) or not raw.get("command"):
        raise UserError(f"kubeconfig {origin}: exec has no command", "repair it")
    try:
        arguments = tuple(str(argument) for argument in raw.get("args") or ())
        environment = {str(e["name"]): str(e["value"]) for e in raw.get("env") or ()}
    except (KeyError, TypeError):
        raise UserError(
            f"kubeconfig {origin}: exec has args or env that are no list", "repair it"
        ) from None
    return ExecPlugin(
        command=str(raw["command"]),
        arguments=arguments,
        environment=environment,
        api_version=str(raw.get("apiVersion") or "client.authentication.k8s.io/v1"),
        hint=" ".join(str(raw.get("installHint") or "").split()),
    )


_FILE_KEYS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


def _absolute(facts: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The same facts with file names made absolute; `folder / absolute` is `absolute`."""
    return {
        key: str((folder / str(value)).absolute()) if key in _FILE_KEYS and value else value
        for key, value in facts.items()
    }


def _entry(
    config: Mapping[str, Any], section: str, inner: str, name: str, origin: Path
) -> Mapping[str, Any]:
    for entry in config.get(section) or []:
        if entry.get("name") == name:
            facts: Mapping[str, Any] = entry.get(inner) or {}
            return facts
    known = ", ".join(sorted(str(e.get("name")) for e in config.get(section) or [])) or "none"
    raise UserError(
        f"kubeconfig {origin} has no {inner} {name!r}; it has: {known}", "name one of these"
    )


def _data(facts: Mapping[str, Any], key: str, origin: Path) -> bytes | None:
    """The bytes of `KEY-data` (base64), else of the file `KEY` names; None when neither is set."""
    if encoded := facts.get(f"{key}-data"):
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise UserError(f"kubeconfig {origin}: {key}-data is no base64", "repair it") from None
    if named := facts.get(key):
        try:
            return Path(named).read_bytes()
        except OSError as error:
            raise UserError(
                f"kubeconfig {origin}: {key} {named}: {error.strerror}", "repair it"
            ) from error
    return None
