"""How an extension API server learns who asks: front-proxy headers. Pure.

https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/
"""

from __future__ import annotations

from urllib.parse import quote

from grappe.api.errors import bad_request
from grappe.apiserver.http.messages import User

USERNAME_HEADERS = ("X-Remote-User",)
UID_HEADERS = ("X-Remote-Uid",)
GROUP_HEADERS = ("X-Remote-Group",)
EXTRA_PREFIXES = ("X-Remote-Extra-",)
_LEGAL_IN_NAMES = "!#$&'*+-.^_`|~"


def identity_headers(user: User) -> list[tuple[str, str]]:
    """The headers that tell of `user`; ApiError 400 for names that no header can hold."""
    found = [("X-Remote-User", user.name)]
    if user.uid:
        found.append(("X-Remote-Uid", user.uid))
    found += [("X-Remote-Group", group) for group in user.groups]
    for key, values in user.extra.items():
        name = f"X-Remote-Extra-{quote(key.lower(), safe=_LEGAL_IN_NAMES)}"
        found += [(name, value) for value in values]
    for _, value in found:
        if any(character < " " or character == "\x7f" for character in value):
            raise bad_request("the user's name, groups or extra hold control characters")
    # UTF-8, whatever later writes a header as latin-1: what is told must not be ambiguous.
    return [(name, value.encode().decode("latin-1")) for name, value in found]
