"""A store whose process is killed, or whose disk fills up, keeps exactly what it acknowledged.

GRAPPE_CRASH_ROUNDS sets how many times the writer is killed (30).
"""

import asyncio
import os
import random
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from grappe.store.sqlite import SqliteStore

from .writer import BUCKETS, LIMITS, draft

ROUNDS = int(os.environ.get("GRAPPE_CRASH_ROUNDS", "30"))
WRITER = Path(__file__).with_name("writer.py")


@dataclass
class Witness:
    """What the writer said, over all its lives."""

    acked: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    tried: dict[tuple[str, str], str] = field(default_factory=dict)
    newest: int = 0
    acks: int = 0
    refusals: int = 0
    acks_after_room: int = 0
    freed: bool = False

    def hear(self, line: str) -> None:
        match line.split():
            case ["ready", revision]:
                assert int(revision) >= self.newest, "the revision went back"
            case ["try", bucket, key, value]:
                self.tried[bucket, key] = value
            case ["ack", bucket, key, value, revision]:
                self.acked[bucket, key] = (value, int(revision))
                self.tried.pop((bucket, key))
                self.newest = max(self.newest, int(revision))
                self.acks += 1
                self.acks_after_room += self.freed
            case ["refused", bucket, key, _]:
                self.tried.pop((bucket, key))
                self.refusals += 1
            case ["freed"]:
                self.freed = True

    def check(self, path: Path) -> None:
        """What is in the file is what was acknowledged, or the one write then under way."""
        asyncio.run(self._check(path))

    async def _check(self, path: Path) -> None:
        store = SqliteStore.open(path, limits=LIMITS)
        assert store.revision >= self.newest
        for bucket in BUCKETS:
            for record in store.list(bucket):
                value = record.labels["value"]
                assert record.body == draft(value, record.revision).body
        for (bucket, key), (value, revision) in self.acked.items():
            record = store.get(bucket, key)
            found = record.labels["value"] if record else "-"
            if (bucket, key) in self.tried and found == self.tried[bucket, key] != value:
                assert record is None or record.revision > revision
                self.acked[bucket, key] = (found, record.revision if record else store.revision)
                continue
            assert found == value, f"{bucket} {key}: acknowledged {value}, found {found}"
            if record is not None:
                assert record.revision == revision
        for (bucket, key), value in self.tried.items():
            record = store.get(bucket, key)
            if record is not None and record.labels["value"] == value:
                self.acked[bucket, key] = (value, record.revision)
        self.tried.clear()
        self.newest = max(self.newest, store.revision)
        await store.close()


def writer(path: Path, *options: str, unshared: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, str(WRITER), str(path), *options]
    if unshared:
        command = ["unshare", "-m", "sh", "-c", unshared, "sh", *command]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.crash
@pytest.mark.timeout(60 + 5 * ROUNDS)
def test_every_acknowledged_write_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    witness = Witness()
    for _ in range(ROUNDS):
        lines = random.choice([1, 2, 50, 500, 3000])
        process = writer(path)
        assert process.stdout is not None
        for _ in range(lines):
            witness.hear(process.stdout.readline())
        process.kill()
        for line in process.stdout.read().splitlines(keepends=True):
            if line.endswith("\n"):  # a last line cut short was not said
                witness.hear(line)
        process.wait()
        witness.check(path)
    assert witness.acks > ROUNDS * 20


def test_a_disk_that_refuses_writes_for_a_while_loses_nothing(tmp_path: Path) -> None:
    """The operating system refuses to let any file grow beyond 2 MB, then does."""
    path = tmp_path / "state.db"
    witness = Witness()
    process = writer(path, "--file-limit", "2000000")
    assert process.stdout is not None
    for line in process.stdout:
        witness.hear(line)
    assert process.wait() == 0
    assert witness.refusals > 0
    assert witness.acks_after_room > 100
    witness.check(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_loses_nothing_and_works_again_once_there_is_room(tmp_path: Path) -> None:
    """A 6 MB file system of its own, 4 MB of it taken by a file that goes away later."""
    small = tmp_path / "small"
    small.mkdir()
    witness = Witness()
    kept = tmp_path / "kept"
    kept.mkdir()
    process = writer(
        small / "state.db",
        "--ballast",
        str(small / "ballast"),
        unshared=(
            f"mount -t tmpfs -o size=6m small {small}"
            f" && head -c 4000000 /dev/zero > {small}/ballast"
            f' && "$@" && cp {small}/state.db* {kept}/'
        ),
    )
    assert process.stdout is not None
    for line in process.stdout:
        witness.hear(line)
    assert process.wait() == 0
    assert witness.refusals > 0
    assert witness.acks_after_room > 100
    witness.check(kept / "state.db")
