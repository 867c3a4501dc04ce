"""Print pyproject.toml's requirements with every lower bound as the version: for `make oldest`."""

from __future__ import annotations

import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


def main() -> None:
    for requirement in tomllib.loads(PYPROJECT.read_text())["project"]["dependencies"]:
        print(requirement.replace(">=", "=="))


if __name__ == "__main__":
    main()
