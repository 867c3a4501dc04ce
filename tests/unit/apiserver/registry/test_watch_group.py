"""Every member of a group gets what happened after it joined, in order and once, whoever comes and
goes meanwhile; and a group with many members lets others have their turn."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from grappe.api.resources import CONFIG_MAPS
from grappe.apiserver.registry.catalog import serve_builtin
from grappe.apiserver.registry.filtering import Filter
from grappe.apiserver.registry.representation import Plain
from grappe.apiserver.registry.watch_group import Group
from grappe.store.interface import Draft
from grappe.store.memory import MemoryStore

SERVED = serve_builtin(CONFIG_MAPS)
BUCKET = CONFIG_MAPS.bucket


class Member:
    def __init__(self, joined: int) -> None:
        self.joined = joined
        self.left: int | None = None
        self.got: list[int] = []

    def send(self, chunk: bytes) -> None:
        if self.left is None:
            self.got += [
                int(line.partition(b'"uid":"')[2].split(b'"')[0]) for line in _lines(chunk)
            ]

    def finish(self) -> None: ...


def _lines(chunk: bytes) -> list[bytes]:
    assert chunk.endswith(b"\n")
    return chunk.splitlines()


class Scene:
    """A group over a store whose objects count up."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.written = self.sent = self.ended = 0
        self.group = Group(
            self.store, Filter(SERVED, "", None, None), Plain(SERVED), self._end, self._count
        )

    def _end(self) -> None:
        self.ended += 1

    def _count(self, events: int) -> None:
        self.sent += events

    async def write(self) -> None:
        self.written += 1
        body = b'"metadata":{"uid":"%d"}}' % self.written
        key = f"a/{self.written}"
        await self.store.put(BUCKET, key, 0, lambda _: Draft(body, {}, {}))

    def join(self) -> Member:
        self.group.flush()  # as Watches does
        member = Member(self.written)
        self.group.join(member)
        return member

    async def quiet(self) -> None:
        """Until nothing is on its way any more."""
        while self.group._gathered or self.group._waiting is not None:
            await asyncio.sleep(0.001)


steps = st.lists(st.sampled_from(["write", "join", "leave", "flush", "turn"]), max_size=40)


@given(steps, st.integers(1, 150))
def test_each_member_gets_what_happens_while_it_is_one(what: list[str], crowd: int) -> None:
    async def play() -> None:
        scene = Scene()
        members = [scene.join() for _ in range(crowd)]
        here = list(members)
        for step in what:
            if step == "write":
                await scene.write()
            elif step == "join":
                here.append(scene.join())
                members.append(here[-1])
            elif step == "leave" and len(here) > 1:
                member = here.pop(0)
                member.left = scene.written
                scene.group.leave(member)
            elif step == "flush":
                scene.group.flush()
                assert all(m.got == [*range(m.joined + 1, scene.written + 1)] for m in here)
            elif step == "turn":
                await asyncio.sleep(0)
        await scene.quiet()
        for member in members:
            expected = [*range(member.joined + 1, scene.written + 1)]
            if member.left is not None:  # it may go before it has heard the last
                assert member.got == expected[: len(member.got)]
                assert len(member.got) <= member.left - member.joined
            else:
                assert member.got == expected
        for member in here:
            scene.group.leave(member)
        assert scene.ended == 1
        await scene.store.close()

    asyncio.run(play())


async def test_many_members_are_written_to_in_turns() -> None:
    scene = Scene()
    members = [scene.join() for _ in range(1000)]
    await scene.write()
    turns, reached = 0, set()
    while sum(len(m.got) for m in members) < 1000:
        reached.add(sum(len(m.got) for m in members))
        turns += 1
        await asyncio.sleep(0)
    assert len(reached) > 10
    assert scene.sent == 1000
    await scene.store.close()
