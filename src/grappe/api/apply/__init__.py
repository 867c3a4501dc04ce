"""Server-side apply: who owns which field, and merging what several managers apply.

https://kubernetes.io/docs/reference/using-api/server-side-apply/ (KEP-555). `apply` merges an
applied configuration, `track_update` notes the ownership of every other write. Pure: the time is
passed in, no object handed in is changed except `new` of `track_update`. Must never know a kind
by name: lists and maps are merged as the schema says.
"""

from grappe.api.apply.server_side_apply import apply
from grappe.api.apply.track import track_update

__all__ = ["apply", "track_update"]
