"""Type checking of a ValidatingAdmissionPolicy against the kinds it names: warnings for its author.

https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#type-checking
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from grappe.api import Object
from grappe.api.cel.admission import Composition, ExpressionError, Variable
from grappe.api.cel.types import DYN, Schemas, Type
from grappe.api.schema import Node


class Checked(NamedTuple):
    """One kind to check against."""

    group: str
    version: str
    kind: str
    root: Node

    def __str__(self) -> str:
        return f"{self.group}/{self.version}, Kind={self.kind}"


def expression_warnings(
    spec: Object, kinds: Sequence[Checked], params: Node | None
) -> list[Object]:
    """`status.typeChecking.expressionWarnings` of a policy; `params` is the schema of its
    parameters."""
    found: list[Object] = []
    param_type = Schemas("params").type_of(params) if params is not None else None
    if param_type is None and spec.get("paramKind"):
        param_type = DYN
    variables = [Variable(v["name"], v["expression"]) for v in spec.get("variables") or ()]
    compositions = [
        (kind, Composition(variables, params=param_type, about=_type(kind))) for kind in kinds
    ]
    for index, validation in enumerate(spec.get("validations") or ()):
        for name in ("expression", "messageExpression"):
            source = validation.get(name) or ""
            told = "\n".join(
                f"{kind}: {problem}\n"
                for kind, composition in compositions
                if source.strip() and (problem := _problem(composition, source))
            )
            if told:
                where = f"spec.validations[{index}].{name}"
                found.append({"fieldRef": where, "warning": told})
    return found


def _type(kind: Checked) -> Type:
    return Schemas("object").type_of(kind.root)


def _problem(composition: Composition, source: str) -> str:
    try:
        composition.compile(source, (), "")
    except ExpressionError as error:
        return str(error).removeprefix("compilation failed: ")
    return ""
