"""When the files may have changed, and by whose hand: what a history's snapshots say of the entries between them.

Pure: it reads entries in the order in which they were recorded, which is that of time, whatever was rewound since.
Invariant: what could have been the agent's doing is never taken for the user's.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from forkcli.core import entries as e
from forkcli.core.ids import CallId, Seq

# Tools that change no file of the project by themselves. What comes of forks is told by `merge` entries, what a rewind
# restores by its two snapshots; any other tool, those of servers included, counts as one that can write.
HARMLESS = frozenset({"read", "fork", "spawn", "send", "rewind"})

Dirt = Literal["", "said", "written"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A snapshot in time: the files were `tree` from entry `seq` on, until the next call that could write.

    `deeds` counts what could have written before it, `words` the prompts; marks with the same number of deeds differ
    by what the user did (or a background job, which is said by `jobs`).
    """

    seq: Seq
    tree: str
    excluded: tuple[str, ...]
    deeds: int
    words: int
    jobs: bool


@dataclass(slots=True)
class Timeline:
    """What is known of an agent's files, by the numbers of its entries. `read` adds entries to it."""

    marks: list[Mark] = field(default_factory=list)
    dirt: Dirt = "said"  # since the newest snapshot: nothing, something was said (people edit then), something written
    jobs: set[str] = field(default_factory=set)  # background jobs that may be alive
    torn: Mark | None = None  # what lay there when a return of the files began that a killed process did not end
    _deeds: list[int] = field(default_factory=list)  # after each of these entries files may be others
    _words: list[int] = field(default_factory=list)
    _writing: set[CallId] = field(default_factory=set)
    _worked: bool = False  # a job was alive at some time since the newest snapshot
    _count: int = 0

    @classmethod
    def of(cls, entries: Sequence[e.Entry]) -> "Timeline":
        """What these entries say."""
        timeline = cls()
        timeline.read(entries)
        return timeline

    @classmethod
    def after(cls, shared: int) -> "Timeline":
        """One that passes over so many entries, which are of a fork's past."""
        return cls(_count=shared)

    def read(self, entries: Sequence[e.Entry]) -> None:
        """Take note of the entries of a history that are new since it was read last."""
        if len(entries) > self._count:
            fresh: Iterable[e.Entry] = entries if not self._count else entries[self._count :]
            for entry in fresh:
                self._add(entry.seq, entry.body)
            self._count = len(entries)

    # --- what is asked ----------------------------------------------------------------------------------------------

    def at(self, seq: Seq) -> Mark | None:
        """The snapshot that holds for entry `seq`; None if none was taken without a writing call in between.

        The newest before it, else the first after it; one that no prompt lies between is preferred, since people edit
        their files before they say something.
        """
        same = [mark for mark in self.marks if mark.deeds == self._deeds_at(seq)]
        close = [mark for mark in same if mark.words == bisect_left(self._words, seq)]
        for marks in (close, same):
            before = [mark for mark in marks if mark.seq <= seq]
            if marks:
                return before[-1] if before else marks[0]
        return None

    def now(self, seq: Seq, taken: e.Snapshot) -> Mark | None:
        """What was `taken` just now, as the snapshot that holds for entry `seq`; None if calls could write since."""
        if self._deeds_at(seq) != len(self._deeds):
            return None
        return Mark(seq, taken.tree, taken.excluded, len(self._deeds), len(self._words), jobs=self.worked)

    def spans(self, since: Mark) -> list[tuple[Mark, Mark]]:
        """Neighbouring snapshots from `since` on between which the agent could not write."""
        if since not in self.marks:
            return []
        later = self.marks[self.marks.index(since) :]
        return [(one, other) for one, other in pairwise(later) if one.deeds == other.deeds and one.tree != other.tree]

    @property
    def newest(self) -> Mark | None:
        """The newest snapshot, if the agent could not write since."""
        return self.marks[-1] if self.marks and self.marks[-1].deeds == len(self._deeds) else None

    @property
    def worked(self) -> bool:
        """Whether a background job was alive at some time since the newest snapshot."""
        return self._worked or bool(self.jobs)

    # --- what entries mean ------------------------------------------------------------------------------------------

    def _deeds_at(self, seq: Seq) -> int:
        return bisect_left(self._deeds, seq)

    def _add(self, seq: Seq, body: e.Body) -> None:
        match body:
            case e.ToolStart(call=call, name=name):
                if name not in HARMLESS:
                    self._writing.add(call)
                    self._deed(seq)
            case e.ToolResult(call=call, facts=facts):
                if call in self._writing:
                    self._writing.discard(call)
                    self._deed(seq - 1)
                self._job(facts.job, over=facts.job_over)
            case e.Merge(outcome=outcome):
                if outcome == "merged":
                    self._deed(seq - 1)
            case e.Checked(what="until"):  # a command of the user's among files that the agent wrote
                self._deed(seq - 1)
            case e.Message(sender=sender, job=job):
                self._job(job or sender, over=True)
            case e.Prompt():
                self._say(seq - 1)
            case e.Agent():  # from here on it is a fork's, whose files are its own
                self.jobs.clear()
                self._writing.clear()
                self._say(seq - 1)
            case e.Rewind():
                self._let_go(seq)
            case e.Snapshot():
                self._mark(seq, body)
            case _:
                pass

    def _let_go(self, seq: Seq) -> None:
        """Calls that the head left behind get no result any more."""
        if self._writing:
            self._writing.clear()
            self._deed(seq - 1)

    def _deed(self, after: int) -> None:
        self._deeds.append(after)
        self.dirt, self.torn = "written", None

    def _say(self, after: int) -> None:
        self._words.append(after)
        self.dirt = self.dirt or "said"

    def _job(self, job: str | None, *, over: bool) -> None:
        if job and not over:
            self.jobs.add(job)
            self._worked = True
        elif job in self.jobs:
            self.jobs.discard(job)
            self.dirt = "written"

    def _mark(self, seq: Seq, body: e.Snapshot) -> None:
        """A snapshot counts for its entry if nothing could write until it was on record; else for no entry."""
        if body.restore == "after":
            self._deed(seq - 1)
        of = seq if body.restore == "after" else body.of_seq
        known = self._deeds_at(of) == self._deeds_at(seq) and not self._writing
        if known:
            words = bisect_left(self._words, of)
            self.marks.append(Mark(of, body.tree, body.excluded, self._deeds_at(seq), words, self.worked))
            self.dirt, self._worked, self.torn = "", bool(self.jobs), None
        if body.restore == "before":
            self._deed(seq)
            self.torn = self.marks[-1] if known else None


def told_changes(entries: Iterable[e.Entry], since: Seq) -> tuple[str, ...]:
    """Paths that `write`, `edit` and merges changed after entry `since`: what is known without any snapshot."""
    paths: dict[str, None] = {}
    for entry in entries:
        match entry.body:
            case e.ToolResult(facts=facts) if entry.seq > since:
                paths.update(dict.fromkeys(facts.changed))
            case e.Merge(outcome="merged", paths=merged) if entry.seq > since:
                paths.update(dict.fromkeys(merged))
            case _:
                pass
    return tuple(paths)
