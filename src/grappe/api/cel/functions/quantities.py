"""Kubernetes' quantity library."""

from __future__ import annotations

from decimal import Decimal

from grappe.api import quantity as quantities
from grappe.api.cel.registry import function
from grappe.api.cel.values import CelError, no_overload

_INT64 = 1 << 63


class Quantity:
    """An amount with the spelling it came in."""

    __slots__ = ("amount", "like")
    cel_type = "kubernetes.Quantity"

    def __init__(self, amount: Decimal, like: str = "") -> None:
        self.amount = amount
        self.like = like

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and other.amount == self.amount

    def __hash__(self) -> int:
        return hash(self.amount)

    def cel_string(self) -> str:
        return quantities.spell(self.amount, self.like)


@function("quantity(string) -> Quantity")
def quantity(text: str) -> Quantity:
    try:
        return Quantity(quantities.parse(text), text)
    except quantities.QuantityError as error:
        raise CelError(str(error)) from None


@function("isQuantity(string) -> bool")
def is_quantity(text: str) -> bool:
    try:
        quantities.parse(text)
    except quantities.QuantityError:
        return False
    return True


@function("Quantity.sign() -> int", on=Quantity)
def sign(value: Quantity) -> int:
    return (value.amount > 0) - (value.amount < 0)


@function("Quantity.isInteger() -> bool", on=Quantity)
def is_integer(value: Quantity) -> bool:
    amount = value.amount
    return amount == amount.to_integral_value() and -_INT64 <= amount < _INT64


@function("Quantity.asInteger() -> int", on=Quantity)
def as_integer(value: Quantity) -> int:
    if not is_integer(value):
        raise CelError("cannot convert value to integer")
    return int(value.amount)


@function("Quantity.asApproximateFloat() -> double", on=Quantity)
def as_float(value: Quantity) -> float:
    return float(value.amount)


def _other(value: Quantity | int) -> Decimal:
    if isinstance(value, Quantity):
        return value.amount
    if isinstance(value, bool) or not isinstance(value, int):
        raise no_overload()
    return Decimal(value)


@function("Quantity.add(Quantity) -> Quantity", "Quantity.add(int) -> Quantity", on=Quantity)
def add(value: Quantity, other: Quantity | int) -> Quantity:
    return Quantity(value.amount + _other(other), value.like)


@function("Quantity.sub(Quantity) -> Quantity", "Quantity.sub(int) -> Quantity", on=Quantity)
def subtract(value: Quantity, other: Quantity | int) -> Quantity:
    return Quantity(value.amount - _other(other), value.like)


@function("Quantity.isLessThan(Quantity) -> bool", on=Quantity)
def less(value: Quantity, other: Quantity) -> bool:
    return value.amount < _other(other)


@function("Quantity.isGreaterThan(Quantity) -> bool", on=Quantity)
def greater(value: Quantity, other: Quantity) -> bool:
    return value.amount > _other(other)


@function("Quantity.compareTo(Quantity) -> int", on=Quantity)
def compared(value: Quantity, other: Quantity) -> int:
    amount = _other(other)
    return (value.amount > amount) - (value.amount < amount)
