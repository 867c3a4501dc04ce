"""Custom resources: generation counts every change outside metadata and status."""

from __future__ import annotations

from grappe.api import Object
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.interface import ServedResource
from grappe.apiserver.registry.strategies.base import Strategy

_APART = frozenset(("metadata", "kind", "apiVersion"))


class CustomStrategy(Strategy):
    unconditional_update = False
    generation = True
    status_keeps_metadata = True

    def __init__(self, served: ServedResource) -> None:
        super().__init__(served)
        self.deliberates = served.schema.has_rules

    def prepare_create(self, obj: Object, user: User) -> None:
        if self.has_status:
            obj.pop("status", None)
        obj["metadata"]["generation"] = 1

    def asks_otherwise(self, new: Object, old: Object) -> bool:
        apart = _APART | {"status"} if self.has_status else _APART
        return {k: v for k, v in new.items() if k not in apart} != {
            k: v for k, v in old.items() if k not in apart
        }
