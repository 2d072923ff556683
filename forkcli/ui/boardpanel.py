"""The panel of the live board: it looks again some times a second while it is open. Plain state; the clock is given."""

from collections.abc import Callable

from rich.text import Text

from forkcli.ui.board import Seen, board_lines
from forkcli.ui.fleetview import Board, BoardView
from forkcli.ui.look import Look
from forkcli.ui.panel import LEAVE, MOVES, NO_KEYS, AskedFor, moved

LOOK_S = 0.4  # between two looks at the session
DEEDS = {"c-m": "go", "s": "stop", "d": "diff"}
_STEPS = MOVES | {"k": -1, "j": 1}


class BoardPanel(AskedFor):
    """`deed` is the slash command that a key asked for, for the chosen agent; None when the board was left."""

    def __init__(self, board: Board, doing: Callable[[str], str], look: Look, clock: Callable[[], float]) -> None:
        self._board = board
        self._doing = doing
        self._look = look
        self._clock = clock
        self._view = board.view()
        self._looked = clock()
        self._note = ""
        self.chosen = next(
            (row.agent for row in self._view.rows if row.here), next((row.agent for row in self._view.rows), "")
        )
        self.deed: str | None = None
        self.done = False

    def again(self, note: str = "") -> None:
        """Open it again after a deed, with a word on what came of it."""
        self.done, self.deed, self._note = False, None, note
        self._looked = self._clock() - LOOK_S

    def key(self, name: str) -> None:
        """Move, act on the chosen agent, or leave."""
        if name in NO_KEYS:
            return
        names = [row.agent for row in self.view.rows]
        if name in LEAVE or name == "q":
            self.done = True
        elif name in _STEPS and names:
            at = names.index(self.chosen) if self.chosen in names else 0
            step = {"k": "up", "j": "down"}.get(name, name)
            self.chosen, self._note = names[moved(at, step, len(names))], ""
        elif name in DEEDS and self.chosen in names:
            self.deed, self.done = DEEDS[name], True

    @property
    def view(self) -> BoardView:
        """The agents, as they were a moment ago."""
        if self._clock() - self._looked >= LOOK_S:
            self._view, self._looked = self._board.view(), self._clock()
        return self._view

    def lines(self, height: int, width: int) -> list[Text]:
        """The board."""
        spin = self._look.spin[int(self._clock() * 10) % len(self._look.spin)]
        seen = Seen(self.chosen, spin, self._note)
        return board_lines(self.view, self._doing, seen, (height, width), self._look)

    def listing(self) -> list[Text]:
        """All agents."""
        return board_lines(self.view, self._doing, Seen("", self._look.dot), (len(self.view.rows) + 8, 100), self._look)

    def line(self, text: str) -> None:
        """Any line leaves."""
        del text
        self.done = True
