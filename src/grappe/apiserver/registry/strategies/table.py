"""Which strategy a kind has."""

from __future__ import annotations

from grappe.apiserver.registry.allocation import Allocators
from grappe.apiserver.registry.interface import ServedResource
from grappe.apiserver.registry.strategies.base import Strategy
from grappe.apiserver.registry.strategies.custom import CustomStrategy
from grappe.apiserver.registry.strategies.namespaces import NamespaceStrategy
from grappe.apiserver.registry.strategies.pods import PodStrategy


class Strategies:
    """Makes and keeps the strategy of each served resource."""

    def __init__(self, allocators: Allocators) -> None:
        self._allocators = allocators
        self._made: dict[str, Strategy] = {}

    def of(self, served: ServedResource) -> Strategy:
        if served.custom:
            return CustomStrategy(served)
        found = self._made.get(served.bucket)
        if found is None:
            found = self._made[served.bucket] = self._make(served)
        return found

    def _make(self, served: ServedResource) -> Strategy:
        match served.bucket:
            case "/pods":
                return PodStrategy(served)
            case "/namespaces":
                return NamespaceStrategy(served)
        return Strategy(served)
