"""Go programs under tests/clients, compiled when a test first needs them.

Each is compiled once for each state of its sources, at low priority, into Go's build cache and
`build/go-clients`; the first time takes minutes, after that nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CLIENTS = ROOT / "tests" / "clients"
BUILT = ROOT / "build" / "go-clients"
GO = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")

FIRST_BUILD = pytest.mark.timeout(1200)


def built(name: str, *command: str) -> Path:
    """What `go COMMAND` makes of tests/clients/NAME, compiled unless it is there; one process
    compiles, the others wait. Skips the test where there is no Go, or no way to its modules."""
    if GO is None:
        pytest.skip("go is not on PATH")
    digest = hashlib.sha256()
    for source in sorted((CLIENTS / name).iterdir()):
        digest.update(source.read_bytes())
    made = BUILT / f"{name}-{digest.hexdigest()[:16]}"
    BUILT.mkdir(parents=True, exist_ok=True)
    with (BUILT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            for old in BUILT.glob(f"{name}-{'?' * 16}"):
                old.unlink()
            _compile(CLIENTS / name, made, command)
    return made


def _compile(sources: Path, made: Path, command: tuple[str, ...]) -> None:
    part = made.with_suffix(".part")
    done = subprocess.run(
        ["nice", "-n", "15", str(GO), *command, "-o", str(part), "."],
        cwd=sources,
        capture_output=True,
        text=True,
    )
    if done.returncode and ("proxy.golang.org" in done.stderr or "dial tcp" in done.stderr):
        pytest.skip(f"the modules cannot be fetched: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    part.rename(made)
