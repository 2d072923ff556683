"""Shows what a slash command returned, whatever that takes: lines in the scrollback, a list to pick from, the pager,
another conversation, the way back to an earlier point, the live board."""

from collections.abc import Callable, Sequence

from rich.console import Group
from rich.text import Text

from forkcli.core import entries as e
from forkcli.errors import ForkError
from forkcli.ui.boardpanel import BoardPanel
from forkcli.ui.choice import Picker
from forkcli.ui.dialogue import Dialogue
from forkcli.ui.entries import warned
from forkcli.ui.fleetview import Board
from forkcli.ui.fold import hang
from forkcli.ui.front import Front
from forkcli.ui.goback import go_back
from forkcli.ui.item import Item
from forkcli.ui.line import find
from forkcli.ui.look import FAINT, STRONG, USER, Look
from forkcli.ui.ports import Choice, Diff, Lines, Pager, Past, Quit, Refill, Shown, Slash
from forkcli.ui.rewindable import Rewindables, Rewound
from forkcli.ui.sanitize import one_line, sanitize
from forkcli.ui.shown import item_of_shown
from forkcli.ui.stage import Stage
from forkcli.ui.tail import Tail

TAIL_ROWS = 14  # of the conversation, after it was rewound
PAST_ROWS = 60  # of one that the user moves to


class Presenter:
    """Runs slash commands and shows their results."""

    def __init__(
        self,
        slashes: Callable[[], Sequence[Slash]],
        front: Front,
        stage: Stage,
        dialogue: Dialogue,
        look: Look,
        clock: Callable[[], float],
    ) -> None:
        self._slashes = slashes
        self._front = front
        self._stage = stage
        self._dialogue = dialogue
        self._look = look
        self._clock = clock

    async def run(self, slash: Slash, rest: str) -> None:
        """Run a command and show its result; what is picked from a list is its next argument. Raises ForkError."""
        shown = await slash.run(rest)
        while isinstance(shown, Choice):
            if shown.about is not None:
                await self._show(shown.about)
            panel = Picker(shown, self._look)
            await self._dialogue.browse(panel)
            if panel.picked is None:
                return
            shown = await slash.run(panel.picked)
        if shown is not None:
            await self._show(shown)

    def past(self, entries: Sequence[e.Entry], agent: str) -> None:
        """Show what happened before."""
        self._front.write(self._stage.past(entries, agent))

    async def _show(self, shown: Shown) -> None:
        match shown:
            case Quit():
                self._front.quit()
            case Pager(title=title, text=text):
                await self._front.page(title, text)
            case Past(entries=entries, agent=agent):
                self._stage.show(agent)
                self._tail(self._stage.past(entries, agent), f"{self._look.sep}/history has all of it")
            case Refill(text=text, note=note):
                if note:
                    self._front.write([warned(note, self._look)])
                self._front.refill(text)
            case Rewindables():
                await self._rewind(shown)
            case Rewound():
                self._rewound(shown)
            case Board():
                await self._board(shown)
            case _:
                item = item_of_shown(shown, self._look)
                self._front.write([item] if item else [])

    async def _rewind(self, found: Rewindables) -> None:
        if not found.rows and found.to is None:
            raise ForkError("there is nothing to go back to yet")
        rewound = await go_back(found, self._dialogue, self._look)
        if rewound is not None:
            self._rewound(rewound)

    def _rewound(self, done: Rewound) -> None:
        """The end of the conversation as it stands now, what was done and how to undo it; the prompt, to be changed."""
        if done.entries:
            self._stage.show(done.agent)
            own = isinstance(done.entries[-1].body, e.Rewind)  # is said in other words, its report was shown as it came
            items = self._stage.past(done.entries[:-1] if own else done.entries, done.agent)
            self._tail(items, "", TAIL_ROWS)
        words = Text(sanitize(done.note), STRONG)
        if done.undo is not None:
            words.append(f"{self._look.sep}undo: /rewind {done.undo}", FAINT)
        self._front.write([Item(hang(Text(f"{self._look.back} ", USER), words))])
        if done.prompt.strip():
            self._front.refill(done.prompt)

    def _tail(self, items: Sequence[Item], where: str, rows: int = PAST_ROWS) -> None:
        if items:
            self._front.write([Item(Tail(items, rows, f"{self._look.more} the conversation before{where}"))])

    async def _board(self, board: Board) -> None:
        panel = BoardPanel(board, self._stage.doing, self._look, self._clock)
        if not self._front.draws:
            self._front.write([Item(Group(*panel.listing()))])
            return
        while True:
            await self._look_at(panel)
            if panel.deed is None:
                return
            if panel.deed == "go":
                if panel.chosen != self._stage.shown_agent:
                    await self.run(find(self._slashes(), "go"), panel.chosen)
                return
            panel.again(await self._deed(panel.deed, panel.chosen))

    async def _look_at(self, panel: BoardPanel) -> None:
        self._stage.boarding = True
        try:
            await self._dialogue.browse(panel)
        finally:
            self._stage.boarding = False

    async def _deed(self, name: str, agent: str) -> str:
        """Do it while the board is put aside; a word on what came of it, for the board."""
        try:
            shown = await find(self._slashes(), name).run(agent)
        except ForkError as error:
            return error.sentence
        match shown:
            case Lines(text=text):
                return text
            case Diff(text=text):
                await self._front.page(f"what {one_line(agent, 12)} changed", text)
        return ""
