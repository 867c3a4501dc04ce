"""Volumes that show ConfigMaps and Secrets change all at once."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.node.volumes import atomic, directories
from grappe.node.volumes.payload import Entry, MountFault, of_config_map, of_secret, pick

NAMES = st.sampled_from(["a", "b", "sub/c", "sub/d", "..e"]).filter(
    lambda n: not n.startswith("..")
)
PAYLOADS = st.dictionaries(NAMES, st.builds(Entry, st.binary(max_size=8), st.just(0o644)))


def shown(volume: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(volume)): path.read_bytes()
        for top in volume.iterdir()
        if not top.name.startswith("..")
        for path in ([top] if top.is_file() else top.rglob("*"))
        if path.is_file()
    }


@given(st.lists(PAYLOADS, min_size=1, max_size=4))
def test_a_volume_shows_exactly_what_was_written_last(payloads: list[dict[str, Entry]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        volume = Path(directory) / "v"
        for payload in payloads:
            atomic.write(volume, payload)
            assert shown(volume) == {name: entry.data for name, entry in payload.items()}
        assert len([p for p in volume.iterdir() if p.name.startswith("..")]) == 2


def test_writing_the_same_again_changes_nothing(tmp_path: Path) -> None:
    payload = {"k": Entry(b"v", 0o400)}
    assert atomic.write(tmp_path / "v", payload)
    before = (tmp_path / "v" / "..data").readlink()
    assert not atomic.write(tmp_path / "v", payload)
    assert (tmp_path / "v" / "..data").readlink() == before
    assert (tmp_path / "v" / "k").stat().st_mode & 0o777 == 0o400


def test_an_interrupted_write_is_repaired(tmp_path: Path) -> None:
    volume = tmp_path / "v"
    atomic.write(volume, {"k": Entry(b"old", 0o644)})
    (volume / "..half-done").mkdir()
    (volume / "..data_tmp").symlink_to("..half-done")
    atomic.write(volume, {"k": Entry(b"new", 0o644)})
    assert shown(volume) == {"k": b"new"}
    assert not (volume / "..half-done").exists()


def test_items_choose_keys_and_paths() -> None:
    files = of_config_map({"data": {"a": "1", "b": "2"}, "binaryData": {"c": "Mw=="}})
    chosen = {"items": [{"key": "c", "path": "x/y", "mode": 0o600}]}
    assert pick(files, chosen, 0o644, "configmap") == {"x/y": Entry(b"3", 0o600)}
    assert set(pick(files, {}, 0o644, "configmap")) == {"a", "b", "c"}
    assert of_secret({"data": {"k": "dg=="}}) == {"k": b"v"}


def test_a_missing_item_is_told_unless_it_is_optional() -> None:
    source = {"items": [{"key": "x", "path": "x"}]}
    with pytest.raises(MountFault, match="references non-existent config key: x"):
        pick({}, source, 0o644, "configmap")
    assert pick({}, {**source, "optional": True}, 0o644, "configmap") == {}


@pytest.mark.parametrize("sub_path", ["../x", "link/x", "a/../../x"])
def test_a_sub_path_stays_in_its_volume(tmp_path: Path, sub_path: str) -> None:
    volume = tmp_path / "v"
    volume.mkdir()
    (volume / "link").symlink_to("/")
    with pytest.raises(MountFault, match="leads out of its volume"):
        directories.within(volume, sub_path)


def test_a_sub_path_is_made_when_it_is_not_there(tmp_path: Path) -> None:
    assert directories.within(tmp_path, "a/b").is_dir()


def test_host_paths_are_checked_and_created_by_type(tmp_path: Path) -> None:
    created = directories.host_path({"path": str(tmp_path / "n"), "type": "DirectoryOrCreate"})
    assert created.is_dir()
    assert directories.host_path({"path": str(tmp_path / "f"), "type": "FileOrCreate"}).is_file()
    with pytest.raises(MountFault, match=r"hostPath type check failed: .* is not a file"):
        directories.host_path({"path": str(created), "type": "File"})
    with pytest.raises(MountFault, match="is not a directory"):
        directories.host_path({"path": str(tmp_path / "no"), "type": "Directory"})
    assert directories.host_path({"path": "/nowhere/at/all"}) == Path("/nowhere/at/all")
