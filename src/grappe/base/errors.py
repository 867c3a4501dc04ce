"""Errors meant for people.

GrappeError
 └─ UserError   something the user can mend: what is wrong, and how to mend it
"""

from __future__ import annotations


class GrappeError(Exception):
    """Base of every error grappe raises on purpose."""


class UserError(GrappeError):
    """A problem the user can mend. `message` says what is wrong and where, `fix` what to do."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
