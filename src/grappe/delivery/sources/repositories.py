"""All repositories in use: their refs, kept fresh by polling, and their mirrors."""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from grappe.delivery.sources import SourceError
from grappe.delivery.sources.address import check_revision, local_path, redacted
from grappe.delivery.sources.credentials import Credentials
from grappe.delivery.sources.fingerprint import Fingerprint, fingerprint
from grappe.delivery.sources.git import Git
from grappe.delivery.sources.mirror import Mirror, Select
from grappe.delivery.sources.refs import Refs

log = logging.getLogger(__name__)

REMOTE_SECONDS = 180.0
_LOCAL_SECONDS = 1.0
_LOCAL_FAILED_SECONDS = 5.0
_FAILED_SECONDS = 20.0
_ABBREVIATED = re.compile(r"[0-9a-f]{7,39}")


@dataclass
class _Known:
    """One repository; `failure` is why its refs could not be read the last time."""

    mirror: Mirror
    local: Path | None
    refs: Refs | None = None
    failure: str = ""
    checked: float = float("-inf")
    due: float = 0.0
    print: Fingerprint | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: set[str] = field(default_factory=set)


class Repositories:
    """`folder` is ours alone; it may be deleted while nothing runs. `credentials` gives those for
    a URL, as they are at the moment."""

    def __init__(
        self,
        folder: Path,
        *,
        remote_seconds: float = REMOTE_SECONDS,
        credentials: Callable[[str], Credentials | None] = lambda url: None,
    ) -> None:
        self._git = Git(folder)
        self._credentials = credentials
        self._folder = folder / "mirrors"
        self._remote_seconds = remote_seconds
        self._known: dict[str, _Known] = {}
        self._used: dict[Hashable, frozenset[str]] = {}

    def use(self, user: Hashable, urls: Iterable[str]) -> None:
        """Poll these for that user from now on, instead of what it used before."""
        self._used[user] = frozenset(urls)
        self._drop_unused()

    def forget(self, user: Hashable) -> None:
        self._used.pop(user, None)
        self._drop_unused()

    def retry_failed(self) -> None:
        """Ask those that could not be read again soon: credentials may have come."""
        for known in self._known.values():
            if known.failure:
                known.due = 0.0

    def users(self, url: str) -> list[Hashable]:
        return [user for user, urls in self._used.items() if url in urls]

    async def resolve(self, url: str, revision: str, *, refresh: bool = False) -> str:
        """The commit a revision means now; what polling last saw, unless `refresh`.

        SourceError when the repository cannot be read or has no such revision.
        """
        check_revision(revision)
        known = self._get(url)
        if revision.startswith("refs/"):
            known.wanted.add(revision)
        if refresh or known.refs is None or known.failure:
            await self._refresh(known)
        if known.failure or known.refs is None:
            raise SourceError(known.failure)
        found = known.refs.resolve(revision)
        if found is None and revision.startswith("refs/"):
            await self._refresh(known)
            found = known.refs.resolve(revision)
        if found is None:
            full = None
            if _ABBREVIATED.fullmatch(revision):
                full = await known.mirror.expand(revision)
            if full is None:
                raise SourceError(_missing(url, revision, known.refs))
            found = full, ""
        await known.mirror.have(*found)
        return found[0]

    async def files(
        self, url: str, commit: str, path: str, select: Select, *, recurse: bool
    ) -> dict[str, bytes]:
        """See Mirror.files; the commit is one `resolve` gave."""
        known = self._get(url)
        await known.mirror.have(commit, "")
        return await known.mirror.files(commit, path, select, recurse=recurse)

    async def run(self, changed: Callable[[str], None]) -> None:
        """Poll until cancelled; call `changed(url)` when refs or readability have changed.

        Repositories on this machine are looked at every second (their files, not by git), others
        every three minutes.
        """
        while True:
            await asyncio.sleep(_LOCAL_SECONDS)
            for url, known in list(self._known.items()):
                if not self._is_due(known):
                    continue
                before = known.refs, known.failure
                try:
                    await self._refresh(known)
                except Exception:
                    log.exception("polling %s", redacted(url))
                if before != (known.refs, known.failure):
                    changed(url)

    # -- within ----------------------------------------------------------------------------
    def _get(self, url: str) -> _Known:
        known = self._known.get(url)
        if known is None:
            mirror = Mirror(self._git, self._folder, url, lambda: self._credentials(url))
            known = _Known(mirror, local_path(url))
            self._known[url] = known
        return known

    def _drop_unused(self) -> None:
        used = frozenset().union(*self._used.values())
        for url in [url for url in self._known if url not in used]:
            del self._known[url]

    def _is_due(self, known: _Known) -> bool:
        if known.local is not None and fingerprint(known.local) != known.print:
            return True
        watched = known.local is not None and known.print is not None and not known.failure
        return not watched and asyncio.get_running_loop().time() >= known.due

    async def _refresh(self, known: _Known) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with known.lock:
            if known.checked > began:
                return  # somebody else has just asked
            # Before git reads the refs: what changes in between is seen the next time.
            known.print = fingerprint(known.local) if known.local is not None else None
            try:
                known.refs = await known.mirror.refs(sorted(known.wanted))
                known.failure = ""
            except SourceError as error:
                known.failure = str(error)
            known.checked = loop.time()
            known.due = known.checked + self._pause(known)

    def _pause(self, known: _Known) -> float:
        if known.local is not None:
            return _LOCAL_FAILED_SECONDS
        pause = _FAILED_SECONDS if known.failure else self._remote_seconds
        # Spread, so that many repositories of one host are not asked all at once.
        return pause * random.uniform(0.9, 1.1)


def _missing(url: str, revision: str, refs: Refs) -> str:
    if not refs.commits:
        return f"repository {redacted(url)} is empty: make a first commit"
    shown = redacted(url)
    if revision == "HEAD":
        return f"repository {shown} has no HEAD: set targetRevision; it has {refs.describe()}"
    return f"repository {shown} has no revision {revision!r}; it has {refs.describe()}"
