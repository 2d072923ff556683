"""Opens the front that fits the terminal fork was started on."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import Input
from prompt_toolkit.input.defaults import create_input
from prompt_toolkit.output import Output
from prompt_toolkit.output.vt100 import Vt100_Output

from forkcli.ui.front import Desk, Front
from forkcli.ui.look import Look
from forkcli.ui.plain import Plain
from forkcli.ui.resize import folds_rows
from forkcli.ui.screen import Screen


def size_of(descriptor: int, env: Mapping[str, str]) -> Size:
    """Rows and columns of a terminal; 24 by 80 where it does not say."""
    try:
        found = os.get_terminal_size(descriptor)
    except OSError:
        found = os.terminal_size((0, 0))
    columns = found.columns or int(env.get("COLUMNS", "") if env.get("COLUMNS", "").isdecimal() else 80)
    return Size(rows=found.lines or 24, columns=columns or 80)


def open_front(
    desk: Desk,
    look: Look,
    env: Mapping[str, str],
    history_path: Path | None,
    source: Input | None = None,
    output: Output | None = None,
) -> Front:
    """The screen; plain lines where the cursor cannot be moved. `source` and `output` replace the terminal."""
    if source is not None and output is not None:
        return Screen(desk, look, source, output, history_path)
    descriptor = sys.stdout.fileno()
    if look.colours == "none" or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Plain(desk, look, sys.stdin, sys.stdout, lambda: size_of(descriptor, env).columns)
    terminal = Vt100_Output(
        sys.stdout, lambda: size_of(descriptor, env), term=env.get("TERM"), enable_cpr=False, enable_bell=False
    )
    return Screen(desk, look, create_input(sys.stdin), terminal, history_path, folds=folds_rows(env))
