"""A pod's resolv.conf and /etc/hosts (pure).

https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from grappe.api import Object
from grappe.node.pods import spec
from grappe.node.runtime.config import Dns

_LOOPBACK_STUBS = ("127.", "::1")


def parse_resolv_conf(text: str) -> Dns:
    """What the node itself uses; servers on loopback are left out, no pod can reach them."""
    servers: list[str] = []
    searches: list[str] = []
    options: list[str] = []
    for line in text.splitlines():
        words = line.split("#")[0].split(";")[0].split()
        if len(words) < 2:
            continue
        if words[0] == "nameserver" and not words[1].startswith(_LOOPBACK_STUBS):
            servers.append(words[1])
        elif words[0] in ("search", "domain"):
            searches = words[1:]
        elif words[0] == "options":
            options = words[1:]
    return Dns(tuple(servers), tuple(searches), tuple(options))


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _merge_options(base: Iterable[str], extra: Sequence[Object]) -> tuple[str, ...]:
    options = {option.partition(":")[0]: option for option in base}
    for entry in extra:
        value = entry.get("value")
        options[entry["name"]] = f"{entry['name']}:{value}" if value else entry["name"]
    return tuple(options.values())


def resolver(pod: Object, *, cluster_dns: str, cluster_domain: str, node: Dns) -> Dns:
    """What the pod's resolv.conf says, by dnsPolicy and dnsConfig."""
    policy = pod["spec"].get("dnsPolicy", "ClusterFirst")
    if policy == "ClusterFirst" and spec.host_network(pod):
        policy = "Default"
    namespace = pod["metadata"]["namespace"]
    if policy == "None":
        base = Dns()
    elif policy == "Default" or not cluster_dns:
        # A machine whose resolver listens on loopback only has none a pod could ask.
        servers = node.servers or ((cluster_dns,) if cluster_dns else ())
        base = Dns(servers, node.searches, node.options)
    else:
        own = (f"{namespace}.svc.{cluster_domain}", f"svc.{cluster_domain}", cluster_domain)
        base = Dns((cluster_dns,), (*own, *node.searches), ("ndots:5",))
    config = pod["spec"].get("dnsConfig") or {}
    return Dns(
        _unique([*base.servers, *(config.get("nameservers") or ())])[:3],
        _unique([*base.searches, *(config.get("searches") or ())])[:32],
        _merge_options(base.options, config.get("options") or ()),
    )


def hosts_file(pod: Object, ips: Sequence[str], cluster_domain: str) -> str:
    """/etc/hosts of a pod that is not in the node's network."""
    lines = [
        "# Kubernetes-managed hosts file.",
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "fe00::\tip6-localnet",
        "fe00::\tip6-mcastprefix",
        "fe00::1\tip6-allnodes",
        "fe00::2\tip6-allrouters",
    ]
    full = spec.fqdn(pod, cluster_domain)
    names = f"{full}\t{spec.hostname(pod)}" if full else spec.hostname(pod)
    lines += [f"{ip}\t{names}" for ip in ips]
    return "\n".join(lines) + "\n" + host_aliases(pod)


def host_aliases(pod: Object) -> str:
    """The lines spec.hostAliases adds; also for pods in the node's network."""
    aliases = pod["spec"].get("hostAliases") or ()
    if not aliases:
        return ""
    lines = ["", "# Entries added by HostAliases."]
    lines += [f"{alias['ip']}\t" + "\t".join(alias.get("hostnames") or ()) for alias in aliases]
    return "\n".join(lines) + "\n"
