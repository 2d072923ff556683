"""A list to pick from: arrows move, typing narrows, Enter picks, Esc leaves. Plain state, no terminal."""

from rich.text import Text

from forkcli.ui.look import FAINT, STRONG, USER, Look
from forkcli.ui.panel import LEAVE, MOVES, NO_KEYS, AskedFor, clipped, moved, window
from forkcli.ui.ports import Choice
from forkcli.ui.sanitize import one_line


class Picker(AskedFor):
    """The panel for a Choice; `picked` is the key, or None when it was left."""

    def __init__(self, choice: Choice, look: Look) -> None:
        self._choice = choice
        self._look = look
        self._filter = ""
        keys = [key for key, _, _ in choice.items]
        self._index = keys.index(choice.current) if choice.current in keys else 0
        self.done = not choice.items
        self.picked: str | None = None

    def key(self, name: str) -> None:
        """Move, narrow, pick or leave."""
        found = self._found()
        if name in NO_KEYS:
            return
        if name in LEAVE:
            self.done = True
        elif name == "c-m":
            if found:
                self.picked = found[self._index][0]
                self.done = True
        elif name in MOVES:
            self._index = moved(self._index, name, len(found))
        elif name in {"c-h", "delete"}:
            self._filter, self._index = self._filter[:-1], 0
        elif len(name) == 1 and name.isprintable():
            self._filter, self._index = self._filter + name, 0

    def lines(self, height: int, width: int) -> list[Text]:
        """The title, the items around the chosen one, and the keys."""
        del width
        found = self._found()
        start, end = window(self._index, len(found), max(1, height - 2))
        hint = f"{self._look.sep}{one_line(self._filter, 40)}" if self._filter else ""
        out = [Text.assemble((one_line(self._choice.title, 100), STRONG), (hint, USER))]
        wide = min(40, max((len(one_line(item[1])) for item in found), default=0))
        for at, (key, label, detail) in enumerate(found[start:end], start):
            chosen, current = at == self._index, key == self._choice.current
            sign = f"{self._look.user} " if chosen else "  "
            mark = f" {self._look.good}" if current else "  "
            line = Text.assemble((sign, USER), (f"{one_line(label):<{wide}}", USER if chosen else ""), mark)
            line.append(f" {one_line(detail)}", FAINT)
            out.append(line)
        if not found:
            out.append(Text("  nothing matches", FAINT))
        more = f"{self._index + 1} of {len(found)}{self._look.sep}" if len(found) > end - start else ""
        out.append(Text(f"  {more}type to narrow{self._look.sep}enter picks{self._look.sep}esc leaves", FAINT))
        return clipped(out)

    def listing(self) -> list[Text]:
        """The items with numbers."""
        rows = [
            Text(f"{number:>3} {one_line(label)}{self._mark(key)}  {one_line(detail)}".rstrip())
            for number, (key, label, detail) in enumerate(self._choice.items, 1)
        ]
        return [Text(one_line(self._choice.title)), *rows, Text("a number picks, an empty line leaves")]

    def _mark(self, key: str) -> str:
        """The sign of the item that is in force now."""
        return f" {self._look.good}" if key == self._choice.current else ""

    def line(self, text: str) -> None:
        """The number of an item; anything else leaves."""
        number = int(text) if text.strip().isdecimal() else 0
        if 1 <= number <= len(self._choice.items):
            self.picked = self._choice.items[number - 1][0]
        self.done = True

    def _found(self) -> list[tuple[str, str, str]]:
        words = self._filter.lower().split()
        return [item for item in self._choice.items if all(word in " ".join(item).lower() for word in words)]
