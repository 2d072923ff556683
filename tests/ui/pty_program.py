"""What the tests run on a real pseudo-terminal: the REPL with a driver whose turns are named by the prompt."""

import asyncio
import sys
from pathlib import Path

from ui_fakes import MAIN, Ask, FakeDriver, answer, appended, delta

from forkcli.core import entries as e
from forkcli.core import events as ev
from forkcli.ui.repl import Repl


async def script(driver: FakeDriver, text: str) -> None:
    driver.emit(ev.StepStarted(MAIN, 1))
    if "slow" in text:
        driver.emit(delta("Slowly\n\nunfinished"))
        await asyncio.sleep(60)
    if "ask" in text and driver.ask is not None:
        reply = await driver.ask(Ask(MAIN, "net", "curl example.org"))
        driver.emit(appended(e.Approval(None, "net", "curl example.org", reply)))
    driver.emit(delta(f"Answer to {text}\x1b]0;owned\x07."))
    driver.emit(answer(f"Answer to {text}."))


async def main() -> int:
    driver = FakeDriver(script)
    repl = Repl(driver, history_path=Path(sys.argv[1]))
    driver.emit, driver.ask = repl.on_event, repl.answer
    return await repl.run()


raise SystemExit(asyncio.run(main()))
