"""The README's tour of a cluster of one's own, command by command, on simulated nodes."""

from __future__ import annotations

from tests.docs.pages import Command, commands
from tests.e2e.conftest import Grappe

TOUR = [c for c in commands("grappe", "kubectl") if c.where.startswith("README.md:")]


def instead(words: tuple[str, ...]) -> tuple[str, ...]:
    """What is typed here for what the README says: no real node, no port of others, no question."""
    return {
        "up": ("up", "--simulate", "1", "--port", "0"),
        "delete": ("delete", "--yes"),
    }.get(words[0], words)


def told(command: Command) -> bool:
    """The demo has a test of its own, and simulated nodes hold no images."""
    return command.words[1] not in ("demo", "image")


def test_the_readmes_commands_work_in_their_order(grappe: Grappe) -> None:
    done = []
    for command in filter(told, TOUR):
        program, *words = command.words
        if program == "kubectl":
            assert "Ready" in grappe.kubectl(*words).stdout
        else:
            grappe(*instead(tuple(words)))
        done.append(words[0])
    assert done == ["up", "get", "status", "down", "delete"]
    assert grappe("status", check=False).returncode == 1
