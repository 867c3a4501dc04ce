import pytest

from grappe.api.age import human_duration

M, H, D, Y = 60, 3600, 86400, 365 * 86400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (0.9, "0s"),
        (119, "119s"),
        (120, "2m"),
        (121, "2m1s"),
        (10 * M - 1, "9m59s"),
        (10 * M, "10m"),
        (3 * H - 1, "179m"),
        (3 * H, "3h"),
        (3 * H + 59, "3h"),
        (7 * H + 5 * M, "7h5m"),
        (8 * H + 5 * M, "8h"),
        (2 * D - 1, "47h"),
        (2 * D, "2d"),
        (7 * D + 3 * H, "7d3h"),
        (8 * D + 3 * H, "8d"),
        (2 * Y - 1, "729d"),
        (2 * Y, "2y"),
        (3 * Y + 4 * D, "3y4d"),
        (9 * Y + 4 * D, "9y"),
    ],
)
def test_a_duration_is_told_as_kubectl_tells_it(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text
