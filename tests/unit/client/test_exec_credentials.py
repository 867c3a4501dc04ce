import asyncio
import json
import time

import pytest

from grappe.base.clock import rfc3339
from grappe.base.errors import UserError
from grappe.client import kubeconfig
from grappe.client.exec_credentials import ExecPlugin, ExecToken
from grappe.client.https import HttpsTransport
from grappe.client.interface import TransportError
from grappe.client.settings import ConnectionSettings

from .http_server import Asked, http_server, whole


def program(tmp_path, **status) -> ExecPlugin:
    """One that counts how often it was run, in the token and in a file."""
    script = (
        'echo x >> "$COUNT"; n=$(wc -l < "$COUNT"); '
        "echo '" + json.dumps({"kind": "ExecCredential", "status": status}) + "' "
        '| sed "s/NUMBER/$n/"'
    )
    count = str(tmp_path / "count")
    return ExecPlugin("sh", ("-c", script), {"COUNT": count}, hint="install it")


async def test_a_token_is_kept_until_just_before_it_ends(tmp_path):
    plugin = program(tmp_path, token="t-NUMBER", expirationTimestamp=rfc3339(time.time() + 3600))
    token = ExecToken(plugin)
    assert await asyncio.gather(*(token.get() for _ in range(5))) == ["t-1"] * 5
    token.forget()
    assert await token.get() == "t-2"
    ending = program(tmp_path, token="t-NUMBER", expirationTimestamp=rfc3339(time.time() + 5))
    soon = ExecToken(ending)
    assert [await soon.get(), await soon.get()] == ["t-3", "t-4"]


async def test_the_program_is_told_what_is_expected(tmp_path):
    script = (
        'test -n "$KUBERNETES_EXEC_INFO" && '
        """echo "{\\"status\\": {\\"token\\": \\"$(echo $KUBERNETES_EXEC_INFO | wc -w)\\"}}" """
    )
    assert await ExecToken(ExecPlugin("sh", ("-c", script))).get() == "1"


@pytest.mark.parametrize(
    ("plugin", "told"),
    [
        (ExecPlugin("/no/such/program", hint="install it"), r"No such file .*\(install it\)"),
        (ExecPlugin("false"), "it ended with code 1"),
        (ExecPlugin("echo", ("not json",)), "no ExecCredential"),
        (ExecPlugin("echo", ('{"status": {"clientCertificateData": "x"}}',)), "gives no token"),
        (ExecPlugin("echo", ('{"status": {"token": "t", "expirationTimestamp": 5}}',)), "no Exec"),
    ],
)  # fmt: skip
async def test_a_program_that_fails_is_a_transport_error(plugin, told):
    with pytest.raises(TransportError, match=told):
        await ExecToken(plugin).get()


async def test_a_refused_token_is_replaced_the_next_time(tmp_path):
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        good = asked.headers["authorization"] == "Bearer t-2"
        writer.write(whole(b"{}", "200 OK" if good else "401 Unauthorized"))

    async with http_server(answer) as server:
        plugin = program(tmp_path, token="t-NUMBER")
        settings = ConnectionSettings(f"http://127.0.0.1:{server.port}", exec_plugin=plugin)
        transport = HttpsTransport(settings)
        answers = [await transport.request("GET", "/", {}, {}, b"") for _ in range(3)]
        assert [a.status for a in answers] == [401, 200, 200]
        await transport.close()


def test_a_kubeconfig_names_the_program(tmp_path):
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "aws",
            "args": ["eks", "get-token"],
            "env": [{"name": "AWS_PROFILE", "value": "dev"}],
            "installHint": "install\n  aws",
        }
    }
    config = {
        "clusters": [{"name": "c", "cluster": {"server": "https://c:1"}}],
        "users": [{"name": "c", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        "current-context": "c",
    }
    path = tmp_path / "config"
    path.write_text(json.dumps(config))
    plugin = kubeconfig.load(path).exec_plugin
    assert plugin == ExecPlugin(
        "aws", ("eks", "get-token"), {"AWS_PROFILE": "dev"},
        "client.authentication.k8s.io/v1beta1", "install aws",
    )  # fmt: skip
    user["exec"] = "aws"
    path.write_text(json.dumps(config))
    with pytest.raises(UserError, match="exec has no command"):
        kubeconfig.load(path)
