"""Label selectors and field selectors: text or object in, something that matches out.

Grammar: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ and
…/field-selectors/. Bad input raises ApiError 400 with the message of Kubernetes' parser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from grappe.api.causes import quote
from grappe.api.errors import ApiError, bad_request
from grappe.api.names import label_value_problems, qualified_name_problems

_BINARY_OPERATORS = "in, notin, =, ==, !=, gt, lt"
_TOKEN = re.compile(r"[ \t\r\n]*(?:(==|!=|[=!(),<>])|([^=!(),<> \t\r\n]+)|$)")
_INT64 = re.compile(r"[+-]?[0-9]+")


class Requirement(NamedTuple):
    """`operator` is one of in, notin, =, ==, !=, gt, lt, exists, !."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        operator = self.operator
        if operator in ("=", "==", "in"):
            return value is not None and value in self.values
        if operator in ("!=", "notin"):
            return value is None or value not in self.values
        if operator == "exists":
            return value is not None
        if operator == "!":
            return value is None
        number = _int64(value)
        if number is None:
            return False
        bound = int(self.values[0])
        return number > bound if operator == "gt" else number < bound

    def __str__(self) -> str:
        if self.operator == "exists":
            return self.key
        if self.operator == "!":
            return f"!{self.key}"
        values = ",".join(sorted(self.values))
        if self.operator in ("in", "notin"):
            return f"{self.key} {self.operator} ({values})"
        sign = {"gt": ">", "lt": "<"}.get(self.operator, self.operator)
        return f"{self.key}{sign}{values}"


def _int64(text: str | None) -> int | None:
    if text is None or not _INT64.fullmatch(text):
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


class LabelSelector:
    """All requirements must hold. No requirement selects everything; `nothing` selects nothing."""

    __slots__ = ("nothing", "requirements")

    def __init__(self, requirements: Sequence[Requirement] = (), *, nothing: bool = False) -> None:
        self.requirements = tuple(requirements)
        self.nothing = nothing

    @property
    def everything(self) -> bool:
        return not self.requirements and not self.nothing

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        if self.nothing:
            return False
        found = labels or {}
        return all(r.matches(found) for r in self.requirements)

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, LabelSelector)
            and self.requirements == other.requirements
            and self.nothing == other.nothing
        )

    def __hash__(self) -> int:
        return hash((self.requirements, self.nothing))

    def __repr__(self) -> str:
        return f"LabelSelector({'nothing' if self.nothing else str(self)!r})"


EVERYTHING = LabelSelector()
NOTHING = LabelSelector(nothing=True)


# -- text ------------------------------------------------------------------------------------------


