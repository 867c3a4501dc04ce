"""A bare copy of one repository under our own folder, and the files of its commits."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from grappe.delivery.sources import SourceError
from grappe.delivery.sources.address import check_revision, check_url, redacted
from grappe.delivery.sources.credentials import Credentials
from grappe.delivery.sources.git import Git, GitError
from grappe.delivery.sources.refs import Refs, parse_refs

_FETCH_TIMEOUT = 180.0
_LIST_TIMEOUT = 30.0
_SIZE_LIMIT = 32 << 20
_DAMAGED = re.compile(r"\.lock'|corrupt|bad object|loose object|pack ")

Select = Callable[[Sequence[str]], Sequence[str]]


class Mirror:
    """The copy may be deleted at any time: it is made again."""

    def __init__(
        self, git: Git, folder: Path, url: str, credentials: Callable[[], Credentials | None]
    ) -> None:
        check_url(url)
        self.url = url
        self._credentials = credentials
        self._git = git
        name = hashlib.sha256(url.encode()).hexdigest()[:20]
        self._folder = folder / f"{name}.git"
        self._lock = asyncio.Lock()
        self._had: set[str] = set()

    async def refs(self, wanted: Sequence[str] = ()) -> Refs:
        """Ask the repository for its branches and tags, and refs named in full in `wanted`."""
        named = [ref for ref in wanted if ref.startswith("refs/")]
        for ref in named:
            check_revision(ref)
        await self._ensure()
        patterns = ["HEAD", "refs/heads/*", "refs/tags/*", *named]
        try:
            listing = await self._run(["ls-remote", "origin", *patterns], timeout=_LIST_TIMEOUT)
        except GitError as error:
            raise SourceError(f"repository {redacted(self.url)}: {_hinted(str(error))}") from None
        return parse_refs(listing.decode("utf-8", "replace"))

    async def have(self, commit: str, ref: str) -> None:
        """Make sure the commit is here; `ref` is what it was found by (empty: by itself)."""
        if commit in self._had:
            return
        check_revision(commit)
        async with self._lock:
            await self._ensure()
            if await self._has(commit):
                return
            specs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
            if ref and not ref.startswith(("refs/heads/", "refs/tags/")):
                specs.append(f"+{ref}:refs/grappe/{hashlib.sha256(ref.encode()).hexdigest()[:12]}")
            await self._fetch(specs)
            if not await self._has(commit):
                await self._fetch([f"+{commit}:refs/grappe/{commit}"])

    async def expand(self, abbreviated: str) -> str | None:
        """The full commit of an abbreviated one, among those on branches and tags."""
        async with self._lock:
            await self._ensure()
            await self._fetch(["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"])
            try:
                out = await self._run(
                    ["rev-parse", "--verify", "--quiet", "--end-of-options",
                     f"{abbreviated}^{{commit}}"]
                )  # fmt: skip
            except GitError:
                return None
        return out.decode().strip()

    async def files(
        self, commit: str, path: str, select: Select, *, recurse: bool
    ) -> dict[str, bytes]:
        """The files of a folder that `select` picks from their names, relative to the folder.

        Links within the repository are followed, links out of it refused. SourceError when there
        is no such folder or it is too large.
        """
        check_revision(commit)
        where = f"{commit}:{path}" if path else f"{commit}^{{tree}}"
        tree = await self._folder_at(where, commit, path)
        listing = await self._run(["ls-tree", "-l", "-z", *(["-r"] if recurse else []), tree])
        sizes: dict[str, int] = {}
        for entry in listing.decode("utf-8", "surrogateescape").split("\0"):
            facts, tab, name = entry.partition("\t")
            if tab and facts.split()[1] == "blob":
                sizes[name] = int(facts.split()[3])
        chosen = list(select(list(sizes)))
        if sum(sizes[name] for name in chosen) > _SIZE_LIMIT:
            raise SourceError(f"path {path or '.'}: manifests of more than {_SIZE_LIMIT >> 20} MiB")
        if any("\n" in name for name in chosen):
            raise SourceError(f"path {path or '.'}: a file name has a line break in it")
        return await self._contents(commit, path, chosen)

    # -- within ----------------------------------------------------------------------------
    async def _folder_at(self, where: str, commit: str, path: str) -> str:
        """The tree a path is, links followed."""
        out = await self._run(
            ["cat-file", "--batch-check", "--follow-symlinks"], stdin=f"{where}\n".encode()
        )
        words = out.decode("utf-8", "replace").split("\n")[0].split(" ")
        if len(words) == 3 and words[1] == "tree":
            return words[0]
        short = commit[:7]
        if words[0] in ("symlink", "dangling", "loop"):
            raise SourceError(f"path {path}: a link out of the repository (at {short})")
        if len(words) == 3 and words[1] == "blob":
            raise SourceError(f"path {path}: a file, not a folder (at {short})")
        raise SourceError(f"{path}: app path does not exist (at {short})")

    async def _contents(self, commit: str, path: str, names: Sequence[str]) -> dict[str, bytes]:
        if not names:
            return {}
        prefix = f"{commit}:{path}/" if path else f"{commit}:"
        asked = "".join(f"{prefix}{name}\n" for name in names)
        out = await self._run(
            ["cat-file", "--batch", "--follow-symlinks"],
            stdin=asked.encode("utf-8", "surrogateescape"),
        )
        files: dict[str, bytes] = {}
        position = 0
        for name in names:
            end = out.index(b"\n", position)
            words = out[position:end].split(b" ")
            if len(words) != 3 or words[1] != b"blob":
                shown = f"{path}/{name}" if path else name
                raise SourceError(f"{shown}: a link that leads out of the repository or nowhere")
            size = int(words[2])
            files[name] = out[end + 1 : end + 1 + size]
            position = end + 1 + size + 1
            if len(files[name]) > _SIZE_LIMIT:
                raise SourceError(f"{name}: more than {_SIZE_LIMIT >> 20} MiB")
        return files

    async def _has(self, commit: str) -> bool:
        try:
            await self._run(["cat-file", "-e", f"{commit}^{{commit}}"])
        except GitError:
            return False
        self._had.add(commit)
        return True

    async def _fetch(self, specs: Sequence[str]) -> None:
        command = ["fetch", "--quiet", "--force", "--no-tags", "--no-write-fetch-head", "origin"]
        try:
            try:
                await self._run([*command, *specs], timeout=_FETCH_TIMEOUT)
            except GitError as error:
                if not _DAMAGED.search(str(error)):
                    raise
                # A fetch that was killed leaves locks behind: the copy is made anew.
                shutil.rmtree(self._folder, ignore_errors=True)
                await self._ensure()
                await self._run([*command, *specs], timeout=_FETCH_TIMEOUT)
        except GitError as error:
            raise SourceError(f"repository {redacted(self.url)}: {_hinted(str(error))}") from None

    async def _ensure(self) -> None:
        """Make the empty copy; a broken one is thrown away."""
        if (self._folder / "HEAD").exists():
            return
        shutil.rmtree(self._folder, ignore_errors=True)
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise SourceError(f"cannot write {self._folder}: {error.strerror}") from error
        await self._run(["init", "--quiet", "--bare", "--template="])

    async def _run(
        self, arguments: Sequence[str], *, stdin: bytes = b"", timeout: float = 60.0
    ) -> bytes:
        return await self._git.run(
            arguments,
            folder=self._folder,
            remote=self.url,
            credentials=self._credentials(),
            stdin=stdin,
            timeout=timeout,
        )


def _hinted(told: str) -> str:
    """git's words, and what to do about them."""
    hints = {
        "could not read Username": "it is private or does not exist: give a repository Secret",
        "could not read Password": "it is private: give a repository Secret",
        "Authentication failed": "the credentials are wrong",
        "Could not resolve host": "check the host name and this machine's DNS",
        "does not appear to be a git repository": "check repoURL; make one with: git init",
        "does not exist": "check repoURL",
        "Permission denied (publickey": "give a repository Secret with sshPrivateKey",
    }
    for words, hint in hints.items():
        if words in told:
            return f"{told} ({hint})"
    return told
