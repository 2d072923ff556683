"""The list of `/rewind`, from a history alone."""

from core.build import entries

from forkcli.commands.rewindable import rewind_rows
from forkcli.core.history import History


def test_where_nothing_was_asked_there_is_nowhere_to_go_back_to() -> None:
    assert rewind_rows(History()) == ()
    assert rewind_rows(History.of(entries([]))) == ()
