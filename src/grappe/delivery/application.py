"""What an Application asks for, read into plain frozen values, or why it cannot be done."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grappe.api import Object

IN_CLUSTER_SERVER = "https://kubernetes.default.svc"
IN_CLUSTER_NAME = "in-cluster"
CONTROL_NAMESPACE = "argocd"

_DEFAULT_RETRY_LIMIT = 5
_DEFAULT_HISTORY = 10


class InvalidSpecError(Exception):
    """The Application cannot be acted on as it is; the message says why, and what to write."""


@dataclass(frozen=True, slots=True)
class Source:
    """One repository, revision and folder. `index` counts within `spec.sources`."""

    repo_url: str
    path: str
    target_revision: str
    recurse: bool = False
    include: str = ""
    exclude: str = ""
    index: int = 0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses between tries, in seconds."""

    duration: float = 5.0
    factor: int = 2
    limit: float = 180.0

    def pause(self, retries: int) -> float:
        """Before try number `retries` + 1 (the first retry is 0)."""
        return min(self.limit, self.duration * float(self.factor) ** min(retries, 64))


@dataclass(frozen=True, slots=True)
class Retry:
    """`limit` below 0 means without end."""

    limit: int = 0
    backoff: Backoff = field(default_factory=Backoff)


@dataclass(frozen=True, slots=True)
class Automated:
    prune: bool
    self_heal: bool
    allow_empty: bool


@dataclass(frozen=True, slots=True)
class IgnoredDifference:
    """Fields not compared, of the resources that match; empty name or namespace match all."""

    group: str
    kind: str
    name: str
    namespace: str
    pointers: tuple[str, ...]
    managers: tuple[str, ...]

    def matches(self, group: str, kind: str, namespace: str, name: str) -> bool:
        return (
            self.group in (group, "*")
            and self.kind in (kind, "*")
            and self.name in ("", name)
            and self.namespace in ("", namespace)
        )


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """`spec.syncPolicy.syncOptions` and their like."""

    create_namespace: bool = False
    prune_last: bool = False
    apply_out_of_sync_only: bool = False
    replace: bool = False
    respect_ignored: bool = False
    propagation: str = "foreground"


@dataclass(frozen=True, slots=True)
class Application:
    """`name` is the one in tracking ids: `NAMESPACE_NAME` outside Argo CD's own namespace."""

    name: str
    sources: tuple[Source, ...]
    namespace: str
    automated: Automated | None
    options: SyncOptions
    retry: Retry
    ignored: tuple[IgnoredDifference, ...]
    history_limit: int
    namespace_metadata: Mapping[str, Any] | None


def tracking_name(namespace: str, name: str) -> str:
    """An Application's name in tracking ids."""
    return name if namespace == CONTROL_NAMESPACE else f"{namespace}_{name}"


def instance_name(obj: Object) -> str:
    """The Application's name in tracking ids."""
    return tracking_name(obj["metadata"]["namespace"], obj["metadata"]["name"])


def parse(obj: Object) -> Application:
    """Read an Application; InvalidSpecError when it cannot be acted on."""
    spec = obj.get("spec") or {}
    if spec.get("sourceHydrator"):
        raise InvalidSpecError("spec.sourceHydrator is not supported: use spec.source")
    raw_sources = spec.get("sources") or ([spec["source"]] if spec.get("source") else [])
    if not raw_sources:
        raise InvalidSpecError(
            "the Application has no source: set spec.source.repoURL and spec.source.path"
        )
    policy = spec.get("syncPolicy") or {}
    return Application(
        name=instance_name(obj),
        sources=tuple(parse_source(raw, n) for n, raw in enumerate(raw_sources)),
        namespace=_destination(spec.get("destination") or {}),
        automated=_automated(policy.get("automated")),
        options=parse_options(policy.get("syncOptions") or ()),
        retry=parse_retry(policy.get("retry")),
        ignored=tuple(
            _ignored(raw, n) for n, raw in enumerate(spec.get("ignoreDifferences") or ())
        ),
        history_limit=max(0, _given(spec.get("revisionHistoryLimit"), _DEFAULT_HISTORY)),
        namespace_metadata=policy.get("managedNamespaceMetadata"),
    )


