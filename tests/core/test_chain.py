from hypothesis import given
from hypothesis import strategies as st

from forkcli.core.chain import Chain, Names


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 99)), max_size=40), st.lists(st.integers(0, 5), max_size=5))
def test_a_chain_reads_like_a_copy_of_what_it_shares(items: list[tuple[int, int]], forks: list[int]) -> None:
    chains: list[Chain[int]] = [Chain()]
    lists: list[list[int]] = [[]]
    for which in forks:
        place = which % len(chains)
        for target, item in items:
            chains[target % len(chains)].append(item)
            lists[target % len(lists)].append(item)
        chains.append(Chain(chains[place]))
        lists.append(list(lists[place]))
    for chain, plain in zip(chains, lists, strict=True):
        assert list(chain) == plain
        assert list(reversed(chain)) == plain[::-1]
        assert [chain[n] for n in range(len(chain))] == plain
        assert chain[-3:] == plain[-3:]
        assert len(chain) == len(plain)


def test_a_chain_shares_what_was_there_and_not_what_comes_later() -> None:
    above: Chain[int] = Chain()
    above.append(1)
    below = Chain(above)
    above.append(2)
    below.append(3)
    assert list(below) == [1, 3]
    assert list(below.own) == [3]


def test_names_are_those_of_the_past_as_it_was_and_ones_own() -> None:
    above = Names()
    above.update(["a", "b"])
    below = Names(above)
    above.update(["late"])
    below.update(["c"])
    deeper = Names(below)
    below.update(["later"])
    assert [name in deeper for name in ("a", "b", "c", "late", "later", "z")] == [True, True, True, False, False, False]
