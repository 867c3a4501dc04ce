"""The levels of the Pod Security Standards, each as it was in every version of Kubernetes.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Literal

from grappe.api import Object
from grappe.apiserver.admission.pod_security_checks import BASELINE, RESTRICTED, Check, Standard

Level = Literal["privileged", "baseline", "restricted"]
LEVELS: tuple[Level, ...] = ("privileged", "baseline", "restricted")
LATEST = "latest"


def violations(level: Level, metadata: Object, spec: Object, version: str = LATEST) -> list[str]:
    """Everything in which a pod goes beyond `level` as of `version` (`latest`, or `v1.N`)."""
    return [told for check in _checks(level, version) if (told := check(metadata, spec))]


@cache
def _of(level: Level, minor: int | None) -> tuple[Check, ...]:
    if level == "privileged":
        return ()
    baseline = dict(_existing(BASELINE, minor))
    if level == "baseline":
        return tuple(baseline.values())
    stricter = dict(_existing(RESTRICTED, minor))
    for standard in RESTRICTED:
        if standard.name in stricter:
            baseline.pop(standard.instead_of, None)
    return (*baseline.values(), *stricter.values())


def _existing(standards: Iterable[Standard], minor: int | None) -> Iterator[tuple[str, Check]]:
    """What is demanded as of a version (None: the latest), by name."""
    for standard in standards:
        for since, check in standard.versions:
            if minor is None or since <= minor:
                yield standard.name, check
                break


def _checks(level: Level, version: str) -> tuple[Check, ...]:
    """Of a version that is no version, and of those to come: the latest."""
    number = version.removeprefix("v1.")
    known = number.isascii() and number.isdigit() and int(number) <= _NEWEST
    return _of(level, int(number) if known else None)


_NEWEST = max(since for one in (*BASELINE, *RESTRICTED) for since, _ in one.versions)
