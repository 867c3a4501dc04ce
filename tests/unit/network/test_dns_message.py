"""The DNS wire format and the resolv.conf of the host."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import dnslib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.network.dns import message
from grappe.network.dns.message import MalformedError
from grappe.network.dns.resolvconf import Resolvers, nameservers
from grappe.network.dns.zone import Finding, Record

NAME = "web.default.svc.cluster.local"


def query(name: str = NAME, type_: str = "A", *, edns: int = 0) -> bytes:
    made = dnslib.DNSRecord.question(name, type_)
    made.header.id = 4242
    if edns:
        made.add_ar(dnslib.EDNS0(udp_len=edns))
    return bytes(made.pack())


def answered(finding: Finding, data: bytes | None = None) -> dnslib.DNSRecord:
    question = message.parse(data or query())
    return dnslib.DNSRecord.parse(message.answer(question, finding, authority="cluster.local"))


def test_an_answer_carries_id_question_flags_and_time_to_live() -> None:
    reply = answered(Finding(True, [Record(NAME, "A", "10.96.1.1")]))
    header = reply.header
    assert (header.id, header.qr, header.aa, header.ra, header.rd) == (4242, 1, 1, 1, 1)
    assert str(reply.q.qname) == f"{NAME}."
    [record] = reply.rr
    assert (str(record.rdata), record.ttl) == ("10.96.1.1", 5)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (Record(NAME, "SRV", f"0 50 80 {NAME}"), f"0 50 80 {NAME}."),
        (Record(NAME, "PTR", NAME), f"{NAME}."),
        (Record(NAME, "CNAME", "example.org"), "example.org."),
        (Record(NAME, "TXT", "1.1.0"), '"1.1.0"'),
        (Record(NAME, "NS", "ns.dns.cluster.local"), "ns.dns.cluster.local."),
    ],
    ids=lambda value: getattr(value, "type", ""),
)
def test_every_type_of_record_is_written(record: Record, expected: str) -> None:
    [written] = answered(Finding(True, [record])).rr
    assert str(written.rdata) == expected


@pytest.mark.parametrize("name", ["a" * 64, "b" * 300, ".".join(["c" * 60] * 6), "..", "é" * 40])
def test_a_name_that_cannot_be_written_is_a_failure(name: str) -> None:
    reply = answered(Finding(True, [Record(NAME, "CNAME", name)]))
    assert reply.header.rcode in (dnslib.RCODE.SERVFAIL, dnslib.RCODE.NOERROR)
    if len(name) > 63:
        assert (dnslib.RCODE[reply.header.rcode], reply.rr) == ("SERVFAIL", [])


@pytest.mark.parametrize(("exists", "rcode"), [(True, "NOERROR"), (False, "NXDOMAIN")])
def test_an_empty_answer_brings_the_start_of_authority(exists: bool, rcode: str) -> None:
    reply = answered(Finding(exists))
    assert dnslib.RCODE[reply.header.rcode] == rcode
    [authority] = reply.auth
    assert authority.rtype == dnslib.QTYPE.SOA
    assert authority.rdata.times[-1] == authority.ttl == 5


def test_a_name_in_mixed_case_is_found_and_answered_in_its_own_case() -> None:
    data = query("Web.DEFAULT.svc.Cluster.LOCAL")
    assert message.parse(data).name == NAME
    [record] = answered(Finding(True, [Record(NAME, "A", "10.0.0.1")]), data).rr
    assert str(record.rname) == "Web.DEFAULT.svc.Cluster.LOCAL."


def test_the_size_of_datagrams_follows_edns_within_bounds() -> None:
    assert [message.parse(query(edns=n)).limit for n in (0, 100, 1000, 4096)] == [
        512,
        512,
        1000,
        1232,
    ]
    assert answered(Finding(True), query(edns=4096)).ar[0].rtype == dnslib.QTYPE.OPT


def test_a_long_answer_becomes_one_that_says_ask_again_by_tcp() -> None:
    records = [Record(NAME, "A", f"10.0.0.{n}") for n in range(100)]
    question = message.parse(query())
    long = message.answer(question, Finding(True, records), authority="cluster.local")
    short = dnslib.DNSRecord.parse(message.truncated(question, long))
    assert short.header.tc
    assert (short.header.id, short.header.aa, short.rr) == (4242, 1, [])
    assert message.is_truncated(message.truncated(question, long))


def test_rotations_bring_every_address_to_the_front_and_lose_none() -> None:
    question = message.parse(query())
    records = [
        Record(NAME, "CNAME", "a.example"),
        *(Record("a.example", "A", f"10.0.0.{n}") for n in range(3)),
    ]
    data = message.answer(question, Finding(True, records), authority="cluster.local")
    turned = [dnslib.DNSRecord.parse(t).rr for t in message.rotations(data, 8)]
    assert {str(rr[0].rdata) for rr in turned} == {"a.example."}
    assert {str(rr[1].rdata) for rr in turned} == {"10.0.0.0", "10.0.0.1", "10.0.0.2"}
    assert all(len(rr) == 4 for rr in turned)


@pytest.mark.parametrize(
    ("change", "rcode"),
    [
        (lambda m: setattr(m.header, "opcode", 5), "NOTIMP"),
        (lambda m: m.add_question(dnslib.DNSQuestion("b.example")), "FORMERR"),
        (lambda m: setattr(m.q, "qclass", 3), "REFUSED"),
        (lambda m: None, ""),
    ],
    ids=["an update", "two questions", "class CHAOS", "a plain one"],
)
def test_questions_that_are_not_served_are_told_so(change, rcode: str) -> None:  # type: ignore[no-untyped-def]
    made = dnslib.DNSRecord.question(NAME)
    change(made)
    question = message.parse(made.pack())
    assert message.refusal(question) == rcode
    if rcode:
        reply = dnslib.DNSRecord.parse(message.failure(question, rcode))
        assert dnslib.RCODE[reply.header.rcode] == rcode


def test_responses_and_garbage_are_no_questions() -> None:
    response = dnslib.DNSRecord.parse(query()).reply().pack()
    for data in (response, b"", b"\0" * 11, b"\0" * 12, query()[:-3]):
        with pytest.raises(MalformedError):
            message.parse(data)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_question_or_malformed(data: bytes) -> None:
    with contextlib.suppress(MalformedError):
        question = message.parse(data)
        message.failure(question, message.refusal(question) or "SERVFAIL")


@given(st.data())
def test_damaged_queries_are_malformed_or_can_be_answered(
    data: st.DataObject,
) -> None:
    good = bytearray(query(edns=1232))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(MalformedError):
        question = message.parse(bytes(good))
        if not message.refusal(question):
            message.answer(question, Finding(False), authority="cluster.local")


@given(st.binary(max_size=60))
def test_only_the_answer_to_the_question_asked_is_taken(noise: bytes) -> None:
    asked = query()
    good = dnslib.DNSRecord.parse(asked).reply().pack()
    assert message.answers_to(good, asked)
    assert not message.answers_to(asked, asked)
    assert not message.answers_to(b"\0\0" + good[2:], asked)
    other = dnslib.DNSRecord.parse(message.question_for("b.example", "A", 4242)).reply().pack()
    assert not message.answers_to(other, asked)
    assert not message.answers_to(noise, asked)


def test_the_first_three_nameservers_of_a_resolv_conf_are_taken() -> None:
    text = """# generated
search example.org
nameserver 127.0.0.53
nameserver not-an-address
  nameserver fe80::1%eth0
nameserver 127.0.0.53
nameserver 192.0.2.1 # trailing
nameserver 192.0.2.2
options edns0
nameserver"""
    assert nameservers(text) == ["127.0.0.53", "fe80::1%eth0", "192.0.2.1"]


@given(st.text())
def test_any_text_may_stand_in_a_resolv_conf(text: str) -> None:
    assert len(nameservers(text)) <= 3


def test_a_changed_resolv_conf_is_read_again_and_cluster_dns_left_out(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    resolvers = Resolvers(path, without={"10.96.0.10"})
    assert resolvers.current() == []
    path.write_text("nameserver 192.0.2.1\nnameserver 10.96.0.10\n")
    assert resolvers.current() == ["192.0.2.1"]
    replacement = tmp_path / "new"
    replacement.write_text("nameserver 192.0.2.2\n")
    os.replace(replacement, path)
    assert resolvers.current() == ["192.0.2.2"]
    path.unlink()
    assert resolvers.current() == []
