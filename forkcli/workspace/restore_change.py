"""Carries out one change of an agent's files: looks, records, makes the files ready, puts them in place, or undoes it.

It is used under the lock of the journals' folder. Invariant: whenever the process ends, either all paths are as they
were to become, or all as before, or a journal says how to get there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from forkcli.errors import ForkError, Kind
from forkcli.workspace import snapshots_read as reading
from forkcli.workspace.journal import Journal, left_behind, new_journal
from forkcli.workspace.merge import Conflict
from forkcli.workspace.restore_disk import Disk
from forkcli.workspace.restore_plan import EDITED, Step, in_order, plan
from forkcli.workspace.restore_swap import EditedError
from forkcli.workspace.snapshots_dir import SnapshotDir
from forkcli.workspace.snapshots_read import Delta, Entry

_TRIES = 10
_GONE = (FileNotFoundError, NotADirectoryError, FileExistsError, IsADirectoryError)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an agent's files are visible here, and the folder of the journals of their changes."""

    files: Path
    journals: Path


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of the files. `conflicts`: why nothing was written. `kept`: files that were left as they are.

    `before` is a snapshot that leads back: what lay in the changed paths before. `notes`: sentences for people.
    """

    done: bool
    before: str
    written: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    kept: tuple[Conflict, ...] = ()
    notes: tuple[str, ...] = ()


class Change:
    """Changes the files of one place, under its lock."""

    def __init__(self, where: SnapshotDir, place: Place) -> None:
        self._where = where
        self._journals = place.journals
        self._disk = Disk(where, place.files)

    def close(self) -> None:
        self._disk.close()

    def apply(self, deltas: Sequence[Delta], old: str, what: str, *, keep: bool) -> Applied:
        """Change what `deltas` say; with `keep`, less and less of it until nothing is against it."""
        kept: list[Conflict] = []
        for _ in range(_TRIES):
            wanted = plan(self._disk, deltas, self._sizes(deltas))
            against = wanted.conflicts or self._carry_out(what, wanted.steps)
            if not against:
                return _done(old, wanted.steps, kept)
            if not keep:
                return Applied(done=False, before=old, conflicts=against)
            kept += against
            left = {conflict.path for conflict in against}
            deltas = [delta for delta in deltas if delta.path not in left]
        return Applied(done=False, before=old, conflicts=tuple(kept), notes=("the files kept changing",))

    def recover(self) -> list[str]:
        """Finish or undo what was left behind; a sentence for each."""
        said: list[str] = []
        for journal in left_behind(self._journals):
            try:
                said.append(self._finish(journal) if isinstance(journal, Journal) else _set_aside(journal))
            except ForkError as error:
                if error.kind is Kind.STORAGE or not isinstance(journal, Journal):
                    raise
                said.append(f"{_set_aside(journal.file)}: {error.sentence}")
            except OSError as error:
                raise ForkError(
                    f"an interrupted change of the files could not be finished: {error.strerror or error}",
                    "the next start of fork goes on with it",
                    kind=Kind.STORAGE,
                ) from error
        return said

    def _sizes(self, deltas: Sequence[Delta]) -> dict[str, int]:
        return reading.sizes(self._where, {entry.id for delta in deltas for entry in (delta.old, delta.new) if entry})

    def _carry_out(self, what: str, planned: Sequence[Step]) -> tuple[Conflict, ...]:
        """Do all steps, or none: then the paths that were edited at the last moment."""
        if not planned:
            return ()
        journal = new_journal(self._journals, what, [step.delta for step in planned])
        steps = [replace(step, number=number) for number, step in enumerate(planned)]
        try:
            journal.begin()
            self._stage(journal, steps, undo=False)
        except OSError as error:
            journal.end()
            sentence = f"the {what} was not begun: {error.strerror or error}"
            raise ForkError(sentence, "no file was changed", kind=Kind.STORAGE) from error
        except ForkError:
            journal.end()
            raise
        try:
            self._do(journal, steps, undo=False)
        except EditedError as error:
            return tuple(Conflict(path, EDITED) for path in dict.fromkeys((str(error), *self._undo(journal))))
        except OSError as error:
            left = self._undo(journal)
            hint = f"left as it was being written: {', '.join(left)}" if left else "all files are as before"
            raise ForkError(f"the {what} failed: {error.strerror or error}", hint) from error
        journal.end()
        return ()

    def _stage(self, journal: Journal, steps: Sequence[Step], *, undo: bool) -> None:
        """Make all files ready. Raises OSError, and ForkError where content is missing."""
        users: dict[str, list[tuple[Step, Entry]]] = {}
        for step in steps:
            if step.delta.new is not None:
                users.setdefault(step.delta.new.id, []).append((step, step.delta.new))
        for one, data in reading.blobs(self._where, users):
            for step, entry in users[one]:
                like = self._disk.likeness(step.delta.path) if step.delta.old is not None else None
                journal.staged(step.number, undo=undo).write(entry, data, like)

    def _do(self, journal: Journal, steps: Sequence[Step], *, undo: bool) -> None:
        """Raises EditedError with the path of a file that changed since it was looked at, and OSError."""
        for step in in_order(steps):
            try:
                self._do_one(journal, step, undo=undo)
            except (EditedError, *_GONE):
                raise EditedError(step.delta.path) from None
            except OSError as error:
                raise OSError(error.errno, f"{step.delta.path}: {error.strerror or error}") from error
        self._disk.sync()

    def _do_one(self, journal: Journal, step: Step, *, undo: bool) -> None:
        path, staged = step.delta.path, journal.staged(step.number, undo=undo)
        if step.delta.new is not None:
            if step.delta.old is None:
                self._disk.clear_folder(path)
            self._disk.put(path, staged, step.stamp)
        elif step.stamp is not None:
            self._disk.remove(path, staged, step.stamp)

    def _undo(self, journal: Journal) -> list[str]:
        """Put back what was changed; the paths that could not be, because somebody else changed them since.

        Raises ForkError(STORAGE) if it fails; the journal stays then, and the next start tries again.
        """
        back = [Delta(delta.path, delta.new, delta.old) for delta in journal.deltas]
        for _ in range(_TRIES):
            wanted = plan(self._disk, back, self._sizes(back))
            try:
                self._stage(journal, wanted.steps, undo=True)
                self._do(journal, wanted.steps, undo=True)
            except EditedError:
                continue
            except OSError as error:
                sentence = f"the {journal.what} could not be undone: {error.strerror or error}"
                raise ForkError(sentence, "the next start of fork goes on with it", kind=Kind.STORAGE) from error
            left = [conflict.path for conflict in wanted.conflicts]
            break
        else:
            left = [step.delta.path for step in wanted.steps]
        journal.end()
        return left

    def _finish(self, journal: Journal) -> str:
        """Go on to the end if nothing was edited meanwhile, else back to the beginning."""
        wanted = plan(self._disk, journal.deltas, self._sizes(journal.deltas))
        edited = ", ".join(conflict.path for conflict in wanted.conflicts)
        if not wanted.steps:
            journal.end()
            rest = f"; changed since by somebody else: {edited}" if edited else ""
            return f"the {journal.what} was interrupted at its end; nothing was left to do{rest}"
        if not edited:
            try:
                self._stage(journal, wanted.steps, undo=False)
                self._do(journal, wanted.steps, undo=False)
            except EditedError as error:
                edited = str(error)
            else:
                journal.end()
                return f"the {journal.what} was interrupted and has been finished: {len(wanted.steps)} files were left"
        left = self._undo(journal)
        rest = f"; left as they are: {', '.join(left)}" if left else ""
        return f"the {journal.what} was interrupted and has been undone, as files were edited meanwhile: {edited}{rest}"


def _done(old: str, steps: Sequence[Step], kept: Sequence[Conflict]) -> Applied:
    written = tuple(step.delta.path for step in steps if step.delta.new)
    deleted = tuple(step.delta.path for step in steps if not step.delta.new)
    return Applied(done=True, before=old, written=written, deleted=deleted, kept=tuple(kept))


def _set_aside(damaged: Path) -> str:
    aside = damaged.with_suffix(".damaged")
    damaged.rename(aside)
    return f"a change that was interrupted has a damaged record, kept as {aside}"
