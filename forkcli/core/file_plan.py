"""What going back would do to the files, and what it did: values that a screen, a script and a ledger show.

Paths are relative to the project. Nothing here looks at a file.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from forkcli.core.ids import Seq

OnEdit = Literal["stop", "keep", "replace"]  # what becomes of files that the user changed meanwhile


@dataclass(frozen=True, slots=True)
class PathChange:
    """A path that is not as it was. `since` says what happened to it; going back undoes that.

    `added` and `removed` count lines, None for what has no lines. `yours`: the user changed it meanwhile (or a
    background job did), with or without the agent.
    """

    path: str
    since: Literal["added", "modified", "deleted"]
    added: int | None = None
    removed: int | None = None
    yours: bool = False


@dataclass(frozen=True, slots=True)
class FilesPlan:
    """What restoring the files of a checkpoint would do.

    `unknown` says why that cannot be told, and is empty where it can. `beyond` names what is not restored whatever is
    done: a path (or what it is) and why, each. `jobs`: a background job ran meanwhile, so what is `yours` may be its.
    """

    changes: tuple[PathChange, ...] = ()
    beyond: tuple[str, ...] = ()
    jobs: bool = False
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Unrestored:
    """A path that was not restored, and why."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of the files. Unless `done`, none was changed, and `conflicts` says what stood against it.

    `before` is the number of the snapshot entry that holds what was there: restoring the files of that entry undoes
    this. `kept` are files that were left as they are, `beyond` what could not go back in any case, and why.
    """

    done: bool
    before: Seq
    restored: tuple[str, ...] = ()  # written or deleted
    removed: tuple[str, ...] = ()  # those of them that were deleted
    kept: tuple[Unrestored, ...] = ()
    conflicts: tuple[Unrestored, ...] = ()
    beyond: tuple[str, ...] = ()


def in_the_way(paths: Iterable[str], *, jobs: bool) -> tuple[Unrestored, ...]:
    """Files of the user's, which nothing replaces unasked; with `jobs` they may be the work of a background job."""
    why = "you or a background job changed it meanwhile" if jobs else "you changed it meanwhile"
    return tuple(Unrestored(path, why) for path in paths)
