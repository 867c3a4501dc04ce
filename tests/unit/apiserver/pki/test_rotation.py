"""A cluster that lives for years: the clock is moved, and at each step it is asked who trusts whom.

TLS itself knows only the machine's clock (a test with lives of seconds is in tests/cluster);
here OpenSSL's and X.509's rules are asked of the certificates at the moved time.
"""

import base64
import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.pki import Lifetimes, Pki, ensure
from grappe.apiserver.pki.rotation import next_step
from grappe.base.clock import ManualClock
from grappe.base.config import ClusterConfig

DAY = 86400.0
MONTH = 30 * DAY
YEAR = 365 * DAY
START = 1_800_000_000.0
CLIENTS = ("admin", "node", "platform", "kubelet-client")
SERVERS = ("apiserver", "kubelet")


@pytest.fixture
def config(tmp_path: Path) -> ClusterConfig:
    return ClusterConfig("test", tmp_path / "data", 6443)


@cache
def load(pem: bytes) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem)


def valid(certificate: x509.Certificate, at: float) -> bool:
    moment = datetime.fromtimestamp(at, UTC)
    return certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc


def trusts(bundle: bytes, leaf: bytes, at: float) -> bool:
    """Whether who has `bundle` accepts `leaf` at that time (RFC 5280, 6.1, for chains of two)."""
    (certificate,) = load(leaf)
    return valid(certificate, at) and any(valid(one, at) for one in issuers(bundle, leaf))


@cache
def issuers(bundle: bytes, leaf: bytes) -> list[x509.Certificate]:
    """Those of the bundle that signed the leaf: at every moment the same."""
    found = []
    for authority in load(bundle):
        try:
            load(leaf)[0].verify_directly_issued_by(authority)
        except (ValueError, InvalidSignature):
            continue
        found.append(authority)
    return found


@dataclass(frozen=True)
class Holder:
    """A kubeconfig as somebody copied it at some time."""

    ca: bytes
    certificate: bytes

    @classmethod
    def of(cls, path: Path) -> "Holder":
        return cls.read(path.read_text())

    @classmethod
    @cache
    def read(cls, text: str) -> "Holder":
        found = yaml.safe_load(text)
        return cls(
            base64.b64decode(found["clusters"][0]["cluster"]["certificate-authority-data"]),
            base64.b64decode(found["users"][0]["user"]["client-certificate-data"]),
        )


def check(pki: Pki, config: ClusterConfig, copies: list[Holder], now: float) -> None:
    """Every kubeconfig of now works; every copy works until its own certificate ends."""
    bundle = pki.ca_certificate.read_bytes()
    for name in (*CLIENTS, *SERVERS):
        assert trusts(bundle, pki.certificate(name).read_bytes(), now), name
        key = pki.key(name).read_bytes()
        assert load(pki.certificate(name).read_bytes())[0].public_key() == public_of(key)
    serving = pki.certificate("apiserver").read_bytes()
    paths = [config.kubeconfig, config.kubeconfig_of("node"), config.kubeconfig_of("platform")]
    for holder in map(Holder.of, paths):
        assert trusts(holder.ca, serving, now)
        assert trusts(bundle, holder.certificate, now)
    for copy in copies:
        if valid(load(copy.certificate)[0], now):
            assert trusts(copy.ca, serving, now), "a kubeconfig that has not ended lost the server"
            assert trusts(bundle, copy.certificate, now), "the server lost a client"


@cache
def public_of(key: bytes) -> object:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(key, None).public_key()


@pytest.mark.parametrize(("years", "step"), [(1.1, 5 * DAY), (22.0, 40 * DAY)])
def test_a_cluster_that_runs_for_years_trusts_itself_at_every_moment(
    config: ClusterConfig, years: float, step: float
) -> None:
    clock = ManualClock(START)
    pki = ensure(config, clock)
    token_key = pki.service_account_key.read_bytes()
    first = pki.authorities()[0]
    copies = [Holder.of(config.kubeconfig)]
    authorities = {first}
    admins = {copies[0].certificate}
    while clock.now() < START + years * YEAR:
        clock.advance(step)
        # Before anything is renewed: what a moment earlier was right must hold until now.
        check(pki, config, copies, clock.now())
        ensure(config, clock)
        check(pki, config, copies, clock.now())
        copies = [*copies[-100:], Holder.of(config.kubeconfig)]
        authorities.add(pki.authorities()[0])
        admins.add(copies[-1].certificate)
        assert len(pki.authorities()) <= 3
    assert pki.service_account_key.read_bytes() == token_key
    assert len(admins) >= years
    assert len(authorities) == (1 if years < 2 else 3)


