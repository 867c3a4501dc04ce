"""`kubectl --as`: acting as someone else, which needs the verb `impersonate` on them.

https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from grappe.api.errors import bad_request
from grappe.apiserver.auth.action import Action
from grappe.apiserver.auth.authorizer import Authorizer, forbidden
from grappe.apiserver.auth.names import (
    ANONYMOUS,
    AUTHENTICATED,
    UNAUTHENTICATED,
    service_account_groups,
    split_service_account,
)
from grappe.apiserver.http.messages import User

_USER = "impersonate-user"
_GROUP = "impersonate-group"
_UID = "impersonate-uid"
_EXTRA = "impersonate-extra-"


def impersonates(headers: Mapping[str, str]) -> bool:
    """Whether any impersonation header is there: the quick question of every request."""
    return _USER in headers or " impersonate-" in " ".join(("", *headers))


def impersonate(user: User, headers: Mapping[str, str], authorizer: Authorizer) -> User:
    """The user the request asks to be; ApiError 403 unless `user` may, 400 for headers that
    make no sense. The values of a repeated header are lines of one (http/reader.py): a group's
    name may have commas in it."""
    name = "".join(_values(headers.get(_USER, ""))[:1])
    groups = _values(headers.get(_GROUP, ""))
    uid = "".join(_values(headers.get(_UID, ""))[:1])
    extra = {
        unquote(header[len(_EXTRA) :]): _values(value)
        for header, value in headers.items()
        if header.startswith(_EXTRA)
    }
    if not name:
        if groups or uid or extra:
            raise bad_request(
                "requested impersonation without impersonating a user: "
                "Impersonate-User is required with the other impersonation headers"
            )
        return user
    for action in _needed(name, groups, uid, extra):
        if not authorizer.allows(user, action):
            raise forbidden(user, action)
    return User(name, _groups(name, groups), uid, extra)


def _values(text: str) -> tuple[str, ...]:
    lines = (line.strip() for line in text.split("\n"))
    return tuple(_utf8(line) for line in lines if line)


def _utf8(value: str) -> str:
    """A header's value as what clients send: UTF-8, of which every byte came as one character."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _needed(
    name: str, groups: tuple[str, ...], uid: str, extra: Mapping[str, tuple[str, ...]]
) -> Iterator[Action]:
    account = split_service_account(name)
    if account:
        yield Action("impersonate", "", "serviceaccounts", "", account[0], account[1])
    else:
        yield Action("impersonate", "", "users", name=name)
    for group in groups:
        yield Action("impersonate", "", "groups", name=group)
    if uid:
        yield Action("impersonate", "authentication.k8s.io", "uids", name=uid)
    for key, values in extra.items():
        for value in values:
            yield Action("impersonate", "authentication.k8s.io", "userextras", key, name=value)


def _groups(name: str, groups: tuple[str, ...]) -> tuple[str, ...]:
    account = split_service_account(name)
    found = groups or (service_account_groups(account[0]) if account else ())
    if name == ANONYMOUS:
        return found if UNAUTHENTICATED in found else (*found, UNAUTHENTICATED)
    if AUTHENTICATED in found or UNAUTHENTICATED in found:
        return found
    return (*found, AUTHENTICATED)
