"""Services: addresses and ports are handed out on create and type changes, kept on updates.

https://kubernetes.io/docs/concepts/services-networking/service/
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson

from grappe.api import Object
from grappe.api.errors import Cause, invalid
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.allocation import (
    AllocatedError,
    Allocators,
    ExhaustedError,
    OutOfRangeError,
)
from grappe.apiserver.registry.interface import ServedResource
from grappe.apiserver.registry.strategies.base import Reservation, Strategy
from grappe.store.interface import Store

HEADLESS = "None"
_WITH_NODE_PORTS = ("NodePort", "LoadBalancer")


def service_type(service: Object) -> str:
    return str(service["spec"].get("type") or "ClusterIP")


def held_address(service: Object) -> str:
    """The cluster IP a service holds; empty when it needs none."""
    address = service["spec"].get("clusterIP") or ""
    return "" if address == HEADLESS or service_type(service) == "ExternalName" else str(address)


def held_ports(service: Object) -> set[int]:
    """The node ports a service holds."""
    if service_type(service) not in _WITH_NODE_PORTS:
        return set()
    spec = service["spec"]
    found = {port.get("nodePort") for port in spec.get("ports") or ()}
    found.add(spec.get("healthCheckNodePort"))
    return {int(port) for port in found if port}


def restore(allocators: Allocators, store: Store) -> None:
    """Hold what the stored services hold. A value outside today's ranges (the cluster was made
    with others) stays with its service and can go to nobody else."""
    for record in store.list("/services"):
        service = orjson.loads(b"{" + record.body)
        with suppress(AllocatedError, OutOfRangeError, ValueError):
            if address := held_address(service):
                allocators.addresses.take(address)
        for port in held_ports(service):
            with suppress(AllocatedError, OutOfRangeError):
                allocators.ports.take(port)


class ServiceStrategy(Strategy):
    create_on_update = True
    returns_deleted = True

    def __init__(self, served: ServedResource, allocators: Allocators) -> None:
        super().__init__(served)
        self._allocators = allocators

    def initial_status(self, obj: Object) -> Object:
        return {"loadBalancer": {}}

    def prepare_create(self, obj: Object, user: User) -> None:
        super().prepare_create(obj, user)
        _settle_addresses(obj)

    def prepare_update(self, new: Object, old: Object) -> None:
        super().prepare_update(new, old)
        _keep_allocated(new, old)
        _follow_address(new, old)
        _drop_what_the_type_has_not(new, old)
        if not _is_balancer(new) and "status" in new:
            new["status"] = {**new["status"], "loadBalancer": {}}
        _settle_addresses(new)

    def validate_create(self, obj: Object) -> list[Cause]:
        return _family_problems(obj)

    def validate_update(self, new: Object, old: Object) -> list[Cause]:
        return _family_problems(new)

    def reserve(self, new: Object, old: Object | None) -> Reservation:
        taken: list[Any] = []
        addresses, ports = self._allocators.addresses, self._allocators.ports

        def undo() -> None:
            for release, value in taken:
                release(value)

        had_address = held_address(old) if old else ""
        had_ports = held_ports(old) if old else set()
        try:
            if _needs_address(new):
                address = self._address(new, had_address)
                if address != had_address:
                    taken.append((addresses.release, address))
            for port in self._ports(new, had_ports):
                taken.append((ports.release, port))
        except BaseException:
            undo()
            raise
        kept_address, kept_ports = held_address(new), held_ports(new)

        def confirm() -> None:
            if had_address and had_address != kept_address:
                addresses.release(had_address)
            for port in had_ports - kept_ports:
                ports.release(port)

        return Reservation(undo, confirm)

    def release(self, obj: Object) -> Reservation:
        def confirm() -> None:
            if address := held_address(obj):
                self._allocators.addresses.release(address)
            for port in held_ports(obj):
                self._allocators.ports.release(port)

        return Reservation(confirm=confirm)

    def _address(self, service: Object, had: str) -> str:
        """Settle `spec.clusterIP` and take it unless it was held before."""
        spec, allocator = service["spec"], self._allocators.addresses
        asked = spec.get("clusterIP") or ""
        if asked and asked == had:
            return had
        try:
            if asked:
                allocator.take(asked)
            else:
                asked = allocator.take_any(service["metadata"]["uid"])
        except AllocatedError:
            raise _address_refused(service, asked, "provided IP is already allocated") from None
        except OutOfRangeError:
            why = (
                f"the provided IP ({asked}) is not in the valid range. "
                f"The range of valid IPs is {allocator.network}"
            )
            raise _address_refused(service, asked, why) from None
        except ExhaustedError:
            raise _address_refused(service, "", "range is full") from None
        except ValueError:
            message = f'Invalid value: "{asked}": must be a valid IPv4 address'
            cause = Cause("spec.clusterIPs[0]", "FieldValueInvalid", message)
            raise _invalid(service, cause) from None
        spec["clusterIP"], spec["clusterIPs"] = asked, [asked]
        return str(asked)

    def _ports(self, service: Object, had: set[int]) -> list[int]:
        """Settle the node ports; those newly taken. The same number may serve several protocols
        of one service."""
        spec = service["spec"]
        if service_type(service) not in _WITH_NODE_PORTS:
            return []
        allocator, uid = self._allocators.ports, service["metadata"]["uid"]
        taken: list[int] = []
        by_number: dict[int, int] = {}
        try:
            for index, port in enumerate(spec.get("ports") or ()):
                where = f"spec.ports[{index}].nodePort"
                asked = port.get("nodePort") or by_number.get(port.get("port"), 0)
                if not asked and not _allocates_ports(spec):
                    continue
                if not asked:
                    asked = allocator.take_any(f"{uid}/{index}")
                    taken.append(asked)
                elif asked not in had and asked not in taken:
                    allocator.take(asked)
                    taken.append(asked)
                port["nodePort"] = by_number[port.get("port")] = asked
            if _needs_health_port(spec):
                where = "spec.healthCheckNodePort"
                asked = spec.get("healthCheckNodePort") or 0
                if not asked:
                    asked = allocator.take_any(f"{uid}/health")
                    taken.append(asked)
                elif asked not in had:
                    allocator.take(asked)
                    taken.append(asked)
                spec["healthCheckNodePort"] = asked
        except BaseException as error:
            for port in taken:
                allocator.release(port)
            why = _port_problem(error, allocator.ports)
            if not why:
                raise
            cause = Cause(where, "FieldValueInvalid", f"Invalid value: {asked}: {why}")
            raise _invalid(service, cause) from None
        return taken


def _port_problem(error: BaseException, ports: range) -> str:
    if isinstance(error, AllocatedError):
        return "provided port is already allocated"
    if isinstance(error, OutOfRangeError):
        return (
            "provided port is not in the valid range. The range of valid ports is "
            f"{ports.start}-{ports.stop - 1}"
        )
    return "range is full" if isinstance(error, ExhaustedError) else ""


def _allocates_ports(spec: Object) -> bool:
    return spec.get("type") == "NodePort" or spec.get("allocateLoadBalancerNodePorts") is not False


def _needs_health_port(spec: Object) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _needs_address(service: Object) -> bool:
    return service_type(service) != "ExternalName" and service["spec"].get("clusterIP") != HEADLESS


def _invalid(service: Object, cause: Cause) -> Exception:
    return invalid("Service", service["metadata"]["name"], [cause])


def _address_refused(service: Object, asked: str, why: str) -> Exception:
    listed = orjson.dumps([asked] if asked else []).decode()
    what = f"IP {asked}" if asked else "IP"
    message = f"Invalid value: {listed}: failed to allocate {what}: {why}"
    return _invalid(service, Cause("spec.clusterIPs", "FieldValueInvalid", message))


def _family_problems(service: Object) -> list[Cause]:
    """A cluster has IPv4 only; a headless service without a selector may say what it likes."""
    spec = service["spec"]
    headless = spec.get("clusterIP") == HEADLESS and not spec.get("selector")
    if service_type(service) == "ExternalName" or headless:
        return []
    found = [
        Cause(
            f"spec.ipFamilies[{index}]",
            "FieldValueInvalid",
            f'Invalid value: "{family}": not configured on this cluster',
        )
        for index, family in enumerate(spec.get("ipFamilies") or ())
        if family != "IPv4"
    ]
    if spec.get("ipFamilyPolicy") == "RequireDualStack":
        message = (
            'Invalid value: "RequireDualStack": '
            "this cluster is not configured for dual-stack services"
        )
        found.append(Cause("spec.ipFamilyPolicy", "FieldValueInvalid", message))
    return found


def _settle_addresses(service: Object) -> None:
    """The fields that follow from each other: cluster IPs and families (IPv4 only is served)."""
    spec = service["spec"]
    if spec.get("clusterIP") and not spec.get("clusterIPs"):
        spec["clusterIPs"] = [spec["clusterIP"]]
    if service_type(service) == "ExternalName":
        spec.pop("internalTrafficPolicy", None)
        return
    if spec.get("clusterIP") == HEADLESS and not spec.get("selector"):
        spec.setdefault("ipFamilyPolicy", "RequireDualStack")
        if spec["ipFamilyPolicy"] != "SingleStack":
            spec.setdefault("ipFamilies", ["IPv4", "IPv6"])
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")


def _has_address(service: Object) -> bool:
    """Whether the type has one at all; a headless service has `None`."""
    return service_type(service) != "ExternalName"


def _keep_allocated(new: Object, old: Object) -> None:
    """What an update leaves out and the service already has stays."""
    spec, before = new["spec"], old["spec"]
    if _has_address(new) and _has_address(old) and before.get("clusterIP"):
        if not spec.get("clusterIP"):
            spec["clusterIP"] = before["clusterIP"]
        if not spec.get("clusterIPs") and spec["clusterIP"] == before["clusterIP"]:
            spec["clusterIPs"] = before.get("clusterIPs")
    if service_type(new) not in _WITH_NODE_PORTS or service_type(old) not in _WITH_NODE_PORTS:
        return
    had = {
        (p.get("port"), p.get("protocol") or "TCP"): p.get("nodePort")
        for p in before.get("ports") or ()
    }
    used = {p.get("nodePort") for p in spec.get("ports") or ()}
    for port in spec.get("ports") or ():
        kept = had.get((port.get("port"), port.get("protocol") or "TCP"))
        if not port.get("nodePort") and kept and kept not in used:
            port["nodePort"] = kept
    if _needs_health_port(spec) and before.get("healthCheckNodePort"):
        spec.setdefault("healthCheckNodePort", before["healthCheckNodePort"])


def _follow_address(new: Object, old: Object) -> None:
    """`clusterIPs` that an update leaves alone while it changes `clusterIP` follow it."""
    spec, before = new["spec"], old["spec"]
    address, listed = spec.get("clusterIP") or "", spec.get("clusterIPs")
    if address != (before.get("clusterIP") or "") and listed == before.get("clusterIPs"):
        spec["clusterIPs"] = [address] if address else None


def _reachable(service: Object) -> bool:
    """Whether traffic from outside of the cluster may come to it."""
    kind = service_type(service)
    return kind in _WITH_NODE_PORTS or bool(
        kind == "ClusterIP" and service["spec"].get("externalIPs")
    )


def _is_balancer(service: Object) -> bool:
    return service_type(service) == "LoadBalancer"


_DEPENDENT: tuple[tuple[Callable[[Object], bool], tuple[str, ...]], ...] = (
    (_has_address, ("clusterIP", "clusterIPs")),
    (_has_address, ("ipFamilies",)),
    (_has_address, ("ipFamilyPolicy",)),
    (lambda service: _needs_health_port(service["spec"]), ("healthCheckNodePort",)),
    (_is_balancer, ("allocateLoadBalancerNodePorts",)),
    (_is_balancer, ("loadBalancerClass",)),
    (_reachable, ("externalTrafficPolicy",)),
)
"""Which services may have which fields. Fields in one row go together."""


def _drop_what_the_type_has_not(new: Object, old: Object) -> None:
    """A change lets go of what only the old service could have, where it merely repeats it; what
    is asked for anew is left for validation to refuse."""
    spec, before = new["spec"], old["spec"]
    for may_have, fields in _DEPENDENT:
        if may_have(new) or not may_have(old):
            continue
        if all(spec.get(field) == before.get(field) for field in fields):
            for field in fields:
                spec.pop(field, None)
    if service_type(new) in _WITH_NODE_PORTS or service_type(old) not in _WITH_NODE_PORTS:
        return
    ports, had = spec.get("ports") or (), before.get("ports") or ()
    known = {p.get("nodePort") for p in had} | {None}
    if known.issuperset(p.get("nodePort") for p in ports):
        for port in ports:
            port.pop("nodePort", None)
