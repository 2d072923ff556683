"""Replacement across line ends against the plain definition, for any bytes."""

from hypothesis import example, given
from hypothesis import strategies as st

from forkcli.tools.replace import replaced, spans_of

pieces = st.lists(st.sampled_from([b"a", b"b", b"\n", b"\r\n", b"\r"]), max_size=30).map(b"".join)


@given(pieces, pieces.filter(bool), pieces)
def test_an_exact_match_is_what_bytes_replace_does(data: bytes, old: bytes, new: bytes) -> None:
    spans = spans_of(data, old, new)
    if old in data and b"\n" in old:
        assert replaced(data, spans) == data.replace(old, new)
    assert all(data[: span.start] == replaced(data, spans[:1])[: span.start] for span in spans[:1])


@given(pieces, pieces.filter(bool), pieces)
def test_with_line_ends_set_aside_every_replacement_is_the_same(data: bytes, old: bytes, new: bytes) -> None:
    spans = spans_of(data, old, new)
    if spans and old not in data:
        plain = replaced(data, spans).replace(b"\r\n", b"\n")
        flat = data.replace(b"\r\n", b"\n").replace(old.replace(b"\r\n", b"\n"), new.replace(b"\r\n", b"\n"))
        assert plain.replace(b"\r", b"") == flat.replace(b"\r", b"")


@given(pieces, pieces.filter(bool))
@example(b"a\r\r\n", b"a\r\n")  # the file's line ends with a carriage return of its own before the line end
def test_nothing_is_found_only_where_nothing_stands(data: bytes, old: bytes) -> None:
    flat = data.replace(b"\r\n", b"\n")
    if not spans_of(data, old, b"x"):
        assert old not in data
        assert b"\n" not in old or old.replace(b"\r\n", b"\n") not in flat
