import base64
import multiprocessing
import os
import stat
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.base.errors import UserError
from grappe.client import kubeconfig
from grappe.client.kubeconfig_edit import merge_context, remove_context


def config(name: str = "grappe", server: str = "https://127.0.0.1:6443", **user) -> dict:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": user or {"token": "t"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def write(path: Path, content: dict) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path


# -- reading -----------------------------------------------------------------------------------


def test_data_and_files_are_read_and_data_wins(tmp_path):
    (tmp_path / "ca.crt").write_bytes(b"from file")
    content = config(**{"client-certificate": "c.pem", "client-key-data": b64(b"key")})
    (tmp_path / "c.pem").write_bytes(b"cert")
    content["clusters"][0]["cluster"] |= {
        "certificate-authority": "ca.crt",
        "certificate-authority-data": b64(b"from data"),
        "tls-server-name": "kubernetes",
        "insecure-skip-tls-verify": True,
    }
    content["contexts"][0]["context"]["namespace"] = "team"
    got = kubeconfig.load(write(tmp_path / "config", content))
    assert (got.ca, got.client_certificate, got.client_key) == (b"from data", b"cert", b"key")
    assert (got.namespace, got.tls_server_name, got.insecure) == ("team", "kubernetes", True)


def test_a_named_context_is_taken_instead_of_the_current(tmp_path):
    content = config("one", "https://one:1")
    for section in ("clusters", "users", "contexts"):
        content[section] += config("two", "https://two:2")[section]
    path = write(tmp_path / "config", content)
    assert kubeconfig.load(path).server == "https://one:1"
    assert kubeconfig.load(path, "two").server == "https://two:2"
    with pytest.raises(UserError, match="no context 'three'; it has: one, two"):
        kubeconfig.load(path, "three")


def test_of_several_files_the_first_to_name_something_wins(tmp_path, monkeypatch):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "token").write_text("t")
    first = write(tmp_path / "first", config("x", "https://first:1"))
    second = config("y", "https://second:1", tokenFile="token")
    second["clusters"] += config("x", "https://shadowed:1")["clusters"]
    write(tmp_path / "b" / "second", second)
    monkeypatch.setenv("KUBECONFIG", f"{first}:{tmp_path}/missing:{tmp_path}/b/second")
    assert kubeconfig.load().server == "https://first:1"
    other = kubeconfig.load(context="y")
    assert (other.server, other.token_file) == ("https://second:1", tmp_path / "b" / "token")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param("a: [", "cannot be read", id="no YAML"),
        pytest.param("- 1\n- 2\n", "no list of entries", id="a list"),
        pytest.param("contexts: 5", "no list of entries", id="a number"),
        pytest.param("", "no current context", id="empty"),
        pytest.param(
            yaml.safe_dump(config(exec={"args": ["x"]})), "exec has no command", id="exec"
        ),
        pytest.param(
            yaml.safe_dump(config(username="u")), "authenticates by username", id="password"
        ),
        pytest.param(
            yaml.safe_dump(config(**{"client-certificate-data": b"YQ=="})),
            "has no client-key",
            id="no key",
        ),
        pytest.param(
            yaml.safe_dump(config(**{"client-key-data": "%%", "client-certificate-data": "YQ=="})),
            "client-key-data is no base64",
            id="no base64",
        ),
        pytest.param(
            yaml.safe_dump(config(**{"client-certificate": "/none", "client-key": "/none"})),
            "No such file",
            id="missing file",
        ),
    ],
)
def test_what_cannot_be_used_is_told(tmp_path, content, told):
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(UserError, match=told):
        kubeconfig.load(path)


