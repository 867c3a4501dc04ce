"""The one place that knows the CEL library (cel-expr-python, Google's cel-cpp): parsing and type
checking. Loaded by `environment` and not before.

Objects' types are given to it as protobuf descriptors, made up as they are needed; no protobuf
message of them ever exists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

from cel_expr_python import cel
from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    duration_pb2,
    empty_pb2,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor_pool import DescriptorPool

from grappe.api.cel import functions, operators, times
from grappe.api.cel.ast import Expr, read_expression, read_offset
from grappe.api.cel.literals import bad_literals, told
from grappe.api.cel.registry import declared
from grappe.api.cel.standard import REPLACED
from grappe.api.cel.types import Type
from grappe.base.turns import pause

_LOADED = (functions, operators, times)  # importing them is what declares their functions
_KNOWN_TYPES = (any_pb2, duration_pb2, empty_pb2, struct_pb2, timestamp_pb2, wrappers_pb2)
_EXTENSIONS = ("two-var-comprehensions", "bindings", "optional", "sets")
_Field = descriptor_pb2.FieldDescriptorProto

KUBERNETES_TYPES = {
    "Authorizer": "kubernetes.authorization.Authorizer",
    "CIDR": "net.CIDR",
    "Decision": "kubernetes.authorization.Decision",
    "GroupCheck": "kubernetes.authorization.GroupCheck",
    "IP": "net.IP",
    "NamedFormat": "kubernetes.NamedFormat",
    "PathCheck": "kubernetes.authorization.PathCheck",
    "Quantity": "kubernetes.Quantity",
    "ResourceCheck": "kubernetes.authorization.ResourceCheck",
    "Semver": "kubernetes.Semver",
    "URL": "kubernetes.URL",
}


class CompileError(Exception):
    """The expression cannot be compiled; the message is cel-go's."""


class Checked(NamedTuple):
    """`type` is that of what the expression gives, `result` the same in CEL's words."""

    expr: Expr
    result: str
    type: Type


class Environment:
    """What expressions may mention: variables and Kubernetes' functions."""

    def __init__(self, variables: Mapping[str, Type]) -> None:
        pool = _pool(list(variables.values()))
        self._env = cel.NewEnv(
            pool,
            config=_config(),
            variables={name: _cel_type(found) for name, found in variables.items()},
            functions=_functions(),
        )

    def check(self, source: str) -> Checked:
        """Parse and type-check; CompileError."""
        pause()
        try:
            compiled = self._env.compile(source)
        except Exception as error:  # the library raises RuntimeError, and ValueError for some
            raise CompileError(_told(str(error))) from None
        made = compiled.return_type()
        result = _RESULTS.get(made.name(), made.name())
        serialized = compiled.serialize()
        expr = read_expression(serialized)
        bad = [(read_offset(serialized, one), problem) for one, problem in bad_literals(expr)]
        if bad:
            raise CompileError("\n".join(told(source, *found) for found in sorted(bad)))
        return Checked(expr, result, Type("given", given=made))

    def parse(self, source: str) -> Expr:
        """Parse only; CompileError."""
        pause()
        try:
            compiled = self._env.compile(source, disable_check=True)
        except Exception as error:
            raise CompileError(_told(str(error))) from None
        return read_expression(compiled.serialize())


_RESULTS = {"BOOL": "bool", "STRING": "string", "DYN": "dyn", "NULL": "null", "INT": "int"}
_NOT_IN_STRUCT = re.compile(r"(undefined field '[^']*') not found in struct '[^']*'")
_QUALIFIED = re.compile(r"undeclared reference to 'variables\.([^']*)' \(in container ''\)")


_DOTTED = re.compile(
    r"(ERROR: <input>:\d+):(\d+): undeclared reference to '([^'.]+)(\.[^']*)' "
    r"(\(in container '[^']*'\)\n \| .*\n \| )\.*\^"
)


def _told(text: str) -> str:
    """The library's message as cel-go words it."""
    text = text.removeprefix("INVALID_ARGUMENT: ").removesuffix(" [INVALID_ARGUMENT]")
    text = _QUALIFIED.sub(r"undefined field '\1'", _NOT_IN_STRUCT.sub(r"\1", text))
    return _DOTTED.sub(_first_name, text).rstrip("\n")


def _first_name(found: re.Match[str]) -> str:
    """Of a name with dots that nobody declares, cel-go names the first part, and points there."""
    start, column, first, rest, after = found.groups()
    at = int(column) - len(first) - len(rest.rpartition(".")[0])
    if at < 1:
        return found[0]
    return f"{start}:{at}: undeclared reference to '{first}' {after}{'.' * (at - 1)}^"


@cache
def _config() -> Any:
    listed = "".join(f"- name: {name}\n" for name in _EXTENSIONS)
    replaced = "".join(f'  - name: "{name}"\n' for name in sorted(REPLACED))
    return cel.NewEnvConfigFromYaml(
        f"extensions:\n{listed}stdlib:\n  exclude_functions:\n{replaced}"
    )


