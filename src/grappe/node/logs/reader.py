"""Read a container's log file, from its tail or its beginning, and follow it over rotations."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import BinaryIO

from grappe.node.logs.entries import LogQuery, Selector, parse
from grappe.node.logs.inotify import DirectoryWatch

_BLOCK = 1 << 16
_CHECK_SECONDS = 1.0


def tail_offset(file: BinaryIO, lines: int) -> int:
    """Where the last `lines` whole lines of output begin. A line in parts counts once."""
    file.seek(0, os.SEEK_END)
    end = file.tell()
    if lines == 0:
        return end
    data = b""
    start = end
    while start > 0:
        step = min(_BLOCK, start)
        start -= step
        file.seek(start)
        data = file.read(step) + data
        offset = _nth_from_end(data, lines, whole=start == 0)
        if offset is not None:
            return start + offset
    return 0


def _nth_from_end(data: bytes, lines: int, *, whole: bool) -> int | None:
    """Where the n-th output line from the end begins in a block that may begin amid a line."""
    starts = [0] if whole else []
    at = data.find(b"\n")
    while at >= 0 and at + 1 < len(data):
        starts.append(at + 1)
        at = data.find(b"\n", at + 1)
    ends = 0
    for position in range(len(starts) - 1, -1, -1):
        stop = starts[position + 1] if position + 1 < len(starts) else len(data)
        entry = parse(data[starts[position] : stop].rstrip(b"\n"))
        if entry is None or entry.text.endswith(b"\n"):
            ends += 1
            if ends > lines:
                return starts[position + 1]
    return 0 if whole else None


async def read(
    path: Path, query: LogQuery, running: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    """The bytes for a query; with `follow` until the container (`running`) has ended. OSError when
    there is no such file."""
    selector = Selector(query)
    watch = DirectoryWatch(path.parent) if query.follow else None
    file = path.open("rb")
    try:
        file.seek(tail_offset(file, query.tail) if query.tail is not None else 0)
        rest = b""
        last_look = False
        while True:
            out = []
            if watch is not None:
                watch.changed.clear()
            while block := file.read(_BLOCK):
                *lines, rest = (rest + block).split(b"\n")
                out += [selector.take(line) for line in lines]
                if selector.done:
                    break
                if sum(map(len, out)) > _BLOCK:
                    yield b"".join(out)
                    out = []
            if data := b"".join(out):
                yield data
            if selector.done or watch is None or last_look:
                return
            if _replaced(file, path):
                file.close()
                file, rest = path.open("rb"), b""
                continue
            if not await running():
                last_look = True  # what was written between the last read and its end
                continue
            try:
                async with asyncio.timeout(_CHECK_SECONDS):
                    await watch.changed.wait()
            except TimeoutError:
                pass
    finally:
        file.close()
        if watch is not None:
            watch.close()


def _replaced(file: BinaryIO, path: Path) -> bool:
    """Whether the log was rotated: another file has its name now."""
    try:
        there, here = path.stat(), os.fstat(file.fileno())
    except OSError:
        return False
    return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)
