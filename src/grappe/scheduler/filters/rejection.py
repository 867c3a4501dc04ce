"""Why a node does not do."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from grappe.scheduler.nodes import NodeInfo


class Rejection(NamedTuple):
    """`reasons` in Kubernetes' words; `final` when evicting pods would not change it."""

    reasons: tuple[str, ...]
    final: bool


Check = Callable[[NodeInfo], Rejection | None]
