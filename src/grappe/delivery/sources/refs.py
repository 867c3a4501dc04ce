"""The refs of a repository, and which commit a revision means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NAMED = 8


@dataclass(frozen=True, slots=True)
class Refs:
    """Full ref name (and HEAD) to commit; annotated tags already stand for their commit."""

    commits: Mapping[str, str]

    def resolve(self, revision: str) -> tuple[str, str] | None:
        """(commit, ref it was found by) of a revision; the ref is empty for a commit itself.

        A name may be a ref, a tag or a branch, in git's own order (gitrevisions(7)).
        """
        if _COMMIT.fullmatch(revision):
            return revision, ""
        for ref in (
            revision,
            f"refs/{revision}",
            f"refs/tags/{revision}",
            f"refs/heads/{revision}",
        ):
            if ref in self.commits:
                return self.commits[ref], ref
        return None

    def describe(self) -> str:
        """What there is, in few words, for a message about what there is not."""
        parts = []
        for prefix, what in (("refs/heads/", "branches"), ("refs/tags/", "tags")):
            names = sorted(r.removeprefix(prefix) for r in self.commits if r.startswith(prefix))
            if names:
                more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
                parts.append(f"{what} {', '.join(names[:_NAMED])}{more}")
        return " and ".join(parts) or "no branches and no tags"


def parse_refs(listing: str) -> Refs:
    """Read `git ls-remote`: `COMMIT\\tREF` lines, with `REF^{}` for what a tag points to."""
    commits: dict[str, str] = {}
    for line in listing.splitlines():
        commit, tab, ref = line.partition("\t")
        if not tab or not _COMMIT.fullmatch(commit):
            continue
        # The peeled line comes after the tag's own and replaces it.
        commits[ref.removesuffix("^{}")] = commit
    return Refs(commits)
