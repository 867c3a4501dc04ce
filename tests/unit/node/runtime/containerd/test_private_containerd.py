"""What the private containerd is given: its configuration, its pause image, its paths."""

from __future__ import annotations

import io
import json
import platform
import signal
import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest

from grappe.base import programs
from grappe.base.errors import UserError
from grappe.node.runtime.containerd import config, daemon, oci
from grappe.node.runtime.containerd.messages import cri, method
from grappe.node.runtime.containerd.paths import Paths
from grappe.node.runtime.containerd.pause import pause_program


@pytest.mark.parametrize("directory", ["/var/lib/grappe/x/node", '/tmp/a "quoted" \\ name/ü'])
def test_the_configuration_is_toml_with_our_own_places(directory: str) -> None:
    paths = Paths(Path(directory))
    text = config.render(paths, cni_bin="/usr/lib/cni", pause_image="p:1", may_lower_oom=False)
    found = tomllib.loads(text)
    cri_plugin = found["plugins"]["io.containerd.grpc.v1.cri"]
    assert found["version"] == 2
    assert found["root"] == str(paths.root)
    assert found["state"].startswith(directory)
    assert cri_plugin["restrict_oom_score_adj"] is True
    assert cri_plugin["cni"]["conf_dir"] == str(paths.cni_config)
    assert cri_plugin["sandbox_image"] == "p:1"


@pytest.mark.parametrize(
    ("mask", "may"), [("000001fffeffffff", False), ("000001ffffffffff", True), ("0" * 16, False)]
)
def test_cap_sys_resource_is_read_from_the_process(mask: str, may: bool) -> None:
    assert config.may_lower_oom_score(f"Name:\tx\nCapEff:\t{mask}\n") is may


def test_the_socket_path_fits_a_socket_however_deep_the_directory() -> None:
    short, deep = Paths(Path("/var/lib/g/node")), Paths(Path("/" + "long/" * 40))
    assert short.socket.is_relative_to(short.directory)
    assert len(str(deep.socket)) < 100
    assert deep.socket.parent == deep.run_directory


def test_missing_programs_are_all_named_with_the_way_to_get_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(programs, "find", lambda name: None)
    monkeypatch.setattr(daemon, "CNI_DIRECTORIES", ())
    with pytest.raises(UserError) as raised:
        daemon.check_programs()
    for name in ("containerd", "runc", "CNI plugins"):
        assert name in raised.value.message
    assert "apt-get install" in raised.value.fix


def test_a_pid_file_of_another_process_is_not_believed(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    paths.pid_file.parent.mkdir(parents=True)
    assert daemon.running_pid(paths) is None
    paths.pid_file.write_text("1 12345\n")
    assert daemon.running_pid(paths) is None
    paths.pid_file.write_text("nonsense")
    assert daemon.running_pid(paths) is None


@pytest.mark.skipif(platform.machine() != "x86_64", reason="runs the x86_64 program")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_pause_program_sleeps_and_ends_well_on_a_signal(tmp_path: Path, number: int) -> None:
    program = tmp_path / "pause"
    program.write_bytes(pause_program("x86_64"))
    program.chmod(0o755)
    process = subprocess.Popen([program])
    try:
        # It sleeps only once it has blocked the signals and waits for them.
        status = Path(f"/proc/{process.pid}/status")
        while "State:\tS" not in status.read_text():
            assert process.poll() is None
        process.send_signal(signal.SIGCHLD)
        process.send_signal(number)
        assert process.wait(5) == 0
    finally:
        process.kill()


def test_the_pause_program_of_arm64_is_an_elf_of_its_machine() -> None:
    program = pause_program("aarch64")
    assert program[:4] == b"\x7fELF"
    assert int.from_bytes(program[18:20], "little") == 183
    assert program[-4:-1] != b"\0\0\0"
    # Its system calls, in order: movz x8, #number.
    words = [int.from_bytes(program[i : i + 4], "little") for i in range(120, len(program), 4)]
    calls = [(w >> 5) & 0xFFFF for w in words if w & 0xFFE0001F == 0xD2800008]
    assert calls == [135, 137, 93, 260]


def test_an_image_is_reproducible_and_points_at_its_own_blobs() -> None:
    files = {"bin/a": oci.File(b"x"), "bin/b": oci.File(link="a")}
    data = oci.image_tar("localhost/x:1", files, architecture="amd64", command=["a"])
    assert data == oci.image_tar("localhost/x:1", files, architecture="amd64", command=["a"])
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        names = archive.getnames()
        index = json.load(archive.extractfile("index.json"))  # type: ignore[arg-type]
        entry = index["manifests"][0]
        assert entry["annotations"]["io.containerd.image.name"] == "localhost/x:1"
        blob = "blobs/sha256/" + entry["digest"].removeprefix("sha256:")
        manifest = json.load(archive.extractfile(blob))  # type: ignore[arg-type]
        for part in (manifest["config"], *manifest["layers"]):
            assert "blobs/sha256/" + part["digest"].removeprefix("sha256:") in names


def test_messages_speak_cri() -> None:
    config_ = cri().PodSandboxConfig(labels={"a": "b"})
    assert cri().PodSandboxConfig.FromString(config_.SerializeToString()).labels["a"] == "b"
    assert method("ImageService", "PullImage").path == "/runtime.v1.ImageService/PullImage"
