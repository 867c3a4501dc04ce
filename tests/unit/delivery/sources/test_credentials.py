"""Private repositories: which Secret is for which URL, and git shown what it holds."""

import base64
import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.delivery.sources import SourceError
from grappe.delivery.sources.credentials import (
    Credentials,
    RepositorySecret,
    choose,
    read_secret,
)
from grappe.delivery.sources.git_environment import GitEnvironment
from grappe.delivery.sources.repositories import Repositories
from grappe.testing.git_repository import GitRepository, private_repository


def secret(kind="repository", **data):
    encoded = {k: base64.b64encode(v.encode()).decode() for k, v in data.items()}
    labels = {"argocd.argoproj.io/secret-type": kind} if kind else {}
    return {"metadata": {"name": "s", "labels": labels}, "data": encoded}


def test_a_repository_secret_is_read():
    read = read_secret(secret(url="https://GitHub.com/a/b.git/", username="u", password="p"))
    assert (read.kind, read.url) == ("repository", "https://github.com/a/b")
    assert (read.credentials.username, read.credentials.password) == ("u", "p")
    assert repr(read.credentials) == "Credentials(insecure=False)"


@pytest.mark.parametrize(
    "other", [secret(kind=""), secret(kind="cluster", url="x"), secret(username="u")]
)
def test_other_secrets_are_none(other):
    assert read_secret(other) is None


@given(st.dictionaries(st.sampled_from(["url", "username", "insecure"]), st.text(max_size=6)))
def test_damaged_data_is_read_as_far_as_it_goes(data):
    made = {**secret(), "data": data}
    read = read_secret(made)
    assert read is None or read.url


def of(kind, url, name):
    return RepositorySecret(kind, url, Credentials(username=name))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com/team/one.git", "one"),
        ("https://example.com/team/two", "team"),
        ("https://example.com/teams/x", "host"),
        ("https://example.com.evil.org/team/one", None),
        ("git@example.com:team/one.git", "ssh"),
        ("/srv/git/one", None),
    ],
)
def test_the_closest_secret_is_chosen(url, expected):
    secrets = [
        of("repo-creds", "https://example.com", "host"),
        of("repo-creds", "https://example.com/team", "team"),
        of("repository", "https://example.com/team/one", "one"),
        of("repository", "git@example.com:team/one", "ssh"),
    ]
    chosen = choose(secrets, url)
    assert (chosen.username if chosen else None) == expected


@pytest.fixture
def private(tmp_path):
    """URL of a repository that asks for bob's password."""
    repository = GitRepository(tmp_path / "repo")
    repository.commit({"a.yaml": "1"})
    with private_repository(repository) as url:
        yield url


async def test_a_private_repository_is_read_once_its_secret_is_there(private, tmp_path):
    given = {}
    repositories = Repositories(tmp_path / "work", credentials=given.get)
    with pytest.raises(SourceError, match="give a repository Secret"):
        await repositories.resolve(private, "main")
    given[private] = Credentials("bob", "wrong")
    with pytest.raises(SourceError, match="credentials are wrong") as caught:
        await repositories.resolve(private, "main")
    assert "bob" not in str(caught.value)
    given[private] = Credentials("bob", "hunter2")
    commit = await repositories.resolve(private, "main")
    files = await repositories.files(private, commit, "", sorted, recurse=False)
    assert files == {"a.yaml": b"1"}


def test_an_ssh_key_is_a_private_file_only_while_git_runs(tmp_path):
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "left-behind").touch()
    environment = GitEnvironment(tmp_path)
    with environment.of("git@example.com:a", Credentials(ssh_key="KEY")) as variables:
        command = shlex.split(variables["GIT_SSH_COMMAND"])
        [key] = keys.iterdir()
        assert command[-2:] == ["-i", str(key)]
        assert (key.read_text(), key.stat().st_mode & 0o777) == ("KEY\n", 0o600)
    assert list(keys.iterdir()) == []


def test_the_ssh_command_is_one_ssh_understands(tmp_path):
    home = tmp_path / "a folder with spaces"
    home.mkdir()
    with GitEnvironment(home).of("x", None) as variables:
        command = shlex.split(variables["GIT_SSH_COMMAND"])
    asked = [command[0], "-G", *command[1:], "example.com"]
    out = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    settings = dict(line.split(" ", 1) for line in out.splitlines() if " " in line)
    assert settings["batchmode"] == "yes"
    assert settings["stricthostkeychecking"] == "accept-new"
    assert str(home / "known_hosts") in settings["userknownhostsfile"]


def test_a_password_is_in_the_environment_and_the_users_own_helpers_are_not_asked(tmp_path):
    with GitEnvironment(tmp_path).of("https://h/x", Credentials("u", "hunter2")) as variables:
        count = int(variables["GIT_CONFIG_COUNT"])
        settings = [
            (variables[f"GIT_CONFIG_KEY_{n}"], variables[f"GIT_CONFIG_VALUE_{n}"])
            for n in range(count)
        ]
    helpers = [value for key, value in settings if key == "credential.helper"]
    assert helpers[0] == ""
    assert not any("hunter2" in value for _, value in settings)
    assert variables["GRAPPE_GIT_PASSWORD"] == "hunter2"
