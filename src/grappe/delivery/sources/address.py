"""Repository URLs and revisions: which are safe to hand to git, and how to show them."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from grappe.delivery.sources import SourceError

_SCHEMES = ("https", "http", "ssh", "git", "file")
_SCP_LIKE = re.compile(r"(?:[A-Za-z0-9_.+-]+@)?[A-Za-z0-9][A-Za-z0-9.-]*:(?!//|:).+")
_SECRET = re.compile(r"(?<=://)[^/@\s]+@")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")


def redacted(text: str) -> str:
    """The text with user names and passwords of URLs in it made unreadable."""
    return _SECRET.sub("***@", text)


def check_url(url: str) -> None:
    """SourceError unless it is a URL or path git may be given. `ext::…` and the like, which run
    commands, are not."""
    local = local_path(url)
    if local is not None:
        if "\x00" in url or "\n" in url:
            raise SourceError("repoURL has a character no path has")
        return
    if _CONTROL.search(url) or url.startswith("-"):
        raise SourceError(f"repoURL {redacted(url)!r} is no URL of a Git repository")
    scheme, separator, _ = url.partition("://")
    if separator and scheme.lower() in _SCHEMES and urlsplit(url).hostname:
        if urlsplit(url).hostname.startswith("-"):  # type: ignore[union-attr]
            raise SourceError(f"repoURL {redacted(url)!r} is no URL of a Git repository")
        return
    if not separator and _SCP_LIKE.fullmatch(url):
        return
    raise SourceError(
        f"repoURL {redacted(url)!r} is no URL of a Git repository: write https://HOST/PATH, "
        "ssh://HOST/PATH, git@HOST:PATH, or an absolute path"
    )


def local_path(url: str) -> Path | None:
    """The folder a `file://` URL or an absolute path means; None for what is elsewhere."""
    if url.startswith("/"):
        return Path(url)
    if url.lower().startswith("file://"):
        return Path(unquote(urlsplit(url).path))
    return None


def check_revision(revision: str) -> None:
    """SourceError unless it could be a branch, tag, ref or commit
    (https://git-scm.com/docs/git-check-ref-format)."""
    bad = (
        revision.startswith(("-", "/"))
        or revision.endswith(("/", ".lock", "."))
        or ".." in revision
        or "@{" in revision
        or "//" in revision
        or _CONTROL.search(revision)
        or any(char in revision for char in "~^:?*[\\")
    )
    if bad or not revision:
        raise SourceError(f"targetRevision {revision!r} is no branch, tag or commit")
