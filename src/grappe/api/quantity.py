"""Resource quantities: `100m`, `1.5Gi`, `1e3`.

Grammar, suffixes and canonical form as in
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/. Values are exact
`decimal.Decimal`s; what is finer than a nano-unit is rounded away from zero, as Kubernetes does.
Amounts above 2**63-1 are capped as Kubernetes caps them.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_UP, Context, Decimal
from functools import lru_cache

_GRAMMAR = re.compile(
    r"([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))"
    r"(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?[0-9]+)?"
)
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIX = {power: suffix for suffix, power in _DECIMAL.items()}
_NANO = Decimal("1e-9")
_MAX = Decimal(2**63 - 1)
_EXACT = Context(prec=1000, Emin=-100_000, Emax=100_000)

SYNTAX = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)


_LOOSE = re.compile(r"[+-]?[0-9]*\.?[0-9]*[eEinumkKMGTP]*[-+]?[0-9]*")


class QuantityError(ValueError):
    """The text is not a quantity; the message is Kubernetes' own."""

    def __init__(self, text: str = "") -> None:
        suffix = text and _LOOSE.fullmatch(text) and any(c.isdigit() for c in text)
        super().__init__("unable to parse quantity's suffix" if suffix else SYNTAX)


def _split(text: str) -> tuple[Decimal, str]:
    """The exact value, rounded up to nano-units and capped, and the suffix as written."""
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        raise QuantityError(text)
    sign, whole, fraction, only_fraction, suffix = match.groups()
    digits = f"{whole or '0'}.{(fraction if whole else only_fraction) or '0'}"
    suffix = suffix or ""
    number = Decimal(digits)
    if suffix in _BINARY:
        value = _EXACT.multiply(number, Decimal(2 ** _BINARY[suffix]))
    elif suffix in _DECIMAL:
        value = _EXACT.scaleb(number, _DECIMAL[suffix])
    else:
        exponent = int(suffix[1:])
        if abs(exponent) > 1000:
            raise QuantityError(text)
        value = _EXACT.scaleb(number, exponent)
    value = value.quantize(_NANO, ROUND_UP, _EXACT) if value else Decimal(0)
    value = min(value, _MAX)
    return (-value if sign == "-" else value), suffix


@lru_cache(4096, typed=True)
def parse(text: str | int | float) -> Decimal:
    """The amount of a quantity (JSON string or number); QuantityError when it is not one."""
    if isinstance(text, bool):
        raise QuantityError
    return _split(text if isinstance(text, str) else _number(text))[0]


def _number(value: int | float) -> str:
    return repr(value) if isinstance(value, int) else format(Decimal(repr(value)), "f")


@lru_cache(4096, typed=True)
def canonical(text: str | int | float) -> str:
    """The canonical spelling: no fraction, the greatest possible suffix of the same family."""
    if isinstance(text, bool):
        raise QuantityError
    value, suffix = _split(text if isinstance(text, str) else _number(text))
    if suffix in _BINARY and abs(value) >= 1024:
        family = "binary"
        value = value.to_integral_value(ROUND_UP)
    elif suffix and suffix not in _DECIMAL and suffix not in _BINARY:
        family = "exponent"
    else:
        family = "decimal"
    return _spell(value, family)


def spell(value: Decimal | int, like: str = "") -> str:
    """The canonical spelling of an amount, in the family (binary or decimal) of `like`."""
    amount = Decimal(value)
    binary = like[-2:] in _BINARY and abs(amount) >= 1024
    return _spell(amount, "binary" if binary else "decimal")


def _spell(value: Decimal, family: str) -> str:
    if value == 0:
        return "0"
    if family == "binary":
        number, power = int(value), 0
        while number % 1024 == 0 and power < 60:
            number //= 1024
            power += 10
        suffix = next((s for s, p in _BINARY.items() if p == power), "")
        return f"{number}{suffix}"
    power = 18
    while power > -9:
        scaled = _EXACT.scaleb(value, -power)
        if scaled == scaled.to_integral():
            break
        power -= 3
    number = int(_EXACT.scaleb(value, -power))
    if family == "exponent":
        return f"{number}e{power}" if power else str(number)
    return f"{number}{_DECIMAL_SUFFIX[power]}"


def millis(text: str | int | float) -> int:
    """Thousandths, rounded up: CPU as the scheduler and the kubelet count it."""
    return int((parse(text) * 1000).to_integral_value(ROUND_CEILING))


def units(text: str | int | float) -> int:
    """Whole units, rounded up: bytes of memory, counts."""
    return int(parse(text).to_integral_value(ROUND_CEILING))


def compare(left: str | int | float, right: str | int | float) -> int:
    """-1, 0 or 1 as `left` is less than, equal to or greater than `right`."""
    a, b = parse(left), parse(right)
    return (a > b) - (a < b)
