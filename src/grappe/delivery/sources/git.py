"""Run git, with an end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from grappe.delivery.sources import SourceError
from grappe.delivery.sources.address import redacted
from grappe.delivery.sources.credentials import Credentials
from grappe.delivery.sources.git_environment import GitEnvironment

_AT_ONCE = 4
_MESSAGE_LIMIT = 600


class GitError(SourceError):
    """git failed; the message is what it said, without secrets."""


class Git:
    """`home` is a folder of our own, for git's configuration."""

    def __init__(self, home: Path) -> None:
        self._environment = GitEnvironment(home)
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def run(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        remote: str = "",
        credentials: Credentials | None = None,
        stdin: bytes = b"",
        timeout: float = 60.0,
    ) -> bytes:
        """Standard output of `git ARGUMENTS` in `folder`; the remote `origin` is `remote`.

        GitError when it fails, or takes longer than `timeout` seconds (it is killed then).
        """
        async with self._slots:
            with self._environment.of(remote, credentials) as environment:
                process = await _start(arguments, folder, environment)
                try:
                    async with asyncio.timeout(timeout):
                        out, err = await process.communicate(stdin)
                except TimeoutError:
                    raise GitError(f"git {arguments[0]} took longer than {timeout:g} s") from None
                finally:
                    if process.returncode is None:
                        with contextlib.suppress(ProcessLookupError):
                            os.killpg(process.pid, signal.SIGKILL)
                        await process.wait()
        if process.returncode:
            raise GitError(_told(err.decode("utf-8", "replace")) or f"git {arguments[0]} failed")
        return out


async def _start(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            "git",
            *arguments,
            cwd=folder,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise GitError(
            f"git is not installed (run apt-get install git), or {folder} was deleted"
        ) from None
    except OSError as error:
        raise GitError(f"git cannot be started: {error.strerror}") from error


def _told(err: str) -> str:
    """What matters of git's complaints, on one line."""
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:", "ssh:", "remote:"))]
    told = "; ".join(
        line.removeprefix("fatal: ").removeprefix("error: ") for line in (fatal or lines)
    )
    return redacted(told)[:_MESSAGE_LIMIT]
