from hypothesis import given
from hypothesis import strategies as st

from restd.image.registry import words


def test_a_bar_grows_to_the_full_width() -> None:
    assert words.bar(0, 100) == "[>" + " " * 49 + "]        0B/100B"
    assert words.bar(50, 100) == "[" + "=" * 25 + ">" + " " * 24 + "]       50B/100B"
    assert words.bar(1_234_567, 1_234_567) == "[" + "=" * 50 + "]   1.235MB/1.235MB"
    assert words.bar(1500, 0) == "   1.5kB"


def test_lines_of_layers_have_what_clients_look_for() -> None:
    assert words.status("Pulling fs layer", "abc") == {
        "status": "Pulling fs layer",
        "progressDetail": {},
        "id": "abc",
    }
    assert words.moving("Downloading", "abc", 1, 2)["progressDetail"] == {"current": 1, "total": 2}
    assert words.status("Digest: x") == {"status": "Digest: x"}
    assert words.short("sha256:0123456789abcdef") == "0123456789ab"


@given(st.integers(0, 1 << 60), st.integers(0, 1 << 60))
def test_bars_have_one_width(current: int, total: int) -> None:
    bar = words.bar(current, total)
    assert total == 0 or bar.index("]") == 51
