"""Kubernetes' format library: `format.dns1123Label().validate(x)`.

`validate` gives an empty optional when the value is right, else what is wrong with it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from grappe.api import names
from grappe.api.cel.functions.urls import is_url
from grappe.api.cel.registry import function
from grappe.api.cel.values import NONE, CelError, Optional, Timestamp

Problems = Callable[[str], list[str]]


class Format:
    __slots__ = ("name", "problems")
    cel_type = "kubernetes.NamedFormat"

    def __init__(self, name: str, problems: Problems) -> None:
        self.name = name
        self.problems = problems

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Format) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def cel_string(self) -> str:
        return self.name


def _prefixed(problems: Problems) -> Problems:
    """Of the prefix of generated names: what follows may complete it."""
    return lambda text: problems(f"{text[:-1]}a" if text.endswith("-") else text)


def _uuid(text: str) -> list[str]:
    wanted = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    return [] if re.fullmatch(wanted, text) else ["does not match the UUID format"]


def _byte(text: str) -> list[str]:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return ["invalid base64"]
    return []


def _date(text: str) -> list[str]:
    try:
        Timestamp.parse(f"{text}T00:00:00Z")
    except CelError:
        return ["invalid date"]
    return []


def _date_time(text: str) -> list[str]:
    try:
        Timestamp.parse(text)
    except CelError:
        return ["invalid datetime"]
    return []


_FORMATS: dict[str, Problems] = {
    "dns1123Label": names.dns_label_problems,
    "dns1123Subdomain": names.dns_subdomain_problems,
    "dns1035Label": names.dns_1035_label_problems,
    "dns1123LabelPrefix": _prefixed(names.dns_label_problems),
    "dns1123SubdomainPrefix": _prefixed(names.dns_subdomain_problems),
    "dns1035LabelPrefix": _prefixed(names.dns_1035_label_problems),
    "qualifiedName": names.qualified_name_problems,
    "labelValue": names.label_value_problems,
    "uri": lambda text: [] if is_url(text) else ["invalid URI"],
    "uuid": _uuid,
    "byte": _byte,
    "date": _date,
    "datetime": _date_time,
}


def _constant(found: Format) -> Callable[[], Format]:
    return lambda: found


for _name, _problems in _FORMATS.items():
    function(f"format.{_name}() -> NamedFormat")(_constant(Format(_name, _problems)))


@function("format.named(string) -> optional(NamedFormat)")
def named(name: str) -> Optional:
    problems = _FORMATS.get(name)
    return NONE if problems is None else Optional(Format(name, problems))


@function("NamedFormat.validate(string) -> optional(list(string))", on=Format)
def validate(found: Format, text: str) -> Optional:
    problems = found.problems(text)
    return Optional(list(problems)) if problems else NONE
