"""The archive beside a database, and databases made from it."""

import asyncio
import random
import resource
import signal
from pathlib import Path

import pytest

from grappe.base.clock import ManualClock
from grappe.base.errors import UserError
from grappe.store import archive as archive_module
from grappe.store import restore
from grappe.store.archive import Archive, ArchiveLimits, files
from grappe.store.interface import CompactedError, Draft
from grappe.store.sqlite import SqliteStore
from grappe.testing.store_suite import PODS, Watcher, delete, put


async def test_a_database_is_rebuilt_as_it_was_at_each_time(tmp_path: Path) -> None:
    clock, folder = ManualClock(), tmp_path / "backups"
    archive = Archive(folder, clock)
    store = SqliteStore.open(tmp_path / "state.db", archive=archive)
    await archive.flush()
    states = []
    for number in range(30):
        clock.advance(10)
        await put(store, f"a/{number % 7}", str(number))
        if number % 5 == 4:
            await delete(store, f"a/{number % 7}")
        states.append((clock.now(), list(store.list(PODS))))
        if number % 4 == 0:
            await archive.flush()
    newest = store.revision
    await store.close()
    assert archive.reached == newest
    for at, expected in states:
        chosen = restore.chain(folder, at)
        lines, when = restore.state([path for path, _ in chosen], at)
        assert when == at
        path = tmp_path / f"{at}.db"
        made = restore.rebuild(path, lines, newest)
        assert made > newest
        again = SqliteStore.open(path)
        assert list(again.list(PODS)) == expected
        assert again.revision == made
        for bucket in (PODS, "never/seen"):
            with pytest.raises(CompactedError):
                Watcher(again, after=newest, bucket=bucket)
        assert (await put(again, "a/new")).revision == made + 1
        await again.close()


async def test_what_a_crash_kept_out_of_the_archive_is_caught_up(tmp_path: Path) -> None:
    clock, folder = ManualClock(), tmp_path / "backups"
    first = Archive(folder, clock)
    store = SqliteStore.open(tmp_path / "state.db", archive=first)
    await put(store, "a/1", "old")
    await first.flush()
    await put(store, "a/1", "new")
    await put(store, "a/2")
    first._pending = []  # the process is killed here
    first.flush = lambda: asyncio.sleep(0)  # type: ignore[method-assign]
    await store.close()
    second = Archive(folder, clock)
    store = SqliteStore.open(tmp_path / "state.db", archive=second)
    await second.flush()
    expected = list(store.list(PODS))
    await store.close()
    lines, _ = restore.state([path for path, _ in restore.chain(folder, None)], None)
    restore.rebuild(tmp_path / "new.db", lines, 0)
    again = SqliteStore.open(tmp_path / "new.db")
    assert list(again.list(PODS)) == expected
    await again.close()


async def test_a_database_with_less_than_its_archive_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    store = SqliteStore.open(tmp_path / "state.db", archive=Archive(folder, ManualClock()))
    await put(store, "a/1")
    await store.close()
    (tmp_path / "state.db").unlink()
    with pytest.raises(UserError, match="writes are missing"):
        SqliteStore.open(tmp_path / "state.db", archive=Archive(folder, ManualClock()))


async def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    store = SqliteStore.open(tmp_path / "state.db", archive=Archive(folder, ManualClock()))
    for number in range(20):
        await put(store, f"a/{number}", str(number))
    await store.close()
    ((path, _),) = files(folder)
    content = path.read_bytes()
    for at in range(10, len(content), 7):
        changed = bytearray(content)
        changed[at] ^= 1
        path.write_bytes(changed)
        with pytest.raises(UserError, match="damaged"):
            restore.state([path], None)
        path.write_bytes(content[:at])
        with pytest.raises(UserError, match="damaged"):
            restore.state([path], None)


