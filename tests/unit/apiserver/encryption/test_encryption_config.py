"""Which EncryptionConfigurations are understood, and what is said of the others."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.encryption.config import (
    EncryptionConfigError,
    new_config,
    parse_config,
    rule_of,
)

SECRET = base64.b64encode(bytes(32)).decode()


def config(*resources: Any, **facts: Any) -> bytes:
    return orjson.dumps(
        {
            "kind": "EncryptionConfiguration",
            "apiVersion": "apiserver.config.k8s.io/v1",
            "resources": list(resources),
            **facts,
        }
    )


def aesgcm(*names: str) -> dict[str, Any]:
    return {"aesgcm": {"keys": [{"name": name, "secret": SECRET} for name in names]}}


def test_a_new_configuration_encrypts_secrets_and_nothing_else() -> None:
    rules = parse_config(new_config("first"))
    found = rule_of(rules, "/secrets")
    assert found is not None
    assert found.write is not None
    assert (found.write.name, len(found.write.secret)) == ("first", 32)
    assert rule_of(rules, "/configmaps") is None
    assert new_config("first") != new_config("first")


def test_the_first_provider_writes_and_all_of_them_read() -> None:
    text = config(
        {"resources": ["secrets"], "providers": [{"identity": {}}, aesgcm("b", "a")]},
        {"resources": ["*.apps", "configmaps"], "providers": [aesgcm("a")]},
        {"resources": ["*.*"], "providers": [aesgcm("c")]},
    )
    rules = parse_config(text)
    secrets = rule_of(rules, "/secrets")
    assert secrets is not None
    assert secrets.write is None
    assert [key.name for key in secrets.keys] == ["b", "a"]
    for bucket, name in (("apps/deployments", "a"), ("/configmaps", "a"), ("batch/jobs", "c")):
        found = rule_of(rules, bucket)
        assert found is not None
        assert found.write is not None
        assert found.write.name == name


def test_a_configuration_may_be_yaml() -> None:
    text = f"""
kind: EncryptionConfiguration
apiVersion: apiserver.config.k8s.io/v1
resources:
- resources: [secrets]
  providers:
  - aesgcm: {{keys: [{{name: one, secret: {SECRET}}}]}}
"""
    assert [key.name for key in parse_config(text.encode())[0].keys] == ["one"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"{", "neither JSON nor YAML"),
        (b"[]", "kind must be"),
        (config(kind="Secret"), "kind must be"),
        (config(apiVersion="v1"), "apiVersion must be"),
        (config(), "resources must be a list"),
        (config({"resources": [], "providers": [aesgcm("a")]}), "resources[0].resources"),
        (config({"resources": ["secrets"], "providers": [{"kms": {}}]}), "'kms' is not supported"),
        (config({"resources": ["secrets"], "providers": [{"rot13": {}}]}), "'rot13' is unknown"),
        (config({"resources": ["secrets"], "providers": [{}]}), "exactly one provider"),
        (
            config(
                {
                    "resources": ["secrets"],
                    "providers": [{"aesgcm": {"keys": [{"name": "a", "secret": "c2hvcnQ="}]}}],
                }
            ),
            "providers[0].aesgcm.keys[0].secret must be 16, 24 or 32 bytes",
        ),
        (config({"resources": ["secrets"], "providers": [aesgcm("a:b")]}), "without ':'"),
    ],
)
def test_what_is_wrong_is_named(text: bytes, told: str) -> None:
    with pytest.raises(EncryptionConfigError) as caught:
        parse_config(text)
    assert told in str(caught.value)


def test_a_key_is_never_shown() -> None:
    key = parse_config(new_config("first"))[0].keys[0]
    assert repr(key.secret) not in repr(key)
    broken = new_config("first").replace(b'"identity"', b'"identity')
    with pytest.raises(EncryptionConfigError) as caught:
        parse_config(broken)
    assert base64.b64encode(key.secret).decode() not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["resources", "providers", "aesgcm", "keys", "name", "secret"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_value_is_understood_or_refused(resources: Any) -> None:
    try:
        parse_config(config(resources=resources))
    except EncryptionConfigError:
        pass
