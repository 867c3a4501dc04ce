"""Network namespaces: making, entering and removing them, and sockets in another one.

A namespace belongs to a thread (setns(2)), so moving in and out is safe as long as nothing
awaits in between; every function here is synchronous for that reason. Names are those of
`ip netns`: files under `/run/netns`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

NETNS_DIR = Path("/run/netns")
_CURRENT = "/proc/thread-self/ns/net"
_CLONE_NEWNET = 0x40000000
_MS_BIND = 0x1000
_MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def path_of(name: str) -> Path:
    return NETNS_DIR / name


def exists(name: str) -> bool:
    """Whether the name holds a namespace (a mere file, left by a crash, does not)."""
    try:
        return os.stat(path_of(name)).st_dev == os.stat(_CURRENT).st_dev
    except FileNotFoundError:
        return False


def create(name: str) -> None:
    """Make a namespace that outlives this process; one that exists already is kept.

    Unlike `ip netns add` this does not turn `/run/netns` into a mount of its own, which would
    stay behind on the host.
    """
    if exists(name):
        return
    while True:
        try:
            NETNS_DIR.mkdir(mode=0o755, parents=True, exist_ok=True)
            path_of(name).touch(mode=0o444)
            break
        except (FileNotFoundError, FileExistsError):
            # A `delete` elsewhere removed the directory in between.
            if NETNS_DIR.exists() and not NETNS_DIR.is_dir():
                raise

    def bind() -> None:
        _check(_libc.unshare(_CLONE_NEWNET), "unshare a network namespace")
        target = os.fsencode(path_of(name))
        _check(_libc.mount(_CURRENT.encode(), target, None, _MS_BIND, None), f"mount {name}")

    in_thread(bind)


def delete(name: str) -> None:
    """Remove the name; the namespace itself ends with its last process. Idempotent."""
    target = path_of(name)
    while exists(name):  # a crash between two creators could have stacked mounts
        _check(_libc.umount2(os.fsencode(target), _MNT_DETACH), f"umount {target}")
    target.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # others' namespaces, or not ours to remove
        NETNS_DIR.rmdir()


def open_current() -> int:
    """A descriptor of the calling thread's namespace."""
    return os.open(_CURRENT, os.O_RDONLY | os.O_CLOEXEC)


def open_named(name: str) -> int:
    """A descriptor of a named namespace; FileNotFoundError when there is none."""
    if not exists(name):
        raise FileNotFoundError(f"no network namespace {path_of(name)}")
    return os.open(path_of(name), os.O_RDONLY | os.O_CLOEXEC)


def enter(fd: int) -> None:
    """Move the calling thread (and the threads and processes it starts later) for good."""
    _check(_libc.setns(fd, _CLONE_NEWNET), "enter a network namespace")


@contextlib.contextmanager
def inside(fd: int) -> Iterator[None]:
    """Move the calling thread for the length of the block. Never await inside."""
    home = open_current()
    try:
        enter(fd)
        try:
            yield
        finally:
            enter(home)
    finally:
        os.close(home)


def in_thread(work: Callable[[], T]) -> T:
    """Run `work` in a thread of its own, whose namespace ends with it."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="netns")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def socket_in(fd: int, family: int, kind: int) -> socket.socket:
    """A non-blocking socket that lives in another namespace, whoever uses it."""
    with inside(fd):
        made = socket.socket(family, kind)
    made.setblocking(False)
    return made
