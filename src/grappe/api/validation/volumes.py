"""Volumes of a pod."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from grappe.api import Object, names
from grappe.api.causes import duplicate, forbidden, invalid, required
from grappe.api.validation.rules import Causes, amount, named, one_of

_HOST_PATH_TYPES = (
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate",
    "Socket",
)  # fmt: skip
_MODE = "must be a number between 0 and 0777 (octal), both inclusive"


def validate_all(volumes: Iterable[Object], at: str) -> Causes:
    seen = set()
    for i, volume in enumerate(volumes):
        where = f"{at}[{i}]"
        name = volume.get("name")
        yield from named(name, f"{where}.name", names.dns_label_problems)
        if name and name in seen:
            yield duplicate(f"{where}.name", name)
        seen.add(name)
        yield from _source(volume, where)


def _source(volume: Object, at: str) -> Causes:
    given = [k for k, v in volume.items() if k != "name" and v is not None]
    if not given:
        yield required(at, "must specify a volume type")
        return
    for kind in given[1:]:
        yield forbidden(f"{at}.{kind}", "may not specify more than 1 volume type")
    kind = given[0]
    if check := _CHECKS.get(kind):
        yield from check(volume[kind], f"{at}.{kind}")


def _empty_dir(source: Object, at: str) -> Causes:
    if (limit := source.get("sizeLimit")) is not None:
        yield from amount(limit, f"{at}.sizeLimit")


def _host_path(source: Object, at: str) -> Causes:
    path = source.get("path")
    if not path:
        yield required(f"{at}.path")
    elif ".." in path.split("/"):
        yield invalid(f"{at}.path", path, "must not contain '..'")
    yield from one_of(source.get("type"), f"{at}.type", _HOST_PATH_TYPES, optional=True)


def _config_map(source: Object, at: str) -> Causes:
    if not source.get("name"):
        yield required(f"{at}.name")
    yield from _files(source, at)


def _secret(source: Object, at: str) -> Causes:
    if not source.get("secretName"):
        yield required(f"{at}.secretName")
    yield from _files(source, at)


def _claim(source: Object, at: str) -> Causes:
    if not source.get("claimName"):
        yield required(f"{at}.claimName")


def _files(source: Object, at: str) -> Causes:
    yield from _mode(source.get("defaultMode"), f"{at}.defaultMode")
    for i, item in enumerate(source.get("items") or ()):
        where = f"{at}.items[{i}]"
        if not item.get("key"):
            yield required(f"{where}.key")
        yield from _relative(item.get("path"), f"{where}.path")
        yield from _mode(item.get("mode"), f"{where}.mode")


def _mode(mode: int | None, at: str) -> Causes:
    if mode is not None and not 0 <= mode <= 0o777:
        yield invalid(at, mode, _MODE)


def _relative(path: str | None, at: str) -> Causes:
    if not path:
        yield required(at)
    elif path.startswith("/"):
        yield invalid(at, path, "must be a relative path")
    elif ".." in path.split("/"):
        yield invalid(at, path, "must not contain '..'")
    elif path.startswith(".."):
        yield invalid(at, path, "must not start with '..'")


def _downward(source: Object, at: str) -> Causes:
    yield from _mode(source.get("defaultMode"), f"{at}.defaultMode")
    for i, item in enumerate(source.get("items") or ()):
        where = f"{at}.items[{i}]"
        yield from _relative(item.get("path"), f"{where}.path")
        if not item.get("fieldRef") and not item.get("resourceFieldRef"):
            detail = "one of fieldRef and resourceFieldRef is required"
            yield required(f"{where}.fieldRef", detail)


def _projected(source: Object, at: str) -> Causes:
    yield from _mode(source.get("defaultMode"), f"{at}.defaultMode")
    for i, part in enumerate(source.get("sources") or ()):
        where = f"{at}.sources[{i}]"
        given = [k for k, v in part.items() if v is not None]
        for kind in given[1:]:
            yield forbidden(f"{where}.{kind}", "may not specify more than 1 volume type per source")
        if not given:
            yield required(where, "must specify a source")
        elif given[0] in ("configMap", "secret"):
            if not part[given[0]].get("name"):
                yield required(f"{where}.{given[0]}.name")
            yield from _files(part[given[0]], f"{where}.{given[0]}")
        elif given[0] == "downwardAPI":
            yield from _downward(part["downwardAPI"], f"{where}.downwardAPI")
        elif given[0] == "serviceAccountToken":
            yield from _token(part["serviceAccountToken"], f"{where}.serviceAccountToken")


def _token(source: Object, at: str) -> Causes:
    seconds = source.get("expirationSeconds")
    if seconds is not None and seconds < 600:
        yield invalid(
            f"{at}.expirationSeconds", seconds, "may not specify a duration less than 10 minutes"
        )
    elif seconds is not None and seconds > 1 << 32:
        yield invalid(
            f"{at}.expirationSeconds",
            seconds,
            "may not specify a duration larger than 2^32 seconds",
        )
    yield from _relative(source.get("path"), f"{at}.path")


_CHECKS: dict[str, Callable[[Object, str], Causes]] = {
    "emptyDir": _empty_dir,
    "hostPath": _host_path,
    "configMap": _config_map,
    "secret": _secret,
    "persistentVolumeClaim": _claim,
    "downwardAPI": _downward,
    "projected": _projected,
}
