from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.delivery.sources import SourceError
from grappe.delivery.sources.address import check_revision, check_url, local_path, redacted
from grappe.delivery.sources.refs import Refs, parse_refs


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/a/b.git",
        "https://user:secret@example.com:8443/a",
        "ssh://git@example.com:22/a",
        "git@github.com:a/b.git",
        "/srv/git/a b",
        "file:///srv/git/a",
        "git://example.com/a",
    ],
)
def test_a_repository_url_is_accepted(url):
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "-oProxyCommand=touch /tmp/x",
        "--upload-pack=touch /tmp/x",
        "ext::sh -c touch% /tmp/x",
        "ssh://-oProxyCommand=x/a",
        "-host:path",
        "https://exa mple.com/a",
        "https:///a",
        "ftp://example.com/a",
        "relative/path",
        "https://example.com/a\nb",
        "fd::17",
    ],
)
def test_what_git_might_run_or_cannot_read_is_refused(url):
    with pytest.raises(SourceError):
        check_url(url)


@pytest.mark.parametrize(
    "revision", ["HEAD", "main", "feature/x", "v1.2.3", "refs/pull/1/head", "a" * 40]
)
def test_a_revision_is_accepted(revision):
    check_revision(revision)


@pytest.mark.parametrize(
    "revision",
    ["", "-x", "--upload-pack=x", "a..b", "a b", "a~1", "HEAD^", "a:b", "@{u}", "x@{1}", "a\nb"],
)
def test_what_is_no_plain_revision_is_refused(revision):
    with pytest.raises(SourceError):
        check_revision(revision)


@given(st.text(max_size=30))
def test_an_accepted_revision_never_looks_like_an_option(text):
    try:
        check_revision(text)
    except SourceError:
        return
    assert not text.startswith("-")
    assert ":" not in text
    assert "\n" not in text


def test_secrets_in_urls_are_not_shown():
    text = "fatal: unable to access 'https://bob:hunter2@example.com/x': 403"
    assert redacted(text) == "fatal: unable to access 'https://***@example.com/x': 403"
    with pytest.raises(SourceError) as caught:
        check_url("https://bob:hunter2@exa mple.com")
    assert "hunter2" not in str(caught.value)


def test_local_paths_are_recognised():
    assert local_path("/a/b") == Path("/a/b")
    assert local_path("file:///a%20b") == Path("/a b")
    assert local_path("https://example.com/a") is None


A, B, C = "a" * 40, "b" * 40, "c" * 40


def test_names_mean_tags_before_branches_and_tags_their_commits():
    refs = parse_refs(
        f"{A}\tHEAD\n{A}\trefs/heads/main\n{A}\trefs/heads/v1\n{B}\trefs/tags/v1\n"
        f"{C}\trefs/tags/v1^{{}}\nnoise\n"
    )
    assert refs.resolve("HEAD") == (A, "HEAD")
    assert refs.resolve("main") == (A, "refs/heads/main")
    assert refs.resolve("v1") == (C, "refs/tags/v1")
    assert refs.resolve("refs/heads/v1") == (A, "refs/heads/v1")
    assert refs.resolve(B) == (B, "")
    assert refs.resolve("nope") is None
    assert refs.describe() == "branches main, v1 and tags v1"
    assert Refs({}).describe() == "no branches and no tags"
