"""Run git: without prompts, without hooks or transports that run commands, and with an end.

Addresses go in by the environment, so that no password stands in a process list.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from grappe.delivery.sources import SourceError
from grappe.delivery.sources.address import redacted

_AT_ONCE = 4
_MESSAGE_LIMIT = 600


class GitError(SourceError):
    """git failed; the message is what it said, without secrets."""


class Git:
    """`home` is a folder of our own, for git's configuration."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def run(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        remote: str = "",
        stdin: bytes = b"",
        timeout: float = 60.0,
    ) -> bytes:
        """Standard output of `git ARGUMENTS` in `folder`; the remote `origin` is `remote`.

        GitError when it fails, or takes longer than `timeout` seconds (it is killed then).
        """
        async with self._slots:
            try:
                process = await asyncio.create_subprocess_exec(
                    "git",
                    *arguments,
                    cwd=folder,
                    env=self._environment(remote),
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

    def _environment(self, remote: str) -> Mapping[str, str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        configuration = {
            "remote.origin.url": remote,
            "protocol.version": "2",
            "core.hooksPath": "/dev/null",
            "http.lowSpeedLimit": "1000",
            "http.lowSpeedTime": "20",
            "gc.auto": "0",
        }
        environment |= {
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "true",
            "SSH_ASKPASS": "true",
            "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=10",
            "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_CONFIG_GLOBAL": str(self._global_configuration()),
            "GIT_CONFIG_COUNT": str(len(configuration)),
        }
        for number, (key, value) in enumerate(configuration.items()):
            environment[f"GIT_CONFIG_KEY_{number}"] = key
            environment[f"GIT_CONFIG_VALUE_{number}"] = value
        return environment

    def _global_configuration(self) -> Path:
        """The user's own configuration (proxies, credentials) and leave to read repositories of
        other owners: git refuses those otherwise, and heeds that leave only here."""
        path = self._home / "gitconfig"
        if not path.exists():
            self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
            text = "[include]\n\tpath = ~/.gitconfig\n[safe]\n\tdirectory = *\n"
            temporary = path.with_suffix(f".{os.getpid()}")
            temporary.write_text(text)
            os.replace(temporary, path)
        return path


def _told(err: str) -> str:
    """What matters of git's complaints, on one line."""
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:", "ssh:", "remote:"))]
    told = "; ".join(
        line.removeprefix("fatal: ").removeprefix("error: ") for line in (fatal or lines)
    )
    return redacted(told)[:_MESSAGE_LIMIT]
