"""The query parameters of reads and writes, checked.

https://kubernetes.io/docs/reference/kubernetes-api/common-parameters/common-parameters/
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from grappe.api import Object
from grappe.api.causes import not_supported, quote, shown
from grappe.api.errors import ApiError, Cause, bad_request, invalid
from grappe.api.validation.metadata import field_manager
from grappe.apiserver.registry.routing import flag

Validation = Literal["Strict", "Warn", "Ignore"]

_MANAGER_LENGTH = 128


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Of create, update and patch. `manager` is never empty, except for an apply without one."""

    dry_run: bool
    manager: str
    validation: Validation
    force: bool = False


_INTEGER = re.compile(r"[+-]?[0-9]+")


def number(query: Mapping[str, str], name: str) -> int | None:
    """An integer parameter; ApiError 400 when it is none, or does not fit into 64 bits."""
    text = query.get(name)
    if not text:
        return None
    if not _INTEGER.fullmatch(text):
        raise bad_request(f"strconv.ParseInt: parsing {quote(text)}: invalid syntax")
    if len(text) > _DIGITS or not -(2**63) <= (found := int(text)) < 2**63:
        raise bad_request(f"strconv.ParseInt: parsing {quote(text)}: value out of range")
    return found


_DIGITS = 20
"""Characters of the longest 64-bit integer, signed or not; no longer text is read as one."""


def dry_run(values: str | list[str] | None, kind: str) -> bool:
    """Whether `dryRun` asks for one; ApiError 422 for anything but `All`."""
    stages = [values] if isinstance(values, str) else values or []
    stages = [stage for stage in stages if stage]
    if causes := dry_run_problems(stages):
        raise invalid(kind, "", causes, _META)
    return bool(stages)


def dry_run_problems(stages: Sequence[str]) -> list[Cause]:
    """What is wrong with the stages that a dry run is asked for."""
    if all(stage == "All" for stage in stages):
        return []
    message = f'Unsupported value: {shown(stages)}: supported values: "All"'
    return [Cause("dryRun", "FieldValueNotSupported", message)]


_META = "meta.k8s.io"


def write_options(
    query: Mapping[str, str], headers: Mapping[str, str], kind: str, *, apply: bool = False
) -> WriteOptions:
    """Options of a write; `kind` is CreateOptions, UpdateOptions or PatchOptions."""
    if not query and not apply:
        return _options_of(headers.get("user-agent", ""))
    causes = []
    manager = query.get("fieldManager", "")
    if apply and not manager:
        message = "Required value: is required for apply patch"
        causes.append(Cause("fieldManager", "FieldValueRequired", message))
    if not apply and kind == "PatchOptions" and "force" in query:
        message = "Forbidden: may not be specified for non-apply patch"
        causes.append(Cause("force", "FieldValueForbidden", message))
    causes += field_manager(manager, "fieldManager")
    validation = query.get("fieldValidation") or "Warn"
    if validation not in ("Strict", "Warn", "Ignore"):
        supported = ("", "Ignore", "Strict", "Warn")
        causes.append(not_supported("fieldValidation", validation, supported))
    if causes:
        raise invalid(kind, "", causes, _META)
    return WriteOptions(
        dry_run=dry_run(query.get("dryRun"), kind),
        manager=manager or _manager_of(headers.get("user-agent", "")),
        validation=validation,  # type: ignore[arg-type]  # checked above
        force=flag(query, "force"),
    )


@lru_cache(maxsize=256)
def _options_of(agent: str) -> WriteOptions:
    """The options of a write that states none."""
    return WriteOptions(dry_run=False, manager=_manager_of(agent), validation="Warn")


def _manager_of(agent: str) -> str:
    """The field manager of a request that names none: its user agent up to the slash."""
    agent = agent.split("/", 1)[0]
    if not agent.isprintable():
        agent = "".join(c for c in agent if c.isprintable())
    agent = agent[:_MANAGER_LENGTH]
    return agent or "unknown"


@dataclass(frozen=True, slots=True)
class ListOptions:
    """Of list and watch. `limit` 0 means all; `timeout` None means the server's choice."""

    label_selector: str = ""
    field_selector: str = ""
    limit: int = 0
    continue_token: str = ""
    resource_version: str = ""
    match: str = ""
    timeout: int | None = None
    bookmarks: bool = False
    initial_events: bool | None = None


