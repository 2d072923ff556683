"""Completion in the input line: slash commands at its beginning, paths behind an `@`."""

import re
from collections.abc import Callable, Iterable, Sequence

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from forkcli.ui.ports import Slash

MOST = 50

_SLASH = re.compile(r"/([\w-]*)")
_PATH = re.compile(r"(?:^|\s)@([^\s@]*)$")


class InputCompleter(Completer):
    """Asks for the slash commands and paths when they are needed."""

    def __init__(self, slashes: Callable[[], Sequence[Slash]], paths: Callable[[str], list[str]]) -> None:
        self._slashes = slashes
        self._paths = paths

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Completions at the cursor, best first."""
        del complete_event
        before = document.text_before_cursor
        if slash := _SLASH.fullmatch(before):
            yield from self._slash(slash[1])
        elif path := _PATH.search(before):
            for found in self._paths(path[1])[:MOST]:
                tail = "" if found.endswith("/") else " "
                yield Completion(found + tail, start_position=-len(path[1]), display=found)

    def _slash(self, word: str) -> Iterable[Completion]:
        for slash in matching(self._slashes(), word):
            yield Completion(
                slash.name + (" " if slash.args else ""),
                start_position=-len(word),
                display=f"/{slash.name} {slash.args}".rstrip(),
                display_meta=slash.summary,
            )


def matching(slashes: Sequence[Slash], word: str) -> list[Slash]:
    """Commands whose name begins with `word`, then those that hold it."""
    begins = [slash for slash in slashes if slash.name.startswith(word)]
    return begins + [slash for slash in slashes if word in slash.name and slash not in begins]
