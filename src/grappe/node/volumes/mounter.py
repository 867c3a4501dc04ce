"""A pod's volumes: set up before its sandbox, refreshed when what they show changes, removed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from grappe.api import Object
from grappe.node.pods import spec
from grappe.node.pods.fields import FieldError, field_value, resource_value
from grappe.node.references import CacheTimeout, References
from grappe.node.settings import NodeSettings
from grappe.node.volumes import atomic, directories, payload
from grappe.node.volumes.payload import DEFAULT_MODE, Entry, MountFault, Payload
from grappe.node.volumes.tokens import Tokens

_SHOWN = ("configMap", "secret", "downwardAPI", "projected")
_SECRET = ("secret", "projected")
"""Kept in memory, never on a disk."""
_TOKEN_SECONDS = 3600


class Mounter:
    """Sets volumes up on this node."""

    def __init__(
        self,
        settings: NodeSettings,
        references: References,
        tokens: Tokens,
        allocatable: Callable[[], dict[str, str]],
    ) -> None:
        self._settings = settings
        self._references = references
        self._tokens = tokens
        self._allocatable = allocatable

    def pod_directory(self, uid: str) -> Path:
        return self._settings.pod_root / uid

    def volume_path(self, pod: Object, name: str) -> Path:
        """Where a volume of the pod is on the node."""
        for volume in pod["spec"].get("volumes") or ():
            if volume["name"] == name:
                if "hostPath" in volume:
                    return Path(volume["hostPath"]["path"])
                plugin = next((k for k in volume if k != "name"), "emptyDir")
                root = self.pod_directory(spec.uid(pod)) / "volumes"
                return root / f"kubernetes.io~{_plugin(plugin)}" / name
        raise MountFault(f'volume "{name}" is not in the pod')

    async def set_up(self, pod: Object, pod_ips: tuple[str, ...] = ()) -> float | None:
        """Make every volume ready, or bring what it shows up to date; idempotent. Gives the time
        at which to call again (a token to renew). Raises MountFault."""
        renew: float | None = None
        for volume in pod["spec"].get("volumes") or ():
            try:
                again = await self._one(pod, volume, pod_ips)
            except MountFault as fault:
                raise MountFault(
                    f'MountVolume.SetUp failed for volume "{volume["name"]}" : {fault}'
                ) from fault
            except OSError as error:
                raise MountFault(
                    f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}'
                ) from error
            if again is not None:
                renew = again if renew is None else min(renew, again)
        return renew

    async def remove(self, uid: str) -> None:
        """Take a pod's directory away, with all that is mounted in it."""
        self._tokens.forget(uid)
        directory = self.pod_directory(uid)
        if directory.exists():
            await asyncio.to_thread(directories.remove, directory)

    # -- one volume
    async def _one(self, pod: Object, volume: Object, pod_ips: tuple[str, ...]) -> float | None:
        plugin = next((key for key in volume if key != "name"), "emptyDir")
        context = pod["spec"].get("securityContext") or {}
        group = context.get("fsGroup")
        if plugin in _SHOWN:
            files, renew = await self._payload(pod, plugin, volume[plugin] or {}, pod_ips)
            if not self._settings.simulated:
                path = self.volume_path(pod, volume["name"])
                if plugin in _SECRET:
                    directories.in_memory(path)
                _write(path, files, group)
            return renew
        if self._settings.simulated:
            return None
        path = self.volume_path(pod, volume["name"])
        if plugin == "emptyDir":
            fresh = not path.exists()
            directories.empty_dir(path, volume.get("emptyDir") or {})
            if group is not None and fresh:
                policy = context.get("fsGroupChangePolicy") == "OnRootMismatch"
                directories.set_group(path, group, on_root_mismatch=policy)
        elif plugin == "hostPath":
            directories.host_path(volume["hostPath"])
        else:
            raise MountFault(f"volumes of type {plugin} are not supported by this node")
        return None

    async def _payload(
        self, pod: Object, plugin: str, source: Object, pod_ips: tuple[str, ...]
    ) -> tuple[Payload, float | None]:
        mode = source.get("defaultMode")
        mode = DEFAULT_MODE if mode is None else mode
        if plugin == "configMap":
            return await self._object(pod, "configmap", source, mode), None
        if plugin == "secret":
            named = {**source, "name": source.get("secretName", "")}
            return await self._object(pod, "secret", named, mode), None
        if plugin == "downwardAPI":
            return self._downward(pod, source, mode, pod_ips), None
        files: Payload = {}
        renew: float | None = None
        for part in source.get("sources") or ():
            if "configMap" in part:
                files |= await self._object(pod, "configmap", part["configMap"], mode)
            elif "secret" in part:
                files |= await self._object(pod, "secret", part["secret"], mode)
            elif "downwardAPI" in part:
                files |= self._downward(pod, part["downwardAPI"], mode, pod_ips)
            elif "serviceAccountToken" in part and not self._settings.simulated:
                wanted = part["serviceAccountToken"]
                token, again = await self._tokens.get(
                    pod,
                    wanted.get("audience", ""),
                    wanted.get("expirationSeconds") or _TOKEN_SECONDS,
                )
                files[wanted["path"]] = Entry(token.encode(), _token_mode(pod, mode))
                renew = again if renew is None else min(renew, again)
            elif "serviceAccountToken" not in part:
                raise MountFault(f"projected {next(iter(part), 'source')} is not supported")
        return files, renew

    async def _object(self, pod: Object, kind: str, source: Object, mode: int) -> Payload:
        namespace, name = pod["metadata"]["namespace"], source.get("name", "")
        try:
            found = await self._references.get(kind, namespace, name, spec.uid(pod))
        except CacheTimeout as error:
            raise MountFault(str(error)) from error
        if found is None:
            if source.get("optional"):
                return {}
            raise MountFault(f'{kind} "{name}" not found')
        read = payload.of_config_map if kind == "configmap" else payload.of_secret
        return payload.pick(read(found), source, mode, kind)

    def _downward(
        self, pod: Object, source: Object, mode: int, pod_ips: tuple[str, ...]
    ) -> Payload:
        def field(path: str) -> str:
            return field_value(pod, path, host_ip=self._settings.node_ip, pod_ips=pod_ips)

        def resource(reference: Object) -> str:
            return resource_value(pod, reference, {}, self._allocatable())

        try:
            return payload.of_downward_items(source.get("items") or [], mode, field, resource)
        except FieldError as error:
            raise MountFault(str(error)) from error


