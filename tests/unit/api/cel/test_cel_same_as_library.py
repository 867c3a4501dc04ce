"""Our evaluation gives what the library's own gives, on expressions made at random."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cel_expr_python import cel
from google.protobuf.descriptor_pool import DescriptorPool
from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.api.cel.ast import read_expression
from grappe.api.cel.costs import Meter
from grappe.api.cel.library import CompileError
from grappe.api.cel.program import Program
from grappe.api.cel.values import CelError, equal

VARIABLES = {"i": 3, "s": "abc", "l": [1, 2, 3], "m": {"a": 1, "b": 2}}
TYPES = {
    "i": cel.Type.INT,
    "s": cel.Type.STRING,
    "l": cel.Type.List(cel.Type.INT),
    "m": cel.Type.Map(cel.Type.STRING, cel.Type.INT),
}
CONFIG = cel.NewEnvConfigFromYaml(
    "extensions:\n- name: optional\n- name: two-var-comprehensions\n- name: bindings\n"
)
ENV = cel.NewEnv(DescriptorPool(), config=CONFIG, variables=TYPES)

DEPTH = 4
"""How many operators deep the expressions are."""


def _expressions() -> list[st.SearchStrategy[str]]:
    """Of each type; every level is made of the one below, so that none grows without end."""
    ints = simple_ints = st.one_of(
        st.integers(-5, 20).map(lambda n: str(n) if n >= 0 else f"({n})"),
        st.sampled_from(("i", "x", "9223372036854775807", "size(s)", "m.a", "m['b']", "m['c']")),
    )
    strings = simple_strings = st.sampled_from(("s", "'a'", "'bc'", "''", "string(i)"))
    bools = simple_bools = st.sampled_from(("true", "false", "'a' in m", "has(m.a)", "has(m.c)"))
    lists = simple_lists = st.sampled_from(("l", "[1]"))
    for _ in range(DEPTH):
        ints, strings, bools, lists = (
            st.one_of(simple_ints, *_of_int(ints, bools, lists)),
            st.one_of(simple_strings, *_of_string(ints, strings)),
            st.one_of(simple_bools, *_of_bool(ints, strings, bools, lists)),
            st.one_of(simple_lists, *_of_list(ints, bools, lists)),
        )
    return [ints, strings, bools, lists]


def _of_int(
    ints: st.SearchStrategy[str], bools: st.SearchStrategy[str], lists: st.SearchStrategy[str]
) -> Iterator[st.SearchStrategy[str]]:
    yield st.tuples(ints, st.sampled_from("+-*/%"), ints).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
    yield st.tuples(lists, ints).map(lambda t: f"{t[0]}[{t[1]}]")
    yield st.tuples(bools, ints, ints).map(lambda t: f"({t[0]} ? {t[1]} : {t[2]})")
    yield lists.map(lambda e: f"size({e})")
    yield st.tuples(ints, ints).map(lambda t: f"cel.bind(x, {t[0]}, {t[1]})")
    yield st.tuples(lists, ints, ints).map(lambda t: f"{t[0]}[?{t[1]}].orValue({t[2]})")


def _of_string(
    ints: st.SearchStrategy[str], strings: st.SearchStrategy[str]
) -> Iterator[st.SearchStrategy[str]]:
    yield st.tuples(strings, strings).map(lambda t: f"({t[0]} + {t[1]})")
    yield ints.map(lambda e: f"string({e})")


def _of_bool(
    ints: st.SearchStrategy[str],
    strings: st.SearchStrategy[str],
    bools: st.SearchStrategy[str],
    lists: st.SearchStrategy[str],
) -> Iterator[st.SearchStrategy[str]]:
    yield st.tuples(ints, st.sampled_from(("<", "<=", "==", "!=", ">")), ints).map(
        lambda t: f"({' '.join(t)})"
    )
    yield st.tuples(strings, st.sampled_from(("<", "==", "!=")), strings).map(
        lambda t: f"({' '.join(t)})"
    )
    yield st.tuples(lists, lists).map(lambda t: f"({' == '.join(t)})")
    yield st.tuples(bools, st.sampled_from(("&&", "||")), bools).map(
        lambda t: f"({t[0]} {t[1]} {t[2]})"
    )
    yield bools.map(lambda e: f"!({e})")
    yield st.tuples(ints, lists).map(lambda t: f"({' in '.join(t)})")
    yield st.tuples(lists, st.sampled_from(("all", "exists", "exists_one")), bools).map(
        lambda t: f"{t[0]}.{t[1]}(x, {t[2]})"
    )
    yield st.tuples(lists, st.sampled_from(("all", "exists", "existsOne")), bools).map(
        lambda t: f"{t[0]}.{t[1]}(k, x, {t[2]})"
    )
    yield st.tuples(strings, strings).map(lambda t: f"{t[0]}.contains({t[1]})")


def _of_list(
    ints: st.SearchStrategy[str], bools: st.SearchStrategy[str], lists: st.SearchStrategy[str]
) -> Iterator[st.SearchStrategy[str]]:
    yield st.lists(ints, min_size=1, max_size=3).map(lambda e: f"[{', '.join(e)}]")
    yield st.tuples(lists, lists).map(lambda t: f"({t[0]} + {t[1]})")
    yield st.tuples(lists, bools).map(lambda t: f"{t[0]}.filter(x, {t[1]})")
    yield st.tuples(lists, ints).map(lambda t: f"{t[0]}.map(x, {t[1]})")
    yield st.tuples(lists, ints).map(lambda t: f"{t[0]}.transformList(k, x, {t[1]})")


def theirs(compiled: Any) -> tuple[bool, Any]:
    found = compiled.eval(data=VARIABLES)
    if found.type().name() == "ERROR":
        return False, str(found.value())
    return True, found.plain_value()


def ours(compiled: Any) -> tuple[bool, Any]:
    try:
        program = Program(read_expression(compiled.serialize()))
        return True, program.evaluate(VARIABLES, Meter())
    except (CelError, CompileError) as error:
        return False, str(error)


@settings(max_examples=400)
@given(st.one_of(_expressions()))
def test_the_same_value_or_an_error_as_well(source: str) -> None:
    compiled = ENV.compile(f"cel.bind(x, 1, {source})")
    (there, wanted), (here, found) = theirs(compiled), ours(compiled)
    assert here == there, (found, wanted)
    assert not here or equal(found, wanted)
