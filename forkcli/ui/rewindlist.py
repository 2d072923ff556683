"""The list of what one can go back to: prompts, newest last, each with its steps folded away. Plain state, no terminal.

Invariant: what Enter picks is the line that the sign stands before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.text import Text

from forkcli.core.ids import Seq
from forkcli.ui.figures import count, local_time, share
from forkcli.ui.look import FAINT, STRONG, USER, WARN, Look
from forkcli.ui.panel import LEAVE, MOVES, NO_KEYS, AskedFor, clipped, moved, window
from forkcli.ui.rewindable import RewindRow, StepRow
from forkcli.ui.sanitize import one_line

LISTED = 40  # rows where keys cannot be read one by one
PREVIEW = 200  # characters
NAMED = 3  # files under the list
WIDE = 60  # columns from which the number of changed files has its place in each row


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the list: a row, or one of its steps."""

    row: RewindRow
    step: StepRow | None = None

    @property
    def to(self) -> Seq:
        return self.step.to if self.step else self.row.to


class RewindList(AskedFor):
    """The panel; `picked` is where to go back to, None when it was left."""

    def __init__(self, rows: Sequence[RewindRow], look: Look, now: datetime) -> None:
        self._rows = rows
        self._look = look
        self._now = now
        self._filter = ""
        self._unfolded: set[Seq] = set()
        self._files: dict[Seq, tuple[str, ...] | None] = {row.to: row.files for row in rows if row.files is not None}
        self._seen: Sequence[_Line] = ()
        self._index = max((at for at, row in enumerate(rows) if not row.undo), default=max(0, len(rows) - 1))
        self.done = not rows
        self.picked: Seq | None = None

    def again(self) -> None:
        """As it was before something was picked."""
        self.done, self.picked = False, None

    # --- files, which are looked for while the list is there ---

    def wanted(self) -> Seq | None:
        """A row on screen, or the chosen step, of which it is not known what changed since, the chosen one first."""
        chosen = [line.to for line in self._found()[self._index : self._index + 1]]
        rows = [line.row.to for line in reversed(self._seen)]
        return next((to for to in (*chosen, *rows) if to not in self._files), None)

    def tell(self, to: Seq, files: tuple[str, ...] | None) -> None:
        """What changed since; None: it cannot be known."""
        self._files[to] = files

    # --- keys ---

    def key(self, name: str) -> None:
        """Move, unfold, narrow, pick or leave."""
        found = self._found()
        if name in NO_KEYS:
            return
        if name in LEAVE:
            self.done = True
        elif name == "c-m":
            if found:
                self.picked, self.done = found[self._index].to, True
        elif name in {"c-i", "right", "left"}:
            if found:
                self._fold(found[self._index].row, name)
        elif name in MOVES:
            self._index = moved(self._index, name, len(found))
        elif name in {"c-h", "delete"}:
            self._narrow(self._filter[:-1])
        elif len(name) == 1 and name.isprintable():
            self._narrow(self._filter + name)

    def _narrow(self, words: str) -> None:
        self._filter = words
        self._index = max(0, len(self._found()) - 1)

    def _fold(self, row: RewindRow, name: str) -> None:
        """Show the steps of a row, or fold them away; the sign stays at the row."""
        if name == "left" or (name == "c-i" and row.to in self._unfolded):
            self._unfolded.discard(row.to)
        elif row.steps:
            self._unfolded.add(row.to)
        self._index = next(at for at, line in enumerate(self._found()) if line.row is row)

    def _found(self) -> list[_Line]:
        words = self._filter.lower().split()
        out: list[_Line] = []
        for row in self._rows:
            hay = " ".join([str(row.number), row.preview, *(step.did for step in row.steps)]).lower()
            if all(word in hay for word in words):
                out.append(_Line(row))
                out += [_Line(row, step) for step in row.steps if row.to in self._unfolded]
        return out

    # --- what is seen ---

    def lines(self, height: int, width: int) -> list[Text]:
        """The title, the lines around the chosen one, what changed since the chosen one, and the keys."""
        found = self._found()
        start, end = window(self._index, len(found), max(1, height - 3))
        self._seen = found[start:end]
        hint = f"{self._look.sep}{one_line(self._filter, 40)}" if self._filter else ""
        out = [Text.assemble(("Go back to", STRONG), (hint, USER))]
        digits = max((len(str(line.to if line.step else line.row.number)) for line in found), default=1)
        for at, line in enumerate(self._seen, start):
            out.append(self._line(line, digits, width, chosen=at == self._index))
        if found:
            out.append(Text(f"  {self._since(found[self._index].to)}", FAINT))
        else:
            out.append(Text("  nothing matches", FAINT))
        more = [f"{self._index + 1} of {len(found)}"] if len(found) > end - start else []
        keys = ["enter picks", f"{self._look.right} steps", "esc leaves", *more, "type to narrow"]
        out.append(Text(f"  {self._look.sep.join(keys)}", FAINT))
        return clipped(out)

    def _line(self, line: _Line, digits: int, width: int, *, chosen: bool) -> Text:
        style = USER if chosen else ""
        out = Text.assemble((f"{self._look.user} " if chosen else "  ", USER))
        if line.step is not None:
            out.append(f"{line.step.to:>{digits}}  ", style or FAINT)
            out.append(f"{local_time(line.step.at, self._now):5}  {' ' * (13 if width >= WIDE else 2)}", FAINT)
            out.append(one_line(line.step.did, PREVIEW), style)
            if line.step.context_share is not None:
                out.append(f"{self._look.sep}context {share(line.step.context_share)}", FAINT)
            return out
        row = line.row
        out.append(f"{row.number:>{digits}}  ", style or FAINT)
        out.append(f"{local_time(row.at, self._now):5}  ", FAINT)
        if width >= WIDE:
            out.append(f"{self._count(row):9}  ", FAINT)
        if row.undo:
            out.append(f"{self._look.back} undo: ", WARN)
        out.append(one_line(row.preview.strip(), PREVIEW), style)
        return out

    def _count(self, row: RewindRow) -> str:
        if row.to not in self._files:
            return self._look.more
        files = self._files[row.to]
        return "" if files is None else count(len(files), "file") if files else self._look.dot

    def _since(self, to: Seq) -> str:
        """What changed since a row or a step, in words."""
        if to not in self._files:
            return "looking what changed since"
        files = self._files[to]
        if not files:
            return "no file changed since" if files is not None else "what changed since is not known"
        named = ", ".join(one_line(path, 60) for path in files[:NAMED])
        more = f" and {len(files) - NAMED} more" if len(files) > NAMED else ""
        return f"changed since: {named}{more}"

    # --- where keys cannot be read one by one ---

    def listing(self) -> list[Text]:
        """The newest rows."""
        rows = [
            Text(
                f"{row.number:>5}  {local_time(row.at, self._now)}  {'undo: ' if row.undo else ''}"
                f"{one_line(row.preview.strip(), PREVIEW)}"
            )
            for row in self._rows[-LISTED:]
        ]
        return [Text("Go back to"), *rows, Text("a number picks, an empty line leaves")]

    def line(self, text: str) -> None:
        """The number of a row or step; anything else leaves."""
        number = int(text) if text.strip().isdecimal() else 0
        rows = {row.number: row.to for row in self._rows}
        steps = {step.to: step.to for row in self._rows for step in row.steps}
        self.picked = rows.get(Seq(number), steps.get(Seq(number)))
        self.done = True
