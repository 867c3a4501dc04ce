"""Reads our Markdown: pages, fenced blocks, commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_INLINE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """What stands between two fences, and where."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """One command line that a page tells people to type."""

    where: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.where} {' '.join(self.words)}"


def blocks(*languages: str, pages: Sequence[Path] = PAGES) -> list[Block]:
    return [
        Block(page, text[: found.start()].count("\n") + 1, found[1], found[2])
        for page in pages
        for text in [page.read_text()]
        for found in _FENCE.finditer(text)
        if found[1] in languages
    ]


def inline(page: Path) -> list[str]:
    """What stands between single backticks, outside of fenced blocks."""
    return [found[1] for found in _INLINE.finditer(_FENCE.sub("", page.read_text()))]


def shown(*pages: Path) -> list[Command]:
    """Every command in the console blocks of these pages, in their order."""
    return [
        Command(str(block), words)
        for block in blocks("console", "sh", pages=pages)
        for line in block.text.replace("\\\n", " ").splitlines()
        for words in _parse(line, block.language)
    ]


def commands(*programs: str) -> list[Command]:
    """Every command of these programs, in console blocks and between backticks."""
    found = shown(*PAGES)
    for page in PAGES:
        for code in inline(page):
            found += [Command(str(page.relative_to(ROOT)), words) for words in _parse(code, "sh")]
    return [command for command in found if command.words[0].removeprefix("./") in programs]


def _parse(line: str, language: str) -> Iterator[tuple[str, ...]]:
    if language == "console":
        if not line.startswith("$ "):
            return
        line = line[2:]
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # prose between backticks
        return
    if words and "…" not in words:
        yield tuple(words)
