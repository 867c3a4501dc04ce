"""A restore that is cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from grappe.assembly import backup, cluster
from grappe.base.config import ClusterConfig


def test_a_restore_that_is_cut_off_leaves_no_new_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`grappe up` would else begin an empty one in its place."""
    for module in (backup, cluster):
        monkeypatch.setattr(module, "default_data_dir", lambda name: tmp_path / "home" / name)
    source = ClusterConfig("first", tmp_path / "first", 1, simulate=1)
    source.save()
    source.pki_dir.mkdir()
    file = tmp_path / "backup.tar"
    backup.save(source, file)

    def cut_off(*_: object, **__: object) -> float:
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        cut.setattr(backup, "_replace_database", cut_off)
        with pytest.raises(KeyboardInterrupt):
            backup.load(file, None, "copy", None)
    assert not cluster.exists("copy")

    config, _ = backup.load(file, None, "copy", None)
    assert cluster.load("copy") == config
    assert config.origin == "first"
    assert config.node_name == "grappe-first"
