"""What every schema offers, whether of a built-in or a custom kind."""

from __future__ import annotations

from typing import Protocol

from grappe.api import Object
from grappe.api.errors import Cause
from grappe.api.schema.node import Node


class DecodingError(ValueError):
    """The object cannot be read as its kind: the text after `cannot be handled as a KIND: `."""


class Schema(Protocol):
    """The schema of one version of one kind.

    A path is written as Kubernetes writes it in messages: `spec.containers[0].image`.
    """

    @property
    def root(self) -> Node:
        """The schema of the whole object; walk it with `child` and `items`."""
        ...

    def decode(self, obj: Object, *, keep_empty: bool = False) -> list[str]:
        """Read `obj` as its kind, in place: unknown fields are dropped and their paths returned,
        values brought to their canonical form (built-in kinds: quantities, times, nulls, and lists
        and maps that mean nothing when empty, unless `keep_empty`: whoever applies owns them).

        Raises DecodingError when a built-in kind's field has the wrong type.
        """
        ...

    def default(self, obj: Object) -> None:
        """Fill in the schema's own defaults, in place (custom kinds; built-in kinds' are in
        `grappe.api.defaults`)."""
        ...

    def check(self, obj: Object) -> list[Cause]:
        """What is wrong with the values of `obj`, in Kubernetes' wording (custom kinds; built-in
        kinds' rules are in `grappe.api.validation`)."""
        ...

    @property
    def has_rules(self) -> bool:
        """Whether `check` evaluates expressions (`x-kubernetes-validations`)."""
        ...

    def check_update(self, obj: Object, old: Object) -> list[Cause]:
        """As `check`, but forgiving what was already wrong with a value that stays as it is."""
        ...
