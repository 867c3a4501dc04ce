"""Kubernetes' semver library (https://semver.org/spec/v2.0.0.html)."""

from __future__ import annotations

import re
from typing import Any

from grappe.api.cel.registry import function
from grappe.api.cel.values import CelError

_NUMBER = r"0|[1-9][0-9]*"
_SEMVER = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})"
    rf"(?:-((?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*))?"
    r"(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)


class Semver:
    """A version; build metadata does not count in comparisons."""

    __slots__ = ("numbers", "order", "spelled")
    cel_type = "kubernetes.Semver"

    def __init__(self, text: str) -> None:
        found = _SEMVER.fullmatch(text)
        if found is None:
            raise CelError(f"invalid semantic version {text!r}")
        self.spelled = text
        self.numbers = (int(found[1]), int(found[2]), int(found[3]))
        self.order = (*self.numbers, *_precedence(found[4]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Semver) and other.order == self.order

    def __hash__(self) -> int:
        return hash(self.order)

    def cel_string(self) -> str:
        return self.spelled


def _precedence(prerelease: str | None) -> tuple[Any, ...]:
    """Sorts as prereleases do: before the release, numbers before words."""
    if prerelease is None:
        return (1, ())
    parts = tuple(
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in prerelease.split(".")
    )
    return (0, parts)


def _normalized(text: str) -> str:
    """Without a leading `v`, with three numbers, without leading zeros."""
    text = text.removeprefix("v")
    core = re.match(r"[0-9.]*", text)
    numbers = core[0] if core else ""
    parts = [part.lstrip("0") or "0" for part in numbers.split(".") if part]
    if len(parts) > 3 or numbers.endswith(".") or not parts:
        return text
    return ".".join([*parts, "0", "0"][: max(3, len(parts))]) + text[len(numbers) :]


@function("semver(string) -> Semver")
def semver(text: str) -> Semver:
    return Semver(text)


@function("semver(string, bool) -> Semver")
def semver_normalized(text: str, normalize: bool) -> Semver:
    return Semver(_normalized(text) if normalize else text)


@function("isSemver(string) -> bool")
def is_semver(text: str) -> bool:
    return _SEMVER.fullmatch(text) is not None


@function("isSemver(string, bool) -> bool")
def is_semver_normalized(text: str, normalize: bool) -> bool:
    return is_semver(_normalized(text) if normalize else text)


@function("Semver.isLessThan(Semver) -> bool", on=Semver)
def less(value: Semver, other: Semver) -> bool:
    return value.order < other.order


@function("Semver.isGreaterThan(Semver) -> bool", on=Semver)
def greater(value: Semver, other: Semver) -> bool:
    return value.order > other.order


@function("Semver.compareTo(Semver) -> int", on=Semver)
def compared(value: Semver, other: Semver) -> int:
    return (value.order > other.order) - (value.order < other.order)


function("Semver.major() -> int", on=Semver)(lambda value: value.numbers[0])
function("Semver.minor() -> int", on=Semver)(lambda value: value.numbers[1])
function("Semver.patch() -> int", on=Semver)(lambda value: value.numbers[2])
