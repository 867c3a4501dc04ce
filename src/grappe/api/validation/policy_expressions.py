"""What is wrong with the expressions of an admission policy. Loads the CEL library when there are
any."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from grappe.api import Object
from grappe.api.causes import invalid
from grappe.api.validation.rules import Causes

if TYPE_CHECKING:
    from grappe.api.cel.admission import Composition


class Expressions:
    """The expressions of one policy's spec."""

    def __init__(self, spec: Object) -> None:
        self._spec = spec

    @cached_property
    def _composition(self) -> Composition:
        from grappe.api.cel.admission import Composition, Variable
        from grappe.api.cel.types import DYN

        variables = [
            Variable(one.get("name") or "", one.get("expression") or "")
            for one in self._spec.get("variables") or ()
        ]
        return Composition(variables, params=DYN if self._spec.get("paramKind") else None)

    def variable(self, index: int, at: str) -> Causes:
        """The variable at this index."""
        broken = self._composition.broken.get(index)
        if broken:
            yield invalid(at, self._spec["variables"][index]["expression"], broken)

    def value(
        self, source: str, at: str, results: Sequence[str], told: str, *, authorizer: bool = True
    ) -> Causes:
        """An expression that is to give one of `results`, `told` in words."""
        from grappe.api.cel.admission import ExpressionError

        try:
            self._composition.compile(source, results, told, authorizer=authorizer)
        except ExpressionError as error:
            yield invalid(at, source, str(error))

    def condition(self, source: str, at: str) -> Causes:
        """A match condition."""
        from grappe.api.cel.admission import ExpressionError, compile_condition

        try:
            compile_condition(source, params=bool(self._spec.get("paramKind")))
        except ExpressionError as error:
            yield invalid(at, source, str(error))

    def mutation(self, source: str, at: str) -> Causes:
        """An expression that makes a patch."""
        from grappe.api.cel.admission import ExpressionError

        try:
            self._composition.check_mutation(source)
        except ExpressionError as error:
            yield invalid(at, source, str(error))
