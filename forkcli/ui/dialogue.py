"""Panels, one at a time. A list that the user looks through gives way to a question and comes back after it.

Invariant: an agent that asks never waits for a list to be closed.
"""

import asyncio
from collections.abc import Callable, Sequence

from forkcli.ui.front import Front
from forkcli.ui.item import Item
from forkcli.ui.panel import Panel


class Dialogue:
    """What is shown in place of the input line; `on_asking` is told whether anything is."""

    def __init__(self, front: Front, on_asking: Callable[[bool], None]) -> None:
        self._front = front
        self._on_asking = on_asking
        self._one = asyncio.Lock()
        self._browsing: asyncio.Task[None] | None = None

    async def ask(self, panel: Panel, items: Sequence[Item] = ()) -> None:
        """Print the items, and show a panel that somebody waits for, until it is done."""
        if self._browsing is not None:
            self._browsing.cancel()
        async with self._one:
            self._front.write(items)
            panel.disturb()  # it is seen only now, however long it has waited
            await self._show(panel)

    async def browse(self, panel: Panel) -> None:
        """Show a panel of the user's own until it is done; it is put aside while something else is asked."""
        while not panel.done:
            async with self._one:
                self._browsing = asyncio.create_task(self._show(panel))
                shown = self._browsing
                try:
                    await asyncio.wait([shown])
                finally:
                    self._browsing = None
                    shown.cancel()
                if not shown.cancelled():
                    shown.result()

    async def _show(self, panel: Panel) -> None:
        self._on_asking(True)
        try:
            await self._front.ask(panel)
        finally:
            self._on_asking(False)
