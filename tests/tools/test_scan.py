"""Ranges of lines against the plain way of taking them, for any bytes and any size of the pieces."""

from hypothesis import given
from hypothesis import strategies as st

from forkcli.tools.scan import Lines, lines_of

bytes_with_lines = st.lists(st.sampled_from([b"\n", b"\r\n", b"a", "é".encode(), b"\xff", b"", b"long" * 9])).map(
    b"".join
)


def taken(data: bytes, first: int, limit: int, piece: int, **options: int) -> Lines:
    return lines_of(lambda size, at: data[at : at + min(size, piece)], first, limit, **options)


@given(bytes_with_lines, st.integers(1, 12), st.integers(1, 12), st.integers(1, 7))
def test_a_range_is_what_splitting_the_whole_gives(data: bytes, first: int, limit: int, piece: int) -> None:
    lines = data.split(b"\n")
    ended = lines[-1] == b""
    if ended:
        lines.pop()
    found = taken(data, first, limit, piece)
    wanted = [line.removesuffix(b"\r") if at < len(lines) - 1 or ended else line for at, line in enumerate(lines)]
    assert found.texts == [line.decode(errors="replace") for line in wanted[first - 1 : first - 1 + limit]]
    assert found.total == len(lines)
    assert found.newline_at_end is (ended or not data)


@given(bytes_with_lines, st.integers(1, 12), st.integers(1, 5))
def test_without_counting_the_same_lines_are_shown(data: bytes, first: int, limit: int) -> None:
    counted, not_counted = taken(data, first, limit, 3), taken(data, first, limit, 3, count_to=0)
    assert counted.texts == not_counted.texts
    assert not_counted.total in {None, counted.total}
