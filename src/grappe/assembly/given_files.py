"""The files that `grappe up` is given: checked before anything is made, then kept in the cluster,
whose server reads them at each start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from grappe.base.config import ClusterConfig

Given = Mapping[str, Path | None]
"""By the option's name, as in GIVEN_FILES."""


class GivenFile(NamedTuple):
    """`check` raises UserError; `place` is where the cluster keeps it."""

    check: Callable[[Path], object]
    place: Callable[[ClusterConfig], Path]


def _audit_policy(file: Path) -> None:
    from grappe.apiserver.audit import read_policy

    read_policy(file)


def _authentication(file: Path) -> None:
    from grappe.apiserver.auth.oidc.config import load

    load(file)


def _admission(file: Path) -> None:
    from grappe.apiserver.admission.configuration import load_admission

    load_admission(file)


def _audit_webhook(file: Path) -> None:
    from grappe.apiserver.audit import load_webhook

    load_webhook(file)


GIVEN_FILES = {
    "audit_policy": GivenFile(_audit_policy, lambda config: config.audit_policy),
    "audit_webhook_config_file": GivenFile(_audit_webhook, lambda config: config.audit_webhook),
    "authentication_config": GivenFile(_authentication, lambda config: config.authentication_file),
    "admission_control_config_file": GivenFile(_admission, lambda config: config.admission_file),
}


def check(given: Given) -> None:
    """UserError when a file is not good."""
    for option, file in given.items():
        if file:
            GIVEN_FILES[option].check(file)


def keep(config: ClusterConfig, given: Given) -> None:
    """Make files, checked before, those of the cluster from its next start on."""
    from grappe.apiserver.pki.files import write_private

    for option, file in given.items():
        if file:
            write_private(GIVEN_FILES[option].place(config), file.read_bytes())


def new(config: ClusterConfig, given: Given) -> list[Path]:
    """Those that say something else than what the cluster keeps."""
    return [
        file
        for option, file in given.items()
        if file and not _same(file, GIVEN_FILES[option].place(config))
    ]


def _same(file: Path, kept: Path) -> bool:
    return kept.exists() and kept.read_bytes() == file.read_bytes()
