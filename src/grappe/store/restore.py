"""A database out of an archive, as it was at some time.

Revisions never go back: the new database goes on far above every revision that was ever given out,
and forgets all history up to there, so that who watches from before is told to list again
(https://etcd.io/docs/v3.6/op-guide/recovery/, --bump-revision and --mark-compacted).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from grappe.base.clock import rfc3339
from grappe.base.errors import UserError
from grappe.store.archive import files
from grappe.store.format import Values
from grappe.store.journal import JournalFile
from grappe.store.segment import Header, read

REVISION_STEP = 1_000_000_000
_GROUP = 500


def chain(directory: Path, until: float | None) -> list[tuple[Path, Header]]:
    """The files that lead to the state at `until` (seconds since the epoch; None: the newest).
    UserError when there are none."""
    found = files(directory)
    bases = [at for at, (_, header) in enumerate(found) if header.kind == "base"]
    if not bases:
        raise UserError(f"there is no archive in {directory}", "restore from a backup file")
    fitting = [at for at in bases if until is None or found[at][1].time <= until]
    if not fitting:
        raise UserError(
            f"the archive goes back to {rfc3339(found[bases[0]][1].time)}",
            "choose a later time, or restore from a backup file",
        )
    path, base = found[fitting[-1]]
    chosen, reached = [(path, base)], base.revision
    for path, header in found[fitting[-1] + 1 :]:
        if header.kind == "log" and header.after == reached:
            chosen.append((path, header))
            reached = header.revision
    return chosen


def state(paths: Iterable[Path], until: float | None) -> tuple[list[Values], float]:
    """What was alive at `until` according to a chain, by revision, and when its last commit was.
    UserError names a damaged file."""
    alive: dict[tuple[str, str], Values] = {}
    newest = 0.0
    for time, lines in _groups_of(paths):
        if until is not None and time > until:
            break  # what comes after may say an earlier time: the clock was set back
        newest = time
        for line in lines:
            if line[1]:
                alive.pop((line[2], line[3]), None)
            else:
                alive[line[2], line[3]] = line
    return sorted(alive.values()), newest


def _groups_of(paths: Iterable[Path]) -> Iterator[tuple[float, list[Values]]]:
    for path in paths:
        yield from read(path)


def newest_revision(database: Path) -> int:
    """The newest revision of a database, 0 when there is none or it cannot be read."""
    if not database.exists():
        return 0
    try:
        file = JournalFile(database)
    except UserError:
        return 0
    try:
        for _ in file.lines():
            pass
        return file.progress.revision
    except UserError:
        return file.progress.revision
    finally:
        file.abandon()


def rebuild(database: Path, lines: Sequence[Values], above: int) -> int:
    """Write a new database that goes on above `above`; its revision. The file must not be there.
    What is sealed stays so: no key is needed."""
    file = JournalFile(database)
    try:
        for group in _groups(lines):
            file.append_lines(group)
        revision = max(above, file.progress.revision) + REVISION_STEP
        file.compact(revision)
    finally:
        file.close()
    return revision


def _groups(lines: Sequence[Values]) -> Iterator[Sequence[Values]]:
    for start in range(0, len(lines), _GROUP):
        yield lines[start : start + _GROUP]
