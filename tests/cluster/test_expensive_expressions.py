"""Who writes what is expensive to judge waits; nobody else does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from grappe.api.errors import ApiError
from grappe.api.resources import CONFIG_MAPS, CUSTOM_RESOURCE_DEFINITIONS
from grappe.testing.cluster import TestCluster
from tests.cluster.policies import applying, config_map, mutate, validate
from tests.cluster.test_crd_rules import TABS, definition, tab

COSTLY = "lists.all(a, lists.all(b, lists.all(c, a + b + c > 0)))"
NUMBERS = "[" + ",".join(str(n) for n in range(1, 101)) + "]"


async def answered_beside(cluster: TestCluster, write: Any) -> tuple[int, str]:
    """How many GETs were answered while `write` was judged, and why it was refused."""
    await cluster.client.create(CONFIG_MAPS, config_map("other"))
    writing = asyncio.ensure_future(write)
    answered = 0
    while not writing.done():
        await cluster.client.get(CONFIG_MAPS, "other", "default")
        answered += 1
        await asyncio.sleep(0)
    with pytest.raises(ApiError) as error:
        await writing
    return answered, error.value.message


async def test_a_validating_policy(cluster: TestCluster) -> None:
    await cluster.client.create(CONFIG_MAPS, config_map("other2"))
    variables = [{"name": "numbers", "expression": NUMBERS}]
    expression = "object.metadata.name == 'other' || " + COSTLY.replace(
        "lists", "variables.numbers"
    )
    await validate(cluster, expression, variables=variables)
    answered, told = await answered_beside(
        cluster, cluster.client.create(CONFIG_MAPS, config_map("a"))
    )
    assert "resulted in error: operation cancelled: actual cost limit exceeded" in told
    assert answered > 50


async def test_a_mutating_policy(cluster: TestCluster) -> None:
    loop = COSTLY.replace("lists", "variables.numbers")
    condition = {"name": "not-other", "expression": "object.metadata.name != 'other'"}
    await mutate(
        cluster,
        applying(f"Object{{metadata: Object.metadata{{labels: {{'a': string({loop})}}}}}}"),
        variables=[{"name": "numbers", "expression": NUMBERS}],
        matchConditions=[condition],
    )
    answered, told = await answered_beside(
        cluster, cluster.client.create(CONFIG_MAPS, config_map("a"))
    )
    assert "operation cancelled: actual cost limit exceeded" in told
    assert answered > 50


async def test_rules_of_a_definition(cluster: TestCluster) -> None:
    numbers = {"type": "array", "maxItems": 200, "items": {"type": "integer"}}
    rule = {"rule": COSTLY.replace("lists", "self.numbers")}
    spec = {
        "type": "object",
        "properties": {"numbers": numbers},
        "x-kubernetes-validations": [rule],
    }
    with pytest.raises(ApiError, match="estimated rule cost exceeds budget"):
        await cluster.client.create(CUSTOM_RESOURCE_DEFINITIONS, definition(spec))
    numbers["maxItems"] = 95
    await cluster.client.create(CUSTOM_RESOURCE_DEFINITIONS, definition(spec))
    answered, told = await answered_beside(
        cluster, cluster.client.create(TABS, tab(numbers=list(range(1, 96))))
    )
    assert (
        "'operation cancelled: actual cost limit exceeded': no further validation rules will be "
        f"run due to call cost exceeds limit for rule: {rule['rule']}"
    ) in told
    assert answered > 50
