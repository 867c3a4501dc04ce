"""Every package says what it is and what it must never do; no module grows beyond one idea."""

from __future__ import annotations

import ast
from pathlib import Path

import grappe

SOURCE = Path(grappe.__file__).parent
GENERATED = SOURCE / "node/runtime/containerd/protos"
LONGEST = 400
"""Lines. A table of data may be longer; there is none so far."""

MODULES = sorted(p for p in SOURCE.rglob("*.py") if not p.is_relative_to(GENERATED))
PACKAGES = [p for p in MODULES if p.name == "__init__.py"]


def _docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text())) or ""


def _names(paths: list[Path]) -> list[str]:
    return [path.relative_to(SOURCE).as_posix() for path in paths]


def test_every_folder_of_modules_is_a_package() -> None:
    assert len(PACKAGES) > 50
    assert {p.parent for p in MODULES} == {p.parent for p in PACKAGES}


def test_every_package_says_what_it_must_never_do() -> None:
    assert _names([p for p in PACKAGES if "never" not in _docstring(p).lower()]) == []


def test_every_module_says_what_it_is() -> None:
    assert _names([p for p in MODULES if not _docstring(p) and p.name != "__main__.py"]) == []


def test_no_module_is_too_long_to_be_one_idea() -> None:
    assert _names([p for p in MODULES if len(p.read_text().splitlines()) > LONGEST]) == []
