"""The question whether a command may leave the sandbox.

The whole command goes into the scrollback, byte for byte and made visible, with line numbers, so that every line can be
read however long it is; what could hide something in it is named. The panel below only takes the answer: nothing is
pre-selected, and keys typed before the question was there never answer it. Invariant: the answer is `no` unless `y` or
`a` was pressed alone on an armed panel.
"""

import re
import unicodedata
from collections.abc import Callable

from rich.console import Group, RenderableType
from rich.text import Text

from forkcli.ui.figures import count
from forkcli.ui.fold import Hanging, fold, hang
from forkcli.ui.item import Item
from forkcli.ui.look import BAD, FAINT, GOOD, STRONG, WARN, Look
from forkcli.ui.panel import NO_KEYS
from forkcli.ui.ports import Answer, Question
from forkcli.ui.sanitize import one_line, sanitize

QUIET_S = 0.3  # time without a key before an answer is taken
HUSH_S = 0.5
LONG_LINES = 20  # a command of more lines is said to be long
PADDING = 24  # blanks in a row that are pointed out
STOPS = frozenset({"escape", "c-c", "<sigint>"})  # keys that say no, and stop

_WHAT = {
    "net": "wants to run a command with network access",
    "unsandboxed": "wants to run a command outside the sandbox",
    "shell": "wants to run a command; there is no sandbox here",
}
_BLANKS = re.compile(rf"[ \t\u00a0\u2000-\u200a\u202f\u205f\u2800\u3000]{{{PADDING},}}(?=\S|\s*\n\s*\S)")
_NAMED = 4


def question_item(question: Question, look: Look) -> Item:
    """The question with the whole command, for the scrollback."""
    what = _WHAT.get(question.what, f"asks for leave ({one_line(question.what, 40)}) to run a command")
    head = Text.assemble((f"{look.agent} ", WARN), (one_line(question.agent, 20), STRONG), f" {what}:")
    parts: list[RenderableType] = [hang("", head, "  "), *command_text(question.command, look)]
    if question.cwd:
        parts.append(hang(Text("  in: ", FAINT), Text(one_line(question.cwd, 600), WARN)))
    if question.why.strip():
        parts.append(hang(Text("  its reason: ", FAINT), one_line(question.why, 600)))
    parts += [hang(Text(f"  {look.warn} ", WARN), Text(warning, WARN)) for warning in warnings(question.command)]
    return Item(Group(*parts))


def command_text(command: str, look: Look) -> list[Hanging]:
    """Every line of the command behind its number; a line that is folded goes on behind another bar."""
    lines = shown_command(command).split("\n")
    width = len(str(len(lines)))
    out = []
    for number, line in enumerate(lines, 1):
        label = f"{number:>{width}} " if len(lines) > 1 else ""
        out.append(fold(Text(f"  {label}{look.bar} ", FAINT), line, Text(f"  {' ' * len(label)}{look.wrap} ", FAINT)))
    return out


def shown_command(command: str) -> str:
    """The command with everything in it visible: a carriage return too, also before a newline."""
    return sanitize(command.replace("\r", "␍").replace("\t", "␉\t"))


def warnings(command: str) -> list[str]:
    """What in a command a reader may overlook."""
    out = []
    hidden = sorted(
        {char for char in command if char not in {"\n", "\t"} and sanitize(char) != char}
        | ({"\r"} if "\r" in command else set())
    )
    if hidden:
        out.append(f"hidden or control characters: {_names(hidden)}")
    foreign = sorted({char for char in command if ord(char) > 0x7F and char not in hidden})
    if foreign:
        out.append(f"characters outside ASCII: {_names(foreign)}")
    if _BLANKS.search(command):
        out.append("a long run of blanks: look at what comes after it")
    if command.count("\n\n\n\n"):
        out.append("many empty lines: look at what comes after them")
    return out


def _names(chars: list[str]) -> str:
    names = [f"U+{ord(char):04X} {unicodedata.name(char, 'control character').lower()}" for char in chars[:_NAMED]]
    return ", ".join(names) + (f" and {len(chars) - _NAMED} more" if len(chars) > _NAMED else "")


class Approval:
    """The panel that takes the answer."""

    def __init__(self, question: Question, look: Look, clock: Callable[[], float], *, other: bool = False) -> None:
        """`other` says that another agent asks than the one the screen is on."""
        self._question = question
        self._other = other
        self._look = look
        self._clock = clock
        self._quiet_from = clock()
        self.answer: Answer | None = None
        self.stops = False  # the answer is no, and the agent is to stop

    @property
    def done(self) -> bool:
        """Whether it was answered."""
        return self.answer is not None

    @property
    def armed(self) -> bool:
        """Whether the user has seen the question: nothing was typed for a moment."""
        return self._clock() - self._quiet_from >= QUIET_S

    @property
    def hush_s(self) -> float:
        """`yes` and Enter are one answer, not an answer and a message."""
        return HUSH_S

    def disturb(self) -> None:
        """A key that was on its way before the question: wait for quiet again."""
        self._quiet_from = self._clock()

    def key(self, name: str) -> None:
        """`y` and `a` allow, any other key that a person pressed does not; those that stop things stop the agent."""
        if name in NO_KEYS or self.done:
            return
        self.answer = "once" if name == "y" else "always" if name == "a" else "no"
        self.stops = name in STOPS

    def listing(self) -> list[Text]:
        """The keys, to be followed by Enter."""
        return [*self._warnings(), self._keys("anything else"), Text("(and then enter)", FAINT)]

    def line(self, text: str) -> None:
        """`y` or `a` alone allow, any other line does not."""
        self.key(text.strip() if text.strip() in {"y", "a"} else "n")

    def lines(self, height: int, width: int) -> list[Text]:
        """The keys; and, where the command may be out of sight, how long it is."""
        del height, width
        whom = f", and stop {one_line(self._question.agent, 12)}" if self._other else ", and stop"
        return [*self._warnings(), self._keys("any other key", ("esc", BAD), (f" no{whom}   ", STRONG))]

    def _warnings(self) -> list[Text]:
        lines = self._question.command.count("\n") + 1
        if lines <= LONG_LINES:
            return []
        note = f"the command has {count(lines, 'line')}: scroll up to read all of it"
        notes = [note, *warnings(self._question.command)]
        return [Text.assemble((f"{self._look.warn} ", WARN), (text, WARN)) for text in notes]

    def _keys(self, other: str, *more: tuple[str, str]) -> Text:
        style = STRONG if self.armed else FAINT
        return Text.assemble(
            ("Allow it?  ", style), ("y", GOOD), (" once   ", style), ("a", GOOD),
            (" always, this very command   ", style), *((text, BAD if kind == BAD else style) for text, kind in more),
            (other, BAD), (" no", style),
        )  # fmt: skip
