"""The system's programs, found also where PATH lacks the administrator's directories, as it does
after a plain `su`."""

from __future__ import annotations

import os
import shutil

from grappe.base.errors import UserError

_ADMINISTRATORS = "/usr/local/sbin:/usr/sbin:/sbin"


def search_path() -> str:
    """PATH for ourselves and for programs that start others."""
    return f"{os.environ.get('PATH', '')}:{_ADMINISTRATORS}"


def find(name: str) -> str | None:
    """The program's path, None when it is not installed."""
    return shutil.which(name, path=search_path())


def require(name: str, package: str) -> str:
    """The program's path; UserError naming the Debian package when it is not installed."""
    path = find(name)
    if path is None:
        raise UserError(f"the command `{name}` is missing", f"apt-get install {package}")
    return path
