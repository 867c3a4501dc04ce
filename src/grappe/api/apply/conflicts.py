"""The 409 that tells an applier whose fields it would change."""

from __future__ import annotations

from collections.abc import Mapping

from grappe.api.apply.elements import shown_path
from grappe.api.apply.field_set import FieldSet, members
from grappe.api.apply.managers import ManagerKey
from grappe.api.errors import ApiError


def conflict_error(conflicts: Mapping[ManagerKey, FieldSet]) -> ApiError:
    """`conflicts` are the fields wanted of each other manager; at least one."""
    found = [
        (str(key), shown_path(path))
        for key, fields in sorted(conflicts.items())
        for path in sorted(members(fields))
    ]
    if len(found) == 1:
        who, path = found[0]
        message = f"Apply failed with 1 conflict: conflict with {who}: {path}"
    else:
        lines: list[str] = []
        for key in sorted(conflicts):
            lines.append(f"conflicts with {key}:")
            lines += [f"- {path}" for who, path in found if who == str(key)]
        message = f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": path}
        for who, path in found
    ]
    return ApiError(409, "Conflict", message, {"causes": causes})
