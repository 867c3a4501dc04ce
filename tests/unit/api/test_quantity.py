import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api import quantity


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("100m", "0.1"),
        ("1.5Gi", str(3 * 2**29)),
        ("1e3", "1000"),
        (".5", "0.5"),
        ("5.", "5"),
        ("-1Ki", "-1024"),
        ("0.1n", "0.000000001"),
        ("9e100", str(2**63 - 1)),
        (2, "2"),
        (0.25, "0.25"),
    ],
)
def test_amounts(text: str | int | float, amount: str) -> None:
    assert quantity.parse(text) == Decimal(amount)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1000m", "1"),
        ("0.5", "500m"),
        ("1.5Gi", "1536Mi"),
        ("1024Ki", "1Mi"),
        ("0.5Ki", "512"),
        ("1.1Ki", "1127"),
        ("0.1Ki", "102400m"),
        ("1500", "1500"),
        ("2000", "2k"),
        ("1e3", "1e3"),
        ("12E", "9223372036854775807"),
        ("0Gi", "0"),
        ("0.0001", "100u"),
        (4, "4"),
        (0.1, "100m"),
    ],
)
def test_canonical_form(text: str | int | float, canonical: str) -> None:
    assert quantity.canonical(text) == canonical


@pytest.mark.parametrize("text", ["", "abc", "1.2.3", "1 Gi", "Gi", "1Foo", "1\n", True])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(quantity.QuantityError, match="must match the regular expression"):
        quantity.parse(text)


def test_unknown_suffix_has_its_own_message() -> None:
    with pytest.raises(quantity.QuantityError, match="unable to parse quantity's suffix"):
        quantity.parse("1Mii")


def test_millis_and_units_round_up() -> None:
    assert quantity.millis("1.5") == 1500
    assert quantity.millis("100u") == 1
    assert quantity.units("1500m") == 2
    assert quantity.units("1Ki") == 1024


texts = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-", "+"]),
    st.integers(0, 10**12),
    st.sampled_from(["", ".5", ".125", ".001"]),
    st.sampled_from(["", "n", "u", "m", "k", "M", "Ki", "Mi", "Gi", "e2", "E3", "e-2"]),
)


@given(texts)
def test_canonical_form_is_stable_and_keeps_the_amount(text: str) -> None:
    once = quantity.canonical(text)
    assert quantity.canonical(once) == once
    amount = quantity.parse(text)
    kept = quantity.parse(once)
    if text.endswith("i") and abs(amount) >= 1024:
        assert abs(kept - amount) < 1
    else:
        assert kept == amount


@given(texts, texts)
def test_comparison_is_antisymmetric(left: str, right: str) -> None:
    assert quantity.compare(left, right) == -quantity.compare(right, left)


@given(st.text(max_size=12))
def test_any_text_is_an_amount_or_a_clear_error(text: str) -> None:
    with contextlib.suppress(quantity.QuantityError):
        assert quantity.parse(quantity.canonical(text)) is not None