class _Parser:
    """Recursive descent over (kind, literal) tokens; kind is `word`, `end` or the symbol."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        position = 0
        while True:
            match = _TOKEN.match(text, position)
            symbol, word = match.groups() if match else (None, None)
            if match is None or (not symbol and not word):
                self.tokens.append(("end", ""))
                break
            self.tokens.append((symbol, symbol) if symbol else ("word", word or ""))
            position = match.end()
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at][0]

    def take(self) -> tuple[str, str]:
        token = self.tokens[self.at]
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return token

    def parse(self) -> list[Requirement]:
        found: list[Requirement] = []
        while True:
            kind = self.peek()
            if kind == "end":
                return found
            if kind not in ("word", "!"):
                literal = self.tokens[self.at][1]
                raise bad_request(f"found '{literal}', expected: !, identifier, or 'end of string'")
            try:
                found.append(self.requirement())
            except ApiError as error:
                raise bad_request(f"unable to parse requirement: {error.message}") from None
            kind, literal = self.take()
            if kind == "end":
                return found
            if kind != ",":
                raise bad_request(f"found '{literal}', expected: ',' or 'end of string'")
            kind, literal = self.tokens[self.at]
            if kind not in ("word", "!"):
                raise bad_request(f"found '{literal}', expected: identifier after ','")

    def requirement(self) -> Requirement:
        kind, key = self.take()
        absent = kind == "!"
        if absent:
            kind, key = self.take()
        if kind != "word":
            raise bad_request(f"found '{key}', expected: identifier")
        problems = qualified_name_problems(key)
        if problems:
            raise bad_request(f"<nil>: Invalid value: {quote(key)}: {'; '.join(problems)}")
        if absent or self.peek() in ("end", ","):
            return Requirement(key, "!" if absent else "exists")
        operator = self.operator()
        values = self.values() if operator in ("in", "notin") else (self.exact(),)
        return make_requirement(key, operator, values)

    def operator(self) -> str:
        kind, literal = self.take()
        if kind == "word" and literal in ("in", "notin"):
            return literal
        if kind in ("=", "==", "!="):
            return kind
        if kind in ("<", ">"):
            return "gt" if kind == ">" else "lt"
        raise bad_request(f"found '{literal}', expected: {_BINARY_OPERATORS}")

    def exact(self) -> str:
        if self.peek() in ("end", ","):
            return ""
        kind, literal = self.take()
        if kind != "word":
            raise bad_request(f"found '{literal}', expected: identifier")
        return literal

    def values(self) -> tuple[str, ...]:
        """`(a,b)`; a missing word between commas or parentheses is the empty value."""
        kind, literal = self.take()
        if kind != "(":
            raise bad_request(f"found '{literal}' expected: '('")
        found: set[str] = set()
        while True:
            kind, literal = self.take()
            if kind in (",", ")"):
                found.add("")
            elif kind == "word":
                found.add(literal)
                kind, literal = self.take()
            else:
                expected = "',', or identifier" if found else "',', ')' or identifier"
                raise bad_request(f"found '{literal}', expected: {expected}")
            if kind == ")":
                return tuple(sorted(found))
            if kind != ",":
                raise bad_request(f"found '{literal}', expected: ',' or ')'")


def make_requirement(key: str, operator: str, values: Sequence[str]) -> Requirement:
    """A checked requirement; ApiError 400 when a key or value is malformed."""
    problems: list[str] = []
    wrong = qualified_name_problems(key)
    if wrong:
        problems.append(f"key: Invalid value: {quote(key)}: {'; '.join(wrong)}")
    if operator in ("gt", "lt"):
        problems += [
            f"values[{i}]: Invalid value: {quote(v)}: "
            "for 'Gt', 'Lt' operators, the value must be an integer"
            for i, v in enumerate(values)
            if _int64(v) is None
        ]
    for i, value in enumerate(values):
        wrong = label_value_problems(value)
        if wrong:
            problems.append(
                f"values[{i}][{key}]: Invalid value: {quote(value)}: {'; '.join(wrong)}"
            )
    if problems:
        raise bad_request(problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]")
    return Requirement(key, operator, tuple(values))


@lru_cache(1024)
def parse_label_selector(text: str) -> LabelSelector:
    """The `labelSelector` of a request: `app=web,tier in (a,b),!legacy`."""
    if not text:
        return EVERYTHING
    return LabelSelector(sorted(_Parser(text).parse(), key=lambda r: r.key))


# -- objects ---------------------------------------------------------------------------------------

_OBJECT_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


def label_selector_from_object(selector: Mapping[str, Any] | None) -> LabelSelector:
    """A `metav1.LabelSelector`: None selects nothing, an empty one everything."""
    if selector is None:
        return NOTHING
    found = [
        make_requirement(str(k), "=", (str(v),))
        for k, v in (selector.get("matchLabels") or {}).items()
    ]
    for item in selector.get("matchExpressions") or ():
        operator = _OBJECT_OPERATORS.get(item.get("operator"))
        if operator is None:
            raise bad_request(f'"{item.get("operator")}" is not a valid label selector operator')
        values = tuple(item.get("values") or ())
        if operator in ("in", "notin") and not values:
            raise bad_request(
                "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty"
            )
        if operator in ("exists", "!") and values:
            raise bad_request(
                "values: Invalid value: values set must be empty for exists and does not exist"
            )
        found.append(make_requirement(str(item.get("key", "")), operator, values))
    return LabelSelector(sorted(found, key=lambda r: r.key))


def label_selector_from_set(labels: Mapping[str, str] | None) -> LabelSelector:
    """A plain map, as in `Service.spec.selector`: an empty one selects nothing there."""
    if not labels:
        return NOTHING
    return LabelSelector([Requirement(k, "=", (str(v),)) for k, v in sorted(labels.items())])


# -- fields ----------------------------------------------------------------------------------------


class FieldSelector:
    """`requirements` are (field, `=` or `!=`, value); all must hold. A field that is not there
    has the value ''."""

    __slots__ = ("requirements",)

    def __init__(self, requirements: Sequence[tuple[str, str, str]] = ()) -> None:
        self.requirements: list[tuple[str, str, str]] = list(requirements)

    @property
    def everything(self) -> bool:
        return not self.requirements

    def matches(self, fields: Mapping[str, str]) -> bool:
        return all(
            (fields.get(name, "") == value) is (operator == "=")
            for name, operator, value in self.requirements
        )

    def __str__(self) -> str:
        return ",".join(f"{n}{operator}{_escape(v)}" for n, operator, v in self.requirements)


def _field_terms(text: str) -> list[str]:
    """Split at commas; `\\,`, `\\=` and `\\\\` stand for themselves."""
    terms, start, at = [], 0, 0
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] == ",":
            terms.append(text[start:at])
            start = at + 1
        at += 1
    terms.append(text[start:])
    return terms


_FIELD_TERM = re.compile(r"((?:[^=!]|!(?!=))*)(!=|==|=)(.*)", re.DOTALL)


def parse_field_selector(text: str) -> FieldSelector:
    """The `fieldSelector` of a request: `status.phase=Running,spec.nodeName!=a`."""
    found: list[tuple[str, str, str]] = []
    for term in sorted(_field_terms(text)):
        if not term:
            continue
        match = _FIELD_TERM.fullmatch(term)
        if match is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{term}'")
        field, operator, value = match.groups()
        if field or value:  # of no field nothing is asked
            found.append((field, "!=" if operator == "!=" else "=", _unescape(value)))
    return FieldSelector(found)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


def _unescape(value: str) -> str:
    out, at = [], 0
    while at < len(value):
        character = value[at]
        if character == "\\":
            at += 1
            following = value[at : at + 1]
            if following not in ("\\", ",", "=") or not following:
                raise bad_request(
                    f"invalid field selector: invalid escape sequence: {value[at - 1 : at + 1]}"
                )
            out.append(following)
        elif character in ",=":
            raise bad_request(  # Go prints the rune's number
                f"invalid field selector: unescaped character in value: {ord(character)}"
            )
        else:
            out.append(character)
        at += 1
    return "".join(out)
