"""A list that begins with the first items of another one, without copying them: how a fork shares its parent's past.

The other list may grow afterwards; its shared items must never change. Nothing is ever removed from a chain.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar, overload

T = TypeVar("T")


class Chain(Sequence[T], Generic[T]):
    """The first `shared` items of `base` (all, if not said), then its own.

    Reading an item costs at most two hops for each fork above.
    """

    __slots__ = ("base", "own", "shared")

    def __init__(self, base: "Chain[T] | None" = None, shared: int | None = None) -> None:
        self.base = base
        self.shared = shared if shared is not None else 0 if base is None else len(base)
        self.own: list[T] = []

    def first(self, count: int) -> "Chain[T]":
        """A chain that begins with the first `count` items of this one and goes on by itself."""
        chain = self
        while chain.base is not None and count <= chain.shared:
            chain = chain.base
        return Chain(chain, count)

    def append(self, item: T) -> None:
        """Add an item at the end."""
        self.own.append(item)

    def __len__(self) -> int:
        return self.shared + len(self.own)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self._at(n) for n in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError("chain index out of range")
        return self._at(place)

    def __iter__(self) -> Iterator[T]:
        if self.base is not None:
            for place, item in enumerate(self.base):
                if place >= self.shared:
                    break
                yield item
        yield from self.own

    def __reversed__(self) -> Iterator[T]:
        yield from reversed(self.own)
        if self.base is not None:
            skipped = len(self.base) - self.shared
            for place, item in enumerate(reversed(self.base)):
                if place >= skipped:
                    yield item

    def _at(self, place: int) -> T:
        chain: Chain[T] = self
        while place < chain.shared and chain.base is not None:
            chain = chain.base
        return chain.own[place - chain.shared]


class Names:
    """A growing set of names that begins with those of another one as it was, without copying them."""

    __slots__ = ("base", "own", "shared")

    def __init__(self, base: "Names | None" = None, shared: int | None = None) -> None:
        self.base = base
        self.shared = shared if shared is not None else 0 if base is None else len(base.own)
        self.own: dict[str, int] = {}  # name -> place, so that later names of a base can be told apart

    def update(self, names: Iterable[str]) -> None:
        """Add names."""
        for name in names:
            self.own.setdefault(name, len(self.own))

    def __contains__(self, name: object) -> bool:
        if name in self.own:
            return True
        names = self
        while names.base is not None:
            if names.base.own.get(str(name), names.shared) < names.shared:
                return True
            names = names.base
        return False
