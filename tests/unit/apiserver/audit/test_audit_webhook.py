"""The sender: batches, attempts, bounds."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from grappe.apiserver.audit import webhook
from grappe.apiserver.audit.webhook import AuditWebhook
from grappe.apiserver.audit.webhook_config import WebhookConfig
from grappe.apiserver.outbound.caller import Answered, Caller
from grappe.apiserver.outbound.connection import CallError, Head


class Receiver(Caller):
    """Takes what is sent, once `refusals` are used up; `gate` holds answers up."""

    def __init__(self, refusals: int = 0) -> None:
        super().__init__()
        self.refusals = refusals
        self.attempts = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.sent: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.arrived = asyncio.Condition()

    async def ask(self, target, method, path, headers=(), body=b"", *, timeout, limit):  # type: ignore[no-untyped-def]
        self.attempts += 1
        await self.gate.wait()
        async with self.arrived:
            self.arrived.notify_all()
            if self.refusals:
                self.refusals -= 1
                raise CallError("connection refused")
            self.sent.append(orjson.loads(body))
            self.headers.append(dict(headers))
        return Answered(Head(200, ()), b"")

    @property
    def ids(self) -> list[int]:
        return [item["auditID"] for batch in self.sent for item in batch["items"]]

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20), self.arrived:
            await self.arrived.wait_for(lambda: len(self.ids) >= count)


def events(*numbers: int) -> list[bytes]:
    return [
        b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":%d}\n' % number
        for number in numbers
    ]


def sender(receiver: Receiver, tmp_path: Path, **config: Any) -> AuditWebhook:
    made = WebhookConfig(url="https://audit.example.com:8443/events", **config)
    return AuditWebhook(made, receiver, tmp_path, first_delay=0.001)


async def test_events_are_sent_as_a_list(tmp_path: Path) -> None:
    receiver = Receiver()
    hook = sender(receiver, tmp_path, authorization="Bearer t")
    hook.start()
    hook.add(events(1, 2))
    await receiver.until(2)
    await hook.stop()
    assert receiver.sent == [
        {
            "kind": "EventList",
            "apiVersion": "audit.k8s.io/v1",
            "metadata": {},
            "items": [{"auditID": 1}, {"auditID": 2}],
        }
    ]
    assert receiver.headers[0]["authorization"] == "Bearer t"
    assert hook.lost == 0


async def test_a_full_batch_does_not_wait_and_none_is_larger(tmp_path: Path) -> None:
    receiver = Receiver()
    hook = sender(receiver, tmp_path)
    hook.start()
    hook.add(events(*range(1000)))
    await receiver.until(1000)
    await hook.stop()
    assert [len(batch["items"]) for batch in receiver.sent] == [400, 400, 200]
    assert receiver.ids == list(range(1000))


async def test_what_is_refused_is_sent_again(tmp_path: Path) -> None:
    receiver = Receiver(refusals=4)
    hook = sender(receiver, tmp_path)
    hook.start()
    hook.add(events(*range(400)))
    await receiver.until(400)
    await hook.stop()
    assert (receiver.attempts, hook.lost) == (5, 0)


async def test_what_is_refused_for_good_is_counted_and_the_next_goes_on(tmp_path: Path) -> None:
    receiver = Receiver(refusals=5)
    hook = sender(receiver, tmp_path)
    hook.start()
    hook.add(events(*range(800)))
    await receiver.until(400)
    await hook.stop()
    assert receiver.ids == list(range(400, 800))
    assert hook.lost == 400


async def test_what_there_is_no_room_for_is_dropped_and_counted(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.gate.clear()
    hook = sender(receiver, tmp_path)
    hook.add(events(*range(webhook.BUFFERED + 7)))
    assert hook.lost == 7
    hook.start()
    receiver.gate.set()
    await receiver.until(webhook.BUFFERED)
    await hook.stop()
    assert receiver.ids == list(range(webhook.BUFFERED))


async def test_what_waits_is_sent_when_the_server_stops(tmp_path: Path) -> None:
    receiver = Receiver()
    hook = sender(receiver, tmp_path)
    hook.start()
    hook.add(events(1))
    await hook.stop()
    assert receiver.ids == [1]


async def test_what_was_under_way_when_the_server_stops_is_sent_again(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.gate.clear()
    hook = sender(receiver, tmp_path)
    hook.start()
    hook.add(events(*range(400)))
    async with asyncio.timeout(10):
        while not receiver.attempts:
            await asyncio.sleep(0)
    stopping = asyncio.ensure_future(hook.stop())
    await asyncio.sleep(0)
    receiver.gate.set()
    await stopping
    assert receiver.ids == list(range(400))
    assert hook.lost == 0


async def test_a_receiver_that_is_gone_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    receiver = Receiver(refusals=100)
    hook = sender(receiver, tmp_path)
    hook.add(events(*range(900)))
    await hook.stop()
    assert hook.lost == 900


async def test_a_token_in_a_file_is_read_at_each_request(tmp_path: Path) -> None:
    token = tmp_path / "token"
    receiver = Receiver()
    hook = sender(receiver, tmp_path, token_file=token)
    for content in ("one\n", "two\n"):
        token.write_text(content)
        hook.add(events(1))
        await hook.stop()
    told = [headers["authorization"] for headers in receiver.headers]
    assert told == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize("status", [300, 401, 500])
async def test_an_answer_other_than_success_is_a_failure(tmp_path: Path, status: int) -> None:
    class Refusing(Receiver):
        async def ask(self, *args: Any, **kwargs: Any) -> Answered:
            return Answered(Head(status, ()), b"")

    hook = sender(Refusing(), tmp_path)
    hook.add(events(1))
    await hook.stop()
    assert hook.lost == 1
