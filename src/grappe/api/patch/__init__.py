"""The patches that need no ownership: JSON patch, JSON merge patch, strategic merge patch.

Pure: the document patched is never changed, and the result may share unchanged parts with it,
but none with the patch.
Must never know a kind by name; what is special about a field comes from its schema.
"""

from grappe.api.patch.json_patch import json_patch, unknown_members
from grappe.api.patch.merge_patch import merge_patch
from grappe.api.patch.strategic_merge_patch import strategic_merge_patch

__all__ = ["json_patch", "merge_patch", "strategic_merge_patch", "unknown_members"]
