"""What Kubernetes refuses of its built-in kinds, with the field and the words it uses.

`validate_create` and `validate_update` are given objects after defaulting and schema checks (so
types are right) and return every cause found, none when all is well. Pure; one module for each
group of kinds; every rule is a generator of causes. Must never change the object, nor look at any
other: what depends on the cluster is admission's. Custom resources have their schemas instead.
"""

from grappe.api.validation.registry import validate_create, validate_update

__all__ = ["validate_create", "validate_update"]
