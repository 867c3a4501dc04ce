import asyncio
import os

import pytest

from grappe.delivery.sources import SourceError
from grappe.delivery.sources.git import Git, GitError
from grappe.delivery.sources.repositories import Repositories
from grappe.testing.git_repository import GitRepository


def everything(names):
    return sorted(names)


@pytest.fixture
def repository(tmp_path):
    return GitRepository(tmp_path / "repo")


@pytest.fixture
def repositories(tmp_path):
    return Repositories(tmp_path / "work")


async def files(repositories, url, revision="HEAD", path="", recurse=True):
    commit = await repositories.resolve(url, revision)
    return await repositories.files(url, commit, path, everything, recurse=recurse)


@pytest.mark.parametrize("form", ["{}", "file://{}"])
async def test_reads_the_files_of_a_folder_at_a_revision(repository, repositories, form):
    first = repository.commit({"deploy/a.yaml": "1", "deploy/sub/b.yaml": "2", "other": "x"})
    repository.git("tag", "v1")
    repository.commit({"deploy/a.yaml": "changed"})
    url = form.format(repository.path)
    assert await files(repositories, url, path="deploy") == {
        "a.yaml": b"changed", "sub/b.yaml": b"2",
    }  # fmt: skip
    assert await files(repositories, url, "v1", "deploy", recurse=False) == {"a.yaml": b"1"}
    assert await repositories.resolve(url, "v1") == first
    assert await repositories.resolve(url, first) == first
    assert await repositories.resolve(url, first[:9]) == first
    assert set(await files(repositories, url, first)) == {
        "deploy/a.yaml", "deploy/sub/b.yaml", "other",
    }  # fmt: skip


async def test_a_commit_no_branch_has_any_more_is_still_read(repository, repositories):
    lost = repository.commit({"a.yaml": "lost"})
    repository.git("commit", "--quiet", "--amend", "-m", "rewritten")
    repository.git("config", "uploadpack.allowAnySHA1InWant", "true")
    assert await files(repositories, str(repository.path), lost) == {"a.yaml": b"lost"}


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("nope", "nope: app path does not exist"),
        ("a.yaml", "a file, not a folder"),
        ("out", "a link out of the repository"),
    ],
)
async def test_a_path_that_is_no_folder_is_told(repository, repositories, path, told):
    (repository.path / "out").symlink_to("/etc")
    repository.commit({"a.yaml": "1"})
    with pytest.raises(SourceError, match=told):
        await files(repositories, str(repository.path), path=path)


async def test_links_within_the_repository_are_followed_and_others_refused(
    repository, repositories
):
    (repository.path / "app").mkdir()
    (repository.path / "app" / "link.yaml").symlink_to("../base/a.yaml")
    (repository.path / "alias").symlink_to("app")
    repository.commit({"base/a.yaml": "shared"})
    assert await files(repositories, str(repository.path), path="alias") == {"link.yaml": b"shared"}
    for target in ("/etc/passwd", "../../outside", "nowhere", "link.yaml"):
        (repository.path / "app" / "link.yaml").unlink()
        (repository.path / "app" / "link.yaml").symlink_to(target)
        commit = repository.commit({}, target)
        with pytest.raises(SourceError, match="a link that leads out"):
            await files(repositories, str(repository.path), commit, "app")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("{tmp}/nothing", "does not"),
        ("{tmp}", "not appear to be a git repository.*git init"),
        ("https://127.0.0.1:1/a.git", "repository https://127.0.0.1:1/a.git: "),
        ("https://bob:hunter2@127.0.0.1:1/a.git", "repository https://\\*\\*\\*@127.0.0.1:1"),
    ],
)
async def test_a_repository_that_cannot_be_read_is_told(tmp_path, repositories, url, told):
    with pytest.raises(SourceError, match=told) as caught:
        await repositories.resolve(url.format(tmp=tmp_path), "HEAD")
    assert "hunter2" not in str(caught.value)


async def test_a_revision_that_is_not_there_is_told_with_what_is(repository, repositories):
    with pytest.raises(SourceError, match="is empty: make a first commit"):
        await repositories.resolve(str(repository.path), "HEAD")
    repository.commit({"a": "1"})
    with pytest.raises(SourceError, match="no revision 'prod'; it has branches main"):
        await repositories.resolve(str(repository.path), "prod", refresh=True)


async def test_a_copy_that_was_damaged_is_made_anew(repository, repositories, tmp_path):
    url = str(repository.path)
    repository.commit({"a.yaml": "1"})
    await files(repositories, url)
    [mirror] = (tmp_path / "work" / "mirrors").iterdir()
    (mirror / "refs" / "heads" / "main.lock").touch()  # as a killed fetch leaves it
    repository.commit({"a.yaml": "2"})
    await repositories.resolve(url, "HEAD", refresh=True)
    assert await files(repositories, url) == {"a.yaml": b"2"}


async def test_polling_tells_of_a_new_commit_within_moments(repository, repositories):
    url = str(repository.path)
    first = repository.commit({"a": "1"})
    repositories.use("app", [url])
    assert await repositories.resolve(url, "main") == first
    changed: asyncio.Queue[str] = asyncio.Queue()
    polling = asyncio.create_task(repositories.run(changed.put_nowait))
    second = repository.commit({"a": "2"})
    assert await asyncio.wait_for(changed.get(), 10) == url
    assert await repositories.resolve(url, "main") == second
    repository.git("gc", "--quiet")  # refs packed: the same commits, no news
    repository.git("branch", "other")
    assert await asyncio.wait_for(changed.get(), 10) == url
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)


async def test_what_nobody_uses_is_forgotten(repository, repositories):
    repository.commit({"a": "1"})
    repositories.use("one", [str(repository.path)])
    assert repositories.users(str(repository.path)) == ["one"]
    repositories.forget("one")
    assert repositories.users(str(repository.path)) == []


async def test_a_repository_of_another_owner_is_read(repository, repositories):
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    repository.commit({"a": "1"})
    for parent, folders, names in os.walk(repository.path):
        for name in [".", *folders, *names]:
            os.chown(os.path.join(parent, name), 12345, 12345)
    assert await files(repositories, str(repository.path)) == {"a": b"1"}


async def test_git_that_hangs_is_killed(tmp_path):
    with pytest.raises(GitError, match="took longer than"):
        await Git(tmp_path).run(
            ["-c", "alias.hang=!sleep 60", "hang"], folder=tmp_path, timeout=0.2
        )


async def test_urls_and_secrets_are_not_among_the_arguments_of_git(tmp_path):
    """What `ps` shows to everybody is the command line; the address goes by the environment."""
    out = await Git(tmp_path).run(
        ["-c", "alias.line=!tr '\\0' ' ' < /proc/$PPID/cmdline; echo $GIT_CONFIG_VALUE_0", "line"],
        folder=tmp_path,
        remote="https://bob:hunter2@example.com/x",
    )
    line, url = out.decode().strip().split("https", 1)
    assert "hunter2" not in line
    assert "hunter2" in url
