"""What is wrong with an object: by its schema if custom, by its kind's rules if built in.

That a built-in kind's fields have their types is settled when a body is decoded (decoding.py).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from grappe.api import Object
from grappe.api.errors import Cause
from grappe.api.validation import metadata, validate_create, validate_update
from grappe.apiserver.registry.interface import ServedResource
from grappe.apiserver.registry.strategies.base import Strategy
from grappe.base.turns import in_turns


def problems_of_new(served: ServedResource, strategy: Strategy, obj: Object) -> list[Cause]:
    """Of an object about to be created."""
    if served.custom:
        return [
            *metadata.validate(served.resource, obj["metadata"]),
            *served.schema.check(obj),
            *strategy.validate_create(obj),
        ]
    return [*validate_create(served.resource, obj), *strategy.validate_create(obj)]


def problems_of_update(
    served: ServedResource, strategy: Strategy, new: Object, old: Object, subresource: str = ""
) -> list[Cause]:
    """Of what an update would leave behind, through a subresource or not."""
    if served.custom:
        return [
            *metadata.validate_update(served.resource, new["metadata"], old["metadata"]),
            *served.schema.check_update(new, old),
            *strategy.validate_update(new, old),
        ]
    return [
        *validate_update(served.resource, new, old, subresource),
        *strategy.validate_update(new, old),
    ]


async def deliberated(problems: Callable[[], list[Cause]]) -> list[Cause]:
    """What `problems` finds, in turns with everybody else."""
    found = in_turns(problems)
    return await found if isinstance(found, Awaitable) else found
