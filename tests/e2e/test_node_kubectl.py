"""kubectl against the kubelet's server: logs, exec, cp, attach, port-forward."""

from __future__ import annotations

import asyncio
import hashlib
import os
import pty
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from grappe.api import Object
from tests.e2e.node_lab import RealLab, phase, ready

pytestmark = [
    pytest.mark.root,
    pytest.mark.xdist_group("containerd"),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("containerd") is None or shutil.which("kubectl") is None,
        reason="needs root, containerd and kubectl",
    ),
]

_SERVER = "mkdir /w; echo hello > /w/index.html; echo serving; exec httpd -f -p 8080 -h /w"


@pytest.fixture(scope="module")
def lab() -> Iterator[RealLab]:
    with RealLab() as made:

        async def begin() -> None:
            await made.create("web", _SERVER)
            await made.until("web", ready)

        made.run(begin())
        yield made


@pytest.fixture(params=["websocket", "spdy"])
def wire(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """kubectl speaks WebSocket, and SPDY when it may not."""
    may = str(request.param == "websocket").lower()
    monkeypatch.setenv("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", may)
    monkeypatch.setenv("KUBECTL_PORT_FORWARD_WEBSOCKETS", may)


def restarted_once(pod: Object) -> bool:
    statuses = pod["status"].get("containerStatuses") or [{}]
    return statuses[0].get("restartCount") == 1


@pytest.mark.usefixtures("wire")
def test_exec_gives_output_errors_and_the_exit_code(lab: RealLab) -> None:
    async def check() -> None:
        code, out, err = await lab.kubectl(
            "exec", "web", "--", "sh", "-c", "echo out; echo err >&2; exit 7", check=False
        )
        assert (code, out) == (7, b"out\n")
        assert b"err\n" in err

    lab.run(check())


@pytest.mark.usefixtures("wire")
def test_exec_sends_input_to_its_end(lab: RealLab) -> None:
    async def check() -> None:
        data = os.urandom(3 << 20)
        _, out, _ = await lab.kubectl("exec", "-i", "web", "--", "cat", stdin=data)
        assert hashlib.sha256(out).digest() == hashlib.sha256(data).digest()

    lab.run(check())


@pytest.mark.usefixtures("wire")
def test_exec_of_a_missing_command_says_so(lab: RealLab) -> None:
    async def check() -> None:
        code, _, err = await lab.kubectl("exec", "web", "--", "/nope", check=False)
        assert code != 0
        assert b"no such file or directory" in err

    lab.run(check())


@pytest.mark.usefixtures("wire")
def test_exec_into_a_container_that_is_not_there_says_so(lab: RealLab) -> None:
    async def check() -> None:
        code, _, err = await lab.kubectl("exec", "web", "-c", "nope", "--", "true", check=False)
        assert code != 0
        assert b"container nope is not valid for pod web" in err

    lab.run(check())


@pytest.mark.usefixtures("wire")
def test_exec_with_a_terminal_has_its_size(lab: RealLab) -> None:
    async def check() -> None:
        master, slave = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            "sh",
            "-c",
            "stty rows 33 cols 101; exec kubectl exec -it web -- sh -c "
            '\'i=0; while [ "$(stty size)" != "33 101" ] && [ $i -lt 50 ]; '
            "do sleep 0.1; i=$((i+1)); done; stty size; tty'",
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, "KUBECONFIG": str(lab.kubeconfig), "HOME": str(lab.directory)},
        )
        os.close(slave)
        async with asyncio.timeout(30):
            await process.wait()
        output = await asyncio.to_thread(os.read, master, 65536)
        os.close(master)
        assert b"33 101" in output
        assert b"/dev/pts/" in output

    lab.run(check())


@pytest.mark.usefixtures("wire")
def test_cp_copies_ten_megabytes_both_ways(lab: RealLab, tmp_path: Path) -> None:
    async def check() -> None:
        data = os.urandom(10 << 20)
        (tmp_path / "there").write_bytes(data)
        await lab.kubectl("cp", str(tmp_path / "there"), "web:/tmp/file")
        await lab.kubectl("cp", "web:/tmp/file", str(tmp_path / "back"))
        assert (tmp_path / "back").read_bytes() == data

    lab.run(check())


