"""Whoever is told to stop does not wait for what takes most of a second."""

import asyncio
import threading
import time

from forkcli.models.anthropic import AnthropicModel

SLOW_S = 3.0


def test_a_run_that_is_stopped_while_the_client_is_made_ends_at_once() -> None:
    model = AnthropicModel(base_url="http://127.0.0.1:9")
    wire = model._wire
    made = threading.Event()

    def slowly() -> None:
        with wire._making:
            made.wait(SLOW_S)

    maker = threading.Thread(target=slowly)
    maker.start()

    async def stopped() -> str:
        try:
            async with asyncio.timeout(0.1):
                await wire.get("/v1/models")
        except TimeoutError:
            return "stopped"
        return "answered"

    begun = time.monotonic()
    try:
        assert asyncio.run(stopped()) == "stopped"
        assert time.monotonic() - begun < SLOW_S / 2
    finally:
        made.set()
        maker.join()
