"""One column of a Table, and what makes the cells of a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from grappe.api import Object
from grappe.api.age import human_duration
from grappe.base.clock import parse_rfc3339

NONE = "<none>"
UNKNOWN = "<unknown>"
UNSET = "<unset>"


class Column(NamedTuple):
    """`priority` 0 is always shown, 1 with `-o wide`."""

    name: str
    type: str = "string"
    format: str = ""
    priority: int = 0

    def definition(self, description: str) -> Object:
        """As `TableColumnDefinition`."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": description,
            "priority": self.priority,
        }


class Printer(NamedTuple):
    """`cells(object, now)` gives one value for each column; rows of a list are sorted by what
    `order(object)` gives."""

    columns: tuple[Column, ...]
    cells: Callable[[Object, float], list[Any]]
    order: Callable[[Object], Any] | None = None


NAME = Column("Name", format="name")
AGE = Column("Age")


def wide(name: str, type: str = "string") -> Column:
    """A column that only `-o wide` shows."""
    return Column(name, type, priority=1)


def number(name: str) -> Column:
    return Column(name, "integer")


def since(timestamp: str | None, now: float) -> str:
    """How long ago a time was; `<unknown>` when there is none."""
    return human_duration(now - parse_rfc3339(timestamp)) if timestamp else UNKNOWN


def age(obj: Object, now: float) -> str:
    return since(obj["metadata"].get("creationTimestamp"), now)


def joined(words: Iterable[str]) -> str:
    return ",".join(words)


def labels_text(labels: Mapping[str, str] | None) -> str:
    """`a=b,c=d` in key order, `<none>` for nothing."""
    if not labels:
        return NONE
    return joined(f"{k}={v}" for k, v in sorted(labels.items()))


def selector_text(selector: Object | None) -> str:
    """A `LabelSelector` as text in the order of its keys, `<none>` for the empty one."""
    if not selector:
        return NONE
    parts = [(k, f"{k}={v}") for k, v in (selector.get("matchLabels") or {}).items()]
    for rule in selector.get("matchExpressions") or []:
        key, operator = rule["key"], rule["operator"]
        text = key
        if operator == "DoesNotExist":
            text = f"!{key}"
        elif operator != "Exists":
            values = joined(sorted(rule.get("values") or []))
            text = f"{key} {'in' if operator == 'In' else 'notin'} ({values})"
        parts.append((key, text))
    return joined(text for _, text in sorted(parts)) or NONE


def first_three(words: list[str], empty: str) -> str:
    """At most three words and how many more there are; `empty` for none."""
    more = f" + {len(words) - 3} more..." if len(words) > 3 else ""
    return (joined(words[:3]) + more) or empty


def balancer_text(status: Object) -> str:
    """Where a load balancer is: its addresses, or names, each once."""
    ingress = (status.get("loadBalancer") or {}).get("ingress") or []
    return joined(sorted({i.get("ip") or i.get("hostname") or "" for i in ingress} - {""}))


def container_columns(template: Object) -> tuple[str, str]:
    """The names and the images of a pod template's containers."""
    containers = template.get("spec", {}).get("containers") or []
    return joined(c.get("name", "") for c in containers), joined(
        c.get("image", "") for c in containers
    )