@given(st.text(max_size=200))
@settings(max_examples=60)
def test_any_text_gives_settings_or_a_user_error(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "config"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        kubeconfig.load(path)
    except UserError:
        pass


junk = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "https://a:1", "YQ=="]),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(
        st.sampled_from(
            ["name", "cluster", "user", "context", "server", "token", "tokenFile", "exec", "args",
             "env", "command", "client-key-data", "client-certificate", "namespace"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(
    st.fixed_dictionaries(
        {
            "clusters": junk,
            "users": junk,
            "contexts": junk,
            "current-context": junk,
        }
    )
    | junk
)
@settings(max_examples=200)
def test_any_structure_gives_settings_or_a_user_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "config"
    write(path, content)
    try:
        kubeconfig.load(path, "a")
    except UserError:
        pass


@given(junk, junk, junk)
@settings(max_examples=100)
def test_any_entry_gives_settings_or_a_user_error(tmp_path_factory, cluster, user, context):
    content = {
        "clusters": [{"name": "a", "cluster": cluster}],
        "users": [{"name": "a", "user": user}],
        "contexts": [{"name": "a", "context": context or {"cluster": "a", "user": "a"}}],
    }
    path = write(tmp_path_factory.mktemp("any") / "config", content)
    try:
        kubeconfig.load(path, "a")
    except UserError:
        pass


def test_a_pod_finds_its_own_files(tmp_path):
    for name, text in (("token", "t"), ("ca.crt", "ca"), ("namespace", "team\n")):
        (tmp_path / name).write_text(text)
    environment = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    got = kubeconfig.in_cluster(environment, tmp_path)
    assert got is not None
    assert (got.server, got.ca, got.namespace) == ("https://[fd00::1]:443", b"ca", "team")
    assert got.token_file == tmp_path / "token"
    assert kubeconfig.in_cluster({}, tmp_path) is None


# -- editing -----------------------------------------------------------------------------------

names = st.sampled_from(["a", "b", "c", "grappe-demo"])


@given(existing=st.lists(names, unique=True), current=names, added=names)
@settings(max_examples=60)
def test_merging_and_removing_leaves_every_other_entry_as_it_was(
    tmp_path_factory, existing, current, added
):
    path = tmp_path_factory.mktemp("merge") / "config"
    before = {"current-context": current, "preferences": {"colors": True}, "x-mine": 1}
    for section in ("clusters", "users", "contexts"):
        before[section] = [config(n)[section][0] | {"extra": n} for n in existing]
    write(path, before)
    merge_context(path, added, config("whatever", "https://new:1"))

    merged = yaml.safe_load(path.read_text())
    for section in ("clusters", "users", "contexts"):
        kept = [e for e in merged[section] if e["name"] != added]
        assert kept == [e for e in before[section] if e["name"] != added]
    assert (merged["preferences"], merged["x-mine"]) == ({"colors": True}, 1)
    assert merged["current-context"] == (current if current in existing else added)
    assert kubeconfig.load(path, added).server == "https://new:1"

    assert remove_context(path, added)
    removed = yaml.safe_load(path.read_text())
    for section in ("clusters", "users", "contexts"):
        assert removed[section] == [e for e in before[section] if e["name"] != added]
    assert not remove_context(path, added)


def test_a_cluster_another_context_uses_is_not_removed(tmp_path):
    path = tmp_path / "config"
    merge_context(path, "grappe-demo", config())
    content = yaml.safe_load(path.read_text())
    content["contexts"].append(
        {"name": "mine", "context": {"cluster": "grappe-demo", "user": "grappe-demo"}}
    )
    write(path, content)
    remove_context(path, "grappe-demo")
    assert kubeconfig.load(path, "mine").server == "https://127.0.0.1:6443"


def test_the_file_is_private_and_a_link_to_it_stays_a_link(tmp_path):
    real = write(tmp_path / "real", config("mine"))
    link = tmp_path / "config"
    link.symlink_to(real)
    merge_context(link, "grappe-demo", config())
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config", "real"]


def test_a_new_file_and_its_folder_are_made(tmp_path):
    path = merge_context(tmp_path / ".kube" / "config", "grappe-demo", config())
    assert kubeconfig.load(path).server == "https://127.0.0.1:6443"


def test_a_damaged_file_is_left_alone(tmp_path):
    path = tmp_path / "config"
    path.write_text("a: [")
    with pytest.raises(UserError):
        merge_context(path, "grappe-demo", config())
    assert path.read_text() == "a: ["


def test_among_several_files_the_one_with_the_context_is_changed(tmp_path, monkeypatch):
    first = write(tmp_path / "first", config("mine"))
    second = write(tmp_path / "second", config("grappe-demo", "https://old:1"))
    monkeypatch.setenv("KUBECONFIG", f"{first}:{second}")
    assert merge_context(None, "grappe-demo", config(server="https://new:1")) == second
    assert merge_context(None, "other", config()) == first


def test_a_lock_left_behind_is_overtaken(tmp_path):
    path = tmp_path / "config"
    lock = tmp_path / "config.lock"
    lock.touch()
    os.utime(lock, (time.time() - 60, time.time() - 60))
    merge_context(path, "grappe-demo", config())
    assert not lock.exists()


def test_programs_that_write_at_once_lose_nothing(tmp_path):
    path = tmp_path / "config"
    context = multiprocessing.get_context("forkserver")
    writers = [
        context.Process(target=merge_context, args=(path, f"c{n}", config())) for n in range(4)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    found = {e["name"] for e in yaml.safe_load(path.read_text())["contexts"]}
    assert found == {"c0", "c1", "c2", "c3"}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
