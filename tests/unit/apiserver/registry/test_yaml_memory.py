"""What the largest YAML body that is read costs; in a process of its own, to see its peak."""

from __future__ import annotations

import subprocess
import sys

import pytest

MEBIBYTE = 1 << 20

_READ = """
import resource, sys
from grappe.apiserver.registry.yaml_bodies import _parse

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

body = sys.stdin.buffer.read()
_parse(b"a: b")
before = peak()
found = _parse(body)
print(peak() - before, found.problem)
"""


def read(body: bytes) -> tuple[int, str]:
    """(bytes the process grew by, what is wrong with the body)."""
    done = subprocess.run(
        [sys.executable, "-c", _READ], input=body, capture_output=True, check=True
    )
    grown, _, problem = done.stdout.decode().partition(" ")
    return int(grown), problem.strip()


def test_the_most_values_that_are_read_take_a_hundred_megabytes() -> None:
    grown, problem = read(b"".join(b"k%d: v\n" % number for number in range(99_990)))
    assert not problem
    assert grown < 128 * MEBIBYTE


@pytest.mark.parametrize("piece", [b"k%d: v\n", b"- %d\n", b"- {a: %d}\n", b"- [%d]\n"], ids=repr)
def test_a_full_body_of_more_takes_no_more(piece: bytes) -> None:
    body = b"".join(piece % number for number in range(400_000))[: 3 * MEBIBYTE]
    grown, problem = read(body)
    assert "document contains more than" in problem
    assert grown < 128 * MEBIBYTE
