"""The file: batches, bounds, and a disk that refuses."""

from __future__ import annotations

import asyncio
import resource
import signal
import stat
from pathlib import Path

from grappe.apiserver.audit.log import FILES, AuditLog


def line(text: str) -> bytes:
    return f"{text}\n".encode()


async def written(path: Path, lines: int) -> list[str]:
    async with asyncio.timeout(10):
        while not path.exists() or len(path.read_text().splitlines()) < lines:
            await asyncio.sleep(0.01)
    return path.read_text().splitlines()


async def test_lines_are_written_in_order_a_moment_later(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "audit.log"
    log = AuditLog(path)
    for number in range(250):
        log.add(lambda number=number: line(str(number)), 0)  # type: ignore[misc]
    assert not path.exists()
    assert await written(path, 250) == [str(number) for number in range(250)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    log.close()


async def test_closing_writes_what_waits_and_a_new_log_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    for text in ("one", "two"):
        log = AuditLog(path)
        log.add(lambda text=text: line(text), 0)  # type: ignore[misc]
        log.close()
    assert path.read_text() == "one\ntwo\n"


async def test_much_is_written_at_once(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    log = AuditLog(path)
    log.add(lambda: line("large"), 5_000_000)
    assert path.read_text() == "large\n"
    log.close()


async def test_files_are_turned_over_and_the_oldest_dropped(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    log = AuditLog(path, file_bytes=1000)
    for number in range(100):
        log.add(lambda number=number: line(f"{number:0100}"), 0)  # type: ignore[misc]
        log.flush()
    log.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) == FILES
    assert all(file.stat().st_size <= 1000 for file in files)
    assert path.read_text().splitlines()[-1].endswith("99")
    kept = [int(each) for file in reversed(files[1:]) for each in file.read_text().split()]
    kept += [int(each) for each in path.read_text().split()]
    assert kept == list(range(100 - len(kept), 100))


async def test_a_file_that_cannot_be_written_costs_lines_and_nothing_else(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    log = AuditLog(blocked / "audit.log")
    log.add(lambda: line("lost"), 0)
    log.flush()
    assert log.lost == 1
    blocked.unlink()
    log.add(lambda: line("kept"), 0)
    log.close()
    assert (blocked / "audit.log").read_text() == "kept\n"
    assert log.lost == 1


async def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    log = AuditLog(path)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        for text in ("a" * 600, "b" * 600, "c" * 300):
            log.add(lambda text=text: line(text), 0)
            log.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    log.add(lambda: line("d"), 0)
    log.close()
    assert path.read_text().split() == ["a" * 600, "c" * 300, "d"]
    assert log.lost == 1