def referred(pod: Object) -> set[tuple[str, str, str]]:
    """(kind, namespace, name) of every ConfigMap and Secret a pod's volumes show."""
    namespace = pod["metadata"]["namespace"]
    out = set()
    for volume in pod["spec"].get("volumes") or ():
        parts = [volume, *((volume.get("projected") or {}).get("sources") or ())]
        for part in parts:
            if part.get("configMap"):
                out.add(("configmap", namespace, part["configMap"].get("name", "")))
            if part.get("secret"):
                secret = part["secret"]
                out.add(("secret", namespace, secret.get("secretName") or secret.get("name", "")))
    return out


def _plugin(source: str) -> str:
    """The directory name of a kind of volume: `configMap` → `configmap`."""
    words = {"configMap": "configmap", "downwardAPI": "downward-api", "emptyDir": "empty-dir"}
    return words.get(source, source)


def _token_mode(pod: Object, mode: int) -> int:
    context = pod["spec"].get("securityContext") or {}
    return 0o600 if context.get("fsGroup") is not None else mode


def _write(path: Path, files: Payload, group: int | None) -> None:
    if group is not None:
        files = {name: Entry(e.data, e.mode | (e.mode & 0o700) >> 3) for name, e in files.items()}
    atomic.write(path, files, group=-1 if group is None else group)
