"""Write requirements.lock: what pyproject.toml asks for, with all that this asks for in turn.

The versions are those of the environment this runs in, so: a fresh environment, `pip install -e
.[dev]`, then this. With `--check`, only say what in the file is neither needed nor missing.
"""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements.lock"


def wanted() -> list[str]:
    """The requirements of pyproject.toml, for running and for development."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["dev"]]


def closure(requirements: list[str]) -> dict[str, str]:
    """Name → version of everything that the requirements lead to, as it is installed here."""
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    todo = [(text, "") for text in requirements]
    while todo:
        text, extra = todo.pop()
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        installed = distribution(requirement.name)
        if not requirement.specifier.contains(installed.version, prereleases=True):
            raise SystemExit(f"{installed.name} {installed.version} is not {requirement.specifier}")
        found[canonicalize_name(installed.name)] = installed.version
        for part in ("", *requirement.extras):
            if (requirement.name, part) not in seen:
                seen.add((requirement.name, part))
                todo += [(inner, part) for inner in installed.requires or []]
    return found


def main() -> int:
    try:
        needed = closure(wanted())
    except PackageNotFoundError as error:
        print(f"{error.name} is not installed: pip install -e .[dev]")
        return 1
    if "--check" not in sys.argv:
        LOCK.write_text("".join(f"{name}=={needed[name]}\n" for name in sorted(needed)))
        print(f"requirements.lock: {len(needed)} packages")
        return 0
    locked = {canonicalize_name(line.split("==")[0]) for line in LOCK.read_text().split()}
    wrong = [f"{name}: not needed" for name in sorted(locked - needed.keys())]
    wrong += [f"{name}: missing" for name in sorted(needed.keys() - locked)]
    print("\n".join(wrong) or f"requirements.lock: {len(locked)} packages, none too many or few")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
