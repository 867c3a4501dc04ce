"""The commands that the docs tell people to type exist, with their options."""

from __future__ import annotations

import re

import click
import pytest

from grappe.cli.commands import root
from tests.docs.pages import PAGES, ROOT, Command, commands, inline

GRAPPE = commands("grappe")
MAKE = commands("make")
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))


def parse(words: tuple[str, ...]) -> None:
    """Let click parse the words as if they were typed; raises what it would complain of."""
    command: click.Command = root
    rest = list(words)
    context = click.Context(command, info_name="grappe")
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(context, rest[0])
        assert found is not None, f"there is no command {rest[0]!r}"
        command, rest = found, rest[1:]
        context = click.Context(command, context)
    command.make_parser(context).parse_args(rest)


@pytest.mark.parametrize("command", GRAPPE, ids=str)
def test_commands_of_grappe_exist_with_their_options(command: Command) -> None:
    parse(command.words[1:])


def test_a_command_or_option_that_is_not_there_is_noticed() -> None:
    with pytest.raises(AssertionError, match="no command"):
        parse(("fly",))
    with pytest.raises(click.NoSuchOption):
        parse(("up", "--nonsense"))
    assert len(GRAPPE) > 10


@pytest.mark.parametrize("command", MAKE, ids=str)
def test_targets_of_make_exist(command: Command) -> None:
    assert TARGETS.issuperset(word for words in command.words[1:2] for word in words.split("|"))


def test_every_command_is_in_the_readme_or_the_docs() -> None:
    told = {word for command in GRAPPE for word in command.words[1:2]}
    told |= {word for page in PAGES for code in inline(page) for word in re.findall(r"\w+", code)}
    assert set(root.list_commands(click.Context(root))) <= told
