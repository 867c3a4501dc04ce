"""Go's regular expressions (RE2) in Python's engine.

CRD patterns are written for RE2; what differs in meaning is translated, so that `^a$` refuses a
trailing newline and `\\d` is ASCII.
"""

from __future__ import annotations

import re
from functools import lru_cache

_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": "\\x00-\\x7f",
    "blank": "\\t ",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": "\\t\\n\\v\\f\\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_PIECE = re.compile(r"\\.|\[:(\^?)([a-z]+):\]|\[\^?\]?|\]|\$|.", re.DOTALL)


@lru_cache(2048)
def go_regex(pattern: str) -> re.Pattern[str]:
    """The compiled pattern, to be used with `search`; re.error when it cannot be compiled."""
    out: list[str] = []
    in_class = False
    for match in _PIECE.finditer(pattern):
        piece = match[0]
        if piece == "\\z":
            out.append(r"\Z")
        elif in_class and match[2]:
            out.append(_posix(match[1], match[2]))
        elif in_class:
            in_class = piece != "]"
            # Inside a class RE2 takes `[` literally; Python warns about a coming set syntax.
            out.append("\\" + piece if piece in ("[", "[^") else piece)
        elif piece.startswith("["):
            in_class = True
            out.append(piece)
        else:
            out.append(r"\Z" if piece == "$" else piece)
    text = "".join(out)
    flags = re.ASCII
    if "(?m" in pattern:  # with multi-line `$` keeps its own meaning
        text = pattern
    return re.compile(text, flags)


def _posix(negated: str, name: str) -> str:
    found = _POSIX.get(name)
    if found is None or negated:
        raise re.error(f"invalid character class range: [:{negated}{name}:]")
    return found
