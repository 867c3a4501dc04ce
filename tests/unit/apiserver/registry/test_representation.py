from __future__ import annotations

import orjson
import pytest

from grappe.api.resources import CONFIG_MAPS, builtin
from grappe.apiserver.registry.catalog import serve_builtin
from grappe.apiserver.registry.representation import Plain, many
from grappe.store.interface import Record


def _records(count: int) -> list[Record]:
    return [
        Record(f"ns/{n}", n, orjson.dumps({"metadata": {"name": str(n)}})[1:], {}, {})
        for n in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, 256, 257, 1000])
@pytest.mark.parametrize("events", [False, True], ids=["stored as is", "converted"])
def test_a_list_of_any_length_is_one_json_object(count: int, events: bool) -> None:
    resource = builtin("events.k8s.io", "v1", "events") if events else CONFIG_MAPS
    assert resource is not None
    body = many(Plain(serve_builtin(resource)), _records(count), {"resourceVersion": "7"})
    whole = orjson.loads(b"".join(body))
    assert whole["metadata"] == {"resourceVersion": "7"}
    assert [item["metadata"]["name"] for item in whole["items"]] == [str(n) for n in range(count)]
    assert all("kind" not in item for item in whole["items"])