async def test_a_base_is_of_one_revision_whatever_is_written_meanwhile(tmp_path: Path) -> None:
    clock, folder = ManualClock(), tmp_path / "backups"
    archive = Archive(folder, clock)
    store = SqliteStore.open(tmp_path / "state.db", archive=archive)
    for number in range(450):  # a base of several slices
        store.put(PODS, f"a/{number:03d}", 0, lambda _: Draft(b'"metadata":{}}', {}, {}))
    await put(store, "b/last")
    before, revision = list(store.list(PODS)), store.revision
    writing = asyncio.create_task(archive.flush())
    await asyncio.sleep(0)
    while not writing.done():
        await delete(store, store.list(PODS)[-1].key)
        await asyncio.sleep(0)
    await writing
    [(path, header)] = files(folder)
    assert header.revision == revision < store.revision
    lines, _ = restore.state([path], None)
    assert [(line[3], line[4]) for line in lines] == [(r.key, r.body) for r in before]
    await store.close()


async def test_the_archive_stays_in_proportion_to_what_is_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much is written, and when most of it goes, so do the old chains."""
    monkeypatch.setattr(archive_module, "_PENDING_BYTES", 20_000)
    clock, folder, dice = ManualClock(), tmp_path / "backups", random.Random(1)
    limits = ArchiveLimits(bytes=100_000, bases=2)
    archive = Archive(folder, clock, limits)
    store = SqliteStore.open(tmp_path / "state.db", archive=archive)

    async def churn(turns: int, alive: int) -> tuple[int, int, int]:
        """The newest base, the most there was, and what was written in all."""
        most = written = 0
        for _ in range(turns):
            for number in range(alive):
                text = dice.randbytes(1000).hex()
                written += len(text)
                await put(store, f"a/{number}", text)
            clock.advance(600)
            await archive.flush()
            sizes = [(header.kind, path.stat().st_size) for path, header in files(folder)]
            most = max(most, sum(size for _, size in sizes))
        return [size for kind, size in sizes if kind == "base"][-1], most, written

    def bound(base: int) -> int:
        chain = 2 * base + 4 * 20_000 + 100_000  # the newest: its base, its logs, the last of them
        return limits.bytes + limits.bases * base + chain

    base, most, written = await churn(60, 50)
    assert most < bound(base)
    assert written > 4 * bound(base)
    for number in range(5, 50):
        await delete(store, f"a/{number}")
    await churn(60, 5)
    base, most, _ = await churn(20, 5)
    assert base < 10_000
    assert most < bound(base)
    alive = [record.key for record in store.list(PODS)]
    await store.close()
    lines, _ = restore.state([path for path, _ in restore.chain(folder, None)], None)
    assert sorted(line[3] for line in lines) == alive
    earlier = clock.now() - 3 * 600
    assert restore.state([p for p, _ in restore.chain(folder, earlier)], earlier)[1] <= earlier


async def test_a_clock_that_is_set_never_mixes_two_states(tmp_path: Path) -> None:
    """What a restore gives is always what was there at one revision."""
    clock, folder = ManualClock(), tmp_path / "backups"
    archive = Archive(folder, clock)
    store = SqliteStore.open(tmp_path / "state.db", archive=archive)
    await archive.flush()
    states, times = [[]], [clock.now()]
    for number, step in enumerate((10, 10, 5000, 10, -5000, 10, -30, 10, 10, 400)):
        clock.advance(step)
        await put(store, f"a/{number}", str(number))
        states.append([record.key for record in store.list(PODS)])
        times.append(clock.now())
        if number % 2:
            await archive.flush()
    await store.close()
    for at in sorted(times)[1:]:
        lines, when = restore.state([path for path, _ in restore.chain(folder, at)], at)
        assert sorted(line[3] for line in lines) in states
        assert when <= at
    lines, _ = restore.state([path for path, _ in restore.chain(folder, None)], None)
    assert sorted(line[3] for line in lines) == states[-1]


async def test_a_full_disk_leaves_no_half_of_an_archive_file(tmp_path: Path) -> None:
    """What could not be written is written once there is room, and nothing of it is missing."""
    folder = tmp_path / "backups"
    archive = Archive(folder, ManualClock())
    store = SqliteStore.open(tmp_path / "state.db", archive=archive)
    await archive.flush()
    for number in range(20):
        await put(store, f"a/{number}", random.Random(number).randbytes(50_000).hex())
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            await archive.flush()
        assert not list(folder.glob("*.tmp"))
        assert len(files(folder)) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    await put(store, "a/after")
    await archive.flush()
    expected = [record.key for record in store.list(PODS)]
    await store.close()
    lines, _ = restore.state([path for path, _ in restore.chain(folder, None)], None)
    assert sorted(line[3] for line in lines) == expected
