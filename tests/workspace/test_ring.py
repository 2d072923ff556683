from hypothesis import given
from hypothesis import strategies as st

from forkcli.workspace.ring import Ring


@given(st.lists(st.binary(max_size=40), max_size=60))
def test_a_ring_holds_all_or_the_first_and_the_last_bytes(chunks: list[bytes]) -> None:
    ring = Ring(head_bytes=50, tail_bytes=30)
    for chunk in chunks:
        ring.add(chunk)
    whole = b"".join(chunks)
    head, tail = ring.head_and_tail()
    assert ring.total == len(whole)
    assert ring.complete == (len(whole) <= 80)
    if ring.complete:
        assert (head, tail) == (whole, b"")
    else:
        assert (head, tail) == (whole[:50], whole[-30:])


def test_many_small_chunks_do_not_make_a_ring_grow() -> None:
    ring = Ring(head_bytes=10, tail_bytes=10)
    for number in range(10_000):
        ring.add(str(number % 10).encode())
    assert ring.head_and_tail() == (b"0123456789", b"0123456789")
    assert len(ring._tail) <= 11