def list_options(query: Mapping[str, str], *, watch: bool) -> ListOptions:
    """Options of a list or watch; ApiError 400 or 422 as Kubernetes answers them."""
    if not query and not watch:
        return ListOptions()
    found = ListOptions(
        label_selector=query.get("labelSelector", ""),
        field_selector=query.get("fieldSelector", ""),
        limit=max(number(query, "limit") or 0, 0),
        continue_token=query.get("continue", ""),
        resource_version=query.get("resourceVersion", ""),
        match=query.get("resourceVersionMatch", ""),
        timeout=number(query, "timeoutSeconds"),
        bookmarks=flag(query, "allowWatchBookmarks"),
        initial_events=flag(query, "sendInitialEvents") if "sendInitialEvents" in query else None,
    )
    causes = _watch_problems(found) if watch else _list_problems(found)
    if causes:
        raise invalid("ListOptions", "", causes, _META)
    if watch and found.initial_events is None and found.resource_version in ("", "0"):
        # Such a watch has always begun with the state; a bookmark tells where that ends.
        return replace(found, initial_events=True, match="NotOlderThan")
    return found


def _forbidden(field: str, why: str) -> Cause:
    return Cause(field, "FieldValueForbidden", f"Forbidden: {why}")


_MATCHES = ("Exact", "NotOlderThan")


def _match_unsupported(match: str, supported: Sequence[str]) -> Cause:
    listed = ", ".join(f'"{m}"' for m in supported)
    message = f'Unsupported value: "{match}": supported values: {listed}'
    return Cause("resourceVersionMatch", "FieldValueNotSupported", message)


def _match_forbidden(why: str) -> Cause:
    return _forbidden("resourceVersionMatch", f"resourceVersionMatch {why}")


def _list_problems(options: ListOptions) -> list[Cause]:
    causes = []
    if options.match:
        if not options.resource_version:
            causes.append(_match_forbidden("is forbidden unless resourceVersion is provided"))
        if options.continue_token:
            causes.append(_match_forbidden("is forbidden when continue is provided"))
        if options.match not in _MATCHES:
            causes.append(_match_unsupported(options.match, (*_MATCHES, "")))
        if options.match == "Exact" and options.resource_version == "0":
            causes.append(_match_forbidden('"exact" is forbidden for resourceVersion "0"'))
    if options.initial_events is not None:
        causes.append(_forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    return causes


def _watch_problems(options: ListOptions) -> list[Cause]:
    causes = []
    if options.initial_events is not None and options.match != "NotOlderThan":
        why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        causes.append(_forbidden("resourceVersionMatch", why))
    if options.match:
        if options.initial_events is None:
            causes.append(
                _match_forbidden("is forbidden for watch unless sendInitialEvents is provided")
            )
        if options.match != "NotOlderThan":
            causes.append(_match_unsupported(options.match, ("NotOlderThan",)))
        if options.continue_token:
            causes.append(_match_forbidden("is forbidden when continue is provided"))
    return causes


def revision(text: str) -> int | None:
    """A resource version given by the client, None when unset; ApiError 400 when it is none."""
    if not text:
        return None
    why = ""
    if not text.isascii() or not text.isdigit():
        why = "invalid syntax"
    elif len(text) > _DIGITS or int(text) >= 2**64:
        why = "value out of range"
    if why:
        shown = quote(text)
        raise bad_request(
            f"invalid resource version: resourceVersion: Invalid value: {shown}: "
            f"strconv.ParseUint: parsing {shown}: {why}"
        )
    return int(text)


class RevisionAheadError(ApiError):
    """504: the client has seen a revision this server has not reached; it may be about to."""

    asked: int


def too_large_revision(asked: int, current: int) -> RevisionAheadError:
    """The error of a client that asked for this revision."""
    details: Object = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    message = f"Too large resource version: {asked}, current: {current}"
    error = RevisionAheadError(
        504, "Timeout", f"Timeout: {message}", details, [("Retry-After", "1")]
    )
    error.asked = asked
    return error