def parse_source(raw: Mapping[str, Any], index: int = 0) -> Source:
    for tool in ("helm", "kustomize", "plugin", "chart"):
        if raw.get(tool):
            raise InvalidSpecError(
                f"source {index + 1} asks for {tool}, which is not supported: commit the rendered "
                "manifests and point path at their folder"
            )
    if raw.get("ref"):
        raise InvalidSpecError(f"source {index + 1}: ref is only of use with Helm: remove it")
    directory = raw.get("directory") or {}
    if directory.get("jsonnet"):
        raise InvalidSpecError(f"source {index + 1}: Jsonnet is not supported: commit YAML or JSON")
    if not raw.get("repoURL"):
        raise InvalidSpecError(f"source {index + 1} has no repoURL")
    path = str(raw.get("path") or ".")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or ".." in parts:
        raise InvalidSpecError(
            f"source {index + 1}: path {path!r} must be within the repository, such as deploy/prod"
        )
    return Source(
        repo_url=str(raw["repoURL"]),
        path="/".join(parts),
        target_revision=str(raw.get("targetRevision") or "HEAD"),
        recurse=bool(directory.get("recurse")),
        include=str(directory.get("include") or ""),
        exclude=str(directory.get("exclude") or ""),
        index=index,
    )


def _destination(raw: Mapping[str, Any]) -> str:
    """The namespace; only the cluster itself can be the destination."""
    server, name = raw.get("server") or "", raw.get("name") or ""
    if server and name:
        raise InvalidSpecError(
            f"application destination can't have both name and server defined: {name} {server}"
        )
    if not server and not name:
        raise InvalidSpecError(f"Destination server missing from app spec: {IN_CLUSTER_SERVER}?")
    if (server and server.rstrip("/") != IN_CLUSTER_SERVER) or (name and name != IN_CLUSTER_NAME):
        raise InvalidSpecError(
            f"destination {server or name} is another cluster: only server {IN_CLUSTER_SERVER} "
            f"(name {IN_CLUSTER_NAME}) is supported"
        )
    return str(raw.get("namespace") or "")


def _automated(raw: Mapping[str, Any] | None) -> Automated | None:
    if raw is None or raw.get("enabled") is False:
        return None
    return Automated(
        prune=bool(raw.get("prune")),
        self_heal=bool(raw.get("selfHeal")),
        allow_empty=bool(raw.get("allowEmpty")),
    )


_PROPAGATION = {"foreground", "background", "orphan"}


def parse_options(raw: Sequence[str]) -> SyncOptions:
    """Unknown options are ignored, as Argo CD does: several concern its own ways to apply."""
    given = dict(option.partition("=")[::2] for option in raw)
    propagation = given.get("PrunePropagationPolicy", "foreground").lower()
    if propagation not in _PROPAGATION:
        raise InvalidSpecError(
            f"sync option PrunePropagationPolicy={propagation}: one of foreground, background, "
            "orphan"
        )
    return SyncOptions(
        create_namespace=given.get("CreateNamespace") == "true",
        prune_last=given.get("PruneLast") == "true",
        apply_out_of_sync_only=given.get("ApplyOutOfSyncOnly") == "true",
        replace=given.get("Replace") == "true",
        respect_ignored=given.get("RespectIgnoreDifferences") == "true",
        propagation=propagation,
    )


def parse_retry(raw: Mapping[str, Any] | None, *, default: int = _DEFAULT_RETRY_LIMIT) -> Retry:
    """`default` is the limit where there is no retry policy at all."""
    if raw is None:
        return Retry(default)
    backoff = raw.get("backoff") or {}
    return Retry(
        limit=_given(raw.get("limit"), 0),
        backoff=Backoff(
            duration=parse_duration(backoff.get("duration"), 5.0),
            factor=max(1, _given(backoff.get("factor"), 2)),
            limit=parse_duration(backoff.get("maxDuration"), 180.0),
        ),
    )


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|s|m|h)")


def parse_duration(text: str | None, default: float) -> float:
    """Seconds of a Go duration such as `1m30s`, or of a bare number of seconds."""
    if not text:
        return default
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not re.fullmatch(f"(?:{_DURATION.pattern})+", text):
        raise InvalidSpecError(f"{text!r} is no duration: write it as 30s, 5m or 1h")
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))


def _ignored(raw: Mapping[str, Any], index: int) -> IgnoredDifference:
    if raw.get("jqPathExpressions"):
        raise InvalidSpecError(
            f"spec.ignoreDifferences[{index}].jqPathExpressions is not supported: "
            "use jsonPointers or managedFieldsManagers"
        )
    pointers = tuple(raw.get("jsonPointers") or ())
    for pointer in pointers:
        if not pointer.startswith("/"):
            raise InvalidSpecError(
                f"spec.ignoreDifferences[{index}]: {pointer!r} is no JSON pointer: "
                "write it as /spec/replicas"
            )
    return IgnoredDifference(
        group=raw.get("group") or "",
        kind=raw.get("kind") or "",
        name=raw.get("name") or "",
        namespace=raw.get("namespace") or "",
        pointers=pointers,
        managers=tuple(raw.get("managedFieldsManagers") or ()),
    )


def _given(value: int | None, default: int) -> int:
    return default if value is None else int(value)
