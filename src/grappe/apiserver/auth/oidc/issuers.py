"""The issuers in use: their keys kept current, and tokens judged by them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from grappe.apiserver.auth.jwt import TokenError, payload_of
from grappe.apiserver.auth.oidc.claims import user_of
from grappe.apiserver.auth.oidc.config import Issuer
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.interface import NotYet
from grappe.base.clock import Clock
from grappe.base.turns import in_turns

if TYPE_CHECKING:
    from grappe.apiserver.auth.oidc.keys import KeySet

log = logging.getLogger("grappe.apiserver.auth")

Fetch = Callable[[Issuer], dict[str, Any]]
_REFRESH = 3600.0  # seconds: how long a key that was withdrawn may still count
_RETRY = 10.0  # seconds between attempts, also those that unknown key ids ask for
_LEEWAY = 60.0  # seconds two clocks may differ
_REMEMBERED = 2_000

Claims = dict[str, Any]


class _Known:
    """One issuer's keys. `keys` is None until they could be had."""

    def __init__(self, issuer: Issuer, fetch: Fetch) -> None:
        self.issuer = issuer
        self.keys: KeySet | None = None
        self.verified: dict[str, tuple[User, float, float]] = {}
        self.judging: dict[str, asyncio.Task[None]] = {}
        self.judged: dict[str, User | TokenError] = {}
        self._fetch = fetch
        self._asked_at = float("-inf")
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> asyncio.Future[None] | None:
        """Ask for the keys again, unless that was just done; a future that is done when the
        answer is there."""
        if self._task is not None and not self._task.done():
            return asyncio.shield(self._task)
        now = asyncio.get_running_loop().time()
        if now - self._asked_at < _RETRY:
            return None
        self._asked_at = now
        self._task = asyncio.create_task(self._ask(), name=f"keys of {self.issuer.url}")
        return asyncio.shield(self._task)

    async def _ask(self) -> None:
        from grappe.apiserver.auth.oidc.fetch import FetchError
        from grappe.apiserver.auth.oidc.keys import KeySet

        try:
            document = await asyncio.to_thread(self._fetch, self.issuer)
            self.keys = KeySet(document)
        except (FetchError, ValueError) as error:
            log.warning("no keys from the issuer %s: %s", self.issuer.url, error)
            return
        self.verified.clear()  # by keys that may be withdrawn

    def user_of(self, token: str, claims: Claims) -> User:
        """The user of a token with these claims; TokenError. NotYet when expressions take their
        time: the answer is there when the same is asked again."""
        found = self.judged.pop(token, None)
        if isinstance(found, TokenError):
            raise found
        if found is not None:
            return found
        task = self.judging.get(token)
        if task is None:
            coming = in_turns(lambda: user_of(self.issuer, claims))
            if not isinstance(coming, Awaitable):
                return coming
            task = asyncio.create_task(self._judge(token, coming), name="claims of a token")
            self.judging[token] = task
        raise NotYet(asyncio.shield(task))

    async def _judge(self, token: str, coming: Awaitable[User]) -> None:
        found: User | TokenError
        try:
            found = await coming
        except TokenError as error:
            found = error
        finally:
            del self.judging[token]
        if len(self.judged) >= _REMEMBERED:  # nobody came for them
            self.judged.clear()
        self.judged[token] = found

    async def keep(self) -> None:
        """Until cancelled: have keys, and have them no older than an hour."""
        while True:
            coming = self.wake()
            if coming is not None:
                await coming
            await asyncio.sleep(_RETRY if self.keys is None else _REFRESH)

    def stop(self) -> None:
        for task in (self._task, *self.judging.values()):
            if task is not None:
                task.cancel()


class Issuers:
    """Runs from `start` to `stop`; without issuers it costs nothing."""

    def __init__(self, issuers: Sequence[Issuer], clock: Clock, fetch: Fetch | None = None) -> None:
        """`fetch` answers an issuer's key document (FetchError), in a thread."""
        from_web: Fetch = fetch or _fetch
        self._known = {issuer.url: _Known(issuer, from_web) for issuer in issuers}
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        for known in self._known.values():
            name = f"issuer {known.issuer.url}"
            self._tasks.append(asyncio.create_task(known.keep(), name=name))

    async def stop(self) -> None:
        for known in self._known.values():
            known.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def of(self, token: str) -> str | None:
        """The URL of the issuer a token says to be of, if it is one of ours."""
        if not self._known:
            return None
        try:
            issuer = orjson.loads(payload_of(token)).get("iss")
        except (TokenError, ValueError, AttributeError):
            return None
        return issuer if isinstance(issuer, str) and issuer in self._known else None

    def verify(self, url: str, token: str) -> User:
        """The user of a token of this issuer; TokenError, or NotYet."""
        known = self._known[url]
        found = known.verified.get(token)
        if found is None:
            found = self._judge(known, token)
            if len(known.verified) >= _REMEMBERED:
                known.verified.clear()
            known.verified[token] = found
        user, not_before, expires = found
        now = self._clock.now()
        if now > expires:
            known.verified.pop(token, None)
            raise TokenError("oidc: token is expired")
        if now < not_before - _LEEWAY:
            raise TokenError("oidc: token is not valid yet")
        return user

    def _judge(self, known: _Known, token: str) -> tuple[User, float, float]:
        from grappe.apiserver.auth.oidc.keys import UnknownKeyError

        keys = known.keys
        try:
            if keys is None:
                raise UnknownKeyError("oidc: authenticator not initialized")
            claims = keys.verify(token)
        except UnknownKeyError:
            coming = known.wake()
            if coming is None:
                raise
            raise NotYet(coming) from None
        user = known.user_of(token, claims)
        try:
            return user, float(claims.get("nbf", 0)), float(claims["exp"])
        except (KeyError, TypeError, ValueError):
            raise TokenError("oidc: token says no end") from None


def _fetch(issuer: Issuer) -> dict[str, Any]:
    from grappe.apiserver.auth.oidc.fetch import key_document

    return key_document(issuer)
