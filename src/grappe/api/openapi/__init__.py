"""OpenAPI documents of what is served: `/openapi/v2` and `/openapi/v3`.

Made from the same data as the schemas, with the descriptions that `kubectl explain` prints, and
with the paths of each kind, which query parameters its verbs take, and what they take and
give. Bytes out, no HTTP; made on demand and never kept: whoever serves them decides what
to cache.
"""

from grappe.api.openapi.custom import CustomKind
from grappe.api.openapi.v2 import v2_document
from grappe.api.openapi.v2_protobuf import v2_protobuf
from grappe.api.openapi.v3 import v3_document, v3_hashes, v3_index

__all__ = ["CustomKind", "v2_document", "v2_protobuf", "v3_document", "v3_hashes", "v3_index"]
