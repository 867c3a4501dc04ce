"""Where keys and certificates are kept, and which of them are still good.

A certificate and its key are two files; `issued.json` names what they hold, when they end and
their digest, and is replaced last. So a crash in between leaves a pair that is made again, never
one that does not fit.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grappe.apiserver.pki.rotation import Lifetimes
from grappe.base.errors import UserError

_BEGIN = b"-----BEGIN CERTIFICATE-----"


def write_private(path: Path, content: bytes) -> None:
    """Replace a file atomically, readable by its owner only."""
    temporary = path.with_name(path.name + ".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


@dataclass(frozen=True, slots=True)
class Pki:
    """The keys and certificates of one cluster, as files of `directory`."""

    directory: Path

    def certificate(self, name: str) -> Path:
        """`ca`, `apiserver`, `kubelet-client`, `kubelet`, `admin`, `node` or `platform`."""
        return self.directory / f"{name}.crt"

    def key(self, name: str) -> Path:
        return self.directory / f"{name}.key"

    @property
    def ca_certificate(self) -> Path:
        """Every authority that is to be trusted; the first is the one that signs."""
        return self.certificate("ca")

    @property
    def service_account_key(self) -> Path:
        """The private key that signs service-account tokens (ES256)."""
        return self.key("sa")

    def authorities(self) -> list[bytes]:
        """The certificates of `ca_certificate`, one PEM each; none when there is no authority."""
        try:
            text = self.ca_certificate.read_bytes()
        except FileNotFoundError:
            return []
        return [_BEGIN + part for part in text.split(_BEGIN)[1:]]

    def issue_client(
        self,
        common_name: str,
        organizations: Sequence[str] = (),
        *,
        now: float | None = None,
        seconds: float = Lifetimes.leaf,
    ) -> tuple[bytes, bytes]:
        """A client certificate and its key (PEM): user `common_name`, groups `organizations`;
        good for `seconds` from `now` (seconds since the epoch) on."""
        from grappe.apiserver.pki.authority import issue

        now = time.time() if now is None else now
        return issue(self.signing(), common_name, organizations, now=now, seconds=seconds)

    def issue_serving(
        self,
        common_name: str,
        sans: Sequence[str],
        organizations: Sequence[str] = (),
        *,
        now: float | None = None,
        seconds: float = Lifetimes.leaf,
    ) -> tuple[bytes, bytes]:
        """A server's certificate for the names and addresses `sans`, and its key (PEM)."""
        from grappe.apiserver.pki.authority import issue

        return issue(
            self.signing(),
            common_name,
            organizations,
            now=time.time() if now is None else now,
            seconds=seconds,
            sans=sans,
            server=True,
            client=False,
        )

    def signing(self) -> tuple[bytes, bytes]:
        """Certificate and key (PEM) of the authority that signs."""
        return self.authorities()[0], self.key("ca").read_bytes()


class Ledger:
    """`issued.json`: what each pair of files holds."""

    def __init__(self, pki: Pki) -> None:
        self._pki = pki
        self._path = pki.directory / "issued.json"
        self._entries: dict[str, dict[str, Any]] = {}
        try:
            entries = json.loads(self._path.read_text())
        except (FileNotFoundError, ValueError):
            return
        if isinstance(entries, dict):
            self._entries = entries

    def good(self, name: str, facts: Mapping[str, Any], until: float) -> bool:
        """Whether the pair is there, unharmed, for these facts, and lasts beyond `until`."""
        entry = self._entries.get(name, {})
        return (
            entry.get("facts") == facts
            and entry.get("expires", 0) > until
            and entry.get("digest") == self._digest(name)
        )

    def keep(
        self, name: str, facts: Mapping[str, Any], pair: tuple[bytes, bytes], expires: float
    ) -> None:
        """Write a pair and note what it is."""
        write_private(self._pki.key(name), pair[1])
        write_private(self._pki.certificate(name), pair[0])
        self._note(name, {"facts": facts, "expires": int(expires), "digest": self._digest(name)})

    def end_of(self, name: str, certificate: bytes) -> float:
        """When an authority's certificate ends, in seconds since the epoch; read from the
        certificate once and then noted under `name`."""
        digest = hashlib.sha256(certificate).hexdigest()
        entry = self._entries.get(name, {})
        if entry.get("digest") != digest:
            from grappe.apiserver.pki.authority import ends

            entry = {"expires": int(ends(certificate)), "digest": digest}
            self._note(name, entry)
        return float(entry["expires"])

    def _note(self, name: str, entry: dict[str, Any]) -> None:
        self._entries[name] = entry
        write_private(self._path, json.dumps(self._entries, indent=2).encode() + b"\n")

    def _digest(self, name: str) -> str:
        try:
            certificate = self._pki.certificate(name).read_bytes()
            key = self._pki.key(name).read_bytes()
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise UserError(
                f"cannot read {error.filename}: {error.strerror}", "run as the cluster's owner"
            ) from error
        return hashlib.sha256(certificate + b"\0" + key).hexdigest()