@pytest.mark.usefixtures("wire")
def test_attach_shows_output_and_sends_input(lab: RealLab) -> None:
    async def check() -> None:
        await lab.create(
            "echo",
            "while read line; do echo got $line; done; echo end",
            restartPolicy="Never",
            container={"stdin": True, "stdinOnce": True},
        )
        await lab.until("echo", ready)
        _, out, _ = await lab.kubectl("attach", "-i", "echo", stdin=b"one\ntwo\n", check=False)
        assert b"got one\ngot two\nend" in out
        await lab.until("echo", phase("Succeeded"))
        await lab.delete("echo")

    lab.run(check())


def test_logs_select_lines(lab: RealLab) -> None:
    async def check() -> None:
        await lab.create(
            "lines", "for i in 1 2 3 4 5; do echo line $i; done", restartPolicy="Never"
        )
        await lab.until("lines", phase("Succeeded"))
        _, out, _ = await lab.kubectl("logs", "lines", "--tail=2")
        assert out == b"line 4\nline 5\n"
        _, out, _ = await lab.kubectl("logs", "lines", "--limit-bytes=8")
        assert out == b"line 1\nl"
        _, out, _ = await lab.kubectl("logs", "lines", "--timestamps", "--tail=1")
        assert out.endswith(b"Z line 5\n")
        _, out, _ = await lab.kubectl("logs", "lines", "--since=1h")
        assert out.count(b"\n") == 5
        code, _, err = await lab.kubectl("logs", "lines", "--previous", check=False)
        assert code != 0
        assert b'previous terminated container "app" in pod "lines" not found' in err
        await lab.delete("lines")

    lab.run(check())


def test_logs_of_the_previous_instance(lab: RealLab) -> None:
    async def check() -> None:
        await lab.create("twice", "echo run; sleep 0.2; exit 1", restartPolicy="OnFailure")
        await lab.until("twice", restarted_once)
        _, out, _ = await lab.kubectl("logs", "twice", "--previous")
        assert out == b"run\n"
        await lab.delete("twice")

    lab.run(check())


def test_logs_follow_until_the_container_ends(lab: RealLab) -> None:
    async def check() -> None:
        await lab.create(
            "follow", "echo one; sleep 1; echo two; sleep 0.2; echo three", restartPolicy="Never"
        )
        await lab.until("follow", phase("Running"))
        _, out, _ = await lab.kubectl("logs", "-f", "follow")
        assert out == b"one\ntwo\nthree\n"
        await lab.delete("follow")

    lab.run(check())


@asynccontextmanager
async def forwarding(lab: RealLab, *what: str) -> AsyncIterator[int]:
    process = await asyncio.create_subprocess_exec(
        "kubectl",
        "port-forward",
        *what,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "KUBECONFIG": str(lab.kubeconfig), "HOME": str(lab.directory)},
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            line = (await process.stdout.readline()).decode()
        yield int(line.split("127.0.0.1:")[1].split()[0])
    finally:
        process.terminate()
        await process.wait()


async def _get(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.usefixtures("wire")
def test_port_forward_serves_many_connections(lab: RealLab) -> None:
    async def check() -> None:
        async with forwarding(lab, "pod/web", ":8080") as port, asyncio.timeout(30):
            assert (await _get(port)).endswith(b"hello\n")
            answers = await asyncio.gather(*(_get(port) for _ in range(20)))
            assert all(answer.endswith(b"hello\n") for answer in answers)

    lab.run(check())


@pytest.mark.usefixtures("wire")
def test_port_forward_to_a_closed_port_fails_and_goes_on(lab: RealLab) -> None:
    async def check() -> None:
        async with forwarding(lab, "pod/web", ":9") as port, asyncio.timeout(20):
            assert await _get(port) == b""

    lab.run(check())


def test_the_python_client_execs_and_forwards(lab: RealLab) -> None:
    from kubernetes import client, config
    from kubernetes.stream import portforward, stream

    async def in_thread(work) -> object:
        return await asyncio.to_thread(work)

    def use() -> None:
        api_client = config.new_client_from_config(str(lab.kubeconfig))
        api = client.CoreV1Api(api_client)
        out = stream(
            api.connect_get_namespaced_pod_exec,
            "web",
            "default",
            command=["echo", "from python"],
            stdout=True,
            stderr=True,
            stdin=False,
            tty=False,
        )
        assert out == "from python\n"
        api = client.CoreV1Api(config.new_client_from_config(str(lab.kubeconfig)))
        forward = portforward(
            api.connect_get_namespaced_pod_portforward, "web", "default", ports="8080"
        )
        socket = forward.socket(8080)
        socket.settimeout(10)
        socket.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while piece := socket.recv(4096):
            answer += piece
        assert answer.endswith(b"hello\n")
        forward.close()

    lab.run(in_thread(use))
