"""Images for containers: pull policy, back-off between attempts, the kubelet's events.

https://kubernetes.io/docs/concepts/containers/images/
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Awaitable, Callable

from grappe.api import Object
from grappe.base.clock import Clock
from grappe.node.pods import spec
from grappe.node.pods.backoff import BackOff
from grappe.node.pods.spec import Declared
from grappe.node.runtime.interface import Credentials, Image, Runtime, RuntimeFault

_REFERENCE = re.compile(
    r"^(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?"
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
    r"(?::[\w][\w.-]{0,127})?(?:@[a-z0-9]+:[0-9a-f]{32,})?$"
)

Tell = Callable[[str, str, str], None]
"""(type, reason, message) of an event about the container."""
PullSecrets = Callable[[Object], Awaitable[list[Object]]]
"""The Secrets that a pod's imagePullSecrets name."""


class ImageTrouble(Exception):
    """The image cannot be had now. `reason` and the message are for the container's status;
    `retry_at` is when another attempt makes sense."""

    def __init__(self, reason: str, message: str, retry_at: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_at = retry_at


def default_registry(reference: str) -> str:
    """The registry host a reference names."""
    first = reference.partition("/")[0]
    named = "/" in reference and ("." in first or ":" in first or first == "localhost")
    return first if named else "docker.io"


def credentials_for(reference: str, secrets: list[Object]) -> list[Credentials]:
    """What the pull secrets hold for the registry of an image, in their order."""
    host = default_registry(reference)
    hosts = {host} | ({"index.docker.io", "registry-1.docker.io"} if host == "docker.io" else set())
    found = []
    for secret in secrets:
        data = secret.get("data") or {}
        try:
            if ".dockerconfigjson" in data:
                auths = json.loads(base64.b64decode(data[".dockerconfigjson"])).get("auths", {})
            elif ".dockercfg" in data:
                auths = json.loads(base64.b64decode(data[".dockercfg"]))
            else:
                continue
            for server, auth in auths.items():
                name = server.removeprefix("https://").removeprefix("http://").partition("/")[0]
                if name in hosts:
                    found.append(_credentials(auth))
        except (ValueError, AttributeError):
            continue
    return found


def _credentials(auth: Object) -> Credentials:
    user, password = auth.get("username", ""), auth.get("password", "")
    if auth.get("auth") and not user:
        user, _, password = base64.b64decode(auth["auth"]).decode().partition(":")
    return Credentials(user, password, auth.get("identitytoken", ""))


class Images:
    """Shared by all pods of the node: an image is pulled once however many ask for it."""

    def __init__(self, runtime: Runtime, clock: Clock, pull_secrets: PullSecrets) -> None:
        self._runtime = runtime
        self._clock = clock
        self._pull_secrets = pull_secrets
        self._backoff = BackOff()
        self._failures: dict[str, tuple[str, float]] = {}
        self._pulls: dict[str, asyncio.Task[str]] = {}

    async def ensure(self, pod: Object, declared: Declared, tell: Tell) -> Image:
        """The image of a container, pulled if its policy says so. Raises ImageTrouble."""
        reference = str(declared.spec.get("image", ""))
        policy = declared.spec.get("imagePullPolicy") or "IfNotPresent"
        if not _REFERENCE.match(reference):
            message = (
                f'Failed to apply default image tag "{reference}": couldn\'t parse image name '
                f'"{reference}": invalid reference format'
            )
            tell("Warning", "InspectFailed", message)
            raise ImageTrouble("InvalidImageName", message)
        present = await self._runtime.image_status(reference)
        if present is not None and policy != "Always":
            tell(
                "Normal",
                "Pulled",
                f'Container image "{reference}" already present on machine and can be accessed '
                "by the pod",
            )
            return present
        if present is None and policy == "Never":
            message = f'Container image "{reference}" is not present with pull policy of Never'
            tell("Warning", "ErrImageNeverPull", message)
            raise ImageTrouble("ErrImageNeverPull", message)
        return await self._pull(pod, reference, tell)

    def forget(self, uid: str) -> None:
        """A pod is gone: so are its back-offs."""
        for key in [key for key in self._failures if key.startswith(uid + "/")]:
            del self._failures[key]
            self._backoff.forget(key)

    async def _pull(self, pod: Object, reference: str, tell: Tell) -> Image:
        key = f"{spec.uid(pod)}/{reference}"
        now = self._clock.now()
        why, failed_at = self._failures.get(key, ("", 0.0))
        until = self._backoff.waits_until(key, failed_at, now) if why else None
        if until is not None:
            message = f'Back-off pulling image "{reference}": {why}'
            tell("Normal", "BackOff", message)
            raise ImageTrouble("ImagePullBackOff", message, until)
        tell("Normal", "Pulling", f'Pulling image "{reference}"')
        try:
            await self._shared_pull(reference, await self._pull_secrets(pod))
        except (RuntimeFault, TimeoutError) as fault:
            text = str(fault) or "timed out"
            tell("Warning", "Failed", f'Failed to pull image "{reference}": {text}')
            self._backoff.next(key, failed_at, self._clock.now())
            self._failures[key] = (f"ErrImagePull: {text}", self._clock.now())
            raise ImageTrouble("ErrImagePull", text, self._clock.now()) from None
        self._failures.pop(key, None)
        self._backoff.forget(key)
        image = await self._runtime.image_status(reference)
        if image is None:
            raise ImageTrouble("ErrImagePull", f'image "{reference}" vanished after its pull')
        took = round(self._clock.now() - now, 3)
        tell(
            "Normal",
            "Pulled",
            f'Successfully pulled image "{reference}" in {took:g}s ({took:g}s including waiting). '
            f"Image size: {image.size} bytes.",
        )
        return image

    async def _shared_pull(self, reference: str, secrets: list[Object]) -> str:
        """Join the pull of this image that is under way, or begin one."""
        pull = self._pulls.get(reference)
        if pull is None:
            pull = asyncio.create_task(self._pull_once(reference, secrets), name="pull")
            self._pulls[reference] = pull
            pull.add_done_callback(lambda _: self._pulls.pop(reference, None))
        # One waiter that is cancelled does not end the pull for the others.
        return await asyncio.shield(pull)

    async def _pull_once(self, reference: str, secrets: list[Object]) -> str:
        options: list[Credentials | None] = [*credentials_for(reference, secrets)] or [None]
        for option in options[:-1]:
            try:
                return await self._runtime.pull_image(reference, option)
            except RuntimeFault:
                continue
        return await self._runtime.pull_image(reference, options[-1])
