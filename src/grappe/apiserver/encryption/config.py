"""`EncryptionConfiguration` of `apiserver.config.k8s.io/v1`: parsed, checked, made.

https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

_KEY_BYTES = (16, 24, 32)
_UNSUPPORTED = ("aescbc", "secretbox", "kms")


class EncryptionConfigError(ValueError):
    """What is wrong with a configuration, and where; never shows a key."""


@dataclass(frozen=True, slots=True)
class Key:
    """One AES key, 16, 24 or 32 bytes."""

    name: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """How the resources `patterns` name are written (`write`, None: plain) and with which keys
    what is there may be read."""

    patterns: tuple[str, ...]
    write: Key | None
    keys: tuple[Key, ...]

    def covers(self, bucket: str) -> bool:
        """Whether the rule speaks of a bucket of the store (`/secrets`, `apps/deployments`)."""
        group, _, plural = bucket.partition("/")
        name = f"{plural}.{group}" if group else plural
        wildcards = ("*.*", f"*.{group}")
        return any(pattern == name or pattern in wildcards for pattern in self.patterns)


def new_config(name: str) -> bytes:
    """A configuration that encrypts Secrets with a new key, and still reads plain ones."""
    secret = base64.b64encode(os.urandom(32)).decode()
    providers = [{"aesgcm": {"keys": [{"name": name, "secret": secret}]}}, {"identity": {}}]
    facts = {
        "kind": "EncryptionConfiguration",
        "apiVersion": "apiserver.config.k8s.io/v1",
        "resources": [{"resources": ["secrets"], "providers": providers}],
    }
    return orjson.dumps(facts, option=orjson.OPT_INDENT_2) + b"\n"


def parse_config(text: bytes) -> tuple[Rule, ...]:
    """The rules of a configuration in JSON or YAML; EncryptionConfigError."""
    facts = _document(text)
    if not isinstance(facts, dict) or facts.get("kind") != "EncryptionConfiguration":
        raise EncryptionConfigError("kind must be EncryptionConfiguration")
    if facts.get("apiVersion") != "apiserver.config.k8s.io/v1":
        raise EncryptionConfigError("apiVersion must be apiserver.config.k8s.io/v1")
    rules = tuple(
        _rule(entry, f"resources[{i}]")
        for i, entry in enumerate(_list(facts, "resources", "resources"))
    )
    names: dict[str, bytes] = {}
    for key in (key for rule in rules for key in rule.keys):
        if names.setdefault(key.name, key.secret) != key.secret:
            raise EncryptionConfigError(f"two different keys are named {key.name!r}")
    return rules


def _document(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        import yaml

        try:
            return yaml.safe_load(text)
        except (yaml.YAMLError, UnicodeDecodeError):
            # The parser's own words would show a part of the file.
            raise EncryptionConfigError("it is neither JSON nor YAML") from None


def _list(facts: dict[str, Any], name: str, path: str) -> list[Any]:
    found = facts.get(name)
    if not isinstance(found, list) or not found:
        raise EncryptionConfigError(f"{path} must be a list with at least one entry")
    return found


def _object(found: Any, path: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise EncryptionConfigError(f"{path} must be an object")
    return found


def _rule(entry: Any, path: str) -> Rule:
    facts = _object(entry, path)
    patterns = _list(facts, "resources", f"{path}.resources")
    if not all(isinstance(pattern, str) and pattern for pattern in patterns):
        raise EncryptionConfigError(f"{path}.resources must be names of resources")
    providers = _list(facts, "providers", f"{path}.providers")
    write: Key | None = None
    keys: list[Key] = []
    for i, provider in enumerate(providers):
        found = list(_keys(provider, f"{path}.providers[{i}]"))
        if i == 0 and found:
            write = found[0]
        keys += found
    return Rule(tuple(patterns), write, tuple(keys))


def _keys(provider: Any, path: str) -> Iterator[Key]:
    """The keys of one provider, none for `identity`."""
    facts = _object(provider, path)
    if len(facts) != 1:
        raise EncryptionConfigError(f"{path} must name exactly one provider")
    (name, settings) = next(iter(facts.items()))
    if name == "identity":
        return
    if name != "aesgcm":
        known = "is not supported" if name in _UNSUPPORTED else "is unknown"
        raise EncryptionConfigError(f"{path}: provider {name!r} {known}: use aesgcm or identity")
    listed = _list(_object(settings, f"{path}.aesgcm"), "keys", f"{path}.aesgcm.keys")
    for i, entry in enumerate(listed):
        yield _key(_object(entry, f"{path}.aesgcm.keys[{i}]"), f"{path}.aesgcm.keys[{i}]")


def _key(facts: dict[str, Any], path: str) -> Key:
    name, secret = facts.get("name"), facts.get("secret")
    if not isinstance(name, str) or not name or ":" in name:
        raise EncryptionConfigError(f"{path}.name must be a name without ':'")
    try:
        raw = base64.b64decode(secret, validate=True) if isinstance(secret, str) else b""
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) not in _KEY_BYTES:
        raise EncryptionConfigError(f"{path}.secret must be 16, 24 or 32 bytes in base64")
    return Key(name, raw)


def rule_of(rules: Sequence[Rule], bucket: str) -> Rule | None:
    """The first rule that speaks of a bucket."""
    return next((rule for rule in rules if rule.covers(bucket)), None)
