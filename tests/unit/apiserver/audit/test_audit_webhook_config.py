import base64
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.audit.webhook_config import WebhookConfig, load_webhook, parse, problems
from grappe.base.errors import UserError

URL = "https://audit.example.com/events"


def kubeconfig(user: dict[str, Any] | None = None, **cluster: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": URL, **cluster}}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_there_is_none_without_a_file(tmp_path: Path) -> None:
    assert load_webhook(tmp_path / "none") is None


def test_certificates_are_read_in_place_or_from_files(tmp_path: Path) -> None:
    ca = tmp_path / "ca.crt"
    ca.write_bytes(b"CA")
    user = {"client-certificate-data": b64(b"CERT"), "client-key-data": b64(b"KEY")}
    file = tmp_path / "webhook.yaml"
    named = {"certificate-authority": str(ca), "tls-server-name": "a.b"}
    file.write_bytes(orjson.dumps(kubeconfig(user, **named)))
    assert load_webhook(file) == WebhookConfig(
        URL, ca=b"CA", server_name="a.b", certificate=b"CERT", key=b"KEY"
    )


def test_tokens_come_before_passwords() -> None:
    basic = {"username": "a", "password": "b"}
    assert parse(kubeconfig(basic)).authorization == f"Basic {b64(b'a:b')}"
    assert parse(kubeconfig({**basic, "token": "t"})).authorization == "Bearer t"
    with_file = parse(kubeconfig({**basic, "tokenFile": "/x"}))
    assert (with_file.authorization, with_file.token_file) == ("", Path("/x"))


@pytest.mark.parametrize(
    ("obj", "told"),
    [
        ([], "the file: must be a kubeconfig"),
        ({}, "current-context: Required value"),
        ({"current-context": "y"}, "contexts: there is none with the name that current-context"),
        (kubeconfig(server="http://x"), "cluster.server: must be an https address"),
        (kubeconfig({"exec": {"command": "x"}}), "user.exec: not supported here"),
        (
            kubeconfig(**{"certificate-authority": "ca.crt"}),
            "cluster.certificate-authority: must be an absolute path",
        ),
        (kubeconfig({"tokenFile": "/no/such"}), "user.tokenFile: there is no file /no/such"),
        (kubeconfig({"client-certificate-data": b64(b"x")}), "user: client-certificate and"),
        (kubeconfig({"client-key-data": "?"}), "user.client-key-data: must be base64"),
        (kubeconfig({"token": "a\nb"}), "user.token: must be a text of one line"),
    ],
)
def test_what_is_wrong_is_told_with_its_field(obj: Any, told: str) -> None:
    assert next(iter(problems(obj))).startswith(told)


def test_no_secret_is_told(tmp_path: Path) -> None:
    file = tmp_path / "webhook.yaml"
    file.write_text("users: [{name: u, user: {token: s3cret, password: [s3cret")
    with pytest.raises(UserError) as error:
        load_webhook(file)
    assert "s3cret" not in error.value.message
    assert "s3cret" not in repr(parse(kubeconfig({"token": "s3cret"})))


@given(
    st.recursive(
        st.none() | st.text(max_size=4) | st.sampled_from(["x", "c", URL]),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(
                    ["current-context", "contexts", "context", "cluster", "clusters", "name"]
                ),
                inner,
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_is_written_is_read_or_refused(obj: Any) -> None:
    if not list(problems(obj)):
        parse(obj)
