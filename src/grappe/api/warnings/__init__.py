"""What Kubernetes warns of in objects that it accepts: deprecated fields, labels and annotations,
and what is likely not meant.

`warnings_of` is given an object that has passed validation and returns sentences for `Warning`
headers (https://kubernetes.io/docs/reference/using-api/#warnings). Pure. Must never refuse
anything: that is validation's. What a whole API version is warned of stands in the server's
catalog.
"""

from grappe.api.warnings.registry import warnings_of

__all__ = ["warnings_of"]
