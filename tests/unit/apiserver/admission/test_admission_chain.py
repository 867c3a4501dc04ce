from collections.abc import Awaitable

import pytest

from grappe.api.errors import ApiError
from grappe.api.resources import CONFIG_MAPS, PODS, Resource
from grappe.apiserver.admission.chain import Chain
from grappe.apiserver.admission.plugin import Plugin, refuse
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.catalog import serve_builtin
from grappe.apiserver.registry.interface import AdmissionRequest, Operation, RequestInfo


class Noting(Plugin):
    """Writes down what it is asked."""

    def __init__(self, name: str, notes: list[str], bucket: str = "", waits: bool = False) -> None:
        self.name, self.notes, self.bucket, self.waits = name, notes, bucket, waits
        self.asked = 0

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        self.asked += 1
        return self.bucket in ("", bucket)

    def admit(self, request: AdmissionRequest) -> Awaitable[None] | None:
        if self.waits:
            return self._later()
        self.notes.append(self.name)
        return None

    async def _later(self) -> None:
        self.notes.append(f"{self.name} waited")

    def validate(self, request: AdmissionRequest) -> None:
        self.notes.append(f"{self.name} validates")


class Refusing(Noting):
    def admit(self, request: AdmissionRequest) -> None:
        raise refuse(request, "no")


def request(resource: Resource = CONFIG_MAPS, **metadata: str) -> AdmissionRequest:
    return AdmissionRequest(
        "CREATE",
        RequestInfo("create", "/"),
        serve_builtin(resource),
        User("jane"),
        {"metadata": metadata},
        None,
        "default",
        metadata.get("name", ""),
    )


async def test_plugins_run_in_order_and_are_waited_for() -> None:
    notes: list[str] = []
    chain = Chain([Noting("a", notes), Noting("b", notes, waits=True), Noting("c", notes)])
    await chain.admit(request(name="x"))
    await chain.validate(request(name="x"))
    assert notes == ["a", "b waited", "c", "a validates", "b validates", "c validates"]


async def test_a_plugin_is_asked_once_for_each_kind_of_request() -> None:
    notes: list[str] = []
    plugin = Noting("pods only", notes, PODS.bucket)
    chain = Chain([plugin])
    for _ in range(3):
        await chain.admit(request())
        await chain.admit(request(PODS))
    assert notes == ["pods only"] * 3
    assert plugin.asked == 2


async def test_the_first_refusal_ends_the_chain() -> None:
    notes: list[str] = []
    chain = Chain([Noting("a", notes), Refusing("b", notes), Noting("c", notes)])
    with pytest.raises(ApiError) as error:
        await chain.admit(request(generateName="x-"))
    assert error.value.message == 'configmaps "x-" is forbidden: no'
    assert notes == ["a"]
