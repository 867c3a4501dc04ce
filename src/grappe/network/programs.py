"""The system's programs, found also where PATH lacks the administrator's directories, as it does
after a plain `su`."""

from __future__ import annotations

import os
import shutil

from grappe.base.errors import UserError

_ADMINISTRATORS = "/usr/local/sbin:/usr/sbin:/sbin"


def find(name: str) -> str | None:
    """The program's path, None when it is not installed."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_ADMINISTRATORS}")


def require(name: str, package: str) -> str:
    """The program's path; UserError naming the Debian package when it is not installed."""
    path = find(name)
    if path is None:
        raise UserError(f"the command `{name}` is missing", f"apt-get install {package}")
    return path
