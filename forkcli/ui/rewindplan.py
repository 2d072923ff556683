"""What going back would do, and the choices it needs: what goes back, whose version of a file counts, what becomes of
children that still run. Plain state, no terminal.

Invariant: `order` is there only after every choice was made on a screen that showed what it is about.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from rich.text import Text

from forkcli.core.file_plan import OnEdit, PathChange
from forkcli.ui.figures import count
from forkcli.ui.look import BAD, FAINT, GOOD, STRONG, USER, WARN, Look
from forkcli.ui.panel import LEAVE, MOVES, NO_KEYS, AskedFor, clipped, folded, moved
from forkcli.ui.rewindable import Children, RewindOrder, RewindPlan
from forkcli.ui.sanitize import first_line, one_line

BEYOND = 3  # things named that cannot be restored
NAMED = 3  # children and files in one line
LISTED = 100  # files where keys cannot be read one by one

Stage = Literal["what", "yours", "children"]


@dataclass(frozen=True, slots=True)
class _Option:
    """One choice: its words, and the order with it made."""

    label: str
    detail: str
    order: RewindOrder


class PlanPanel(AskedFor):
    """The panel; `order` is what was decided, None when it was left."""

    def __init__(self, plan: RewindPlan, look: Look) -> None:
        self._plan = plan
        self._look = look
        self._made: list[RewindOrder] = [RewindOrder(plan.to)]  # the orders so far, one a stage that is behind
        self._stages: list[Stage] = ["what"]
        self._index = 0
        self.done = False
        self.left = False  # for good: not back to the list
        self.order: RewindOrder | None = None

    def key(self, name: str) -> None:
        """Move, pick, or go a choice back; before the first one, leave."""
        if name in NO_KEYS:
            return
        if name == "escape":
            self._back()
        elif name in LEAVE:
            self.done = self.left = True
        elif name == "c-m":
            self._pick(self._index)
        elif name in MOVES:
            self._index = moved(self._index, name, len(self._options()))
        elif name.isdecimal() and 1 <= int(name) <= len(self._options()):
            self._index = int(name) - 1

    def _back(self) -> None:
        if len(self._stages) == 1:
            self.done = True
            return
        self._stages.pop()
        self._made.pop()
        self._index = 0

    def _pick(self, index: int) -> None:
        order = self._options()[index].order
        later = self._next(self._stages[-1], order)
        if later is None:
            self.order, self.done = order, True
            return
        self._stages.append(later)
        self._made.append(order)
        self._index = 0

    def _next(self, stage: Stage, order: RewindOrder) -> Stage | None:
        if stage == "what" and order.what != "conversation" and self._yours():
            return "yours"
        if stage != "children" and order.what != "files" and self._plan.children:
            return "children"
        return None

    @property
    def _whose(self) -> str:
        return "you or a job" if self._plan.jobs else "you"

    def _yours(self) -> list[PathChange]:
        return [file for file in self._plan.files if file.yours]

    def _options(self) -> list[_Option]:
        choices: dict[Stage, Callable[[RewindOrder], list[_Option]]] = {
            "what": self._whats,
            "yours": _edits,
            "children": _fates,
        }
        return choices[self._stages[-1]](self._made[-1])

    def _whats(self, order: RewindOrder) -> list[_Option]:
        files = count(len(self._plan.files), "file")
        one = len(self._plan.files) == 1
        both = _Option("conversation and files", f"{files} as {'it was' if one else 'they were'} there", order)
        stay = f"{files} {'stays as it is' if one else 'stay as they are'} now" if self._plan.files else ""
        talk = _Option("conversation", stay, replace(order, what="conversation"))
        only = _Option("files", "the conversation goes on as it is", replace(order, what="files"))
        return [both, talk, only] if self._plan.files and not self._plan.no_files else [talk]

    # --- what is seen ---

    def lines(self, height: int, width: int) -> list[Text]:
        """What it would do, in what room the choices leave, and the choices."""
        options = self._options()
        wide = max(len(option.label) for option in options)
        fits = wide + 4 + max(len(option.detail) for option in options) <= width
        lower = []
        for at, option in enumerate(options):
            chosen = at == self._index
            line = Text.assemble((f"{self._look.user} " if chosen else "  ", USER))
            line.append(f"{option.label:<{wide}}", USER if chosen else "")
            line.append(f"  {option.detail}" if fits else "", FAINT)
            lower.append(line)
        if not fits and options[self._index].detail:
            lower += folded(f"  {options[self._index].detail}", width, FAINT)
        lower.append(Text(f"  {self._look.sep.join(['enter picks', 'esc goes back'])}", FAINT))
        return [*self._about(max(1, height - len(lower)), width), *clipped(lower)]

    def _about(self, room: int, width: int) -> list[Text]:
        match self._stages[-1]:
            case "what":
                return self._what_about(room, width)
            case "yours":
                names = _names([file.path for file in self._yours()])
                said = f"{self._whose.capitalize()} changed since: "
                return [Text.assemble((f"{self._look.warn} ", WARN), said, (names, STRONG))]
            case "children":
                words = [f"{one_line(child.agent, 12)} ({first_line(child.task, 60)})" for child in self._plan.children]
                return [Text.assemble((f"{self._look.agent} ", WARN), "Still at work: ", (_names(words), STRONG))]

    def _what_about(self, room: int, width: int) -> list[Text]:
        plan = self._plan
        head = [Text.assemble(("Back to ", STRONG), (one_line(plan.where, 120), STRONG))]
        if plan.steps:
            left = f"{count(plan.steps, 'step')} left behind, on record: the rewind can be undone"
            head.append(Text(f"  {left}", FAINT))
        tail = [] if plan.files or plan.no_files else [Text("  no file changed since", FAINT)]
        if plan.children:
            names = _names([child.agent for child in plan.children])
            tail += self._note(f"still at work: {names}", self._look.agent, width)
        if plan.no_files:
            tail += self._note(one_line(plan.no_files, 300), self._look.warn, width)
        for what in plan.beyond[:BEYOND]:
            tail += self._note(f"not restored: {one_line(what, 120)}", self._look.warn, width)
        if len(plan.beyond) > BEYOND:
            tail += self._note(f"{len(plan.beyond) - BEYOND} more are not restored", self._look.more, width)
        return clipped([*head, *self._files(room - len(head) - len(tail)), *tail])

    def _note(self, words: str, sign: str, width: int) -> list[Text]:
        first, *more = folded(words, width - 2 - len(sign), "") or [Text()]
        return [Text.assemble((f"  {sign} ", WARN), first.plain.strip()), *(Text.assemble("  ", row) for row in more)]

    def _files(self, room: int) -> list[Text]:
        """The files in at most `room` lines; those that the user changed come first, since they matter most."""
        files = sorted(self._plan.files, key=lambda file: not file.yours)
        if self._plan.no_files or not files:
            return []
        if len(files) <= room:
            return [self._file(file) for file in files]
        shown = files[: max(0, room - 1)]
        rest = files[len(shown) :]
        more = f"{len(rest)} more files" if shown else count(len(rest), "file")
        yours = sum(file.yours for file in rest)
        note = f", {yours} of them changed by {self._whose}" if yours else ""
        return [*map(self._file, shown), Text(f"  {self._look.more} {more} changed since{note}", FAINT)]

    def _file(self, file: PathChange) -> Text:
        sign, style, fate = {
            "modified": ("~", WARN, ""),
            "added": ("+", GOOD, "new, would be removed"),
            "deleted": ("-", BAD, "deleted, would be brought back"),
        }[file.since]
        figures = [f"+{file.added}"] if file.added else []
        figures += [f"{self._look.minus}{file.removed}"] if file.removed else []
        out = Text.assemble(f"  {sign} ", (one_line(file.path, 120), style))
        if file.yours:
            out.append(f"{self._look.sep}{self._look.warn} {self._whose} changed it", WARN)
        for fact in (" ".join(figures), fate):
            out.append(f"{self._look.sep}{fact}" if fact else "", FAINT)
        return out

    # --- where keys cannot be read one by one ---

    def listing(self) -> list[Text]:
        """What it would do, and the choices with numbers."""
        options = [Text(f"{at:>3} {o.label}  {o.detail}".rstrip()) for at, o in enumerate(self._options(), 1)]
        return [*self._about(LISTED, 80), *options, Text("a number picks, an empty line goes back")]

    def line(self, text: str) -> None:
        """The number of a choice; anything else goes back."""
        number = int(text) if text.strip().isdecimal() else 0
        if 1 <= number <= len(self._options()):
            self._pick(number - 1)
        else:
            self._back()


def _edits(order: RewindOrder) -> list[_Option]:
    edits: list[tuple[OnEdit, str, str]] = [
        ("keep", "keep yours", "the other files go back"),
        ("replace", "replace them", "a snapshot keeps your version, and the undo brings it back"),
    ]
    return [_Option(label, detail, replace(order, on_edit=on_edit)) for on_edit, label, detail in edits]


def _fates(order: RewindOrder) -> list[_Option]:
    fates: list[tuple[Children, str, str]] = [
        ("keep", "keep them working", "what they find stays with what you leave; /agents lists them"),
        ("stop", "stop them", "what they have is their report"),
        ("adopt", "adopt them", "they work on, and their reports come to where you go"),
    ]
    return [_Option(label, detail, replace(order, children=children)) for children, label, detail in fates]


def _names(names: list[str]) -> str:
    shown = ", ".join(one_line(name, 80) for name in names[:NAMED])
    return shown + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
