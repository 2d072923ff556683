"""How the files of a fork are put together: which directories are copy-on-write, over what, and where changes lie.

Pure but for `open_view`, which starts the process that mounts it all. Invariant: every directory of a view stands at
the path that it has for the parent, and `.fork` in it is the real one, live.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from forkcli.errors import ForkError
from forkcli.workspace.environment import find_program, sandbox_environment
from forkcli.workspace.holder import Holder, scratch_place, start_holder
from forkcli.workspace.secrets import homes


@dataclass(frozen=True, slots=True)
class Layer:
    """One directory of a view. Its own files lie in `own`, over `lowers` (topmost first) if there are any.

    Without `work` nothing is layered: `own` is simply seen at `target`.
    """

    target: Path
    own: Path
    work: Path | None = None
    lowers: tuple[Path, ...] = ()

    @property
    def stack(self) -> tuple[Path, ...]:
        """What a fork of this fork sees below its own changes."""
        return (self.own, *self.lowers)


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole view: the project's directory is among the layers, or the view is the one that it is entered from."""

    root: Path
    layers: tuple[Layer, ...] = ()
    hidden: tuple[Path, ...] = ()  # directories that look empty
    locked: tuple[Path, ...] = ()  # directories of the parent's that are seen, and read-only

    def steps(self) -> list[str]:
        """What the holder mounts, parents before what lies in them."""
        words: list[tuple[int, list[str]]] = [(len(one.target.parts), list(_words(one))) for one in self.layers]
        if self.layers:
            scratch = self.root / ".fork"
            words.append((len(scratch.parts), ["bind", str(scratch), str(scratch)]))
        words += [(len(path.parts), ["mask", str(path)]) for path in self.hidden]
        words += [(len(path.parts), ["lock", str(path), str(path)]) for path in self.locked]
        return [word for _, step in sorted(words, key=lambda step: step[0]) for word in step]


def _words(layer: Layer) -> Iterator[str]:
    if layer.work is None:
        yield from ("bind", str(layer.target), str(layer.own))
        return
    for lower in layer.lowers:
        if any(lower in other.parents for other in layer.lowers):
            yield from ("through", str(layer.target), str(lower))
    yield from ("overlay", str(layer.target), str(layer.own), str(layer.work), *map(str, layer.lowers))


def open_view(
    plan: Plan, environ: Mapping[str, str], *, enter: Sequence[str] = (), used: Sequence[Path] = ()
) -> Holder:
    """Start the holder of a view, from within the namespaces that `enter` leads into.

    `used` are directories that must stay visible. Raises ForkError with a phrase of what does not work.
    """
    roots = (plan.root,)
    found = {name: find_program(name, roots, environ) for name in ("nsenter", "cat")}
    nsenter, waiter = found["nsenter"], found["cat"]
    if nsenter is None or waiter is None:
        raise ForkError(f"{'nsenter' if nsenter is None else 'cat'} is not installed")
    visible = [path for layer in plan.layers for path in (layer.target, layer.own, *layer.lowers)]
    visible += [plan.root, *used, *homes(environ), Path(sys.prefix), Path(sys.base_prefix)]
    env = sandbox_environment(environ, roots, None, net=False)
    return start_holder(nsenter, waiter, scratch_place(visible), env, steps=plan.steps(), enter=enter)