@cache
def _functions() -> list[Any]:
    by_name: dict[str, list[Any]] = {}
    for number, overload in enumerate(declared()):
        by_name.setdefault(overload.function, []).append(
            cel.Overload(
                f"k8s_{number}",
                return_type=_spelled_type(overload.result),
                parameters=[_spelled_type(text) for text in overload.parameters],
                is_member=overload.method,
            )
        )
    return [cel.FunctionDecl(name, overloads) for name, overloads in by_name.items()]


_PRIMITIVES = {
    "bool": cel.Type.BOOL,
    "bytes": cel.Type.BYTES,
    "double": cel.Type.DOUBLE,
    "duration": cel.Type.DURATION,
    "dyn": cel.Type.DYN,
    "int": cel.Type.INT,
    "string": cel.Type.STRING,
    "timestamp": cel.Type.TIMESTAMP,
    "uint": cel.Type.UINT,
}


@lru_cache(256)
def _spelled_type(text: str) -> Any:
    """A type as signatures spell it."""
    if text in _PRIMITIVES:
        return _PRIMITIVES[text]
    if text in KUBERNETES_TYPES:
        return cel.Type.AbstractType(KUBERNETES_TYPES[text])
    outer, _, inner = text.removesuffix(")").partition("(")
    if outer == "list":
        return cel.Type.List(_spelled_type(inner))
    if outer == "map":
        key, _, value = inner.partition(", ")
        return cel.Type.Map(_spelled_type(key), _spelled_type(value))
    assert outer == "optional", text
    return cel.Type.DYN  # the binding cannot name the library's own optional type


def _cel_type(found: Type) -> Any:
    if found.given is not None:
        return found.given
    if found.kind == "list":
        return cel.Type.List(_cel_type(found.item or Type("dyn")))
    if found.kind == "map":
        return cel.Type.Map(cel.Type.STRING, _cel_type(found.item or Type("dyn")))
    if found.kind == "object":
        return cel.Type(found.name)
    return _spelled_type(found.kind)


# -- objects as descriptors ------------------------------------------------------------------------
def _pool(types: Iterable[Type]) -> DescriptorPool:
    pool = DescriptorPool()
    for module in _KNOWN_TYPES:
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    by_package: dict[str, Any] = {}
    pending, seen = list(types), set()
    while pending:
        found = pending.pop()
        if found.item is not None:
            pending.append(found.item)
        if found.kind != "object" or found.name in seen:
            continue
        seen.add(found.name)
        package, _, name = found.name.rpartition(".")
        file = by_package.get(package)
        if file is None:
            file = by_package[package] = descriptor_pb2.FileDescriptorProto(
                name=f"{package}.proto", package=package, syntax="proto3"
            )
        _add_message(file, name, found)
        pending.extend(found.fields.values())
    for file in by_package.values():  # types refer to none of another package
        file.dependency.extend(module.DESCRIPTOR.name for module in _KNOWN_TYPES)
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def _add_message(file: Any, name: str, found: Type) -> None:
    message = file.message_type.add(name=name)
    for number, (field_name, child) in enumerate(found.fields.items(), 1):
        made = message.field.add(name=field_name, number=number + (number > 18_999) * 1000)
        made.label = _Field.LABEL_OPTIONAL
        made.json_name = f"f{number}"
        if child.kind == "list":
            made.label = _Field.LABEL_REPEATED
            _set_type(made, child.item or Type("dyn"))
        elif child.kind == "map":
            name_of_entry = _entry_name(field_name)
            if any(nested.name == name_of_entry for nested in message.nested_type):
                _set_type(made, child)
                continue
            entry = message.nested_type.add(name=name_of_entry)
            entry.options.map_entry = True
            key = entry.field.add(name="key", number=1, type=_Field.TYPE_STRING)
            key.label = _Field.LABEL_OPTIONAL
            value = entry.field.add(name="value", number=2, label=_Field.LABEL_OPTIONAL)
            _set_type(value, child.item or Type("dyn"))
            made.label = _Field.LABEL_REPEATED
            made.type = _Field.TYPE_MESSAGE
            made.type_name = f".{found.name}.{name_of_entry}"
        else:
            _set_type(made, child)


def _entry_name(field: str) -> str:
    """What protobuf wants the entries of a map field to be called."""
    return "".join(part[:1].upper() + part[1:] for part in field.split("_")) + "Entry"


_SCALARS = {
    "bool": _Field.TYPE_BOOL,
    "bytes": _Field.TYPE_BYTES,
    "double": _Field.TYPE_DOUBLE,
    "int": _Field.TYPE_INT64,
    "string": _Field.TYPE_STRING,
}
_MESSAGES = {
    "timestamp": ".google.protobuf.Timestamp",
    "duration": ".google.protobuf.Duration",
    "list": ".google.protobuf.ListValue",
    "map": ".google.protobuf.Struct",
}


def _set_type(made: Any, found: Type) -> None:
    """A descriptor cannot say list of lists; what is deeper than it can say is dyn."""
    if found.kind in _SCALARS:
        made.type = _SCALARS[found.kind]
        return
    made.type = _Field.TYPE_MESSAGE
    if found.kind == "object":
        made.type_name = f".{found.name}"
    else:
        made.type_name = _MESSAGES.get(found.kind, ".google.protobuf.Value")
