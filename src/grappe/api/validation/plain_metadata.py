"""The quick answer for `metadata` that is plainly valid, as nearly all is.

`metadata.py` says what is wrong with the rest; what is plain here has no problem there
(tests/unit/api/validation/test_plain_metadata.py).
"""

from __future__ import annotations

from functools import cache, lru_cache

from grappe.api import Object, names
from grappe.api.resources import Resource
from grappe.api.validation.metadata import name_check

_LOOKED_AT = ("generateName", "annotations", "ownerReferences", "finalizers")
_checks = cache(name_check)


def is_plain(resource: Resource, metadata: Object) -> bool:
    """Whether there is a good name and namespace, good labels, and none of the rarer parts."""
    for part in _LOOKED_AT:
        if metadata.get(part):
            return False
    name = metadata.get("name")
    if not name or _checks(resource)(name):
        return False
    if resource.namespaced and not metadata.get("namespace"):
        return False
    labels = metadata.get("labels")
    return not labels or all(map(_is_label, labels, labels.values()))


@lru_cache(maxsize=4096)
def _is_label(key: str, value: str) -> bool:
    """Labels repeat from object to object."""
    return not names.qualified_name_problems(key) and not names.label_value_problems(value)
