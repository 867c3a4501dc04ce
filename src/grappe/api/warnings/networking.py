"""Services and what leads to them, ingresses, network policies."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from grappe.api import Object
from grappe.api.causes import quote
from grappe.api.warnings.addresses import address, network

_HINTS, _MODE = "service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"
_INGRESS_CLASS = "kubernetes.io/ingress.class"
_SLICES_BY, _SLICES = "endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io"
_ENDPOINTS = "endpoints.kubernetes.io/managed-by"


def service(obj: Object) -> Iterator[str]:
    spec = obj.get("spec") or {}
    kind, external = spec.get("type") or "ClusterIP", spec.get("externalIPs") or ()
    headless = kind == "ClusterIP" and spec.get("clusterIP") == "None"
    if _HINTS in (obj["metadata"].get("annotations") or ()):
        yield f"annotation {_HINTS} is deprecated, please use {_MODE} instead"
    if kind != "ExternalName" and spec.get("clusterIP") not in (None, "", "None"):
        for i, value in enumerate(spec.get("clusterIPs") or ()):
            yield from address(value, f"spec.clusterIPs[{i}]")
    if headless:
        if spec.get("loadBalancerIP"):
            yield "spec.loadBalancerIP is ignored for headless services"
        if external:
            yield "spec.externalIPs is ignored for headless services"
        if (spec.get("sessionAffinity") or "None") != "None":
            yield "spec.SessionAffinity is ignored for headless services"
    for i, value in enumerate(external):
        yield from address(value, f"spec.externalIPs[{i}]")
    if external and not headless and kind != "ExternalName":
        yield "spec.externalIPs is deprecated and may no longer be implemented in some clusters"
    if balancer := spec.get("loadBalancerIP"):
        yield from address(balancer, "spec.loadBalancerIP")
    for i, value in enumerate(spec.get("loadBalancerSourceRanges") or ()):
        yield from network(value.strip(), f"spec.loadBalancerSourceRanges[{i}]")
    if external and kind == "ExternalName":
        yield 'spec.externalIPs is ignored when spec.type is "ExternalName"'
    if spec.get("externalName") and kind != "ExternalName":
        yield 'spec.externalName is ignored when spec.type is not "ExternalName"'
    if spec.get("trafficDistribution") == "PreferClose":
        yield 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'


def endpoints(obj: Object) -> Iterator[str]:
    """Those of the controller need no look: it writes addresses as they should be."""
    if _ENDPOINTS in (obj["metadata"].get("labels") or ()):
        return
    for i, subset in enumerate(obj.get("subsets") or ()):
        for part in ("addresses", "notReadyAddresses"):
            for j, found in enumerate(subset.get(part) or ()):
                yield from address(found.get("ip") or "", f"subsets[{i}].{part}[{j}].ip")


def endpoint_slice(obj: Object) -> Iterator[str]:
    if (obj["metadata"].get("labels") or {}).get(_SLICES_BY) == _SLICES:
        return
    if obj.get("addressType") == "FQDN":
        return
    for i, endpoint in enumerate(obj.get("endpoints") or ()):
        for j, value in enumerate(endpoint.get("addresses") or ()):
            yield from address(value, f"endpoints[{i}].addresses[{j}]")


def ingress(obj: Object) -> Iterator[str]:
    if _INGRESS_CLASS in (obj["metadata"].get("annotations") or ()):
        shown = quote(_INGRESS_CLASS)
        yield f"annotation {shown} is deprecated, please use 'spec.ingressClassName' instead"


def network_policy(obj: Object) -> Iterator[str]:
    spec = obj.get("spec") or {}
    for part, peers in (("ingress", "from"), ("egress", "to")):
        for i, rule in enumerate(spec.get(part) or ()):
            for j, peer in enumerate(rule.get(peers) or ()):
                if not (block := peer.get("ipBlock")):
                    continue
                at = f"spec.{part}[{i}].{peers}[{j}].ipBlock"
                except_ = enumerate(block.get("except") or ())
                yield from chain(
                    network(block.get("cidr") or "", f"{at}.cidr"),
                    *(network(value, f"{at}.except[{k}]") for k, value in except_),
                )
