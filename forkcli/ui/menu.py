"""The completions under the input line."""

from prompt_toolkit.buffer import CompletionState
from prompt_toolkit.completion import Completion
from rich.cells import cell_len
from rich.text import Text

from forkcli.ui.look import FAINT, USER, Look
from forkcli.ui.sanitize import one_line

ROWS = 8


def menu_lines(state: CompletionState, look: Look) -> list[Text]:
    """The completions around the chosen one, with what they mean."""
    found = state.completions
    index = state.complete_index
    start = min(max(0, (index or 0) - ROWS // 2), max(0, len(found) - ROWS))
    shown = found[start : start + ROWS]
    wide = min(32, max((cell_len(_label(item)) for item in shown), default=0))
    out = [_row(item, wide, look, chosen=at == index) for at, item in enumerate(shown, start)]
    if len(found) > ROWS:
        out.append(Text(f"  {look.more} {len(found)} in all", FAINT))
    return out


def _row(item: Completion, wide: int, look: Look, *, chosen: bool) -> Text:
    sign, style = (f"{look.user} ", USER) if chosen else ("  ", "")
    label = _label(item)
    row = Text.assemble((sign, USER), (label, style), no_wrap=True, overflow="ellipsis")
    if item.display_meta_text:
        row.append(" " * (max(0, wide - cell_len(label)) + 2) + one_line(item.display_meta_text), FAINT)
    return row


def _label(item: Completion) -> str:
    return one_line(item.display_text, 100)
