"""The Common Expression Language with Kubernetes' functions and limits.

`environment` says what expressions may mention and compiles them; a `Program` evaluates them on
plain JSON objects. Parsing and type checking are the library's (`library`, loaded on first use);
evaluation is our own (`program`), on the objects as they are and with every step counted. Must
never do I/O: what an expression may ask of the cluster is handed in.
https://kubernetes.io/docs/reference/using-api/cel/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grappe.api.cel.library import Environment
    from grappe.api.cel.types import Type


def environment(variables: Mapping[str, Type]) -> Environment:
    """An environment with these variables. Loads the library."""
    from grappe.api.cel.library import Environment

    return Environment(variables)
