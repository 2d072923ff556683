"""Outside checks as they are shown: what a turn has to pass, and what each check came to."""

from rich.console import Group, RenderableType
from rich.text import Text

from forkcli.core.check_entries import Checked, Checks
from forkcli.ui.figures import count, seconds
from forkcli.ui.fold import hang
from forkcli.ui.item import Item
from forkcli.ui.look import BAD, FAINT, GOOD, STRONG, Look
from forkcli.ui.sanitize import one_line, sanitize

SHOWN_LINES = 8  # of what the agent was told: the last ones, where most tools say what failed


def checked_item(checked: Checked, look: Look) -> Item:
    """A check: what it was, how it ended, and the end of what a failed one printed."""
    good = checked.passed
    facts = [one_line(outcome(checked), 80)]
    if not good:
        facts.append(round_words(checked))
    if checked.ms:
        facts.append(seconds(checked.ms / 1000))
    sign = Text(f"{look.good if good else look.bad} ", GOOD if good else BAD)
    words = (f"{checked.what} ", STRONG), one_line(checked.subject, 200)
    head = Text.assemble(
        *words, (f"{look.sep if checked.subject else ''}{look.sep.join(facts)}", FAINT if good else BAD)
    )
    rows: list[RenderableType] = [hang(sign, head)]
    if not good and checked.what == "until":
        lines = [line for line in sanitize(checked.text).split("\n") if line.strip()]
        rows += [hang(Text(f"  {look.bar} ", FAINT), Text(line, FAINT)) for line in lines[2:][-SHOWN_LINES:]]
    return Item(Group(*rows))


def outcome(checked: Checked) -> str:
    """How a check ended, in a word or two."""
    if checked.what == "review":
        return f"{checked.sender} approves" if checked.passed else f"{checked.sender} found something"
    if checked.passed:
        return "passed"
    return "was killed" if checked.exit_code is None else f"exit {checked.exit_code}"


def round_words(checked: Checked) -> str:
    """Which round it is, or that there is none left."""
    return f"round {checked.round} of {checked.rounds}" if checked.round <= checked.rounds else "no round is left"


def wanted(checks: Checks) -> str:
    """What a turn has to pass, in one line."""
    parts = []
    if checks.until:
        parts.append(f"until `{one_line(checks.until, 200)}` passes, at most {count(checks.max_rounds, 'round')}")
    if checks.review:
        about = f" for {one_line(checks.perspective, 200)}" if checks.perspective else ""
        parts.append(f"peer review{about}, at most {count(checks.review, 'round')}")
    return "a turn is done: " + ", then ".join(parts) if parts else "turns are not checked any more"
