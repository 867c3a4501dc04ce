"""The examples: what their READMEs say, command by command, and what they promise."""

from __future__ import annotations

import html
import itertools
import os
import re
import shutil
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import ROOT, Command, shown
from tests.e2e.conftest import Grappe, needs_root, until

pytestmark = [
    needs_root,
    pytest.mark.root,
    pytest.mark.xdist_group("containerd"),
    pytest.mark.timeout(600),
]

EXAMPLES = ROOT / "examples"
IN = ("-n", "guestbook")


def told(example: str) -> list[list[Command]]:
    """The commands of its README, block by block."""
    found = shown(EXAMPLES / example / "README.md")
    return [list(block) for _, block in itertools.groupby(found, lambda c: c.where)]


class Folder:
    """A copy of an example, where its README's commands are typed; deleted with all they make."""

    def __init__(self, example: str, path: Path, grappe: Grappe) -> None:
        self.path = path / example
        self.grappe = grappe
        shutil.copytree(EXAMPLES / example, self.path)
        storage = path / "storage.conf"
        storage.write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{path / "storage"}"\n'
            f'runroot = "{path / "run"}"\n'
        )
        self.env = {**os.environ, "CONTAINERS_STORAGE_CONF": str(storage)}

    def type(self, command: Command) -> None:
        program, *words = command.words
        if program in ("grappe", "kubectl"):
            files = {word: str(self.path / word) for word in words if (self.path / word).exists()}
            run = self.grappe if program == "grappe" else self.grappe.kubectl
            run(*(files.get(word, word) for word in words), timeout=180)
            return
        # In a mount namespace of its own, so that no layer stays mounted.
        done = subprocess.run(
            ["unshare", "--mount", program, *words],
            cwd=self.path,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def set_up(example: str, path: Path, grappe: Grappe) -> Grappe:
    """Run the README's first block, without its last command: that one calls localhost."""
    folder = Folder(example, path, grappe)
    *commands, call = told(example)[0]
    assert call.words[0] == "curl"
    try:
        for command in commands:
            folder.type(command)
    finally:
        shutil.rmtree(path)
    return grappe


@pytest.fixture(scope="module")
def guestbook(real: Grappe, tmp_path_factory: pytest.TempPathFactory) -> Grappe:
    return set_up("guestbook", tmp_path_factory.mktemp("guestbook"), real)


def test_hello_web_answers(real: Grappe, tmp_path: Path) -> None:
    set_up("hello-web", tmp_path / "build", real)
    url = f"http://{real.get('service', 'hello-web', '-n', 'hello')['spec']['clusterIP']}/"
    assert ask(url)[1].startswith("Hello from grappe (version 1, pod hello-web-")


def pods(grappe: Grappe, labels: str) -> list[dict[str, Any]]:
    """Those that are not being deleted."""
    found = grappe.get("pods", *IN, "-l", labels)["items"]
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def fronts(grappe: Grappe) -> list[str]:
    """Each front end by the address of its pod."""
    found = pods(grappe, "app.kubernetes.io/name=front")
    return [f"http://{pod['status']['podIP']}:8080/" for pod in found]


def service(grappe: Grappe) -> str:
    return f"http://{grappe.get('service', 'front', *IN)['spec']['clusterIP']}/"


def ask(url: str, entry: str | None = None) -> tuple[int, str]:
    """What a browser gets for the page, or for the form that it sends."""
    form = None if entry is None else urllib.parse.urlencode({"entry": entry}).encode()
    try:
        with urllib.request.urlopen(url, form, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def entries(url: str) -> list[str]:
    """The entries that the page shows, newest first."""
    status, page = ask(url)
    assert status == 200, page
    return [html.unescape(entry) for entry in re.findall(r"<li>(.*?)</li>", page)]


def signed(url: str, entry: str) -> bool:
    status, _ = ask(url, entry)
    assert status in (200, 503)
    return status == 200


def test_an_entry_written_through_one_front_end_is_read_through_the_others(
    guestbook: Grappe,
) -> None:
    urls = fronts(guestbook)
    assert len(urls) == 3
    for number, url in enumerate(urls):
        entry = f"<b>Grüße</b> & entry {number}"
        until(lambda url=url, entry=entry: signed(url, entry), "the page is signed")
        for other in (*urls, service(guestbook)):
            assert entries(other)[0] == entry
    answered = {re.findall(r"answered by (\S+)<", ask(service(guestbook))[1])[0] for _ in range(40)}
    assert len(answered) == 3


@pytest.mark.parametrize("entry", ["", "   ", "x" * 501])
def test_an_entry_that_is_none_is_refused(guestbook: Grappe, entry: str) -> None:
    assert ask(service(guestbook), entry)[0] == 400


class Visitor:
    """Signs the page again and again, until the end of the `with`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.confirmed: list[str] = []
        self.refused = 0

    def _run(self) -> None:
        for number in itertools.count():
            if self._stop.is_set():
                return
            if signed(self._url, f"visit {number}"):
                self.confirmed.append(f"visit {number}")
            else:
                self.refused += 1

    def __enter__(self) -> Visitor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def is_confirmed_again(self) -> None:
        before = len(self.confirmed)
        until(lambda: len(self.confirmed) > before + 5, "entries are taken")


def test_the_leader_is_deleted_and_the_guestbook_comes_back_with_every_entry(
    guestbook: Grappe,
) -> None:
    url = service(guestbook)
    delete, rollout = told("guestbook")[1]
    read = ("exec", *IN, "deployment/store-leader", "--", "redis-cli", "--raw")
    with Visitor(url) as visitor:
        for _ in range(2):  # the second leader takes over what the first one took over
            visitor.is_confirmed_again()
            [old] = pods(guestbook, "app.kubernetes.io/component=leader")
            guestbook.kubectl(*delete.words[1:])
            assert entries(url)
            guestbook.kubectl(*rollout.words[1:])
            visitor.is_confirmed_again()
            [new] = pods(guestbook, "app.kubernetes.io/component=leader")
            assert new["metadata"]["uid"] != old["metadata"]["uid"]
    kept = set(guestbook.kubectl(*read, "LRANGE", "entries", "0", "-1").stdout.splitlines())
    assert visitor.refused
    assert not set(visitor.confirmed) - kept
    for front in fronts(guestbook):
        # A follower that is still coming back shows the last entries a moment later.
        last = visitor.confirmed[-1]
        until(lambda front=front, last=last: last in entries(front), "every front end shows it")


def test_the_store_is_closed_to_others(guestbook: Grappe) -> None:
    """A stranger's connection gets no answer; the front end's, from the same image, does."""
    ask_redis = "echo PING | nc -w 2 store-leader 6379"
    inside = ("exec", *IN, "deployment/front", "--", "sh", "-c", ask_redis)
    assert "PONG" in guestbook.kubectl(*inside).stdout
    image = ("--image=localhost/guestbook:1", "--restart=Never", "--command", "--")
    guestbook.kubectl("run", "stranger", *IN, *image, "sleep", "1000")
    guestbook.kubectl("wait", *IN, "--for=condition=Ready", "pod/stranger", "--timeout=60s")
    asked = guestbook.kubectl("exec", *IN, "stranger", "--", "sh", "-c", ask_redis, check=False)
    assert "PONG" not in asked.stdout
    assert "timed out" in asked.stderr
    guestbook.kubectl("delete", "pod", "stranger", *IN, "--now")
