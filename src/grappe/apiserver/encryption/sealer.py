"""AES-GCM for the store's rows (NIST SP 800-38D), with the keys of an EncryptionConfiguration.

A sealed body is `k8s:enc:aesgcm:v1:KEY NAME:`, a random nonce of 12 bytes, then the ciphertext
with its tag; the prefix and the row's place are authenticated with it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grappe.apiserver.encryption.config import (
    EncryptionConfigError,
    Key,
    Rule,
    new_config,
    parse_config,
    rule_of,
)
from grappe.apiserver.pki.files import write_private
from grappe.base.errors import UserError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_PREFIX = b"k8s:enc:aesgcm:v1:"
_NONCE = 12


def sealer_of(path: Path) -> Sealer:
    """The Sealer the file asks for; UserError when it cannot be read. Where there is none yet,
    a new key is made, and written before the first row that needs it: a file that was lost is
    not replaced by one that opens nothing."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        made = new_config(f"key-{secrets.token_hex(4)}")
        return Sealer(parse_config(made), path, unsaved=made)
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror}", "run as the cluster's owner"
        ) from error
    try:
        return Sealer(parse_config(text), path)
    except EncryptionConfigError as error:
        raise UserError(
            f"{path}: {error}", "mend it, or restore it from a backup (docs/encryption.md)"
        ) from None


class Sealer:
    """Implements grappe.store.sealing.Sealing."""

    def __init__(self, rules: Sequence[Rule], path: Path, unsaved: bytes = b"") -> None:
        """`path` is where the rules come from; `unsaved` what is to be written there first."""
        self._rules = rules
        self._path = path
        self._unsaved = unsaved
        self._writers: dict[str, Key | None] = {}
        self._keys = {key.name: key for rule in rules for key in rule.keys}
        self._ciphers: dict[str, AESGCM] = {}

    def seals(self, bucket: str) -> bool:
        return self._writer(bucket) is not None

    def seal(self, bucket: str, place: bytes, body: bytes) -> bytes:
        key = self._writer(bucket)
        if key is None:
            return body
        if self._unsaved:
            self._save()
        prefix = _prefix(key)
        nonce = os.urandom(_NONCE)
        sealed = self._cipher(key).encrypt(nonce, body, prefix + place)
        return prefix + nonce + sealed

    def unseal(self, place: bytes, stored: bytes) -> bytes:
        name, separator, rest = stored.removeprefix(_PREFIX).partition(b":")
        if not stored.startswith(_PREFIX) or not separator:
            raise UserError(
                f"a row is encrypted in a way this grappe does not know: {stored[:24]!r}",
                "install the grappe version that wrote it",
            )
        told = name.decode(errors="replace")
        key = self._keys.get(told)
        if key is None:
            raise UserError(
                f"what is stored is encrypted with the key {told!r}, which is not in {self._path}",
                "restore that file from a backup; without the key the Secrets are lost",
            )
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher(key).decrypt(rest[:_NONCE], rest[_NONCE:], _prefix(key) + place)
        except (InvalidTag, ValueError):
            raise UserError(
                f"the key {told!r} in {self._path} is not the one that encrypted the Secrets",
                "restore that file from a backup; without the key the Secrets are lost",
            ) from None

    def fresh(self, bucket: str, stored: bytes) -> bool:
        key = self._writer(bucket)
        if key is None:
            return not stored.startswith(_PREFIX)
        return stored.startswith(_prefix(key))

    def _writer(self, bucket: str) -> Key | None:
        try:
            return self._writers[bucket]
        except KeyError:
            rule = rule_of(self._rules, bucket)
            key = self._writers[bucket] = rule.write if rule else None
            return key

    def _cipher(self, key: Key) -> AESGCM:
        cipher = self._ciphers.get(key.name)
        if cipher is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            cipher = self._ciphers[key.name] = AESGCM(key.secret)
        return cipher

    def _save(self) -> None:
        """On disk, name and all, before anything that only this key opens."""
        write_private(self._path, self._unsaved)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        self._unsaved = b""


def _prefix(key: Key) -> bytes:
    return _PREFIX + key.name.encode() + b":"
