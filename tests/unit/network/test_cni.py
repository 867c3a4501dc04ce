"""The CNI configuration."""

from __future__ import annotations

import json
from pathlib import Path

from grappe.base.config import ClusterConfig
from grappe.network import cni


def test_the_network_list_gives_pods_addresses_of_the_clusters_range(tmp_path: Path) -> None:
    config = ClusterConfig(name="a", data_dir=tmp_path, port=0, slot=3)
    path = cni.write(tmp_path / "net.d", config)
    [plugin] = json.loads(path.read_text())["plugins"]
    assert plugin["ipam"]["ranges"] == [[{"subnet": "10.241.0.0/16"}]]
    assert plugin["ipam"]["dataDir"] == str(tmp_path / "node" / "cni")
    assert not plugin["ipMasq"]
    assert [p.name for p in path.parent.iterdir()] == [cni.FILE]
