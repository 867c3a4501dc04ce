"""Programs of the system."""

from __future__ import annotations

import pytest

from grappe.base import programs
from grappe.base.errors import UserError


def test_administrators_programs_are_found_without_their_directories_in_the_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(programs, "_ADMINISTRATORS", "/usr/bin")
    assert programs.find("env") == "/usr/bin/env"


def test_a_missing_program_is_named_with_its_package() -> None:
    assert programs.find("no-such-program") is None
    with pytest.raises(UserError, match="`no-such-program` is missing") as caught:
        programs.require("no-such-program", "some-package")
    assert caught.value.fix == "apt-get install some-package"
