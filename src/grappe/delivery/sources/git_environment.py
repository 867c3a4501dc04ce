"""The environment git runs in: no prompts, no hooks, no transports that run commands.

Addresses and passwords go in here, so that none stands in a process list.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from grappe.delivery.sources.credentials import Credentials

_CONFIGURATION = {
    "protocol.version": "2",
    "core.hooksPath": "/dev/null",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "20",
    "gc.auto": "0",
}
_FIXED = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
    "GIT_OPTIONAL_LOCKS": "0",
}
_USERNAME, _PASSWORD = "GRAPPE_GIT_USERNAME", "GRAPPE_GIT_PASSWORD"
_HELPER = f'!f() {{ echo "username=${_USERNAME}"; echo "password=${_PASSWORD}"; }}; f'


class GitEnvironment:
    """`home` is a folder of our own."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._keys = home / "keys"
        # What a process that was killed has left.
        shutil.rmtree(self._keys, ignore_errors=True)

    @contextlib.contextmanager
    def of(self, remote: str, credentials: Credentials | None) -> Iterator[Mapping[str, str]]:
        """The environment for one run with `origin` at `remote`; an SSH key is a file meanwhile."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | _FIXED
        settings = [("remote.origin.url", remote), *_CONFIGURATION.items()]
        if credentials is not None and credentials.password:
            # The empty one takes away those configured before, such as the user's own.
            settings += [("credential.helper", ""), ("credential.helper", _HELPER)]
            environment[_USERNAME] = credentials.username or "git"
            environment[_PASSWORD] = credentials.password
        if credentials is not None and credentials.insecure:
            settings.append(("http.sslVerify", "false"))
        for number, (key, value) in enumerate(settings):
            environment[f"GIT_CONFIG_KEY_{number}"] = key
            environment[f"GIT_CONFIG_VALUE_{number}"] = value
        environment["GIT_CONFIG_COUNT"] = str(len(settings))
        environment["GIT_CONFIG_GLOBAL"] = str(self._global_configuration())
        with self._key_file(credentials) as key_file:
            environment["GIT_SSH_COMMAND"] = self._ssh(credentials, key_file)
            yield environment

    def _ssh(self, credentials: Credentials | None, key_file: Path | None) -> str:
        """A host seen for the first time is remembered, and must be the same from then on."""
        hosts = f"{shlex.quote(str(self._home / 'known_hosts'))} ~/.ssh/known_hosts"
        strict = "no" if credentials is not None and credentials.insecure else "accept-new"
        command = (
            "ssh -oBatchMode=yes -oConnectTimeout=10"
            f" -oStrictHostKeyChecking={strict} -oUserKnownHostsFile={shlex.quote(hosts)}"
        )
        if key_file is not None:
            command += f" -oIdentitiesOnly=yes -i {shlex.quote(str(key_file))}"
        return command

    @contextlib.contextmanager
    def _key_file(self, credentials: Credentials | None) -> Iterator[Path | None]:
        if credentials is None or not credentials.ssh_key:
            yield None
            return
        self._keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile("w", dir=self._keys) as file:  # mode 0600
            file.write(credentials.ssh_key.rstrip() + "\n")
            file.flush()
            yield Path(file.name)

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
