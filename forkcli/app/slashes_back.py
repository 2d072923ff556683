"""The slash commands that go back: `/rewind`, `/report`, `/compact`."""

from forkcli import __version__
from forkcli.app.driver import ReplDriver
from forkcli.app.wayback import Wayback
from forkcli.core.entries import Checkpoint
from forkcli.core.ids import Seq
from forkcli.core.rewinding import line
from forkcli.errors import ForkError
from forkcli.ui.ports import Choice, Lines, Shown
from forkcli.ui.rewindable import Rewindables

PREVIEW = 60  # characters of a prompt in a list


async def rewind(driver: ReplDriver, rest: str) -> Shown:
    """Where one can go back to, or the way to what is named."""
    back = _back(driver)
    rows = back.rows()
    if rest:
        return Rewindables(back, rows, back.place(rest))
    return Rewindables(back, rows) if rows else Lines("Nothing was asked yet.")


async def report(driver: ReplDriver, rest: str) -> Shown | None:
    """The post-hoc fork: back to a checkpoint with a report, and on from there."""
    back = _back(driver)
    if not rest:
        return _choice(back)
    word, _, text = rest.partition(" ")
    await back.report(back.number(word), text)
    await driver.finish(__version__)
    return None


async def compact(driver: ReplDriver, rest: str) -> Shown:
    """A report to the first prompt."""
    rewound = await _back(driver).compact(rest)
    await driver.measure()
    return rewound


def _choice(back: Wayback) -> Shown:
    """The checkpoints before the newest, each with what was done before it."""
    own = [entry for entry in line(back.session.agent.history) if isinstance(entry.body, Checkpoint)]
    did = {step.to: step.did for row in back.rows() for step in row.steps}
    asked = {row.number: row.preview for row in back.rows() if not row.undo}

    def about(seq: Seq) -> str:
        prompt = next((asked[number] for number in sorted(asked, reverse=True) if number <= seq), "")
        return did.get(seq) or f"the prompt “{prompt[:PREVIEW]}”"

    items = tuple((str(entry.seq), str(entry.seq), about(entry.seq)) for entry in own[:-1])
    return Choice("Report to", items) if items else Lines("There is no checkpoint to go back to yet.")


def _back(driver: ReplDriver) -> Wayback:
    if driver.session is None:
        raise ForkError("no session is open yet", "it begins with your first prompt")
    return Wayback(driver.session)
