"""Whether the names a definition asks for are free in its group."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from grappe.apiserver.crd.definition import Definition, Names


class Verdict(NamedTuple):
    """`names` are those that are accepted; `reason` and `message` those of the condition
    NamesAccepted, which is true when `reason` is NoConflicts."""

    names: Names
    reason: str
    message: str

    @property
    def accepted(self) -> bool:
        return self.reason == "NoConflicts"


def judge_names(definition: Definition, others: Iterable[Definition]) -> Verdict:
    """Which of its names `definition` gets, given what `others` of the group have accepted.

    A name that is taken keeps what was accepted for it before; the others are accepted.
    """
    taken: set[str] = set()
    kinds: set[str] = set()
    for other in others:
        if other.name != definition.name and other.group == definition.group:
            has = other.accepted
            taken.update((has.plural, has.singular, *has.short_names))
            kinds.update((has.kind, has.list_kind))
    taken.discard("")
    kinds.discard("")
    asked, before = definition.names, definition.accepted
    found, reason, message = asked, "NoConflicts", "no conflicts found"
    if asked.plural in taken:
        found = replace(found, plural=before.plural)
        reason, message = "PluralConflict", _in_use(asked.plural)
    if asked.singular in taken:
        found = replace(found, singular=before.singular)
        reason, message = "SingularConflict", _in_use(asked.singular)
    clashes = [name for name in asked.short_names if name in taken]
    if clashes:
        found = replace(found, short_names=before.short_names)
        told = [_in_use(name) for name in clashes]
        reason = "ShortNamesConflict"
        message = told[0] if len(told) == 1 else f"[{', '.join(told)}]"
    if asked.kind in kinds:
        found = replace(found, kind=before.kind)
        reason, message = "KindConflict", _in_use(asked.kind)
    if asked.list_kind in kinds:
        found = replace(found, list_kind=before.list_kind)
        reason, message = "ListKindConflict", _in_use(asked.list_kind)
    return Verdict(found, reason, message)


def _in_use(name: str) -> str:
    return f'"{name}" is already in use'
