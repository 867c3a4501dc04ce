"""Which state a list shows and where it goes on: resource versions and continue tokens.

https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list and
…/#retrieving-large-results-sets-in-chunks . A token is opaque to clients; its form is Kubernetes'
own: base64 of JSON with a version `v`, a revision `rv` (-1: the newest) and the key to start at;
and `from`, when the first page was shown. A token expires five minutes after that, as it does with
Kubernetes when etcd is compacted: clients may count on neither less nor more.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import NamedTuple

import orjson

from grappe.api import Object
from grappe.api.errors import ApiError, bad_request, gone
from grappe.apiserver.registry.parameters import ListOptions, revision, too_large_revision
from grappe.base.clock import Clock

_TOO_OLD = "The resourceVersion for the provided list is too old."
_TOKEN_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can "
    "start a new list without the continue parameter, or use the continue token in this response "
    "to retrieve the remainder of the results. Continuing with the provided token results in an "
    "inconsistent list - objects that were created, modified, or deleted between the time the "
    "first chunk was returned and now may show up in the list."
)
_FORM = "meta.k8s.io/v1"
_NEWEST = -1
LIFETIME = 300.0
"""For so many seconds a list goes on in the state of its first page."""
_ALIEN = re.compile(r"[^A-Za-z0-9_-]")


class Page(NamedTuple):
    """Where a list continues: after `start`, in the state of `revision` (None: the newest).
    `began` is when its first page was shown, in seconds since the epoch."""

    revision: int | None
    start: str
    began: float = 0.0


def page_of(newest: int, options: ListOptions, clock: Clock) -> Page:
    """What a list is to show when `newest` is the newest revision; ApiError 400 for what makes no
    sense, 410 for a token that has expired, 504 for a revision that is still to come."""
    now = clock.now() if options.limit or options.continue_token else 0.0
    if options.continue_token:
        page = _read(options.continue_token)
        if options.resource_version not in ("", "0"):
            raise bad_request("specifying resource version is not allowed when using continue")
        if page.revision is None:
            return page._replace(began=now)
        if now - page.began > LIFETIME:
            raise ExpiredTokenError(token(None, page.start))
        return page
    asked = revision(options.resource_version)
    if not asked:
        return Page(None, "", now)
    if asked > newest:
        raise too_large_revision(asked, newest)
    exact = options.match == "Exact" or (options.limit > 0 and not options.match)
    return Page(asked if exact else None, "", now)


def token(state: int | None, key: str, began: float = 0.0) -> str:
    """The token that goes on after `key` in the state of that revision (None: the newest)."""
    facts: Object = {"v": _FORM, "rv": _NEWEST if state is None else state, "start": f"{key}\0"}
    if state is not None:
        facts["from"] = int(began)
    return base64.urlsafe_b64encode(orjson.dumps(facts)).rstrip(b"=").decode()


def _read(text: str) -> Page:
    if alien := _ALIEN.search(text):
        raise _invalid(f": illegal base64 data at input byte {alien.start()}")
    try:
        facts = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except binascii.Error:
        raise _invalid(f": illegal base64 data at input byte {len(text)}") from None
    except ValueError:
        raise _invalid(": it holds no JSON") from None
    if not isinstance(facts, dict):
        raise _invalid(": it holds no JSON object")
    form, state, start = facts.get("v", ""), facts.get("rv", 0), facts.get("start", "")
    if form != _FORM:
        raise _invalid(f": server does not recognize this encoded version {form}")
    began = facts.get("from", 0)
    if type(state) is not int or type(began) is not int or not isinstance(start, str):
        raise _invalid(": it holds values of other types")
    if state == 0:
        raise _invalid(f": incorrect encoded start resourceVersion (version {_FORM})")
    if not start:
        raise _invalid(f": encoded start key empty (version {_FORM})")
    key = start.removesuffix("\0")
    if any(part in ("", ".", "..") for part in key.removeprefix("/").split("/")):
        raise _invalid(f": {start}")
    return Page(None if state < 0 else state, key, began)


def _invalid(why: str) -> ApiError:
    return bad_request(f"invalid continue token: continue key is not valid{why}")


def expired(options: ListOptions, page: Page) -> ApiError:
    """410 for a state that is no longer known; with a token that goes on in the newest state
    where one makes sense."""
    if options.continue_token:
        return ExpiredTokenError(token(None, page.start))
    return gone(_TOO_OLD)


class ExpiredTokenError(ApiError):
    """410 for a continue token; its Status carries one that goes on all the same."""

    def __init__(self, token: str) -> None:
        super().__init__(410, "Expired", _TOKEN_TOO_OLD)
        self._token = token

    def status(self) -> Object:
        return super().status() | {"metadata": {"continue": self._token}}
