"""A Client over a dictionary: enough of create, get, update and patch to hold a few objects.

For tests of single functions; whole controllers are tested against the real API server.
"""

from __future__ import annotations

import copy

from grappe.api.errors import ApiError, conflict, not_found


class MemoryClient:
    def __init__(self) -> None:
        self.objects: dict[tuple[str, str | None, str], dict] = {}
        self.revision = 0
        self.calls: list[tuple[str, dict]] = []
        self.fail: list[Exception] = []
        self.before_write = lambda: None

    def _begin(self, verb: str, body) -> None:
        self.calls.append((verb, copy.deepcopy(body)))
        if self.fail:
            raise self.fail.pop(0)

    def _store(self, key, obj: dict) -> dict:
        self.revision += 1
        obj = copy.deepcopy(obj)
        obj["metadata"]["resourceVersion"] = str(self.revision)
        obj["metadata"].setdefault("uid", f"uid-{self.revision}")
        self.objects[key] = obj
        return copy.deepcopy(obj)

    async def get(self, resource, name, namespace=None, *, subresource=None):
        self._begin("get", {})
        try:
            return copy.deepcopy(self.objects[resource.plural, namespace, name])
        except KeyError:
            raise not_found(resource.plural, name, resource.group) from None

    async def create(self, resource, obj, namespace=None, **_):
        self._begin("create", obj)
        meta = obj["metadata"]
        key = (resource.plural, namespace or meta.get("namespace"), meta["name"])
        if key in self.objects:
            raise ApiError(409, "AlreadyExists", "exists")
        return self._store(key, obj)

    async def update(self, resource, obj, **_):
        self._begin("update", obj)
        self.before_write()
        meta = obj["metadata"]
        key = (resource.plural, meta.get("namespace"), meta["name"])
        self._check(resource, key, meta)
        return self._store(key, obj)

    async def patch(self, resource, name, patch, namespace=None, **_):
        self._begin("patch", patch)
        self.before_write()
        key = (resource.plural, namespace, name)
        self._check(resource, key, patch.get("metadata") or {})
        return self._store(key, _merge(self.objects[key], patch))

    def _check(self, resource, key, meta) -> None:
        if key not in self.objects:
            raise not_found(resource.plural, key[2], resource.group)
        found = self.objects[key]["metadata"]["resourceVersion"]
        if meta.get("resourceVersion", found) != found:
            raise conflict(resource.plural, key[2], "modified", resource.group)


def _merge(target, patch):
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merge(result.get(key), value)
    return result
