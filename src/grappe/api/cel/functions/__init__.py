"""The functions Kubernetes adds to CEL, one module for each library.

Importing the package declares them all. Must never do I/O: what asks the cluster (the authorizer)
is handed in as a value. https://kubernetes.io/docs/reference/using-api/cel/#cel-libraries
"""

from grappe.api.cel.functions import (
    authorizer,
    formats,
    jsonpatch,
    lists,
    network,
    quantities,
    regex,
    semver,
    sets,
    strings,
    urls,
)

__all__ = [
    "authorizer",
    "formats",
    "jsonpatch",
    "lists",
    "network",
    "quantities",
    "regex",
    "semver",
    "sets",
    "strings",
    "urls",
]
