"""Container logs: choosing lines, following, rotating."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.node.logs.entries import BadQuery, LogQuery, Selector, parse, seconds
from grappe.node.logs.reader import read, tail_offset
from grappe.node.logs.rotation import make_room, rotate, rotated_files


def line(number: int, text: str, stream: str = "stdout", tag: str = "F") -> str:
    return f"2026-01-01T00:00:{number:02d}.123456789Z {stream} {tag} {text}\n"


async def collect(path: Path, query: LogQuery, running: bool = False) -> bytes:
    async def is_running() -> bool:
        return running

    return b"".join([piece async for piece in read(path, query, is_running)])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "0.log"
    path.write_text(
        line(1, "one") + line(2, "oops", "stderr") + line(3, "par", tag="P") + line(3, "tial")
    )
    return path


@pytest.mark.parametrize(
    ("query", "out"),
    [
        (LogQuery(), b"one\noops\npartial\n"),
        (LogQuery(tail=1), b"partial\n"),
        (LogQuery(tail=2), b"oops\npartial\n"),
        (LogQuery(tail=0), b""),
        (LogQuery(tail=99), b"one\noops\npartial\n"),
        (LogQuery(stream="stderr"), b"oops\n"),
        (LogQuery(limit_bytes=5), b"one\no"),
        (LogQuery(since=seconds("2026-01-01T00:00:02Z")), b"oops\npartial\n"),
        (
            LogQuery(timestamps=True, tail=1),
            b"2026-01-01T00:00:03.123456789Z partial\n",
        ),
    ],
)
async def test_queries_choose_lines(log: Path, query: LogQuery, out: bytes) -> None:
    assert await collect(log, query) == out


async def test_following_sees_new_lines_and_a_rotated_file_and_ends_with_the_container(
    tmp_path: Path,
) -> None:
    path = tmp_path / "0.log"
    path.write_text(line(1, "first"))
    alive = True
    pieces: list[bytes] = []
    seen = asyncio.Event()

    async def running() -> bool:
        return alive

    async def follow() -> None:
        async for piece in read(path, LogQuery(follow=True), running):
            pieces.append(piece)
            seen.set()

    async def until(text: bytes) -> None:
        async with asyncio.timeout(5):
            while text not in b"".join(pieces):
                seen.clear()
                await seen.wait()

    following = asyncio.create_task(follow())
    await until(b"first")
    with path.open("a") as file:
        file.write(line(2, "second"))
    await until(b"second")
    path.rename(tmp_path / "0.log.old")
    path.write_text(line(3, "third"))
    await until(b"third")
    alive = False
    async with asyncio.timeout(5):
        await following
    assert b"".join(pieces) == b"first\nsecond\nthird\n"


@given(st.lists(st.text(alphabet="abc", max_size=5), max_size=30), st.integers(0, 40))
def test_the_tail_is_the_last_lines(tmp_path_factory, texts: list[str], count: int) -> None:
    path = tmp_path_factory.mktemp("tail") / "log"
    path.write_text("".join(line(1, text) for text in texts))
    with path.open("rb") as file:
        file.seek(tail_offset(file, count))
        found = [entry.text for raw in file.read().splitlines() if (entry := parse(raw))]
    wanted = texts[max(0, len(texts) - count) :] if count else []
    assert found == [text.encode() + b"\n" for text in wanted]


@given(st.binary(max_size=60))
def test_lines_that_are_no_entries_are_left_out(raw: bytes) -> None:
    assert isinstance(Selector(LogQuery()).take(raw.replace(b"\n", b"")), bytes)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"tailLines": "x"}, "tailLines"),
        ({"tailLines": "-1"}, "greater than or equal to 0"),
        ({"limitBytes": "0"}, "greater than or equal to 1"),
        ({"sinceTime": "yesterday"}, "RFC 3339"),
    ],
)
def test_bad_parameters_are_named(query: dict[str, str], message: str) -> None:
    with pytest.raises(BadQuery, match=message):
        LogQuery.parse(query, 0.0)


class Reopening:
    def __init__(self, path: Path) -> None:
        self._path = path

    async def reopen_log(self, container_id: str) -> None:
        self._path.touch()


async def test_a_big_log_is_rotated_and_old_files_are_compressed_and_limited(
    tmp_path: Path,
) -> None:
    path = tmp_path / "0.log"
    for number in range(6):
        old = tmp_path / f"0.log.2026010{number}-000000"
        old.write_text(str(number))
    path.write_text("x" * 100)
    assert not await rotate(Reopening(path), "c", path, max_size=1000)  # type: ignore[arg-type]
    assert await rotate(Reopening(path), "c", path, max_size=100)  # type: ignore[arg-type]
    assert path.read_text() == ""
    files = rotated_files(path)
    assert len(files) == 4
    assert gzip.decompress(files[0].read_bytes()) == b"3"
    assert files[-1].read_text() == "x" * 100


def test_making_room_twice_changes_nothing(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"0.log.{number}").write_text("a")
    make_room(tmp_path / "0.log", 3)
    before = sorted(p.name for p in tmp_path.iterdir())
    make_room(tmp_path / "0.log", 3)
    assert (
        sorted(p.name for p in tmp_path.iterdir())
        == before
        == ["0.log.0.gz", "0.log.1.gz", "0.log.2"]
    )
