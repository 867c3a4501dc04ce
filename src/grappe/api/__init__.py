"""Kubernetes' API rules as pure functions on plain JSON objects (dict, list, str, …).

Kinds, schemas, names, selectors, quantities, defaults, validation, the four patches, field
ownership. No I/O, no clock, no randomness: time and identifiers are passed in. Never keeps or
mutates an object it was not told to mutate.
"""

from typing import Any, TypeAlias

Object: TypeAlias = dict[str, Any]
"""A Kubernetes object as decoded JSON."""
