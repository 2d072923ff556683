"""The keys of the screen: which key does what. What it does is in `screen.py`."""

from typing import Protocol

from prompt_toolkit.filters import Condition, is_searching
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

TWICE_S = 1.5  # Ctrl-C, and Esc, pressed again within this time count as twice


class Actions(Protocol):
    """What keys can do."""

    def send(self, *, later: bool) -> None: ...

    def new_line(self) -> None: ...

    def escape(self) -> None: ...

    def interrupt(self) -> None: ...

    def end_of_input(self) -> bool: ...

    def complete(self, step: int) -> None: ...

    def paste(self, text: str) -> None: ...

    def backspace(self) -> bool: ...

    def up(self) -> bool: ...

    def panel_key(self, name: str) -> None: ...

    @property
    def panel_takes_keys(self) -> bool: ...


def bindings(actions: Actions) -> KeyBindings:
    """The bindings that come before prompt_toolkit's own (Emacs) ones."""
    keys = KeyBindings()
    typing = ~is_searching

    keys.add("enter", filter=typing)(lambda _: actions.send(later=False))
    keys.add("escape", "enter", filter=typing)(lambda _: actions.send(later=True))
    keys.add("c-j", filter=typing)(lambda _: actions.new_line())
    keys.add("escape", filter=typing)(lambda _: actions.escape())
    keys.add("c-c", filter=typing)(lambda _: actions.interrupt())
    keys.add("<sigint>")(lambda _: actions.interrupt())
    keys.add("c-i", filter=typing)(lambda _: actions.complete(1))
    keys.add("s-tab", filter=typing)(lambda _: actions.complete(-1))
    keys.add(Keys.BracketedPaste, filter=typing)(lambda event: actions.paste(event.data))

    @keys.add("c-d", filter=typing)
    def _(event: KeyPressEvent) -> None:
        if not actions.end_of_input():
            event.current_buffer.delete()

    @keys.add("backspace", filter=typing)
    def _(event: KeyPressEvent) -> None:
        if not actions.backspace():
            event.current_buffer.delete_before_cursor(event.arg)

    @keys.add("up", filter=typing)
    def _(event: KeyPressEvent) -> None:
        if not actions.up():
            event.current_buffer.auto_up(event.arg)

    @keys.add("c-z")
    def _(event: KeyPressEvent) -> None:
        event.app.suspend_to_background()

    @keys.add("<any>", filter=Condition(lambda: actions.panel_takes_keys), eager=True)
    def _(event: KeyPressEvent) -> None:
        pressed = event.key_sequence[0].key
        actions.panel_key(pressed.value if isinstance(pressed, Keys) else pressed)

    return keys