def test_thirteen_months_switched_off_are_made_good_at_the_next_start(
    config: ClusterConfig,
) -> None:
    clock = ManualClock(START)
    pki = ensure(config, clock)
    authority = pki.authorities()
    clock.advance(13 * MONTH)
    ensure(config, clock)
    check(pki, config, [], clock.now())
    assert pki.authorities() == authority


def test_eleven_years_switched_off_make_a_new_authority_and_keep_the_token_key(
    config: ClusterConfig,
) -> None:
    clock = ManualClock(START)
    pki = ensure(config, clock)
    token_key, old = pki.service_account_key.read_bytes(), pki.authorities()[0]
    clock.advance(11 * YEAR)
    ensure(config, clock)
    check(pki, config, [], clock.now())
    assert old not in pki.authorities()
    assert not pki.key("ca-next").exists()
    assert pki.service_account_key.read_bytes() == token_key


def test_the_next_authority_is_trusted_two_years_before_it_signs(config: ClusterConfig) -> None:
    clock = ManualClock(START)
    pki = ensure(config, clock)
    first = pki.authorities()[0]
    published = switched = 0.0
    while not switched:
        clock.advance(10 * DAY)
        ensure(config, clock)
        trusted = pki.authorities()
        if len(trusted) == 2 and not published:
            published = clock.now()
        if trusted[0] != first:
            switched = clock.now()
            assert first in trusted[1:]
    assert switched - published > 1.8 * YEAR
    names = [
        a.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        for a in load(pki.ca_certificate.read_bytes())
    ]
    assert len(set(names)) == 2, "two authorities of one name confuse clients"


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl program")
def test_openssl_agrees_at_every_stage(config: ClusterConfig, tmp_path: Path) -> None:
    clock = ManualClock(START)
    pki = ensure(config, clock)
    early_bundle = tmp_path / "early"
    for year in range(12):
        if year:
            clock.advance(YEAR)
            ensure(config, clock)
        early_bundle.write_bytes(Holder.of(config.kubeconfig).ca)
        for name, purpose in (("apiserver", "sslserver"), ("admin", "sslclient")):
            command = ["openssl", "verify", "-x509_strict", "-attime", str(int(clock.now()))]
            command += ["-purpose", purpose, "-CAfile", str(early_bundle)]
            done = subprocess.run(
                [*command, str(pki.certificate(name))], capture_output=True, text=True
            )
            assert done.returncode == 0, (year, done.stderr)


def test_a_crash_at_any_step_of_a_change_is_mended(config: ClusterConfig) -> None:
    """Stop before each rename and each removal, at the moments when authorities change."""
    real_replace, real_unlink = os.replace, Path.unlink
    for years in (7.5, 9.5, 11):
        before = replace(config, data_dir=config.data_dir / f"{years}")
        clock = ManualClock(START)
        ensure(before, clock)
        if years == 9.5:
            clock.advance(7.5 * YEAR)
            ensure(before, clock)
        clock.advance(START + years * YEAR - clock.now())
        stop_at = 0
        while True:
            mine = replace(config, data_dir=config.data_dir / f"{years}-{stop_at}")
            shutil.copytree(before.data_dir, mine.data_dir)
            count = 0

            def crash(*arguments: object, stop: int = stop_at, do=real_replace) -> None:
                nonlocal count
                count += 1
                if count > stop:
                    raise KeyboardInterrupt
                do(*arguments)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(os, "replace", crash)
                patch.setattr(
                    Path, "unlink", lambda path, *a, c=crash, **k: c(path, do=real_unlink)
                )
                try:
                    ensure(mine, clock)
                    done = True
                except KeyboardInterrupt:
                    done = False
            pki = ensure(mine, clock)
            check(pki, mine, [], clock.now())
            assert len(set(pki.authorities())) == len(pki.authorities())
            signing = pki.signing()
            assert load(signing[0])[0].public_key() == public_of(signing[1])
            if done:
                break
            stop_at += 1
        assert stop_at >= 4


@given(
    now=st.floats(0, 5000 * DAY),
    ends=st.floats(0, 5000 * DAY),
    coming=st.none() | st.floats(0, 9000 * DAY),
)
def test_an_authority_never_signs_after_its_end_nor_is_left_before_it_must(
    now: float, ends: float, coming: float | None
) -> None:
    lives = Lifetimes()
    step = next_step(now, ends, coming, lives)
    if now >= ends:
        assert step != "keep"
    if ends - now > lives.prepare:
        assert step == "keep" or coming is not None
    if step == "switch":
        assert coming is not None
        assert ends - now < lives.switch
