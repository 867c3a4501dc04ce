"""The wire format (RFC 1035, EDNS of RFC 6891): questions in, answers out. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

import dnslib
from dnslib.label import DNSLabelError

from grappe.network.dns.zone import Finding, Record

TTL = 5
"""Seconds clients may keep an answer; CoreDNS' default for cluster names."""

MAX_UDP = 1232
"""More than that may need fragments (https://www.dnsflagday.net/2020/)."""

_PLAIN_UDP = 512
_SCHEMA_TTL = 28800
_QUERY = 0
_UNWRITABLE = (dnslib.DNSError, DNSLabelError, ValueError)


class MalformedError(Exception):
    """Bytes that are no DNS message."""


@dataclass(frozen=True, slots=True)
class Question:
    """What one message asks. `name` is in lower case without the last dot; `type` a word such as
    `A`, or `TYPE65`-like for those without one."""

    message: dnslib.DNSRecord
    name: str
    type: str
    limit: int
    """The size of answer the asker takes by UDP."""


def parse(data: bytes) -> Question:
    """Read a query; MalformedError for what is none (garbage, a response, no question)."""
    message = _decoded(data)
    if message.header.qr or not message.questions:
        raise MalformedError("not a query")
    question = message.questions[0]
    limit = _PLAIN_UDP
    for record in message.ar:
        if record.rtype == dnslib.QTYPE.OPT:
            limit = min(max(_PLAIN_UDP, record.rclass), MAX_UDP)
    type_ = dnslib.QTYPE.get(question.qtype)
    return Question(message, _name(question.qname), str(type_), limit)


def refusal(question: Question) -> str:
    """The rcode for a question that is not served at all; empty when it is."""
    if question.message.header.opcode != _QUERY:
        return "NOTIMP"
    if len(question.message.questions) != 1:
        return "FORMERR"
    if question.message.q.qclass != dnslib.CLASS.IN:
        return "REFUSED"
    return ""


def answer(
    question: Question, finding: Finding, *, authority: str, further: Iterable[bytes] = ()
) -> bytes:
    """An authoritative answer. `further` are upstream messages whose answers follow an alias.

    SERVFAIL when a record cannot be written, as a name with too long a label.
    """
    try:
        return _written(question, finding, authority, further)
    except _UNWRITABLE:
        return failure(question, "SERVFAIL")


def _written(
    question: Question, finding: Finding, authority: str, further: Iterable[bytes]
) -> bytes:
    reply = _reply(question, "NOERROR" if finding.exists else "NXDOMAIN", authoritative=True)
    for record in finding.answers:
        reply.add_answer(_encoded(record, question, authority))
    for record in finding.additional:
        reply.add_ar(_encoded(record, question, authority))
    for data in further:
        for found in _decoded(data).rr:
            reply.add_answer(found)
    if not finding.answers:
        reply.add_auth(_encoded(Record(authority, "SOA"), question, authority))
    return bytes(reply.pack())


def failure(question: Question, rcode: str) -> bytes:
    """An answer with nothing but a code: `SERVFAIL`, `REFUSED`, `FORMERR`, `NOTIMP`."""
    return bytes(_reply(question, rcode, authoritative=False).pack())


def truncated(question: Question, data: bytes) -> bytes:
    """An answer too long for UDP becomes an empty one that says: ask again by TCP."""
    rcode = dnslib.RCODE.get(data[3] & 0xF)
    reply = _reply(question, rcode, authoritative=bool(data[2] & 0x04))
    reply.header.tc = 1
    return bytes(reply.pack())


def is_truncated(data: bytes) -> bool:
    """Whether the answer says: ask again by TCP."""
    return bool(data[2] & 0x02)


def rotations(data: bytes, most: int) -> list[bytes]:
    """The same answer with its addresses in other orders, so that clients that take the first
    spread; just the one when there are not several."""
    message = _decoded(data)
    addresses = [r for r in message.rr if r.rtype == dnslib.QTYPE.A]
    others = [r for r in message.rr if r.rtype != dnslib.QTYPE.A]
    if len(addresses) < 2:
        return [data]
    turned = []
    for start in range(min(most, len(addresses))):
        message.rr = others + addresses[start:] + addresses[:start]
        turned.append(bytes(message.pack()))
    return turned


def with_id(data: bytes, id_: bytes) -> bytes:
    """The same message for another question: its first two bytes are the question's."""
    return id_ + data[2:]


def shortest_ttl(data: bytes) -> int:
    """How long any record of an answer may be kept, 0 for none; MalformedError for garbage."""
    message = _decoded(data)
    records = [r for r in (*message.rr, *message.auth) if r.rtype != dnslib.QTYPE.OPT]
    return min((record.ttl for record in records), default=0)


def answers_to(data: bytes, query: bytes) -> bool:
    """Whether a datagram is the response to a query: same id and same question."""
    return (
        len(data) >= 12
        and data[:2] == query[:2]
        and bool(data[2] & 0x80)
        and data[12 : 12 + _question_length(query)].lower()
        == query[12 : 12 + _question_length(query)].lower()
    )


def question_for(name: str, type_: str, id_: int) -> bytes:
    """A plain recursive query; MalformedError for a name that cannot be asked."""
    try:
        query = dnslib.DNSRecord.question(name, type_)
        query.header.id = id_
        return bytes(query.pack())
    except _UNWRITABLE as error:
        raise MalformedError(str(error)) from error


def _decoded(data: bytes) -> dnslib.DNSRecord:
    try:
        return dnslib.DNSRecord.parse(data)
    except (*_UNWRITABLE, dnslib.BufferError, IndexError, struct.error) as error:
        raise MalformedError(str(error)) from error


def _name(label: dnslib.DNSLabel) -> str:
    return str(label).rstrip(".").lower()


def _question_length(query: bytes) -> int:
    """Length of the first question: its name up to the empty label, type and class."""
    end = query.index(b"\0", 12)
    return end + 5 - 12


def _reply(question: Question, rcode: str, *, authoritative: bool) -> dnslib.DNSRecord:
    asked = question.message
    header = dnslib.DNSHeader(
        id=asked.header.id,
        qr=1,
        aa=int(authoritative),
        ra=1,
        rd=asked.header.rd,
        opcode=asked.header.opcode,
        rcode=getattr(dnslib.RCODE, rcode),
    )
    reply = dnslib.DNSRecord(header, questions=[asked.questions[0]])
    if any(record.rtype == dnslib.QTYPE.OPT for record in asked.ar):
        reply.add_ar(dnslib.EDNS0(udp_len=MAX_UDP))
    return reply


def _encoded(record: Record, question: Question, authority: str) -> dnslib.RR:
    name: object = record.name
    if record.name == question.name:
        name = question.message.q.qname  # in the asker's own mix of cases
    kind = getattr(dnslib.QTYPE, record.type)
    ttl = _SCHEMA_TTL if record.type == "TXT" else TTL
    return dnslib.RR(name, kind, rdata=_data(record, authority), ttl=ttl)


def _data(record: Record, authority: str) -> object:
    match record.type:
        case "A":
            return dnslib.A(record.value)
        case "SRV":
            priority, weight, port, target = record.value.split(" ")
            return dnslib.SRV(int(priority), int(weight), int(port), target)
        case "SOA":
            times = (1, 7200, 1800, 86400, TTL)
            return dnslib.SOA(f"ns.dns.{authority}", f"hostmaster.{authority}", times)
        case "TXT":
            return dnslib.TXT(record.value)
        case "PTR":
            return dnslib.PTR(record.value)
        case "NS":
            return dnslib.NS(record.value)
    return dnslib.CNAME(record.value)
